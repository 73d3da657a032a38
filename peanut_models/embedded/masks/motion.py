"""What moves differently from the camera."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray

from peanut_models.flow.dis import DisFlow
from peanut_models.flow.warp import pixel_grid

FLOW_SIDE_PX = 640
"""Longest side of the pictures that flow is computed on: enough for limbs, quick on two cores."""

GRID_PX = 8
"""Spacing of the flow vectors that the camera's motion is fitted to."""

RANSAC_PX = 1.0
"""Distance to the camera's motion within which a flow vector agrees with it."""


class FlowField:
    """Flow between two pictures, computed at a bounded size, in the pixels of the picture."""

    def __init__(self) -> None:
        self._dis = DisFlow("medium")

    def __call__(
        self, source: UInt8[ndarray, "h w 3"], target: UInt8[ndarray, "h w 3"]
    ) -> Float32[ndarray, "h w 2"]:
        """The flow of `source` to `target`."""
        height, width = source.shape[:2]
        scale = min(1.0, FLOW_SIDE_PX / max(height, width))
        if scale == 1.0:
            return self._dis(source, target)
        size = (round(width * scale), round(height * scale))
        small = [cv2.resize(x, size, interpolation=cv2.INTER_AREA) for x in (source, target)]
        flow = self._dis(small[0], small[1])
        flow[..., 0] *= width / size[0]
        flow[..., 1] *= height / size[1]
        return np.asarray(cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR))


def camera_flow(
    flow: Float32[ndarray, "h w 2"], ignore: Bool[ndarray, "h w"] | None = None
) -> Float32[ndarray, "h w 2"]:
    """The part of `flow` that one homography of the whole picture explains.

    Args:
        flow: of one frame to another, in pixels.
        ignore: True where the object is thought to be.

    Returns:
        The flow of the dominant motion; the median vector where no homography can be found.
    """
    height, width = flow.shape[:2]
    grid = pixel_grid(height, width)
    rows = slice(GRID_PX // 2, None, GRID_PX)
    use = np.ones((height, width), np.bool_) if ignore is None else ~ignore
    picked = use[rows, rows]
    start, shift = grid[rows, rows][picked], flow[rows, rows][picked]
    if len(start) < 16:
        return np.zeros_like(flow)
    matrix, _ = cv2.findHomography(
        start, start + shift, cv2.RANSAC, RANSAC_PX, maxIters=500, confidence=0.995
    )
    if matrix is None:
        return np.broadcast_to(np.median(shift, axis=0), flow.shape).astype(np.float32)
    there = cv2.perspectiveTransform(grid.reshape(-1, 1, 2), matrix).reshape(grid.shape)
    return np.asarray(there - grid, np.float32)
