"""A residual step that knows the matte: it removes what filling left at the seam.

The network enlarges the seam between the fill and the source as faithfully as everything else.
This step sees the image together with the matte and may change the filled area and a band around
its boundary; no pixel beyond the band changes by a single bit. Untrained it is the identity.

Source: the paper, section 3.4.2 (residual learning that cancels what inpainting introduced, with
attention to the boundary of the repaired area).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor, nn

from peanut_models.checkpoints import check_tensor, counted, read_checkpoint
from peanut_models.errors import InvalidInputError
from peanut_models.stages import Image
from peanut_models.ur_net.blocks import ResidualBody, conv
from peanut_models.ur_net.images import network_input, pixels

CHANNELS = 32
BLOCKS = 3
"""Enough to look eight pixels far, about the width of the band."""

REACH_PX = 2 + 2 * BLOCKS + 1
"""How far a pixel's residual looks: one 3x3 window per convolution, and one for the boundary."""

STRIP_PX = 256
"""Rows treated at once: at 4K that takes half a gigabyte."""


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


class SeamSuppressor:
    """A trained `SeamStep` on frames in host memory, strip by strip around the matte.

    Args:
        step: with weights, on the device to use.
    """

    def __init__(self, step: SeamStep) -> None:
        self._step = step.eval()
        self._device = next(step.parameters()).device

    def __call__(self, image: Image, matte: UInt8[ndarray, "h w"]) -> Image:
        """The image with its seams treated; beyond the band it is the one given, bit for bit.

        Args:
            image: RGB, uint8 or uint16, of any size.
            matte: 0 (source) to 255 (plate), of the same picture at any size.
        """
        if not matte.any():
            return image
        height, width = image.shape[:2]
        large = cv2.resize(matte, (width, height), interpolation=cv2.INTER_LINEAR)
        weight = torch.from_numpy(large.astype(np.float32) / 255)[None, None]
        rows, columns = (np.flatnonzero(large.any(axis=axis)) for axis in (1, 0))
        band, halo = self._step.band_px, max(self._step.band_px, REACH_PX)
        top, bottom = max(0, rows[0] - band), min(height, rows[-1] + 1 + band)
        left = max(0, columns[0] - band - halo)
        right = min(width, columns[-1] + 1 + band + halo)
        treated = image.copy()
        for start in range(top, bottom, STRIP_PX):
            stop = min(start + STRIP_PX, bottom)
            outer = slice(max(0, start - halo), min(height, stop + halo))
            inner = slice(start - outer.start, stop - outer.start)
            part = np.ascontiguousarray(image[outer, left:right])
            seen = weight[..., outer, left:right].to(self._device)
            given = network_input(part, part.shape[:2]).to(self._device)
            with torch.inference_mode():
                after = pixels(self._step(given, seen), image.dtype)
                touched = (changeable(seen, band) > 0)[0, 0].cpu().numpy()
            treated[start:stop, left:right] = np.where(touched[..., None], after, part)[inner]
        return treated


def load_seam_step(path: Path) -> SeamStep:
    """The step with trained weights, ready for inference.

    Args:
        path: a state dict of `SeamStep`.

    Raises:
        WeightsMissingError: there is no such file.
        InvalidInputError: it holds other tensors.
    """
    tensors = read_checkpoint(path, "weights of the seam step")
    step = SeamStep()
    expected = step.state_dict()
    missing, unexpected = expected.keys() - tensors.keys(), tensors.keys() - expected.keys()
    if missing or unexpected:
        raise InvalidInputError(
            f"{path} holds no weights of the seam step: {counted('missing', sorted(missing))}; "
            f"{counted('unexpected', sorted(unexpected))}"
        )
    for name, tensor in tensors.items():
        check_tensor(name, tensor, expected[name])
    step.load_state_dict(tensors)
    step.requires_grad_(False)
    return step


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
