"""The whole network on two clips of four frames, with and without a switch of the target.

Takes three CPU minutes and 2.8 GB, so it runs only where the command line asks for it by `-m slow`.
The modules' own tests always run.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from support import samwise, seeded
from support.samwise import HALF_TOLERANCE, furthest

from peanut_models.p_mask.config import NetworkConfig
from peanut_models.p_mask.convert import build_samwise
from peanut_models.p_mask.network import ClipFeatures, FrameResult, PMaskNetwork, TextTrack
from peanut_models.p_mask.text import tokens_from_ids

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

TOLERANCE = 2e-4
"""Absolute, float32, after 24 blocks and up to eight frames of memory. Measured: at most 1.3e-5."""

SWITCH_TOLERANCE = 1e-4
"""A missed switch moves the pointers of frames 6 and 7 by 4.5e-3. Measured: 1e-6."""

CLIP = 4
SIZE = (576, 1024)


@pytest.fixture(scope="module", autouse=True)
def _asked_for(request: pytest.FixtureRequest) -> None:
    asked = request.config.getoption("-m")
    if "slow" not in asked or "not slow" in asked:
        pytest.skip("takes minutes and 2.8 GB: run it with -m slow")


def clip(start: int) -> torch.Tensor:
    """Four frames of a disk that drifts over plane waves, normalised and padded."""
    height, width = SIZE
    y, x = np.meshgrid(np.arange(height, dtype=float), np.arange(width, dtype=float), indexing="ij")
    frames = np.zeros((CLIP, 3, width, width), np.float32)
    for f in range(start, start + CLIP):
        centre = (width * (0.2 + 0.07 * f), height * (0.35 + 0.04 * f))
        edge = (np.hypot(x - centre[0], y - centre[1]) - 0.15 * height) / 2
        disk = 1 / (1 + np.exp(np.clip(edge, -40, 40)))
        for c in range(3):
            back = 0.5 + 0.22 * np.sin(2 * np.pi * (3 * x / width + c / 3 + 0.05 * f))
            back += 0.2 * np.cos(2 * np.pi * (2 * y / height - 0.07 * f + 0.11 * c))
            front = (0.9, 0.25, 0.15)[c] + 0.08 * np.sin(2 * np.pi * (x + 2 * y) / 37)
            value = np.clip(back * (1 - disk) + front * disk, 0, 1)
            mean, std = seeded.IMAGE_MEAN[c], seeded.IMAGE_STD[c]
            frames[f - start, c, :height] = (value - mean) / std
    return torch.from_numpy(frames)


@pytest.fixture(scope="module")
def stored() -> dict[str, np.ndarray]:
    return samwise.arrays("full.npz")


@pytest.fixture(scope="module")
def network() -> PMaskNetwork:
    samwise.recorded("full.npz")
    config = replace(NetworkConfig(), clip_window=CLIP)
    return build_samwise(samwise.recorded_checkpoint(samwise.VISIBLE), config)


@pytest.fixture(scope="module")
def stages(network: PMaskNetwork) -> dict[str, torch.Tensor]:
    """What goes into and comes out of the adapters on the first clip's first frame."""
    seen: dict[str, torch.Tensor] = {}

    def keep(stage: int, stride: int):
        def hook(_module, given, out):
            if f"stage{stage}_vis_in_clip0" in seen:
                return
            vision = slice(0, 1), slice(None, None, 8), *(slice(None, None, stride),) * 2
            seen[f"stage{stage}_vis_in_clip0"] = given[0][vision].clone()
            seen[f"stage{stage}_vis_res_clip0"] = out.vision[vision].clone()
            seen[f"stage{stage}_txt_in_clip0"] = given[1][0].clone()
            seen[f"stage{stage}_txt_res_clip0"] = out.text[0].clone()

        return hook

    for k, stride in enumerate((16, 8, 4)):
        network.adapters[k].register_forward_hook(keep(k + 2, stride))
    return seen


