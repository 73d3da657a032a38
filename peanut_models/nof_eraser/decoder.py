"""The decoder: feature maps to frames of four times their size."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float
from torch import Tensor, nn

from peanut_models.nof_eraser.config import FEATURE_CHANNELS
from peanut_models.nof_eraser.encoder import SLOPE


class Decoder(nn.Module):
    """Two doublings, bilinear with a convolution behind, and two convolutions more."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            [
                nn.Conv2d(FEATURE_CHANNELS, 128, 3, padding=1),
                nn.Conv2d(128, 64, 3, padding=1),
                nn.Conv2d(64, 64, 3, padding=1),
                nn.Conv2d(64, 3, 3, padding=1),
            ]
        )
        self.activation = nn.LeakyReLU(SLOPE)

    def forward(self, features: Float[Tensor, "n 128 h w"]) -> Float[Tensor, "n 3 h4 w4"]:
        """Frames, RGB in (-1, 1)."""
        out = self.activation(self.convs[0](_doubled(features)))
        out = self.activation(self.convs[1](out))
        out = self.activation(self.convs[2](_doubled(out)))
        return torch.tanh(self.convs[3](out))


def _doubled(image: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h2 w2"]:
    # parity: corners are aligned, so cells move by up to half a pixel; the weights expect it.
    return F.interpolate(image, scale_factor=2, mode="bilinear", align_corners=True)
