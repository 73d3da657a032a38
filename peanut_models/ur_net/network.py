"""UR-Net's network, stage by stage in the paper's order.

It computes what the published BasicVSR++ computes. The stages can be called one by one, which is
how the predictor bounds its memory.

Source: Chan et al., "BasicVSR++: Improving Video Super-Resolution with Enhanced Propagation and
Alignment", CVPR 2022; section and equation numbers are the paper's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float
from torch import Tensor, nn

from peanut_models.errors import InvalidInputError
from peanut_models.flow.spynet import SpyNet
from peanut_models.ur_net.blocks import ResidualBody, conv, leaky
from peanut_models.ur_net.config import (
    BRANCHES,
    EXTRACT_BLOCKS,
    FINE_CHANNELS,
    MIN_FLOW_SIDE_PX,
    RECONSTRUCT_BLOCKS,
    SCALE,
    NetworkConfig,
)
from peanut_models.ur_net.propagation import Branch, State, is_backward, make_branches


class Flows(NamedTuple):
    """Flow between neighbours, in feature pixels; channel 0 is x (right), 1 is y (down).

    Attributes:
        fwd: t to t + 1, which the backward branches sample along.
        bwd: t + 1 to t.
    """

    fwd: Float[Tensor, "b p 2 h w"]
    bwd: Float[Tensor, "b p 2 h w"]


class Extraction(nn.Module):
    """Features of one frame, a quarter of the output's size."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        c = config.channels
        self.shrink = nn.ModuleList()
        if not config.low_res_input:
            self.shrink.extend((conv(3, c, stride=2), conv(c, c, stride=2)))
        self.body = ResidualBody(3 if config.low_res_input else c, c, EXTRACT_BLOCKS)

    def forward(self, frames: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n c h4 w4"]:
        """RGB in [0, 1]."""
        for halve in self.shrink:
            frames = leaky(halve(frames))
        result: Tensor = self.body(frames)
        return result


class Reconstruction(nn.Module):
    """All features of a frame to its detail, by pixel shuffle (paper section 3)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        c = config.channels
        self.body = ResidualBody((1 + len(BRANCHES)) * c, c, RECONSTRUCT_BLOCKS)
        self.double1 = conv(c, 4 * c)
        self.double2 = conv(c, 4 * FINE_CHANNELS)
        self.fine = conv(FINE_CHANNELS, FINE_CHANNELS)
        self.last = conv(FINE_CHANNELS, 3)

    def forward(self, features: Float[Tensor, "n k h w"]) -> Float[Tensor, "n 3 4*h 4*w"]:
        """What is added to the base; any range."""
        x = self.body(features)
        x = leaky(F.pixel_shuffle(self.double1(x), 2))
        x = leaky(F.pixel_shuffle(self.double2(x), 2))
        result: Tensor = self.last(leaky(self.fine(x)))
        return result


class UrNetNetwork(nn.Module):
    """Feature extraction, flow, four branches of propagation, reconstruction."""

    def __init__(self, config: NetworkConfig | None = None) -> None:
        super().__init__()
        self.config = config or NetworkConfig()
        self.flow = SpyNet("normalise_then_resize")
        self.extraction = Extraction(self.config)
        self.branches = make_branches(self.config)
        self.reconstruction = Reconstruction(self.config)

    def forward(
        self, frames: Float[Tensor, "b t 3 h w"], flows: Flows | None = None
    ) -> Float[Tensor, "b t 3 h_out w_out"]:
        """Enlarge a whole clip at once; memory grows with its length.

        Args:
            frames: RGB in [0, 1].
            flows: instead of estimating them.

        Returns:
            RGB, not clamped.

        Raises:
            InvalidInputError: a size the network cannot take (see `check_size`), or flows that do
                not belong to the frames.
        """
        if frames.ndim != 5 or frames.shape[2] != 3 or not frames.shape[1]:
            raise InvalidInputError(
                f"frames are {tuple(frames.shape)}: give (b, t, 3, h, w) RGB, t of 1 or more"
            )
        check_size(self.config, *frames.shape[-2:])
        flows = self.estimate_flows(frames) if flows is None else flows
        check_flows(self.config, flows, tuple(frames.shape))
        extracted = [self.extraction(frame) for frame in frames.unbind(1)]
        branches = self.propagate(extracted, flows)
        out = [
            self.reconstruct(frame, [extracted[t], *(branches[name][t] for name in BRANCHES)])
            for t, frame in enumerate(frames.unbind(1))
        ]
        return torch.stack(out, dim=1)

    def estimate_flows(self, frames: Float[Tensor, "b t 3 h w"]) -> Flows:
        """Flow of every pair, both ways."""
        b, t = frames.shape[:2]
        small = self.flow_input(frames.flatten(0, 1))
        small = small.reshape(b, t, *small.shape[1:])
        first, second = small[:, :-1].flatten(0, 1), small[:, 1:].flatten(0, 1)
        if t < 2:
            none = small.new_zeros(b, 0, 2, *small.shape[-2:])
            return Flows(none, none)
        there, back = self.flow(first, second), self.flow(second, first)
        pairs = (b, t - 1, *there.shape[1:])
        return Flows(there.reshape(pairs), back.reshape(pairs))

    def flow_input(self, frames: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h4 w4"]:
        """Frames as SPyNet gets them: of the features' size."""
        if self.config.low_res_input:
            return frames
        # parity: cubic without antialiasing samples between every second and third of four pixels.
        return F.interpolate(frames, scale_factor=1 / SCALE, mode="bicubic", align_corners=False)

    def propagate(
        self, extracted: Sequence[Float[Tensor, "b c h w"]], flows: Flows
    ) -> dict[str, list[Float[Tensor, "b c h w"]]]:
        """All four branches over a whole clip: per branch its features, in frame order."""
        done: dict[str, list[Tensor]] = {}
        for name in BRANCHES:
            inputs = [
                [one, *(before[t] for before in done.values())] for t, one in enumerate(extracted)
            ]
            done[name] = self.run_branch(name, inputs, flows)[0]
        return done

    def run_branch(
        self,
        name: str,
        inputs: Sequence[Sequence[Float[Tensor, "b c h w"]]],
        flows: Flows,
        state: State | None = None,
    ) -> tuple[list[Float[Tensor, "b c h w"]], State]:
        """One branch over a run of frames.

        Args:
            name: one of `BRANCHES`.
            inputs: per frame, in frame order, its extracted features and the earlier branches'.
            flows: between these frames; with a `state`, also of the pair that leads to them from
                where the branch comes from.
            state: what the run before left; None starts afresh.

        Returns:
            The features, in frame order, and the state for the run after.
        """
        branch = self.branch(name)
        travel = flows.fwd.unbind(1) if is_backward(name) else flows.bwd.unbind(1)
        count = len(inputs)
        # The pair that leads into this run comes first in the direction of travel.
        lead = 1 if state is not None and state.one_back is not None else 0
        if len(travel) != count - 1 + lead:
            raise InvalidInputError(
                f"{len(travel)} flows for a run of {count} frames: it needs {count - 1 + lead}"
            )
        state = state or State()
        features: list[Tensor] = []
        for k in range(count):
            pair = k - 1 + lead
            flow = None
            if pair >= 0:
                flow = travel[len(travel) - 1 - pair] if is_backward(name) else travel[pair]
            frame = inputs[count - 1 - k] if is_backward(name) else inputs[k]
            features.append(branch(frame, state, flow))
            state = state.after(features[-1], flow)
        return (features[::-1] if is_backward(name) else features), state

    def branch(self, name: str) -> Branch:
        """One of `BRANCHES`."""
        branch = self.branches[name]
        assert isinstance(branch, Branch)
        return branch

    def reconstruct(
        self, frame: Float[Tensor, "n 3 h w"], features: Sequence[Float[Tensor, "n c h4 w4"]]
    ) -> Float[Tensor, "n 3 h_out w_out"]:
        """The enlarged frame: detail on the bilinear base (or on the frame itself).

        Args:
            frame: RGB in [0, 1].
            features: extracted, then of every branch in `BRANCHES` order.
        """
        detail: Tensor = self.reconstruction(torch.cat(tuple(features), dim=1))
        if not self.config.low_res_input:
            return frame + detail
        base = F.interpolate(frame, scale_factor=SCALE, mode="bilinear", align_corners=False)
        return base + detail


def check_size(config: NetworkConfig, height: int, width: int) -> None:
    """Refuse a frame size that the network cannot take.

    Raises:
        InvalidInputError: flow would be estimated on less than 64 px, or a side is no multiple of
            4 where the output has the input's size.
    """
    stride = config.stride_px
    if height % stride or width % stride:
        raise InvalidInputError(
            f"frames are {height}x{width}: without low_res_input both sides must be multiples of "
            f"{stride}; pad them first"
        )
    least = MIN_FLOW_SIDE_PX * stride
    if min(height, width) < least:
        raise InvalidInputError(
            f"frames are {height}x{width}: both sides must be {least} px or more, since flow is "
            f"estimated down to 1/32 of {MIN_FLOW_SIDE_PX}; pad them first"
        )


def check_flows(config: NetworkConfig, flows: Flows, frames: tuple[int, ...]) -> None:
    """Refuse flows that do not belong to frames of shape b, t, 3, h, w.

    Raises:
        InvalidInputError: another number of pairs or another size than the features.
    """
    b, t, _, height, width = frames
    wanted = (b, t - 1, 2, height // config.stride_px, width // config.stride_px)
    for name, flow in zip(Flows._fields, flows, strict=True):
        if tuple(flow.shape) != wanted:
            raise InvalidInputError(
                f"flows.{name} has the shape {tuple(flow.shape)}: {t} frames of {height}x{width} "
                f"need {wanted}"
            )
