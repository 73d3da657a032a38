import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from peanut_models.errors import InvalidInputError
from peanut_models.nof_eraser import transformer
from peanut_models.nof_eraser.config import REACH, WINDOW, NetworkConfig
from peanut_models.nof_eraser.network import NofEraserNetwork, check_size
from peanut_models.nof_eraser.patches import fold, overlap_count, token_grid, unfold
from peanut_models.nof_eraser.propagation import Propagation
from peanut_models.nof_eraser.transformer import (
    FocalAttention,
    copies_kept,
    key_bias,
    rolled_index,
)

CPU = torch.device("cpu")


def four_rolled_copies(attention: FocalAttention, tokens: torch.Tensor) -> torch.Tensor:
    """The published attention as its description says: 210 keys per frame, doubles and all."""
    _, t, rows, columns, c = tokens.shape
    down, across = rows // 5, columns // 9

    def windows(x: torch.Tensor) -> torch.Tensor:
        return x.reshape(t, down, 5, across, 9, -1).transpose(2, 3).reshape(t, down, across, 45, -1)

    q, k, v = attention.qkv(tokens[0]).chunk(3, dim=-1)
    pooled = attention.pool(windows(tokens[0]).transpose(-1, -2))[..., 0]
    _, pooled_k, pooled_v = attention.qkv(pooled).chunk(3, dim=-1)
    rolls = [(-2, -4), (-2, 4), (2, -4), (2, 4)]
    index = rolled_index()
    result = torch.zeros_like(tokens)
    for i in range(down):
        for j in range(across):
            keys, values, closed = [], [], []
            for own, far in ((k, pooled_k), (v, pooled_v)):
                near = [windows(own.roll(roll, (1, 2)))[:, i, j] for roll in rolls]
                around = F.pad(far, (0, 0, 4, 4, 2, 2))[:, i : i + 5, j : j + 9].reshape(t, 45, c)
                parts = (windows(own)[:, i, j], torch.cat(near, 1)[:, index], around)
                (keys if own is k else values).append(torch.cat(parts, dim=1).flatten(0, 1))
            outside = F.pad(torch.zeros(down, across), (4, 4, 2, 2), value=-100.0)
            closed = torch.cat((torch.zeros(165), outside[i : i + 5, j : j + 9].flatten()))
            heads = [
                x.reshape(-1, 4, c // 4).transpose(0, 1)
                for x in (windows(q)[:, i, j].flatten(0, 1), keys[0], values[0])
            ]
            logits = heads[0] @ heads[1].transpose(1, 2) / math.sqrt(c // 4) + closed.repeat(t)
            answer = attention.out((logits.softmax(-1) @ heads[2]).transpose(0, 1).flatten(1))
            result[0, :, 5 * i : 5 * i + 5, 9 * j : 9 * j + 9] = answer.reshape(t, 5, 9, c)
    return result


@pytest.mark.parametrize("grid", [(1, 1), (2, 3), (6, 1)])
def test_attention_over_unique_keys_equals_the_published_one(grid, monkeypatch):
    monkeypatch.setattr(transformer, "WINDOWS_AT_ONCE", 4)
    torch.manual_seed(4)
    attention = FocalAttention(NetworkConfig())
    tokens = torch.randn(1, 2, 5 * grid[0], 9 * grid[1], 512)
    with torch.inference_mode():
        ours, theirs = attention(tokens), four_rolled_copies(attention, tokens)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_only_the_frames_asked_for_are_answered():
    torch.manual_seed(4)
    attention = FocalAttention(NetworkConfig())
    tokens = torch.randn(1, 3, 5, 9, 512)
    with torch.inference_mode():
        torch.testing.assert_close(attention(tokens, 2), attention(tokens)[:, :2])


def test_twelve_of_the_neighbours_lie_in_two_copies():
    kept = copies_kept(WINDOW, REACH)
    assert kept.sum() == len(rolled_index()) == 120
    assert (kept == 2).sum() == 12
    assert not kept[2:7, 4:13].any()


def test_counting_once_leaves_no_bias_on_near_keys():
    assert key_bias((1, 1), True, CPU, torch.float32).exp().max() == pytest.approx(2.0)
    assert not key_bias((1, 1), False, CPU, torch.float32).any()


def test_folding_unfolded_patches_gives_the_map_times_its_overlap():
    image = torch.randn(1, 3, 15, 27)
    folded = fold(unfold(image), (15, 27))
    torch.testing.assert_close(folded, image * overlap_count((15, 27), image))
    assert unfold(image).shape[1] == token_grid(15, 27)[0] * token_grid(15, 27)[1]


def test_the_published_backward_pass_reads_flows_in_forward_order():
    torch.manual_seed(5)
    published = Propagation(NetworkConfig())
    aligned = Propagation(NetworkConfig(backward_flow_index="aligned"))
    aligned.load_state_dict(published.state_dict())
    features = torch.randn(1, 3, 128, 6, 8)
    forward, backward = torch.randn(1, 2, 2, 6, 8), torch.randn(1, 2, 2, 6, 8)
    with torch.inference_mode():
        theirs = published(features, forward, backward)
        assert not torch.allclose(theirs, aligned(features, forward, backward))
        torch.testing.assert_close(theirs, aligned(features, forward.flip(1), backward))


def test_a_single_local_frame_has_no_flow():
    torch.manual_seed(6)
    network = NofEraserNetwork().eval()
    with torch.inference_mode():
        filled = network(torch.rand(1, 2, 3, 60, 108), 1)
    assert filled.frames.shape == (1, 2, 3, 60, 108)
    assert filled.flow_fwd.shape == (1, 0, 2, 15, 27)
    assert filled.frames.abs().max() < 1


@pytest.mark.parametrize("count", [0, 3])
def test_a_local_count_outside_the_window_is_refused(count):
    with torch.device("meta"):
        network = NofEraserNetwork()
        with pytest.raises(InvalidInputError, match="local_count"):
            network(torch.zeros(1, 2, 3, 60, 108), count)


def test_sizes_that_windows_do_not_tile_are_refused():
    with pytest.raises(InvalidInputError, match="multiple of 60"):
        check_size(NetworkConfig(), 64, 108)


def test_the_base_variant_takes_its_one_size_only():
    check_size(NetworkConfig(variant="base"), 240, 432)
    with pytest.raises(InvalidInputError, match="240x432"):
        check_size(NetworkConfig(variant="base"), 120, 216)


@pytest.mark.parametrize(
    "wrong", [{"variant": "tiny"}, {"backward_flow_index": "no"}, {"overlap_keys": "no"}]
)
def test_unknown_choices_are_refused(wrong):
    with pytest.raises(InvalidInputError):
        NetworkConfig(**wrong)
