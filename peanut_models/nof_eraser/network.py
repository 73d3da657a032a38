"""NOF-Eraser's network, stage by stage in the paper's order.

It computes what the published E2FGVI and E2FGVI-HQ compute. The stages can be called one by one,
which is how the streaming predictor avoids doing any of them twice.

Source: Li et al., "Towards An End-to-End Framework for Flow-Guided Video Inpainting", CVPR 2022;
equation numbers are the paper's.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float
from torch import Tensor, nn

from peanut_models.errors import InvalidInputError
from peanut_models.flow.spynet import SpyNet
from peanut_models.nof_eraser.config import (
    BASE_SIZE,
    BLOCKS,
    FEATURE_STRIDE_PX,
    SIZE_MULTIPLE_PX,
    NetworkConfig,
)
from peanut_models.nof_eraser.decoder import Decoder
from peanut_models.nof_eraser.encoder import Encoder
from peanut_models.nof_eraser.patches import SoftComposite, SoftSplit
from peanut_models.nof_eraser.propagation import Propagation
from peanut_models.nof_eraser.transformer import FocalBlock


class Filled(NamedTuple):
    """What one run of the network gives.

    Attributes:
        frames: of all frames given, RGB in (-1, 1); the caller keeps only the holes.
        flow_fwd: completed flow of local frames, t to t + 1, in feature pixels.
        flow_bwd: t + 1 to t.
    """

    frames: Float[Tensor, "b t 3 h w"]
    flow_fwd: Float[Tensor, "b p 2 h4 w4"]
    flow_bwd: Float[Tensor, "b p 2 h4 w4"]


class NofEraserNetwork(nn.Module):
    """Flow completion, feature propagation, content hallucination, decoding."""

    def __init__(self, config: NetworkConfig | None = None) -> None:
        super().__init__()
        self.config = config or NetworkConfig()
        self.encoder = Encoder()
        self.flow = SpyNet("resize_then_normalise")
        self.propagation = Propagation(self.config)
        self.soft_split = SoftSplit()
        self.blocks = nn.ModuleList(FocalBlock(self.config) for _ in range(BLOCKS))
        self.soft_composite = SoftComposite(self.config)
        self.decoder = Decoder()

    def forward(self, frames: Float[Tensor, "b t 3 h w"], local_count: int) -> Filled:
        """Fill the holes of a window.

        Args:
            frames: RGB in [-1, 1], holes 0; local frames first, consecutive, then references.
            local_count: how many are local.

        Raises:
            InvalidInputError: a size the network cannot take (see `check_size`), or a
                `local_count` outside 1 to t.
        """
        b, t, _, height, width = frames.shape
        check_size(self.config, height, width)
        if not 1 <= local_count <= t:
            raise InvalidInputError(
                f"local_count is {local_count} for {t} frames: it must be 1 to {t}"
            )
        encoded = _by_clip(self.encoder(frames.flatten(0, 1)), b)
        flow_fwd, flow_bwd = self.complete_flows(frames[:, :local_count])
        local = self.propagation(encoded[:, :local_count], flow_fwd, flow_bwd)
        features = torch.cat((local, encoded[:, local_count:]), dim=1)
        features = features + self.hallucinate(self.split(features))
        out = _by_clip(self.decoder(features.flatten(0, 1)), b)
        return Filled(out, flow_fwd, flow_bwd)

    def complete_flows(
        self, local_frames: Float[Tensor, "b l 3 h w"]
    ) -> tuple[Float[Tensor, "b p 2 h4 w4"], Float[Tensor, "b p 2 h4 w4"]]:
        """Flow between neighbours, holes included: paper eq. 1; SPyNet was trained to complete it.

        Returns:
            The flow of t to t + 1, and of t + 1 to t.
        """
        b, count = local_frames.shape[:2]
        quarter = _by_clip(self.quarter(local_frames.flatten(0, 1)), b)
        first, second = quarter[:, :-1].flatten(0, 1), quarter[:, 1:].flatten(0, 1)
        if count < 2:
            none = quarter.new_zeros(b, 0, 2, *quarter.shape[-2:])
            return none, none
        return (
            _by_clip(self.flow(first, second), b),
            _by_clip(self.flow(second, first), b),
        )

    def quarter(self, frames: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h4 w4"]:
        """Frames as SPyNet gets them: a quarter of the size, in [0, 1]; holes are 0.5."""
        size = [side // FEATURE_STRIDE_PX for side in frames.shape[-2:]]
        # parity: corners are aligned, which the weights expect.
        return F.interpolate((frames + 1) / 2, size, mode="bilinear", align_corners=True)

    def split(self, features: Float[Tensor, "b t c h w"]) -> Float[Tensor, "b t m n c_e"]:
        """Tokens of local (propagated) and reference (only encoded) features: paper eq. 7."""
        return _by_clip(self.soft_split(features.flatten(0, 1)), len(features))

    def hallucinate(
        self,
        tokens: Float[Tensor, "b t m n c_e"],
        size: tuple[int, int] | None = None,
        out_frames: int | None = None,
    ) -> Float[Tensor, "b t_out c h w"]:
        """What the transformer adds to the features: paper eq. 8 to 11 and the soft composite.

        Args:
            tokens: of local and reference frames.
            size: height and width of the feature maps; default: what a whole number of windows
                gives.
            out_frames: only the first so many are needed (default: all).
        """
        size = size or (tokens.shape[2] * 3, tokens.shape[3] * 3)
        for block in self.blocks[:-1]:
            tokens = block(tokens, size)
        tokens = self.blocks[-1](tokens, size, out_frames)
        return _by_clip(self.soft_composite(tokens.flatten(0, 1), size), len(tokens))


def _by_clip(images: Float[Tensor, "bt ..."], b: int) -> Float[Tensor, "b t ..."]:
    """Frames of all clips of a batch, clip by clip."""
    return images.reshape(b, -1, *images.shape[1:])


def check_size(config: NetworkConfig, height: int, width: int) -> None:
    """Refuse a frame size that the network cannot take.

    Raises:
        InvalidInputError: not a multiple of 60 x 108, or not 240 x 432 for the base variant.
    """
    if config.variant == "base" and (height, width) != BASE_SIZE:
        raise InvalidInputError(
            f"frames are {height}x{width}: the base variant takes {BASE_SIZE[0]}x{BASE_SIZE[1]} "
            "only; resize, or use the hq variant"
        )
    if height % SIZE_MULTIPLE_PX[0] or width % SIZE_MULTIPLE_PX[1] or not height or not width:
        raise InvalidInputError(
            f"frames are {height}x{width}: height must be a multiple of {SIZE_MULTIPLE_PX[0]} and "
            f"width of {SIZE_MULTIPLE_PX[1]}; pad them first"
        )
