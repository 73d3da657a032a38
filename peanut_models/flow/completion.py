"""Flow where it cannot be measured, and the membrane that fills such gaps."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64
from numpy import ndarray

from peanut_models.errors import InvalidInputError
from peanut_models.flow.registration import fit_homography, homography_flow
from peanut_models.flow.warp import Flow, pixel_grid

COARSEST_SIDE_PX = 4
"""The pyramid of the membrane ends here: nothing is left to relax."""

SWEEPS = 12
"""Relaxation sweeps per pyramid level: the coarser level leaves only short waves to settle."""

FIT_STRIDE_PX = 4
"""Every fourth pixel is sample enough for eight parameters."""

MIN_FIT_PIXELS = 32
"""Fewer known samples do not determine a homography; the membrane alone is used then."""


def membrane(
    values: ndarray[Any, Any], known: Bool[ndarray, "h w"], sweeps: int = SWEEPS
) -> ndarray[Any, Any]:
    """The smooth surface through the known values: Laplace's equation in the gaps.

    Args:
        values: `h w` or `h w c` float32; what lies outside `known` is ignored.
        known: True where `values` hold. Where nothing is known the result is 0.
        sweeps: relaxation sweeps per level.

    Returns:
        The same shape; `values` where known. The frame's edge is free (no slope across it).

    Solved coarse to fine: averages of the known values go down the pyramid, gaps are filled on the
    way up and relaxed (Briggs, "A Multigrid Tutorial", nested iteration).
    """
    height, width = known.shape
    weight = known.astype(np.float32)
    wide = weight if values.ndim == 2 else weight[..., None]
    filled = np.where(wide > 0, values, 0).astype(np.float32)
    if known.all() or not known.any():
        return filled
    if min(height, width) > COARSEST_SIDE_PX:
        size = ((width + 1) // 2, (height + 1) // 2)
        share = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
        total = cv2.resize(filled, size, interpolation=cv2.INTER_AREA)
        divisor = np.maximum(share, 1e-6)
        coarse = total / (divisor if values.ndim == 2 else divisor[..., None])
        coarse = membrane(coarse, share > 0, sweeps)
        guess = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    else:
        guess = np.broadcast_to(filled.sum((0, 1)) / weight.sum(), filled.shape)
    return _relax(np.where(wide > 0, filled, guess).astype(np.float32), known, sweeps)


def _relax(
    surface: ndarray[Any, Any], known: Bool[ndarray, "h w"], sweeps: int
) -> ndarray[Any, Any]:
    """Jacobi sweeps with the 3x3 mean, which damps the short waves that are left."""
    keep = known if surface.ndim == 2 else np.broadcast_to(known[..., None], surface.shape)
    fixed = surface[keep]
    for _ in range(sweeps):
        surface = np.asarray(cv2.blur(surface, (3, 3), borderType=cv2.BORDER_REPLICATE))
        surface[keep] = fixed
    return surface


def complete_flow(
    flow: Flow,
    known: Bool[ndarray, "h w"],
    *,
    base: Float64[ndarray, "3 3"] | None = None,
    context_px: int = 24,
) -> Float32[ndarray, "h w 2"]:
    """The flow with its unknown parts filled.

    What is filled is the departure from a plane's motion, not the flow: zooming, turning and
    perspective so go on through the gap, and only parallax is interpolated.

    Args:
        flow: any values where unknown.
        known: True where the flow was measured and is believed.
        base: the homography whose motion is subtracted first; fitted to the known flow within
            `context_px` of the gap when not given.
        context_px: how far around the gap the flow is looked at.

    Raises:
        InvalidInputError: the shapes differ, or nothing is known.
    """
    if flow.shape != (*known.shape, 2):
        raise InvalidInputError(
            f"flow of shape {flow.shape} does not fit known of shape {known.shape}: "
            "flow must be (h, w, 2) and known (h, w)"
        )
    if known.all():
        return flow
    if not known.any():
        raise InvalidInputError(
            f"no pixel of the {known.shape[1]}x{known.shape[0]} flow is known: "
            "nothing to complete it from; take the motion from a registration instead"
        )
    rows, cols = np.nonzero(~known)
    y0, x0 = max(0, rows.min() - context_px), max(0, cols.min() - context_px)
    y1, x1 = rows.max() + 1 + context_px, cols.max() + 1 + context_px
    part, seen = flow[y0:y1, x0:x1], known[y0:y1, x0:x1]
    if not seen.any():
        y0 = x0 = 0
        part, seen = flow, known
    grid = pixel_grid(*seen.shape) + np.array((x0, y0), np.float32)
    if base is None:
        base = _fit(part, seen, grid)
    plane = homography_flow(base, grid)
    done = flow.copy()
    target = done[y0 : y0 + seen.shape[0], x0 : x0 + seen.shape[1]]
    target[~seen] = (plane + membrane(part - plane, seen))[~seen]
    return done


def _fit(flow: Flow, known: Bool[ndarray, "h w"], grid: Flow) -> Float64[ndarray, "3 3"]:
    sample = (slice(None, None, FIT_STRIDE_PX), slice(None, None, FIT_STRIDE_PX))
    seen = known[sample]
    if seen.sum() < MIN_FIT_PIXELS:
        return np.eye(3)
    points = grid[sample][seen]
    fitted = fit_homography(points, points + flow[sample][seen])
    return np.eye(3) if fitted is None else fitted
