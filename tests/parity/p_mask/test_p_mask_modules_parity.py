"""Every part of P-MASK's network against the tensors recorded from the published one."""

from functools import lru_cache

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from support import samwise
from support.samwise import HALF_TOLERANCE, TOLERANCE, furthest, given

from peanut_models.p_mask.adapters import time_code
from peanut_models.p_mask.backbone import ImageFeatures
from peanut_models.p_mask.cme import CmeSchedule, switched_logits, switches
from peanut_models.p_mask.config import CmeConfig
from peanut_models.p_mask.memory import Memory, MemoryBank
from peanut_models.p_mask.network import PMaskNetwork
from peanut_models.p_mask.preprocess import placement, prepared
from peanut_models.p_mask.text import tokens_from_ids

# A busy core takes half a minute for the memory attention at full size.
pytestmark = pytest.mark.timeout(300)

DECODER = (
    *("sam.sam_mask_decoder.", "sam.sam_prompt_encoder.", "sam.obj_ptr_proj."),
    *("sam.no_obj_ptr", "sam.no_mem_embed"),
)


@pytest.fixture(autouse=True)
def _no_gradients():
    with torch.inference_mode():
        yield


@lru_cache(maxsize=4)
def part(*prefixes: str) -> PMaskNetwork:
    return samwise.partial_network(prefixes)


