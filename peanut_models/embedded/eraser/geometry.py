"""Boxes, lattices and sampling at scattered points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float32
from numpy import ndarray

LATTICE = 2
"""Flows are kept on every second pixel: DIS finds no finer detail, and memory is a quarter."""

ROW = 4096
"""Scattered points are folded into rows of this length: cv2.remap takes no longer than 32767."""


@dataclass(frozen=True, slots=True)
class Box:
    """A part of the frame: rows `[y0, y1)`, columns `[x0, x1)`; `(x0, y0)` is on the lattice."""

    y0: int
    y1: int
    x0: int
    x1: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the part in a full-size image."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    @property
    def lattice_slices(self) -> tuple[slice, slice]:
        """Index of the part in an image of every second pixel."""
        return (
            slice(self.y0 // LATTICE, -(-self.y1 // LATTICE)),
            slice(self.x0 // LATTICE, -(-self.x1 // LATTICE)),
        )

    def points(self) -> Float32[ndarray, "h2 w2 2"]:
        """`(x, y)` in the frame of every lattice point of the box."""
        xs = np.arange(self.x0, self.x1, LATTICE, dtype=np.float32)
        ys = np.arange(self.y0, self.y1, LATTICE, dtype=np.float32)
        return np.stack(np.meshgrid(xs, ys), axis=-1)


def box_around(mask: Bool[ndarray, "h w"], margin_px: int) -> Box:
    """The smallest box with `margin_px` of context around the True pixels (one at least)."""
    height, width = mask.shape
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    y0, x0 = max(0, int(rows[0]) - margin_px), max(0, int(cols[0]) - margin_px)
    return Box(
        y0 - y0 % LATTICE,
        min(height, int(rows[-1]) + 1 + margin_px),
        x0 - x0 % LATTICE,
        min(width, int(cols[-1]) + 1 + margin_px),
    )


def grow(mask: Bool[ndarray, "h w"], radius_px: int) -> Bool[ndarray, "h w"]:
    """The mask and everything within `radius_px` of it."""
    if radius_px <= 0 or not mask.any():
        return mask
    side = 2 * radius_px + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel) > 0)


def every_second(image: ndarray[Any, Any]) -> ndarray[Any, Any]:
    """The image on the lattice, as it is (flows, masks)."""
    return np.ascontiguousarray(image[::LATTICE, ::LATTICE])


def sample(
    image: ndarray[Any, Any],
    points: Float32[ndarray, "*n 2"],
    interpolation: int = cv2.INTER_LINEAR,
) -> ndarray[Any, Any]:
    """The image's values at `(x, y)` points; beyond its edge, the edge's.

    Args:
        image: `h w` or `h w c`, up to 4 channels, uint8, uint16 or float32.
        points: two-dimensional fields of points are looked up as they are, lists are folded.
        interpolation: an OpenCV code.
    """
    if points.ndim == 3:
        return np.asarray(
            cv2.remap(
                image,
                points[..., 0],
                points[..., 1],
                interpolation,
                borderMode=cv2.BORDER_REPLICATE,
            )
        )
    count = len(points)
    rows = max(1, -(-count // ROW))
    folded = np.zeros((rows * ROW, 2), np.float32)
    folded[:count] = points
    values = sample(image, folded.reshape(rows, ROW, 2), interpolation)
    return values.reshape(rows * ROW, *values.shape[2:])[:count]


def inside(
    points: Float32[ndarray, "*n 2"], height: int, width: int
) -> ndarray[Any, np.dtype[np.bool_]]:
    """Which points lie on the frame."""
    x, y = points[..., 0], points[..., 1]
    return np.asarray((x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1))
