"""The network against what the published BasicVSR++ gave for the same weights and clips."""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
import pytest
import torch
from support import basicvsr, seeded
from support.basicvsr import FEATURE_TOLERANCE, FLOW_TOLERANCE, HALF_TOLERANCE, worst

from peanut_models.flow.spynet import warp
from peanut_models.ur_net.config import BRANCHES, NetworkConfig
from peanut_models.ur_net.network import Flows
from peanut_models.ur_net.propagation import State, second_order

# The largest case takes half a minute on a quiet core.
pytestmark = pytest.mark.timeout(300)

CASES = {
    "case_a": NetworkConfig(),
    "case_b": NetworkConfig(),
    "case_hr_in": NetworkConfig(low_res_input=False),
    "case_tiny": basicvsr.TINY,
    "case_tiny_t1": basicvsr.TINY,
}
FLOW_NAMES = {"flows_backward": "fwd", "flows_forward": "bwd"}
"""Recorded under the branch that uses them: backward branches follow the flow of t to t + 1."""


@lru_cache(maxsize=1)
def run_case(case: str) -> tuple[torch.Tensor, Flows, dict[str, list[torch.Tensor]]]:
    """Output, flows and features, stage by stage as `forward` calls them."""
    network = basicvsr.seeded_network(CASES[case])
    with np.load(basicvsr.recorded(f"{case}.npz")) as stored, torch.inference_mode():
        frames = torch.from_numpy(stored["input_u8"].astype(np.float32) / 255)[None]
        flows = network.estimate_flows(frames)
        extracted = [network.extraction(frame) for frame in frames.unbind(1)]
        features = {"spatial": extracted, **network.propagate(extracted, flows)}
        output = [
            network.reconstruct(frame, [maps[t] for maps in features.values()])
            for t, frame in enumerate(frames.unbind(1))
        ]
        return torch.stack(output, dim=1), flows, features


