"""The first guess of an exemplar fill: lines and edges grow into the hole before flat areas.

Source: Criminisi, Perez, Toyama, "Region Filling and Object Removal by Exemplar-Based Image
Inpainting", TIP 2004, section III.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float32
from numpy import ndarray

RADIUS = 4
"""Patches of 9 x 9, larger than those that vote: the direction of a line must show in them."""

MIN_DATA = 1e-3
"""Flat parts of the front still get their turn, by confidence alone."""

WHITE = 255.0


def grow_structure(
    image: Float32[ndarray, "h w 3"],
    hole: Bool[ndarray, "h w"],
    taboo: Bool[ndarray, "h w"],
) -> Float32[ndarray, "h w 3"]:
    """Fill the hole patch by patch, strongest continuing edge first.

    Meant for small pictures: every patch is compared with the whole picture.

    Args:
        image: 0..255; a smooth guess in the hole.
        hole: what to fill.
        taboo: what no patch may be taken from; includes the hole.

    Returns:
        The filled picture; the given one where no whole patch is free.
    """
    side = 2 * RADIUS + 1
    pad = ((RADIUS, RADIUS), (RADIUS, RADIUS))
    work = np.ascontiguousarray(np.pad(image, (*pad, (0, 0)), mode="reflect"))
    left = np.pad(hole, pad)
    # Mirrored pixels beyond the edge are no patches to copy, and not known either.
    known = np.pad(~hole, pad)
    blocked = np.pad(taboo, pad, constant_values=True).astype(np.uint8)
    legal = cv2.dilate(blocked, np.ones((side, side), np.uint8)) == 0
    legal = legal[RADIUS:-RADIUS, RADIUS:-RADIUS]
    if not legal.any():
        return image
    confidence = known.astype(np.float32)
    while left.any():
        y, x, trust = _next(work, left, known, confidence)
        window = (slice(y - RADIUS, y + RADIUS + 1), slice(x - RADIUS, x + RADIUS + 1))
        mask = np.repeat(known[window].astype(np.float32)[..., None], 3, axis=2)
        error = np.asarray(cv2.matchTemplate(work, work[window].copy(), cv2.TM_SQDIFF, mask=mask))
        error = np.where(legal & np.isfinite(error), error, np.inf)
        sy, sx = np.unravel_index(int(error.argmin()), error.shape)
        fresh = left[window]
        work[window][fresh] = work[sy : sy + side, sx : sx + side][fresh]
        confidence[window][fresh] = trust
        known[window] |= fresh
        left[window] = False
    return work[RADIUS:-RADIUS, RADIUS:-RADIUS]


def _next(
    work: Float32[ndarray, "h w 3"],
    left: Bool[ndarray, "h w"],
    known: Bool[ndarray, "h w"],
    confidence: Float32[ndarray, "h w"],
) -> tuple[int, int, float]:
    """The pixel of the front with the highest priority, and the confidence there (eq. 1)."""
    side = (2 * RADIUS + 1, 2 * RADIUS + 1)
    outside = (~left).astype(np.uint8)
    front = left & (cv2.dilate(outside, np.ones((3, 3), np.uint8)) > 0)
    luma = work.mean(axis=2)
    inner = cv2.erode(known.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32)
    gx, gy = (_slope(luma, *axis) * inner for axis in ((1, 0), (0, 1)))
    soft = np.asarray(cv2.GaussianBlur(left.astype(np.float32), (0, 0), RADIUS / 2))
    nx, ny = _slope(soft, 1, 0), _slope(soft, 0, 1)
    length = np.sqrt(nx * nx + ny * ny) + 1e-6
    # The strongest gradient within the patch is its isophote, turned by a quarter.
    strength = gx * gx + gy * gy
    near = np.asarray(cv2.dilate(strength, np.ones(side, np.uint8)))
    trust = np.asarray(cv2.blur(confidence, side))
    rows, cols = np.nonzero(front)
    data = np.empty(len(rows), np.float32)
    for number, (y, x) in enumerate(zip(rows.tolist(), cols.tolist(), strict=True)):
        y0, x0 = max(0, y - RADIUS), max(0, x - RADIUS)
        part = strength[y0 : y + RADIUS + 1, x0 : x + RADIUS + 1]
        if near[y, x] <= 0:
            data[number] = 0
            continue
        py, px = np.unravel_index(int(part.argmax()), part.shape)
        along = -gy[y0 + py, x0 + px] * nx[y, x] + gx[y0 + py, x0 + px] * ny[y, x]
        data[number] = abs(along) / length[y, x] / WHITE
    best = int((trust[rows, cols] * (data + MIN_DATA)).argmax())
    return int(rows[best]), int(cols[best]), float(trust[rows[best], cols[best]])


def _slope(image: ndarray[Any, Any], dx: int, dy: int) -> ndarray[Any, Any]:
    return np.asarray(cv2.Scharr(image, cv2.CV_32F, dx, dy) / np.float32(32))
