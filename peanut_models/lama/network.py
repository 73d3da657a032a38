"""LaMa's generator, in the paper's order: down, residual blocks of Fourier convolutions, up.

Source: Suvorov et al., "Resolution-robust Large Mask Inpainting with Fourier Convolutions",
WACV 2022 (section 2.1); Chi et al., "Fast Fourier Convolution", NeurIPS 2020.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from peanut_models.errors import InvalidInputError
from peanut_models.lama.config import DOWN_STEPS, MIN_SIDE_PX, NetworkConfig


class Features(NamedTuple):
    """What a block works on.

    Attributes:
        near: seen through 3x3 windows; "local" in the paper.
        far: seen through the spectrum of the whole picture; "global" in the paper.
    """

    near: Float[Tensor, "n l h w"]
    far: Float[Tensor, "n g h w"]


def conv(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """3x3, reflected at the edges, without bias."""
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False, padding_mode="reflect")


class FourierUnit(nn.Module):
    """A 1x1 convolution of the spectrum: each output pixel depends on all of the picture."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(2 * channels, 2 * channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(2 * channels)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Any size; even and odd sides come back as they were."""
        n, c, h, w = x.shape
        # Half of single precision is too coarse for a sum over the whole picture.
        spectrum = torch.fft.rfft2(x.float(), norm="ortho")
        parts = torch.view_as_real(spectrum).permute(0, 1, 4, 2, 3)  # re0, im0, re1, im1, ...
        mixed = torch.relu(self.norm(self.mix(parts.reshape(n, 2 * c, h, -1).to(x.dtype))))
        parts = mixed.float().reshape(n, c, 2, h, -1).permute(0, 1, 3, 4, 2).contiguous()
        # parity: ReLU leaves no Hermitian spectrum, and a two-dimensional inverse reads such input
        # differently from library to library. These two steps mean the same everywhere.
        rows = torch.fft.ifft(torch.view_as_complex(parts), dim=-2, norm="ortho")
        back: Tensor = torch.fft.irfft(rows, n=w, dim=-1, norm="ortho")
        return back.to(x.dtype)


class SpectralTransform(nn.Module):
    """The Fourier unit between two 1x1 convolutions, with a way around it."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        inner = outputs // 2
        self.reduce = nn.Conv2d(inputs, inner, 1, bias=False)
        self.norm = nn.BatchNorm2d(inner)
        self.fourier = FourierUnit(inner)
        self.expand = nn.Conv2d(inner, outputs, 1, bias=False)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c2 h w"]:
        """Neither norm nor ReLU at the end: the layer around has them."""
        x = torch.relu(self.norm(self.reduce(x)))
        result: Tensor = self.expand(x + self.fourier(x))
        return result


class FourierConv(nn.Module):
    """Both kinds of features to both kinds, with norm and ReLU (paper, figure 2)."""

    def __init__(self, near: int, far: int) -> None:
        super().__init__()
        self.near_to_near = conv(near, near)
        self.near_to_far = conv(near, far)
        self.far_to_near = conv(far, near)
        self.far_to_far = SpectralTransform(far, far)
        self.norm_near = nn.BatchNorm2d(near)
        self.norm_far = nn.BatchNorm2d(far)

    def mixed(self, x: Features) -> Features:
        """Before norm and ReLU."""
        return Features(
            self.near_to_near(x.near) + self.far_to_near(x.far),
            self.near_to_far(x.near) + self.far_to_far(x.far),
        )

    def forward(self, x: Features) -> Features:
        """Not negative."""
        mixed = self.mixed(x)
        return Features(
            torch.relu(self.norm_near(mixed.near)), torch.relu(self.norm_far(mixed.far))
        )


class Block(nn.Module):
    """Two Fourier convolutions, added to what came in; nothing follows the addition."""

    def __init__(self, near: int, far: int) -> None:
        super().__init__()
        self.first = FourierConv(near, far)
        self.second = FourierConv(near, far)

    def forward(self, x: Features) -> Features:
        """Same shapes."""
        added = self.second(self.first(x))
        return Features(x.near + added.near, x.far + added.far)


class Down(nn.Module):
    """A convolution, norm and ReLU."""

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        self.conv = layer
        self.norm = nn.BatchNorm2d(layer.out_channels)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c2 h2 w2"]:
        """Not negative."""
        return torch.relu(self.norm(self.conv(x)))


class Split(nn.Module):
    """The last halving, which makes both kinds of features from one; without a spectrum."""

    def __init__(self, inputs: int, near: int, far: int) -> None:
        super().__init__()
        self.near = conv(inputs, near, stride=2)
        self.far = conv(inputs, far, stride=2)
        self.norm_near = nn.BatchNorm2d(near)
        self.norm_far = nn.BatchNorm2d(far)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Features:
        """Half the size."""
        return Features(
            torch.relu(self.norm_near(self.near(x))), torch.relu(self.norm_far(self.far(x)))
        )


class Up(nn.Module):
    """Twice the size, half the channels; what has no source lies at the bottom and right."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(
            inputs, inputs // 2, 3, stride=2, padding=1, output_padding=1
        )
        self.norm = nn.BatchNorm2d(inputs // 2)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c2 2*h 2*w"]:
        """Not negative."""
        return torch.relu(self.norm(self.conv(x)))


class LamaNetwork(nn.Module):
    """Masked picture and mask to a whole picture."""

    def __init__(self, config: NetworkConfig | None = None) -> None:
        super().__init__()
        self.config = config or NetworkConfig()
        c, near, far = self.config.channels, self.config.local_channels, self.config.global_channels
        self.stem = Down(nn.Conv2d(4, c, 7, padding=3, bias=False, padding_mode="reflect"))
        self.down = nn.ModuleList(
            Down(conv(c * 2**k, c * 2 ** (k + 1), stride=2)) for k in range(DOWN_STEPS - 1)
        )
        self.split = Split(c * 2 ** (DOWN_STEPS - 1), near, far)
        self.blocks = nn.ModuleList(Block(near, far) for _ in range(self.config.blocks))
        self.up = nn.ModuleList(Up(c * 2**k) for k in range(DOWN_STEPS, 0, -1))
        self.last = nn.Conv2d(c, 3, 7, padding=3, padding_mode="reflect")

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n 3 h8 w8"]:
        """Fill.

        Args:
            x: four channels: RGB in [0, 1], 0 in the hole; then the hole as 0 or 1. Sides that
                are no multiples of 8 come out rounded up to one.

        Returns:
            RGB in [0, 1], known pixels too: they are near the input's, not equal.

        Raises:
            InvalidInputError: another number of channels, or a side of 8 or less.
        """
        if x.ndim != 4 or x.shape[1] != 4:
            raise InvalidInputError(
                f"the input is {tuple(x.shape)}: give (n, 4, h, w), RGB and then the hole"
            )
        if min(x.shape[-2:]) <= MIN_SIDE_PX // 2:
            raise InvalidInputError(
                f"the input is {x.shape[-2]}x{x.shape[-1]}: both sides must be over "
                f"{MIN_SIDE_PX // 2}; pad it to {MIN_SIDE_PX}"
            )
        x = self.stem(x)
        for halve in self.down:
            x = halve(x)
        features: Features = self.split(x)
        for block in self.blocks:
            features = block(features)
        x = torch.cat(features, dim=1)
        for double in self.up:
            x = double(x)
        return torch.sigmoid(self.last(x))
