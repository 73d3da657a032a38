"""Frames and masks as the network takes them, and its output as pixels."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, UInt8, UInt16
from numpy import ndarray
from torch import Tensor

from peanut_models.errors import InvalidInputError
from peanut_models.nof_eraser.config import SIZE_MULTIPLE_PX
from peanut_models.stages import Frames, dtype_scale

SomeFrames = UInt8[ndarray, "n h w 3"] | UInt16[ndarray, "n h w 3"]
"""As many as are asked for of some `Frames`."""


def check_frames(frames: ndarray, holes: ndarray) -> None:
    """Refuse frames and masks that do not belong together.

    Raises:
        InvalidInputError: wrong shape or type, no frames, or sizes that differ.
    """
    if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype not in (np.uint8, np.uint16):
        raise InvalidInputError(
            f"frames are {frames.shape} {frames.dtype}: give (t, h, w, 3) RGB, uint8 or uint16"
        )
    if holes.dtype != np.bool_:
        raise InvalidInputError(f"holes are {holes.dtype}: give booleans, True in the hole")
    if holes.shape != frames.shape[:3]:
        raise InvalidInputError(
            f"frames are {frames.shape} but holes {holes.shape}: give one mask for each frame, "
            "of its size"
        )
    if 0 in frames.shape:
        raise InvalidInputError(f"frames are {frames.shape}: there is nothing to fill")


def grown(holes: Bool[ndarray, "t h w"], distance_px: int) -> Bool[ndarray, "t h w"]:
    """Masks grown by a diamond of that radius (a 3x3 cross, so many times)."""
    if distance_px == 0:
        return holes
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    return np.stack(
        [cv2.dilate(hole.astype(np.uint8), cross, iterations=distance_px) > 0 for hole in holes]
    )


def masked_input(frames: Frames, holes: Bool[ndarray, "t h w"]) -> Float32[Tensor, "t 3 h w"]:
    """Frames in [-1, 1] with holes 0 (mid grey)."""
    scaled = frames.astype(np.float32) / np.float32(dtype_scale(frames)) * 2 - 1
    scaled *= ~holes[..., None]
    return torch.from_numpy(np.ascontiguousarray(scaled.transpose(0, 3, 1, 2)))


def padded_size(height: int, width: int) -> tuple[int, int]:
    """The next multiples of 60 and 108."""
    return (
        -(-height // SIZE_MULTIPLE_PX[0]) * SIZE_MULTIPLE_PX[0],
        -(-width // SIZE_MULTIPLE_PX[1]) * SIZE_MULTIPLE_PX[1],
    )


def mirror_padded(
    images: Float[Tensor, "n c h w"], size: tuple[int, int]
) -> Float[Tensor, "n c h2 w2"]:
    """Images continued below and to the right by mirroring, the edge row and column repeated.

    The published code needs an image at least as large as its padding; smaller ones are mirrored
    again and again here.
    """
    height, width = images.shape[-2:]
    rows = _mirrored(height, size[0]).to(images.device)
    columns = _mirrored(width, size[1]).to(images.device)
    return images[:, :, rows][:, :, :, columns]


def _mirrored(length: int, wanted: int) -> Tensor:
    """Indices 0, 1, ..., length - 1, length - 1, ..., 1, 0, 0, 1, ... up to `wanted` of them."""
    cycle = torch.arange(wanted) % (2 * length)
    return torch.minimum(cycle, 2 * length - 1 - cycle)


def truncated_pixels(predicted: Float[Tensor, "n 3 h w"], frames: Frames) -> SomeFrames:
    """The network's output as pixels of the type of `frames`.

    parity: values are cut off, not rounded, as published; half a grey level darker on average.
    """
    scaled = ((predicted.float() + 1) / 2 * dtype_scale(frames)).permute(0, 2, 3, 1)
    return np.asarray(scaled.cpu().numpy().astype(frames.dtype))


def scaled_prediction(
    predicted: Float[Tensor, "n 3 h2 w2"], frames: Frames
) -> Float32[ndarray, "n h2 w2 3"]:
    """The network's output, of any size, on the scale of `frames`, not yet rounded."""
    scaled = (predicted.float() + 1) * (dtype_scale(frames) / 2)
    return np.asarray(scaled.permute(0, 2, 3, 1).cpu().numpy())
