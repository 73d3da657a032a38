"""Second-order flow-guided deformable alignment (paper section 3.2)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from peanut_models.deform import modulated_deform_conv2d
from peanut_models.flow.spynet import warp
from peanut_models.ur_net.blocks import SLOPE, conv
from peanut_models.ur_net.config import DEFORM_GROUPS, NetworkConfig

TAPS = 9
"""Of the 3x3 deformable kernel."""


class Alignment(nn.Module):
    """Modulated deformable convolution whose offsets are the flow plus a bounded residue."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        c = config.channels
        self.max_residue_px = config.max_residue_px
        self.weight = nn.Parameter(torch.empty(c, 2 * c, 3, 3))
        self.bias = nn.Parameter(torch.zeros(c))
        bound = (TAPS * 2 * c) ** -0.5
        nn.init.uniform_(self.weight, -bound, bound)
        self.offsets = nn.Sequential(
            conv(3 * c + 4, c),
            nn.LeakyReLU(SLOPE),
            conv(c, c),
            nn.LeakyReLU(SLOPE),
            conv(c, c),
            nn.LeakyReLU(SLOPE),
            conv(c, 3 * TAPS * DEFORM_GROUPS),
        )

    def forward(
        self,
        current: Float[Tensor, "b c h w"],
        one_back: Float[Tensor, "b c h2 w2"],
        two_back: Float[Tensor, "b c h2 w2"],
        flow_one: Float[Tensor, "b 2 h w"],
        flow_two: Float[Tensor, "b 2 h w"],
        margin_px: int = 0,
    ) -> Float[Tensor, "b c h w"]:
        """The two neighbours' features, aligned to the current frame and merged.

        Args:
            current: the extracted features of the frame at hand.
            one_back: the state one step back in the direction of travel; it may show
                `margin_px` more on each side than `current`, when that is only part of a frame.
            two_back: the state two steps back, likewise; zeros where there is none.
            flow_one: from the current frame to one step back, in feature pixels, (x, y).
            flow_two: from the current frame to two steps back; zeros where there is none.
            margin_px: feature pixels. Samples further out than that count as zeros, so it must
                exceed the largest flow plus `max_residue_px` plus the kernel's 2.
        """
        # Eq. 3: the condition is what a first-order warp by flow leaves to be corrected.
        condition = torch.cat(
            (
                _warp_part(one_back, flow_one, margin_px),
                current,
                _warp_part(two_back, flow_two, margin_px),
            ),
            dim=1,
        )
        return self.sample(condition, one_back, two_back, flow_one, flow_two, margin_px)

    def sample(
        self,
        condition: Float[Tensor, "b c3 h w"],
        one_back: Float[Tensor, "b c h2 w2"],
        two_back: Float[Tensor, "b c h2 w2"],
        flow_one: Float[Tensor, "b 2 h w"],
        flow_two: Float[Tensor, "b 2 h w"],
        margin_px: int = 0,
    ) -> Float[Tensor, "b c h w"]:
        """As `forward`, for a condition made elsewhere.

        It holds one step back, warped; the current features; two steps back, warped.
        """
        flows = (flow_one.to(condition.dtype), flow_two.to(condition.dtype))
        condition = torch.cat((condition, *flows), dim=1)
        residue_one, residue_two, weights = self.offsets(condition).float().chunk(3, dim=1)
        # Eq. 4 and 5: residues o and modulation m; half of the groups follow each flow.
        offset = torch.cat(
            (self._guided(residue_one, flow_one), self._guided(residue_two, flow_two)), dim=1
        )
        # Eq. 6. Sampling positions need float32, and the operator wants one type throughout.
        padding, dilation = 1, 1
        if margin_px:
            # A dilation of the margin makes the output that much smaller than the input; the
            # offsets take the taps back to where a plain 3x3 kernel has them.
            offset = offset + _taps_back(margin_px, offset)
            padding, dilation = 0, margin_px
        return modulated_deform_conv2d(
            torch.cat((one_back, two_back), dim=1).float(),
            offset,
            weights.sigmoid(),
            self.weight,
            self.bias,
            padding=padding,
            dilation=dilation,
        )

    def _guided(self, residue: Float[Tensor, "b o h w"], flow: Float[Tensor, "b 2 h w"]) -> Tensor:
        """Bounded residue plus the flow, as (dy, dx) for every tap."""
        flow = flow.float().flip(1).repeat(1, residue.shape[1] // 2, 1, 1)
        return flow.add_(residue.tanh(), alpha=self.max_residue_px)


def _warp_part(
    image: Float[Tensor, "b c h2 w2"], flow: Float[Tensor, "b 2 h w"], margin_px: int
) -> Float[Tensor, "b c h w"]:
    """Warp an image that shows `margin_px` more on each side than the flow does."""
    if not margin_px:
        return warp(image, flow)
    height, width = flow.shape[-2:]
    around = nn.functional.pad(flow, (margin_px,) * 4)
    inside = slice(margin_px, margin_px + height), slice(margin_px, margin_px + width)
    return warp(image, around)[..., inside[0], inside[1]]


def _taps_back(margin_px: int, like: Tensor) -> Float[Tensor, "1 o 1 1"]:
    """What turns taps `margin_px` apart into taps one pixel apart, as (dy, dx) for every group."""
    steps = torch.arange(-1, 2, dtype=like.dtype, device=like.device) * (1 - margin_px)
    pairs = torch.stack(torch.meshgrid(steps, steps, indexing="ij"), dim=-1)
    return pairs.flatten().repeat(DEFORM_GROUPS).view(1, -1, 1, 1)
