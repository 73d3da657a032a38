"""Second-order bidirectional propagation of features along flow."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from peanut_models.deform import modulated_deform_conv2d
from peanut_models.flow.spynet import warp
from peanut_models.nof_eraser.config import (
    DEFORM_GROUPS,
    FEATURE_CHANNELS,
    MAX_RESIDUE_PX,
    NetworkConfig,
)

SLOPE = 0.1
"""LeakyReLU slope inside propagation."""

TAPS = 9
"""Of the 3x3 deformable kernel."""


class FlowGuidedAlignment(nn.Module):
    """Modulated deformable convolution whose offsets are the flow plus a learned residue.

    Source: paper eq. 4 (offsets and weights from C_b) and eq. 5 (the deformable convolution);
    second-order form as in BasicVSR++ (Chan et al. 2022, section 3.2).
    """

    def __init__(self) -> None:
        super().__init__()
        c = FEATURE_CHANNELS
        self.weight = nn.Parameter(torch.empty(c, 2 * c, 3, 3))
        self.bias = nn.Parameter(torch.zeros(c))
        bound = (TAPS * 2 * c) ** -0.5
        nn.init.uniform_(self.weight, -bound, bound)
        self.offsets = nn.Sequential(
            nn.Conv2d(3 * c + 4, c, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(c, c, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(c, c, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(c, 3 * TAPS * DEFORM_GROUPS, 3, padding=1),
        )

    def forward(
        self,
        current: Float[Tensor, "b c h w"],
        one_back: Float[Tensor, "b c h w"],
        two_back: Float[Tensor, "b c h w"],
        flow_one: Float[Tensor, "b 2 h w"],
        flow_two: Float[Tensor, "b 2 h w"],
    ) -> Float[Tensor, "b c h w"]:
        """The two neighbours' features, aligned to the current frame and merged.

        Args:
            current: the encoder's features of the frame at hand.
            one_back: the state one step back in the direction of travel.
            two_back: the state two steps back.
            flow_one: from the current frame to one step back, in feature pixels, (x, y).
            flow_two: from the current frame to two steps back.
        """
        warped_one, warped_two = warp(one_back, flow_one), warp(two_back, flow_two)
        condition = torch.cat((warped_one, current, warped_two, flow_one, flow_two), dim=1)
        residue_one, residue_two, weights = self.offsets(condition).chunk(3, dim=1)
        # Eq. 4: half of the deformable groups follow each flow; offsets are (dy, dx) pairs.
        offset = torch.cat((_guided(residue_one, flow_one), _guided(residue_two, flow_two)), dim=1)
        # Eq. 5; the operator wants one type, and offsets are positions, so it is theirs.
        return modulated_deform_conv2d(
            torch.cat((one_back, two_back), dim=1).to(offset.dtype),
            offset,
            weights.sigmoid().to(offset.dtype),
            self.weight,
            self.bias,
            padding=1,
        )


def _guided(residue: Float[Tensor, "b o h w"], flow: Float[Tensor, "b 2 h w"]) -> Tensor:
    """Bounded residue plus the flow, as (dy, dx) for every tap."""
    return MAX_RESIDUE_PX * residue.tanh() + flow.flip(1).repeat(1, residue.shape[1] // 2, 1, 1)


class Direction(nn.Module):
    """One pass over the frames, from one end to the other.

    Args:
        sources: how many feature maps the residual sees: current frame, state, and, in the second
            pass, the first pass's result.
    """

    def __init__(self, sources: int) -> None:
        super().__init__()
        c = FEATURE_CHANNELS
        self.align = FlowGuidedAlignment()
        self.residual = nn.Sequential(
            nn.Conv2d(sources * c, c, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(c, c, 3, padding=1),
        )

    def forward(
        self,
        inputs: list[Float[Tensor, "b k h w"]],
        flows: list[Float[Tensor, "b 2 h w"]],
    ) -> list[Float[Tensor, "b c h w"]]:
        """Travel along `inputs` in the order given.

        Args:
            inputs: per frame, the encoder's features, then (second pass) the first pass's result.
            flows: `flows[k]` leads from frame k + 1 of this order to frame k.

        Returns:
            One state per frame, in the same order.

        Source: paper eq. 3 and 5: P_b is the residual of two convolutions.
        """
        states: list[Tensor] = []
        for k, frame in enumerate(inputs):
            current = frame[:, :FEATURE_CHANNELS]
            aligned = torch.zeros_like(current)
            if k:
                flow_one = flows[k - 1]
                two_back, flow_two = torch.zeros_like(current), torch.zeros_like(flow_one)
                if k > 1:
                    two_back = states[k - 2]
                    flow_two = flow_one + warp(flows[k - 2], flow_one)
                aligned = self.align(current, states[k - 1], two_back, flow_one, flow_two)
            states.append(aligned + self.residual(torch.cat((frame, aligned), dim=1)))
        return states


class Propagation(nn.Module):
    """Backward, then forward, then a 1x1 fusion (paper eq. 3 to 6)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.flow_index: Literal["published", "aligned"] = config.backward_flow_index
        self.backward_pass = Direction(sources=2)
        self.forward_pass = Direction(sources=3)
        self.fusion = nn.Conv2d(2 * FEATURE_CHANNELS, FEATURE_CHANNELS, 1)

    def forward(
        self,
        features: Float[Tensor, "b l c h w"],
        flow_fwd: Float[Tensor, "b p 2 h w"],
        flow_bwd: Float[Tensor, "b p 2 h w"],
    ) -> Float[Tensor, "b l c h w"]:
        """Local features with what their neighbours know about the holes.

        Args:
            features: the encoder's output of consecutive frames.
            flow_fwd: t to t + 1, in feature pixels.
            flow_bwd: t + 1 to t.
        """
        frames = list(features.unbind(1))
        # The backward pass carries t + 1 to t, which samples t + 1 at t's forward flow.
        flows_back = list(flow_fwd.unbind(1))
        # parity: the published code forgets to reverse this list, so the pass over frames
        # l-1, l-2, ... reads the flows 0, 1, ...; `aligned` is what was meant.
        if self.flow_index == "aligned":
            flows_back.reverse()
        backward = self.backward_pass(frames[::-1], flows_back)[::-1]
        both = [torch.cat(pair, dim=1) for pair in zip(frames, backward, strict=True)]
        forward = self.forward_pass(both, list(flow_bwd.unbind(1)))
        # Eq. 6: I is a 1x1 convolution; the encoder's features are added.
        merged = [
            self.fusion(torch.cat(pair, dim=1)) for pair in zip(backward, forward, strict=True)
        ]
        return torch.stack(merged, dim=1) + features
