"""Soft split and soft composite: feature maps to overlapping patches, as tokens, and back."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float
from torch import Tensor, nn

from peanut_models.nof_eraser.config import (
    BASE_SIZE,
    FEATURE_CHANNELS,
    FEATURE_STRIDE_PX,
    PATCH,
    PATCH_PADDING,
    PATCH_STRIDE,
    TOKEN_CHANNELS,
    NetworkConfig,
)

PATCH_AREA = PATCH * PATCH


def token_grid(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of tokens for a feature map of this size."""
    return (
        (height + 2 * PATCH_PADDING - PATCH) // PATCH_STRIDE + 1,
        (width + 2 * PATCH_PADDING - PATCH) // PATCH_STRIDE + 1,
    )


def unfold(image: Float[Tensor, "n c h w"]) -> Float[Tensor, "n p k"]:
    """The patches of a map, row by row; border cells outside it are 0."""
    return F.unfold(image, PATCH, padding=PATCH_PADDING, stride=PATCH_STRIDE).transpose(1, 2)


def fold(patches: Float[Tensor, "n p k"], size: tuple[int, int]) -> Float[Tensor, "n c h w"]:
    """Patches back in place, summed where they overlap."""
    return F.fold(patches.transpose(1, 2), size, PATCH, padding=PATCH_PADDING, stride=PATCH_STRIDE)


def overlap_count(size: tuple[int, int], like: Tensor) -> Float[Tensor, "1 1 h w"]:
    """How many patches cover each cell of a map of this size."""
    rows, columns = token_grid(*size)
    return fold(
        torch.ones(1, rows * columns, PATCH_AREA, dtype=like.dtype, device=like.device), size
    )


class SoftSplit(nn.Module):
    """Overlapping patches as tokens: paper eq. 7. Nothing tells a token where it is."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Linear(FEATURE_CHANNELS * PATCH_AREA, TOKEN_CHANNELS)

    def forward(self, features: Float[Tensor, "n c h w"]) -> Float[Tensor, "n m k c_e"]:
        """Tokens of the maps, rows by columns."""
        rows, columns = token_grid(*features.shape[-2:])
        tokens: Tensor = self.embedding(unfold(features))
        return tokens.reshape(len(features), rows, columns, TOKEN_CHANNELS)


class SoftComposite(nn.Module):
    """Tokens back to feature maps, summed where patches overlap.

    parity: nothing divides by the overlap; the weights make up for it.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.embedding = nn.Linear(TOKEN_CHANNELS, FEATURE_CHANNELS * PATCH_AREA)
        if config.variant == "base":
            size = [side // FEATURE_STRIDE_PX for side in BASE_SIZE]
            self.bias = nn.Parameter(torch.zeros(FEATURE_CHANNELS, *size))
        else:
            # A convolution of the sum in place of the base variant's bias, free of its size.
            self.bias_conv = nn.Conv2d(FEATURE_CHANNELS, FEATURE_CHANNELS, 3, padding=1)
        self.variant = config.variant

    def forward(
        self, tokens: Float[Tensor, "n m k c_e"], size: tuple[int, int]
    ) -> Float[Tensor, "n c h w"]:
        """Feature maps of `size` (height, width in cells)."""
        summed = fold(self.embedding(tokens.flatten(1, 2)), size)
        if self.variant == "base":
            return summed + self.bias
        convolved: Tensor = self.bias_conv(summed)
        return convolved
