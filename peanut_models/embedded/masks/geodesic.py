"""The price of walking from a click across colours and motions."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from peanut_models.embedded.masks.region import Region

STEP_FLOOR = 0.02
"""Price of a step on flat ground: endless flat regions end somewhere."""


def click_distance(
    features: Float32[ndarray, "h w f"],
    whole: Region,
    clicks: Sequence[tuple[float, float, bool]],
) -> Float32[ndarray, "h w"]:
    """Price of the cheapest path from a positive click; infinite around negative ones."""
    height, width = features.shape[:2]
    right = np.linalg.norm(features[:, 1:] - features[:, :-1], axis=2) + STEP_FLOOR
    below = np.linalg.norm(features[1:] - features[:-1], axis=2) + STEP_FLOOR
    distance = np.full((height, width), np.inf, np.float32)
    closed = np.zeros((height, width), np.bool_)
    heap: list[tuple[float, int, int]] = []
    for x_px, y_px, positive in clicks:
        u, v = whole.point(x_px, y_px)
        x, y = min(width - 1, int(u)), min(height - 1, int(v))
        if positive:
            distance[y, x] = 0
            heapq.heappush(heap, (0.0, y, x))
        else:
            closed[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2] = True
    while heap:
        price, y, x = heapq.heappop(heap)
        if closed[y, x]:
            continue
        closed[y, x] = True
        for ny, nx, step in (
            (y, x + 1, right[y, x] if x + 1 < width else np.inf),
            (y, x - 1, right[y, x - 1] if x > 0 else np.inf),
            (y + 1, x, below[y, x] if y + 1 < height else np.inf),
            (y - 1, x, below[y - 1, x] if y > 0 else np.inf),
        ):
            reach = price + float(step)
            if np.isfinite(reach) and reach < distance[ny, nx] and not closed[ny, nx]:
                distance[ny, nx] = reach
                heapq.heappush(heap, (reach, ny, nx))
    return distance
