"""The part of a picture that is worked on, at the size it is worked on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float32
from numpy import ndarray

MAX_SIDE_PX = 240
"""Longest side of a region while worked on: what one cut can afford, and a large object's outline
is found well enough there to be sharpened at full size afterwards."""


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle `[x0, x1)` by `[y0, y1)` of the picture, shrunk to `width` by `height`."""

    x0: int
    y0: int
    x1: int
    y1: int
    width: int
    height: int

    @property
    def scale(self) -> float:
        """Pixels of the region per pixel of the picture; never above 1."""
        return self.width / (self.x1 - self.x0)

    def crop(self, image: ndarray[Any, Any]) -> ndarray[Any, Any]:
        """This region of `image`, area-averaged; vectors such as flow keep the picture's units."""
        part = image[self.y0 : self.y1, self.x0 : self.x1]
        if part.shape[:2] == (self.height, self.width):
            return np.ascontiguousarray(part)
        return np.asarray(cv2.resize(part, (self.width, self.height), interpolation=cv2.INTER_AREA))

    def crop_mask(self, mask: Bool[ndarray, "h w"]) -> Float32[ndarray, "rh rw"]:
        """How much of each pixel of the region `mask` covers, 0..1."""
        return np.asarray(self.crop(mask.astype(np.float32)), np.float32)

    def expand(self, values: Float32[ndarray, "rh rw"]) -> Float32[ndarray, "ph pw"]:
        """`values` at the size that this region has in the picture."""
        size = (self.x1 - self.x0, self.y1 - self.y0)
        if values.shape == size[::-1]:
            return values
        return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_LINEAR), np.float32)

    def paste(self, part: Bool[ndarray, "ph pw"], shape: tuple[int, int]) -> Bool[ndarray, "h w"]:
        """A mask of the whole picture that is `part` here and False elsewhere."""
        mask = np.zeros(shape, np.bool_)
        mask[self.y0 : self.y1, self.x0 : self.x1] = part
        return mask

    def point(self, x_px: float, y_px: float) -> tuple[float, float]:
        """Where a point of the picture lies in the region."""
        return (x_px - self.x0) * self.scale, (y_px - self.y0) * self.scale


def region_around(
    box_xyxy_px: tuple[float, float, float, float],
    shape: tuple[int, int],
    *,
    margin: float,
    least_margin_px: float = 24.0,
    max_side_px: int = MAX_SIDE_PX,
) -> Region:
    """The region of a box and `margin` times its mean side around it, clipped to the picture.

    Args:
        box_xyxy_px: `[x0, x1)` by `[y0, y1)`; its overlap with the picture must not be empty.
        shape: height and width of the picture.
        margin: of the box's mean side, on each side.
        least_margin_px: the margin of small boxes, which need context more.
        max_side_px: longest side of the result.
    """
    x0, y0, x1, y1 = box_xyxy_px
    pad = max(least_margin_px, margin * (x1 - x0 + y1 - y0) / 2)
    left, top = max(0, int(x0 - pad)), max(0, int(y0 - pad))
    right, bottom = min(shape[1], int(np.ceil(x1 + pad))), min(shape[0], int(np.ceil(y1 + pad)))
    scale = min(1.0, max_side_px / max(right - left, bottom - top))
    width = max(1, round((right - left) * scale))
    height = max(1, round((bottom - top) * scale))
    return Region(left, top, right, bottom, width, height)


def mask_box(mask: Bool[ndarray, "h w"]) -> tuple[int, int, int, int] | None:
    """The tight box `[x0, x1)` by `[y0, y1)` of a mask; None if it is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
