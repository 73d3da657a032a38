"""The residual blocks that every part of UR-Net is made of."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float
from torch import Tensor, nn

SLOPE = 0.1
"""LeakyReLU slope everywhere outside residual blocks, where it is plain ReLU."""


def conv(before: int, after: int, stride: int = 1) -> nn.Conv2d:
    """The 3x3 convolution that all of the network consists of."""
    return nn.Conv2d(before, after, 3, stride, padding=1)


def leaky(x: Tensor) -> Tensor:
    """In place: what comes in is a convolution's output that nobody else holds."""
    return F.leaky_relu(x, SLOPE, inplace=True)


class ResidualBlock(nn.Module):
    """Two convolutions beside the identity, without normalisation or scaling."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = conv(channels, channels)
        self.conv2 = conv(channels, channels)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Shape and range stay."""
        change: Tensor = self.conv2(F.relu(self.conv1(x), inplace=True))
        return x + change


class ResidualBody(nn.Module):
    """A convolution to the working width, then residual blocks."""

    def __init__(self, before: int, channels: int, blocks: int) -> None:
        super().__init__()
        self.first = conv(before, channels)
        self.blocks = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))

    def forward(self, x: Float[Tensor, "n c_in h w"]) -> Float[Tensor, "n c h w"]:
        """Any range."""
        result: Tensor = self.blocks(leaky(self.first(x)))
        return result
