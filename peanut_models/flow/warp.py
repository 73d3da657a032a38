"""Moving images and flows along flows.

Convention of every flow in this package: `flow[y, x] = (dx, dy)` in pixels, channel 0 to the
right, channel 1 down; the flow of `a` to `b` says that `a[y, x]` shows what `b[y + dy, x + dx]`
shows. Pixel centres lie at integers.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float32
from numpy import ndarray

from peanut_models.errors import InvalidInputError

Flow = Float32[ndarray, "h w 2"]
"""Displacement in pixels; channel 0 to the right, channel 1 down."""

REMAP_LIMIT_PX = 32767
"""cv2.remap keeps coordinates in 16 bits: images must be smaller than this."""


def pixel_grid(height: int, width: int) -> Float32[ndarray, "h w 2"]:
    """The coordinates `(x, y)` of every pixel centre."""
    grid = np.empty((height, width, 2), np.float32)
    grid[..., 0] = np.arange(width, dtype=np.float32)
    grid[..., 1] = np.arange(height, dtype=np.float32)[:, None]
    return grid


def identity_flow(height: int, width: int) -> Flow:
    """The flow of a picture that stands still."""
    return np.zeros((height, width, 2), np.float32)


def backward_warp(
    image: ndarray[Any, Any],
    flow: Flow,
    *,
    interpolation: int = cv2.INTER_LINEAR,
    border: int = cv2.BORDER_REPLICATE,
) -> ndarray[Any, Any]:
    """Sample `image` at `x + flow(x)`.

    Args:
        image: `h' w'` or `h' w' c` with 1 to 4 channels; uint8, uint16 or float32, any range. It
            need not have the flow's size: the result has the flow's size and the image's type.
        flow: displacement in pixels; channel 0 to the right, 1 down.
        interpolation: an OpenCV code: `INTER_NEAREST`, `INTER_LINEAR`, `INTER_CUBIC` or
            `INTER_LANCZOS4`. Integers are rounded and clipped to their type, floats are not.
        border: an OpenCV code for samples outside the image: `BORDER_REPLICATE` repeats its edge,
            `BORDER_CONSTANT` gives 0. `in_frame` tells which samples these are.

    Raises:
        InvalidInputError: the image is too large for OpenCV's remap.

    OpenCV places bilinear samples on a grid of 1/32 px, which is finer than any flow here.
    Source: Jaderberg et al. 2015, eq. 5.
    """
    if max(image.shape[:2]) >= REMAP_LIMIT_PX:
        raise InvalidInputError(
            f"image of {image.shape[1]}x{image.shape[0]} cannot be warped: both sides must be "
            f"below {REMAP_LIMIT_PX}; warp it in tiles"
        )
    height, width = flow.shape[:2]
    target = pixel_grid(height, width) + flow
    warped = cv2.remap(image, target[..., 0], target[..., 1], interpolation, borderMode=border)
    return np.asarray(warped)


def warp_mask(mask: Bool[ndarray, "h w"], flow: Flow) -> Bool[ndarray, "h w"]:
    """Where bilinear sampling at `x + flow(x)` would touch a True pixel of `mask`.

    Outside the image nothing is True.
    """
    weight = backward_warp(mask.astype(np.float32), flow, border=cv2.BORDER_CONSTANT)
    return np.asarray(weight > 0)


def in_frame(flow: Flow, size: tuple[int, int] | None = None) -> Bool[ndarray, "h w"]:
    """Where `x + flow(x)` lies on the image of `size` (height, width; default: the flow's own)."""
    height, width = size if size is not None else flow.shape[:2]
    target = pixel_grid(*flow.shape[:2]) + flow
    return np.asarray(
        (target[..., 0] >= 0)
        & (target[..., 0] <= width - 1)
        & (target[..., 1] >= 0)
        & (target[..., 1] <= height - 1)
    )


def compose_flows(first: Flow, second: Flow) -> Flow:
    """The flow a -> c from `first` (a -> b) and `second` (b -> c): `f(x) + s(x + f(x))`."""
    return np.asarray(first + backward_warp(second, first), np.float32)
