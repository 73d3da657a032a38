"""Frames to features: the library's image networks, cut short, with fixed norms."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn
from torchvision.models import mobilenet_v2, resnet50
from torchvision.ops import FrozenBatchNorm2d

from peanut_models.deaot.config import Encoder

MOBILE_SETTINGS = [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 1],
    [6, 320, 1, 1],
]
"""Expansion, channels, layers, stride: the published ones, but without the last halving."""

MOBILE_LEVELS = (0, 4, 7, 14, 19)
"""Where the levels begin, and where the last ends."""

MOBILE_DILATED = (15, 16, 17)
"""Layers that look farther in place of the last halving."""


class Levels(NamedTuple):
    """Features of frames, finest first."""

    quarter: Float[Tensor, "b c4 h4 w4"]
    eighth: Float[Tensor, "b c8 h8 w8"]
    sixteenth: Float[Tensor, "b c16 h16 w16"]
    deep: Float[Tensor, "b c h16 w16"]


class ResNet(nn.Module):
    """ResNet-50 without its last stage."""

    def __init__(self) -> None:
        super().__init__()
        whole = resnet50(norm_layer=FrozenBatchNorm2d)
        self.conv1, self.bn1, self.relu, self.maxpool = (
            whole.conv1,
            whole.bn1,
            whole.relu,
            whole.maxpool,
        )
        self.layer1, self.layer2, self.layer3 = whole.layer1, whole.layer2, whole.layer3

    def forward(self, frames: Float[Tensor, "b 3 h w"]) -> Levels:
        """Normalised RGB."""
        quarter = self.layer1(self.maxpool(self.relu(self.bn1(self.conv1(frames)))))
        eighth = self.layer2(quarter)
        sixteenth = self.layer3(eighth)
        return Levels(quarter, eighth, sixteenth, sixteenth)


class MobileNet(nn.Module):
    """MobileNetV2 with dilation in place of its last halving."""

    def __init__(self) -> None:
        super().__init__()
        whole = mobilenet_v2(
            inverted_residual_setting=MOBILE_SETTINGS, norm_layer=FrozenBatchNorm2d
        )
        self.features = whole.features
        for layer in MOBILE_DILATED:
            for part in self.features[layer].modules():
                if isinstance(part, nn.Conv2d) and part.kernel_size == (3, 3):
                    part.dilation = part.padding = (2, 2)

    def forward(self, frames: Float[Tensor, "b 3 h w"]) -> Levels:
        """Normalised RGB."""
        levels = []
        for start, end in pairwise(MOBILE_LEVELS):
            frames = self.features[start:end](frames)
            levels.append(frames)
        return Levels(*levels)


def make_encoder(kind: Encoder) -> nn.Module:
    """An encoder without weights; its names are the library's own."""
    return ResNet() if kind == "resnet50" else MobileNet()