def named(case: str, name: str) -> torch.Tensor:
    """Our value of a recorded array."""
    output, flows, features = run_case(case)
    if name in FLOW_NAMES:
        return getattr(flows, FLOW_NAMES[name])[0]
    if match := re.fullmatch(r"feat_(.+)_frame(\d+)_s(\d+)", name):
        step = int(match[3])
        return features[match[1]][int(match[2])][0, :, ::step, ::step]
    height, width = output.shape[-2:]
    if match := re.fullmatch(r"output_s(\d+)", name):
        step = int(match[1])
        return output[0, ..., ::step, ::step]
    if match := re.fullmatch(r"output_frame(\d+)_f16", name):
        return output[0, int(match[1])]
    top, left, side = {
        "output_corner_tl": (0, 0, 24),
        "output_corner_br": (height - 24, width - 24, 24),
        "output_centre": (height // 2 - 16, width // 2 - 16, 32),
    }[name]
    return output[0, ..., top : top + side, left : left + side]


@pytest.mark.parametrize("case", CASES)
def test_every_recorded_array_is_matched(case: str):
    with np.load(basicvsr.recorded(f"{case}.npz")) as stored:
        names = [name for name in stored.files if name != "input_u8"]
        assert names
        for name in names:
            limit = FLOW_TOLERANCE if name in FLOW_NAMES else FEATURE_TOLERANCE
            limit = HALF_TOLERANCE if name.endswith("_f16") else limit
            assert worst(named(case, name), stored[name]) <= limit, name


@pytest.mark.parametrize(
    ("keys", "config"),
    [
        ("basicvsr_pp.keys.json", NetworkConfig()),
        ("basicvsr_pp_hr_in.keys.json", NetworkConfig(low_res_input=False)),
        ("basicvsr_pp_tiny.keys.json", basicvsr.TINY),
    ],
)
def test_the_published_names_and_shapes_are_ours(keys: str, config: NetworkConfig):
    with torch.device("meta"):
        state = basicvsr.UrNetNetwork(config).state_dict()
    ours = {n: tuple(x.shape) for n, x in basicvsr.to_published(state, config).items()}
    assert ours == dict(basicvsr.recorded_keys(keys))


def test_the_stages_one_by_one_are_what_forward_does():
    with np.load(basicvsr.recorded("case_tiny.npz")) as stored, torch.inference_mode():
        frames = torch.from_numpy(stored["input_u8"].astype(np.float32) / 255)[None]
        whole = basicvsr.seeded_network(basicvsr.TINY)(frames)
    assert torch.equal(whole, run_case("case_tiny")[0])


def unit_inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    def noise(name: str, channels: int, scale: float = 1.0) -> torch.Tensor:
        drawn = scale * seeded.normal(f"unit.{name}", (1, channels, 20, 28))
        return torch.from_numpy(drawn.astype(np.float32))

    return noise("x", 128), noise("cond", 192), noise("flow_1", 2, 4.0), noise("flow_2", 2, 7.0)


def test_warps_and_second_order_flow_match():
    x, _, flow_one, flow_two = unit_inputs()
    state = State(x[:, :2], x[:, :2], flow_two)
    with np.load(basicvsr.recorded("units.npz")) as stored:
        zeros, border = warp(x[:, :6], flow_one), warp(x[:, :6], flow_one, outside="border")
        assert worst(zeros[0], stored["warp_zeros"]) <= FEATURE_TOLERANCE
        assert worst(border[0], stored["warp_border"]) <= FEATURE_TOLERANCE
        ours = second_order(state, flow_one)[1][0]
        assert worst(ours, stored["second_order_flow"]) <= FEATURE_TOLERANCE


def test_the_alignment_matches_for_a_given_condition():
    """The recorded unit was fed a condition of its own, so only its last two steps run here."""
    x, condition, flow_one, flow_two = unit_inputs()
    align = basicvsr.seeded_network(NetworkConfig()).branch("backward_1").align
    with np.load(basicvsr.recorded("units.npz")) as stored, torch.inference_mode():
        ours = align.sample(condition, x[:, :64], x[:, 64:], flow_one, flow_two)
        assert worst(ours[0], stored["align_backward_1"]) <= FEATURE_TOLERANCE


def test_flow_of_a_size_that_is_no_multiple_of_32_matches():
    network = basicvsr.seeded_network(basicvsr.TINY)
    with np.load(basicvsr.recorded("units.npz")) as stored, torch.inference_mode():
        images = torch.from_numpy(stored["spynet_input_u8"].astype(np.float32) / 255)
        ours = network.flow(images[:1], images[1:2])[0]
        assert worst(ours, stored["spynet_flow_0_to_1"]) <= FLOW_TOLERANCE


def test_a_mirrored_clip_needs_no_special_case_and_leaves_no_trace():
    """Its flows are each other's reverse, so reusing one for the other changes nothing."""
    network = basicvsr.seeded_network(basicvsr.TINY)
    half = basicvsr.clip(3, 64, 64)
    mirrored = basicvsr.network_input(np.concatenate((half, half[::-1])))
    plain = basicvsr.network_input(basicvsr.clip(3, 64, 64, phase=0.1))
    with torch.inference_mode():
        before = network(plain)
        flows = network.estimate_flows(mirrored)
        shared = network(mirrored, Flows(flows.bwd.flip(1), flows.bwd))
        assert worst(network(mirrored), shared.numpy()) <= FEATURE_TOLERANCE
        assert torch.equal(network(plain), before)


def test_two_frames_use_first_order_alignment_only():
    """Without a third frame, the second-order neighbour has to count as zeros."""
    network = basicvsr.seeded_network(basicvsr.TINY)
    with torch.inference_mode():
        frames = basicvsr.network_input(basicvsr.clip(2, 64, 72))
        flows = network.estimate_flows(frames)
        extracted = [network.extraction(frame) for frame in frames.unbind(1)]
        features = network.propagate(extracted, flows)
        nothing, still = torch.zeros_like(extracted[0]), torch.zeros_like(flows.fwd[:, 0])
        state = State(features["backward_1"][1], nothing, still)
        flow = flows.fwd[:, 0]
        branch = network.branch("backward_1")
        aligned = branch.align(extracted[0], state.one_back, nothing, flow, torch.zeros_like(flow))
        by_hand = branch.merge([extracted[0]], aligned)
    assert worst(features["backward_1"][0], by_hand.numpy()) <= FEATURE_TOLERANCE


@pytest.mark.parametrize("name", BRANCHES)
def test_a_branch_run_in_two_parts_equals_one_run(name: str):
    network = basicvsr.seeded_network(basicvsr.TINY)
    earlier = BRANCHES.index(name)
    generator = torch.Generator().manual_seed(1)
    inputs = [
        [torch.randn(1, 16, 20, 24, generator=generator) for _ in range(1 + earlier)]
        for _ in range(5)
    ]
    flows = Flows(*(2 * torch.randn(1, 4, 2, 20, 24, generator=generator) for _ in range(2)))
    with torch.inference_mode():
        whole, _ = network.run_branch(name, inputs, flows)
        first, second = slice(0, 3), slice(3, 5)
        if name.startswith("backward"):
            tail, state = network.run_branch(name, inputs[second], _pairs(flows, 3, 4))
            head, _ = network.run_branch(name, inputs[first], _pairs(flows, 0, 3), state)
        else:
            head, state = network.run_branch(name, inputs[first], _pairs(flows, 0, 2))
            tail, _ = network.run_branch(name, inputs[second], _pairs(flows, 2, 4), state)
    for ours, theirs in zip([*head, *tail], whole, strict=True):
        assert torch.equal(ours, theirs)


def _pairs(flows: Flows, start: int, end: int) -> Flows:
    return Flows(flows.fwd[:, start:end], flows.bwd[:, start:end])
