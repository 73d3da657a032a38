"""The content encoder: frames to feature maps of a quarter of their size."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

SLOPE = 0.2
"""LeakyReLU slope of encoder and decoder; propagation uses another."""

GROUPS = (1, 2, 4, 8, 1)
"""Groups of the last five convolutions; from the second on, the first map is mixed in again."""


class Encoder(nn.Module):
    """Nine 3x3 convolutions; each of the last four also sees the 256-channel map of the fourth.

    Source: the context encoder of E2FGVI section 3, as in FuseFormer (Liu et al. 2021).
    """

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            [
                nn.Conv2d(3, 64, 3, stride=2, padding=1),
                nn.Conv2d(64, 64, 3, padding=1),
                nn.Conv2d(64, 128, 3, stride=2, padding=1),
                nn.Conv2d(128, 256, 3, padding=1),
                nn.Conv2d(256, 384, 3, padding=1, groups=GROUPS[0]),
                nn.Conv2d(640, 512, 3, padding=1, groups=GROUPS[1]),
                nn.Conv2d(768, 384, 3, padding=1, groups=GROUPS[2]),
                nn.Conv2d(640, 256, 3, padding=1, groups=GROUPS[3]),
                nn.Conv2d(512, 128, 3, padding=1, groups=GROUPS[4]),
            ]
        )
        self.activation = nn.LeakyReLU(SLOPE)

    def forward(self, frames: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 128 h4 w4"]:
        """Encode frames.

        Args:
            frames: RGB in [-1, 1]; holes are 0, and the mask itself is not an input.
        """
        out: Tensor = frames
        for conv in self.convs[:4]:
            out = self.activation(conv(out))
        first = out
        out = self.activation(self.convs[4](out))
        for conv, groups in zip(self.convs[5:], GROUPS[1:], strict=True):
            out = self.activation(conv(_interleaved(first, out, groups)))
        return out


def _interleaved(
    first: Float[Tensor, "n a h w"], other: Float[Tensor, "n b h w"], groups: int
) -> Float[Tensor, "n a+b h w"]:
    """Both maps in one, so that each of `groups` channel groups holds its share of either."""
    n, _, height, width = first.shape
    shares = [x.reshape(n, groups, -1, height, width) for x in (first, other)]
    return torch.cat(shares, dim=2).reshape(n, -1, height, width)
