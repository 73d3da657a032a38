"""The motion of the whole picture: one homography or affine map between two frames."""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64
from numpy import ndarray

from peanut_models.errors import InvalidInputError
from peanut_models.flow.dis import luma8
from peanut_models.flow.warp import pixel_grid

Model = Literal["homography", "affine"]

MAX_FEATURES = 600
"""Corners to follow; eight parameters need few, the rest outvotes what moves by itself."""

CORNER_QUALITY = 0.005
"""Weakest corner as a share of the strongest: low, so that flat areas have a say too."""

CORNER_DISTANCE_PX = 8
"""Corners closer than this say the same."""

TRACK_WINDOW_PX = 21
"""Side of the patch that is followed."""

TRACK_LEVELS = 4
"""Pyramid levels: motions up to about 21 * 2^4 / 2 px are found."""

ROUND_TRIP_PX = 0.5
"""A corner that is not found again within this distance on the way back is dropped."""

INLIER_PX = 1.0
"""Largest distance to the model for a corner to count as part of the background."""

MIN_MATCHES = 12
"""Fewer agreeing corners than this are chance."""

RANSAC_ROUNDS = 2000
CONFIDENCE = 0.999


def fit_homography(
    points: Float32[ndarray, "n 2"],
    targets: Float32[ndarray, "n 2"],
    *,
    model: Model = "homography",
    inlier_px: float = INLIER_PX,
) -> Float64[ndarray, "3 3"] | None:
    """The map `points -> targets` on which most pairs agree, or None where too few do.

    Deterministic: OpenCV's RANSAC draws from a fixed seed.

    Args:
        points: `(x, y)` in pixels.
        targets: where each point goes.
        model: eight parameters (`homography`) or six (`affine`).
        inlier_px: largest distance for a pair to agree.

    Source: Fischler and Bolles 1981; Hartley and Zisserman, algorithm 4.6.
    """
    if len(points) < MIN_MATCHES:
        return None
    if model == "affine":
        affine, agree = cv2.estimateAffine2D(
            points, targets, None, cv2.RANSAC, inlier_px, RANSAC_ROUNDS, CONFIDENCE
        )
        found = None if affine is None else np.vstack([affine, (0.0, 0.0, 1.0)])
    else:
        found, agree = cv2.findHomography(
            points, targets, cv2.RANSAC, inlier_px, None, RANSAC_ROUNDS, CONFIDENCE
        )
    if found is None or int(np.count_nonzero(agree)) < MIN_MATCHES:
        return None
    return np.asarray(found, np.float64)


def register(
    source: ndarray[Any, Any],
    target: ndarray[Any, Any],
    *,
    source_ignored: Bool[ndarray, "h w"] | None = None,
    target_ignored: Bool[ndarray, "h w"] | None = None,
    model: Model = "homography",
) -> Float64[ndarray, "3 3"] | None:
    """The map of `source` pixels to `target` pixels that the background follows.

    Corners outside the ignored areas are followed there and back (Lucas-Kanade), and the map on
    which most agree is kept.

    Args:
        source: RGB or grey, uint8 or uint16.
        target: the same size.
        source_ignored: True on the matte of `source`; no corner is taken there.
        target_ignored: True on the matte of `target`; no corner may end there.
        model: see `fit_homography`.

    Returns:
        A matrix with `[x', y', 1] ~ H [x, y, 1]`, or None where too few corners agree (a flat or
        blurred picture, or no background in common).

    Raises:
        InvalidInputError: the sizes differ.
    """
    if source.shape[:2] != target.shape[:2]:
        raise InvalidInputError(
            f"frames of different size cannot be registered: source {source.shape[:2]}, target "
            f"{target.shape[:2]}: bring both to one size first"
        )
    first, second = luma8(source), luma8(target)
    allowed = None if source_ignored is None else (~source_ignored).astype(np.uint8)
    corners = cv2.goodFeaturesToTrack(
        first, MAX_FEATURES, CORNER_QUALITY, CORNER_DISTANCE_PX, mask=allowed
    )
    if corners is None or len(corners) < MIN_MATCHES:
        return None
    start = np.asarray(corners, np.float32)
    there, found = _follow(first, second, start)
    back, again = _follow(second, first, there)
    points, ends = start.reshape(-1, 2), there.reshape(-1, 2)
    error = np.linalg.norm(points - back.reshape(-1, 2), axis=1)
    good = found & again & (error < ROUND_TRIP_PX)
    if target_ignored is not None:
        good &= ~_sampled(target_ignored, ends)
    return fit_homography(points[good], ends[good], model=model)


def _follow(
    first: ndarray[Any, Any], second: ndarray[Any, Any], points: ndarray[Any, Any]
) -> tuple[ndarray[Any, Any], ndarray[Any, Any]]:
    """Where the points went (Lucas-Kanade, pyramidal), and which of them were found."""
    # Zeros, not None, because the stubs want an array; without the initial-flow flag it is ignored.
    ends, found, _ = cv2.calcOpticalFlowPyrLK(
        first,
        second,
        points,
        np.zeros_like(points),
        winSize=(TRACK_WINDOW_PX, TRACK_WINDOW_PX),
        maxLevel=TRACK_LEVELS,
    )
    return np.asarray(ends), np.asarray(found).ravel() > 0


def _sampled(mask: Bool[ndarray, "h w"], points: Float32[ndarray, "n 2"]) -> ndarray[Any, Any]:
    height, width = mask.shape
    x = np.clip(np.rint(points[:, 0]).astype(np.intp), 0, width - 1)
    y = np.clip(np.rint(points[:, 1]).astype(np.intp), 0, height - 1)
    return np.asarray(mask[y, x])


def homography_flow(
    matrix: Float64[ndarray, "3 3"], grid: Float32[ndarray, "h w 2"]
) -> Float32[ndarray, "h w 2"]:
    """The flow of a homography at the points of `grid` (see `warp.pixel_grid`)."""
    x, y = grid[..., 0].astype(np.float64), grid[..., 1].astype(np.float64)
    bottom = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2]
    flow = np.empty(grid.shape, np.float32)
    flow[..., 0] = (matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]) / bottom - x
    flow[..., 1] = (matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]) / bottom - y
    return flow


def motion_span_px(matrix: Float64[ndarray, "3 3"], height: int, width: int) -> float:
    """The largest displacement that the homography gives to a corner of the frame."""
    corners = pixel_grid(2, 2) * np.array((width - 1, height - 1), np.float32)
    return float(np.abs(homography_flow(matrix, corners)).max())