def channels_first(sequence: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """(h w) b c to b c h w."""
    return sequence.permute(1, 2, 0).unflatten(2, (height, width))


def test_adapter_after_stage_2_with_everything_inside():
    stored = samwise.arrays("cmt0.npz")
    adapter = part("cmt_adapters.0.").adapters[0]
    vision, text = given("in.cmt0.vis", 4, 224, 16, 24), given("in.cmt0.txt", 7, 1, 768)
    seen: dict[str, torch.Tensor] = {}
    hooks = [
        adapter.get_submodule(name).register_forward_hook(
            lambda _m, _g, out, name=name: seen.__setitem__(name, out)
        )
        for name in ("vision_down", "text_down", "hsa", "vision_from_text", "text_from_vision")
    ]
    added = adapter(vision, text.transpose(0, 1))
    for hook in hooks:
        hook.remove()
    assert furthest(added.vision, stored["vis_out"]) <= TOLERANCE
    assert furthest(added.text[0], stored["txt_out"]) <= TOLERANCE
    assert furthest(seen["vision_down"][3], stored["vis_down"]) <= TOLERANCE
    assert furthest(seen["text_down"][0], stored["txt_down"]) <= TOLERANCE
    assert furthest(seen["text_from_vision"][0], stored["t2v_out"]) <= TOLERANCE
    gated = seen["vision_from_text"][3].mT.unflatten(1, (16, 24))
    assert furthest(gated, stored["v2t_out"]) <= TOLERANCE
    assert furthest(seen["hsa"][3], stored["hsa_added"]) <= TOLERANCE


def test_adapter_after_stage_4():
    stored = samwise.arrays("cmt2.npz")
    vision, text = given("in.cmt2.vis", 8, 896, 6, 10), given("in.cmt2.txt", 7, 1, 768)
    added = part("cmt_adapters.2.").adapters[2](vision, text.transpose(0, 1))
    assert furthest(added.vision, stored["vis_out"]) <= TOLERANCE
    assert furthest(added.text[0], stored["txt_out"]) <= TOLERANCE


def test_windows_of_hierarchical_selective_attention():
    stored = samwise.arrays("hsa0_tokens.npz")
    adapter = part("cmt_adapters.0.").adapters[0]
    vision = adapter.vision_down(given("in.cmt0.vis", 4, 224, 16, 24))
    tokens = adapter.hsa.windows(vision, 4)
    # Recorded as (t p), windows, channels.
    assert list(tokens.transpose(0, 1).shape) == stored["shape"].tolist()
    assert furthest(tokens[-1, ::5], stored["norm_in_wlast"]) <= TOLERANCE
    out = adapter.hsa.attention(adapter.hsa.norm(tokens))
    assert furthest(out[-1, ::5], stored["hsa_out_wlast"]) <= TOLERANCE


def test_attention_inside_windows():
    x = given("in.hsa.x", 64, 6, 256).transpose(0, 1)
    out = part("cmt_adapters.1.").adapters[1].hsa.attention(x)
    stored = samwise.arrays("hsa_alone.npz")["out"]
    assert furthest(out.transpose(0, 1), stored) <= TOLERANCE


@pytest.mark.parametrize("t", [1, 4, 8])
def test_time_code(t):
    assert furthest(time_code(t), samwise.arrays("time_embed.npz")[f"T{t}"]) <= 1e-6


def test_gated_cross_attention():
    q, kv = given("in.ca.q", 20, 3, 256), given("in.ca.kv", 9, 3, 256)
    gate = part("cmt_adapters.2.").adapters[2].vision_from_text
    out = gate(q.transpose(0, 1), kv.transpose(0, 1)).transpose(0, 1)
    assert furthest(out, samwise.arrays("gated_ca.npz")["out"]) <= TOLERANCE


def test_text_prompt_and_its_tokens():
    network = part("sam.sam_prompt_encoder.")
    out = network.prompts.contextual(given("in.text.cls", 5, 768))
    assert furthest(out, samwise.arrays("text_prompt.npz")["out"]) <= TOLERANCE
    stored = samwise.arrays("prompt_tokens.npz")
    heads = samwise.partial_network(("sam.sam_prompt_encoder.", "sam.no_obj_ptr")).sam.heads
    prompts = heads.encode_prompts(tokens=out[:1, None])
    assert furthest(prompts.sparse[0], stored["sparse"]) <= TOLERANCE
    assert furthest(prompts.dense[0, :, 0, 0], stored["dense_pixel"]) <= TOLERANCE
    assert bool((prompts.dense == prompts.dense[:, :, :1, :1]).all())
    assert furthest(heads.image_position()[..., ::16, ::16], stored["dense_pe_sub"]) <= TOLERANCE


def test_roberta_stage_by_stage():
    stored = samwise.arrays("roberta.npz")
    encoder = samwise.partial_network(("text_encoder.",)).text
    tokens = tokens_from_ids(torch.from_numpy(stored["ids"]))
    valid = tokens.valid.numpy()
    hidden = encoder.start(tokens)
    assert furthest(hidden, stored["emb"]) <= TOLERANCE
    for k, name in enumerate(("after1", "after4", "after8", "after12")):
        hidden = encoder.stage(k, hidden, tokens)
        assert furthest(hidden[tokens.valid], stored[name][valid]) <= TOLERANCE
        assert furthest(hidden[~tokens.valid], stored[name][~valid]) <= TOLERANCE


@pytest.mark.parametrize("case", ["visible", "absent"])
def test_mask_heads(case):
    stored = samwise.arrays("sam_heads.npz")
    overrides = samwise.VISIBLE if case == "visible" else None
    network = samwise.partial_network(DECODER, overrides)
    heads = network.sam.heads
    prompts = network.encode_text(given("in.heads.txt", 1, 768)[None])
    decoded = heads.decode(
        given("in.heads.feat", 1, 256, 64, 64),
        given("in.heads.s1", 1, 64, 128, 128),
        given("in.heads.s0", 1, 32, 256, 256),
        prompts,
    )
    assert furthest(decoded.object_score, stored[f"obj_score_{case}"]) <= TOLERANCE
    assert furthest(decoded.pointer, stored[f"obj_ptr_{case}"]) <= TOLERANCE
    assert furthest(decoded.early_token, stored[f"early_{case}"]) <= TOLERANCE
    if case == "absent":
        assert bool((decoded.low_res == float(stored["low_res_absent_value"])).all())
        return
    assert furthest(decoded.low_res, stored["low_res_visible"]) <= HALF_TOLERANCE
    assert furthest(decoded.iou, stored["iou"]) <= TOLERANCE
    assert furthest(decoded.logits[..., ::32, ::32], stored["high_res_sub"]) <= TOLERANCE
    whole = placement(576, 1024).to_source(decoded.logits)
    assert furthest(whole[..., ::16, ::16], stored["masks_sub"]) <= TOLERANCE


def frame_features(stride16: torch.Tensor, network: PMaskNetwork) -> ImageFeatures:
    code = network.sam.image.vision_encoder.neck.position_encoding
    position = code(stride16.shape, stride16.device, stride16.dtype)
    return ImageFeatures(stride16, stride16, stride16, position)


def test_memory_encoder():
    stored = samwise.arrays("memory_encoder.npz")
    memory = part("sam.memory_encoder.").sam.memory
    small = given("in.mem.mask", 1, 1, 1024, 1024, scale=8.0)[..., :32, :32]
    logits = F.interpolate(small, (1024, 1024), mode="bilinear", align_corners=False)
    stride16 = channels_first(given("in.mem.feat", 4096, 1, 256), 64, 64)
    features = memory.encode(stride16, logits, torch.ones(1, 1))
    assert furthest(features[..., ::8, ::8], stored["maskmem"]) <= TOLERANCE
    assert furthest(features.mean(dim=(2, 3)), stored["maskmem_mean"]) <= TOLERANCE
    assert furthest(memory._place(features)[..., ::8, ::8], stored["pos"]) <= TOLERANCE


@pytest.mark.parametrize("f", [0, 1, 3, 20])
def test_memory_attention(f):
    stored = samwise.arrays("memory_attention.npz")
    prefixes = ("sam.memory_attention.", "sam.maskmem_tpos_enc", "sam.no_mem_embed")
    network = part(*prefixes)
    bank = MemoryBank()
    for i in range(f):
        features = given(f"in.bank.{i}.feat", 1, 64, 64, 64)
        bank.push(i, Memory(features, given(f"in.bank.{i}.ptr", 1, 256)))
    current = channels_first(given("in.ma.cur", 4096, 1, 256), 64, 64)
    image = frame_features(current, network)
    assert furthest(image.position[..., ::8, ::8], stored["cur_pos_sub"]) <= TOLERANCE
    out = network.sam.memory.attend(current, image.position, bank.recall(f))
    assert furthest(out[..., ::8, ::8], stored[f"frame{f}"]) <= TOLERANCE
    assert furthest(out.mean(dim=(2, 3)), stored[f"frame{f}_mean"]) <= TOLERANCE


def test_conditional_memory_encoder():
    stored = samwise.arrays("cme.npz")
    cme = part("conditional_memory_encoder.").cme
    logits = cme(given("in.cme.mem", 6, 256), given("in.cme.nomem", 6, 256))
    assert furthest(logits, stored["logits"]) <= TOLERANCE
    assert switches(logits) == [bool(d) for d in stored["decision"]]


@pytest.mark.parametrize("mode", ["reweight", "all_mask", "avg"])
def test_a_switch_changes_the_remembered_mask(mode):
    stored = samwise.arrays("cme_decision.npz")
    memory, memoryless = (torch.from_numpy(stored[name]) for name in ("mem", "nomem"))
    assert furthest(switched_logits(memory, memoryless, mode), stored[mode]) <= 1e-6


@pytest.mark.parametrize("mode", ["keep", "reweight", "all_mask", "avg"])
def test_memory_after_a_switch(mode):
    stored = samwise.arrays("cme_memory.npz")
    memory = part("sam.memory_encoder.").sam.memory
    memory_logits, memoryless = (
        F.interpolate(
            given(name, 1, 1, 32, 32, scale=6.0), (1024, 1024), mode="bilinear", align_corners=False
        )
        for name in ("in.sw.mem", "in.sw.nomem")
    )
    logits = memory_logits if mode == "keep" else switched_logits(memory_logits, memoryless, mode)
    stride16 = channels_first(given("in.mem.feat", 4096, 1, 256), 64, 64)
    features = memory.encode(stride16, logits, torch.ones(1, 1))
    assert furthest(features[..., ::8, ::8], stored[mode]) <= TOLERANCE


@pytest.mark.parametrize("case", range(5))
def test_schedule_is_the_recorded_one(case):
    fact = samwise.load_json("cme_schedule.json")[case]
    asked, switched, steps, schedule, step = [], [], [], CmeSchedule(CmeConfig()), 0
    for start in range(0, fact["frames"], fact["clip_window"]):
        length = min(fact["clip_window"], fact["frames"] - start)
        if length == 1:
            # The published code starts again here; `PMaskNetwork` does with parity=True.
            schedule, step = CmeSchedule(CmeConfig()), 0
        for frame in range(start, start + length):
            steps.append(step)
            if schedule.is_due(step):
                asked.append(frame)
                if frame in fact["scripted_switch_if_asked_at"]:
                    switched.append(frame)
                    schedule.switched(step)
            step += 1
    assert asked == fact["cme_evaluated_at"]
    assert switched == fact["switched_at"]
    assert steps == fact["memory_index_used_per_step"]


def test_frames_are_prepared_as_recorded():
    stored = samwise.arrays("preprocess.npz")
    generator = np.random.Generator(np.random.PCG64(7))
    image = generator.integers(0, 256, (60, 107, 3), dtype=np.uint8)
    where = placement(60, 107)
    frames = prepared(image[None])
    assert list(frames.shape) == [1, 3, 1024, 1024]
    height, width = where.placed_hw
    inside = frames[0, :, :height, :width]
    # Recorded before padding, from a shape that fits ours.
    assert [3, height, width] == stored["shape"].tolist()
    assert furthest(inside[:, ::24, ::24], stored["sub"]) <= TOLERANCE
    assert not frames[..., height:, :].any() and not frames[..., width:].any()


def test_sizes_are_the_recorded_ones():
    for (height, width), expected in samwise.load_json("pre_loss.json")["resize_HW_in_to_out"]:
        assert placement(height, width).placed_hw == tuple(expected)