@pytest.fixture(scope="module")
def clips(network: PMaskNetwork, stages: dict[str, torch.Tensor]) -> list[ClipFeatures]:
    tokens = tokens_from_ids(torch.tensor(samwise.TOKENS))
    with torch.inference_mode():
        return [network.clip_features(clip(start), tokens) for start in (0, CLIP)]


def run(network: PMaskNetwork, clips: list[ClipFeatures]) -> Iterator[FrameResult]:
    track = TextTrack(network.config)
    with torch.inference_mode():
        for features in clips:
            prompts = network.encode_text(features.text)
            for k in range(CLIP):
                yield network.track_frame(features.images.frame(k), prompts, track)


@pytest.fixture(scope="module")
def frames(network: PMaskNetwork, clips: list[ClipFeatures]) -> list[FrameResult]:
    return list(run(network, clips))


def test_encoders_with_adapters(clips, stages, stored):
    for name, ours in stages.items():
        assert furthest(ours, stored[name]) <= TOLERANCE, name
    assert len(stages) == 12
    for k, features in enumerate(clips):
        assert furthest(features.text[0, 0], stored["cls_state"][k]) <= TOLERANCE
        images = features.images
        # Frames 0 and 5: the first of the first clip, the second of the second.
        maps = (images.stride4, images.stride8, images.stride16)
        for level, (ours, stride) in enumerate(zip(maps, (16, 16, 8), strict=True)):
            part = ours[k, :, ::stride, ::stride]
            assert furthest(part, stored[f"feat{level}_sub_f0_f5"][k]) <= TOLERANCE


def test_every_frame(frames, stored):
    for f, result in enumerate(frames):
        decoded = result.decoded
        assert furthest(decoded.low_res, stored["low_res"][f]) <= HALF_TOLERANCE
        assert furthest(decoded.object_score, stored["obj_score"][f]) <= TOLERANCE
        assert furthest(decoded.pointer, stored["obj_ptr"][f]) <= TOLERANCE
        height, width = SIZE
        part = decoded.logits[..., :height:16, :width:16]
        assert furthest(part, stored["masks_sub"][f]) <= TOLERANCE


def test_the_conditional_memory_encoder_keeps(frames, stored):
    asked = {f: result.cme for f, result in enumerate(frames) if result.cme is not None}
    assert list(asked) == stored["cme_frames"].tolist()
    for k, answer in enumerate(asked.values()):
        assert not answer.switched
        assert furthest(answer.logits, stored["cme_logits"][k]) <= TOLERANCE
        memoryless = answer.memoryless
        assert furthest(memoryless.early_token, stored["early_token"][k]) <= TOLERANCE
        assert furthest(memoryless.object_score, stored["nomem_obj_score"][k : k + 1]) <= TOLERANCE
    assert furthest(asked[5].memoryless.low_res, stored["nomem_low_res_f5"]) <= HALF_TOLERANCE


def test_a_switch_changes_later_frames_only(network, clips, frames, stored):
    name = "conditional_memory_encoder.decision_class_head.bias"
    with torch.no_grad():
        before = network.cme.head.bias.clone()
        network.cme.head.bias.copy_(torch.tensor(samwise.SWITCHING[name]))
    switched = list(run(network, clips))
    with torch.no_grad():
        network.cme.head.bias.copy_(before)
    asked = [f for f, result in enumerate(switched) if result.cme is not None]
    assert asked == stored["switch_cme_frames"].tolist() == [5]
    assert furthest(switched[5].cme.logits, stored["switch_cme_logits"]) <= TOLERANCE
    for f in range(6):
        assert torch.equal(switched[f].decoded.low_res, frames[f].decoded.low_res)
    for k, f in enumerate((6, 7)):
        ours = switched[f].decoded
        assert furthest(ours.low_res, stored["switch_low_res_f6_f7"][k]) <= HALF_TOLERANCE
        assert furthest(ours.pointer, stored["switch_obj_ptr_f6_f7"][k]) <= SWITCH_TOLERANCE
        assert furthest(ours.pointer, stored["obj_ptr"][f]) > 10 * SWITCH_TOLERANCE
