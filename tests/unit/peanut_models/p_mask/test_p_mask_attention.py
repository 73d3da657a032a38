"""Memory read at its own width and for many targets, against transformers' own attention."""

from dataclasses import replace

import pytest
import torch
from support.samwise import SMALL
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from peanut_models.p_mask import attention
from peanut_models.p_mask.backbone import video_config
from peanut_models.p_mask.config import Sam2Config
from peanut_models.p_mask.memory import Memory, MemoryBank, MemoryModules, Recalled, at_once

SIDE = SMALL.sam.image_size_px // 16
TARGETS = 3


@pytest.fixture(scope="module")
def memory() -> MemoryModules:
    torch.manual_seed(5)
    modules = MemoryModules(video_config(replace(SMALL.sam, version="2.1"))).double().eval()
    for parameter in modules.parameters():
        if not bool(parameter.any()):
            torch.nn.init.normal_(parameter, std=0.3)
    return modules


@pytest.fixture(autouse=True)
def _no_gradients():
    with torch.inference_mode():
        yield


def banks(frames=9) -> list[MemoryBank]:
    """One per target: a prompted frame and those after it."""
    torch.manual_seed(6)
    made = [MemoryBank() for _ in range(TARGETS)]
    for bank in made:
        for k in range(frames):
            maps = torch.randn(1, 64, SIDE, SIDE, dtype=torch.float64)
            left = Memory(maps, torch.randn(1, 256, dtype=torch.float64))
            bank.push(k, left, prompted=k == 0)
    return made


def frame() -> tuple[Tensor, Tensor]:
    torch.manual_seed(7)
    shape = 1, 256, SIDE, SIDE
    return torch.randn(shape, dtype=torch.float64), torch.randn(shape, dtype=torch.float64)


def published(memory: MemoryModules, stride16: Tensor, position: Tensor, recalled) -> Tensor:
    """Transformers' module on the same tokens, sequence first."""
    maps, codes = memory._mask_tokens(recalled)
    pointers, pointer_codes = memory._pointer_tokens(recalled, 16)
    n = len(maps)
    tokens = torch.cat((maps, pointers), dim=1)
    places = torch.cat((codes, pointer_codes), dim=1).expand_as(tokens)
    read = memory.memory_attention(
        current_vision_features=stride16.flatten(2).permute(2, 0, 1).expand(-1, n, -1),
        current_vision_position_embeddings=position.flatten(2).permute(2, 0, 1).expand(-1, n, -1),
        memory=tokens.transpose(0, 1),
        memory_posision_embeddings=places.transpose(0, 1),
        num_object_pointer_tokens=pointers.shape[1],
    )
    return read.reshape(n, *stride16.shape[2:], 256).permute(0, 3, 1, 2)


def test_it_is_the_published_attention_up_to_rounding(memory, monkeypatch):
    # Several blocks, the last one short.
    monkeypatch.setattr(attention, "QUERY_BLOCK", 24)
    recalled = at_once([bank.recall(9) for bank in banks()])
    mine = memory.attend(*frame(), recalled)
    theirs = published(memory, *frame(), recalled)
    assert float((mine - theirs).abs().max()) < 1e-12
    assert float((mine[0] - mine[1]).abs().max()) > 1e-2


def test_targets_at_once_are_what_each_is_alone(memory):
    recalled = [bank.recall(9) for bank in banks()]
    together = memory.attend(*frame(), at_once(recalled))
    for k, one in enumerate(recalled):
        assert torch.allclose(together[k : k + 1], memory.attend(*frame(), one), atol=1e-12)


def test_at_full_size_it_costs_three_tenths_less_and_shares_what_the_image_alone_says():
    # Nothing is computed on meta tensors, and every product is counted there.
    with torch.device("meta"):
        memory = MemoryModules(video_config(Sam2Config(version="2.1"))).eval()
        image = torch.empty(1, 256, 64, 64)

        def recalled(n):
            masks = [(k, torch.empty(n, 64, 64, 64)) for k in range(7)]
            pointers = [(k, torch.empty(n, 256)) for k in range(16)]
            return Recalled(masks=tuple(masks), pointers=tuple(pointers))

        def flops(read) -> int:
            with FlopCounterMode(display=False) as counter:
                read()
            return counter.get_total_flops()

        one, five = (flops(lambda n=n: memory.attend(image, image, recalled(n))) for n in (1, 5))
        theirs = flops(lambda: published(memory, image, image, recalled(1)))
    assert one < 0.7 * theirs
    # The first layer's attention among cells, 19 GFLOP, is done once.
    assert 5 * one - five > 4 * 19e9
