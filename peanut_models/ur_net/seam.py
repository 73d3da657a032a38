"""A residual step that knows the matte: it removes what filling left at the seam.

The network enlarges the seam between the fill and the source as faithfully as everything else.
This step sees the image together with the matte and may change the filled area and a band around
its boundary; no pixel beyond the band changes by a single bit. Untrained it is the identity.

Source: the paper, section 3.4.2 (residual learning that cancels what inpainting introduced, with
attention to the boundary of the repaired area).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float
from torch import Tensor, nn

from peanut_models.errors import InvalidInputError
from peanut_models.ur_net.blocks import ResidualBody, conv

CHANNELS = 32
BLOCKS = 3
"""Enough to look eight pixels far, about the width of the band."""


class SeamStep(nn.Module):
    """`x + weight * residual(x, matte)`.

    Args:
        band_px: how far beyond the matte pixels may change, on the image's own grid. At four times
            the size the default is two source pixels, what a codec and a bilinear edge smear.
    """

    def __init__(self, band_px: int = 8) -> None:
        super().__init__()
        if band_px < 1:
            raise InvalidInputError(f"band_px is {band_px}: it must be 1 or more")
        self.band_px = band_px
        self.body = ResidualBody(3 + 1 + 1, CHANNELS, BLOCKS)
        self.last = conv(CHANNELS, 3)
        # The identity until it is trained; gradients reach the last layer, then all of them.
        nn.init.zeros_(self.last.weight)
        assert self.last.bias is not None
        nn.init.zeros_(self.last.bias)

    def forward(
        self, image: Float[Tensor, "n 3 h w"], matte: Float[Tensor, "n 1 h w"]
    ) -> Float[Tensor, "n 3 h w"]:
        """The image with its seams treated.

        Args:
            image: RGB, full scale 1, not necessarily clamped.
            matte: 1 where the image was filled, 0 where it is the source, soft between.

        Raises:
            InvalidInputError: sizes that differ.
        """
        if image.ndim != 4 or image.shape[1] != 3 or matte.shape != image[:, :1].shape:
            raise InvalidInputError(
                f"image is {tuple(image.shape)} and matte {tuple(matte.shape)}: give (n, 3, h, w) "
                "and (n, 1, h, w) of the same size"
            )
        weight = changeable(matte, self.band_px)
        seen = torch.cat((image, matte, boundary(matte)), dim=1)
        changed = image + weight * self.last(self.body(seen))
        # Chosen, not added up: a sum with zero keeps values but not the sign of zero, nor NaN.
        return torch.where(weight > 0, changed, image)


def changeable(matte: Float[Tensor, "n 1 h w"], band_px: int) -> Float[Tensor, "n 1 h w"]:
    """How much of the residual each pixel takes: 1 where filled, falling to 0 beyond the band."""
    grown, weight = matte, matte
    for _ in range(band_px):
        grown = _grown(grown)
        weight = weight + grown
    # In a hard matte a pixel k px outside is reached by all but k - 1 of the growths.
    return torch.maximum(matte, weight / (band_px + 1))


def boundary(matte: Float[Tensor, "n 1 h w"]) -> Float[Tensor, "n 1 h w"]:
    """1 on both sides of a hard matte's edge, 0 elsewhere."""
    return _grown(matte) + _grown(-matte)


def _grown(matte: Tensor) -> Tensor:
    return F.max_pool2d(matte, 3, stride=1, padding=1)
