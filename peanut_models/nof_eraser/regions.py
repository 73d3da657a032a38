"""Which parts of the frame the network needs to see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray
from torch import Tensor

from peanut_models.nof_eraser.config import SIZE_MULTIPLE_PX, PredictorConfig
from peanut_models.nof_eraser.images import mirror_padded, padded_size
from peanut_models.nof_eraser.schedule import WindowPlan

GROWTH = 1.25
"""A new run costs about four frames' features more, a quarter of a window's work."""

MAX_BOXES = 32
"""Holes in more pieces than this are scattered over the frame; weighing every pair is no gain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A rectangle whose sides are multiples of 60 and 108 px.

    It lies inside the frame; along an axis where the frame is shorter than the rectangle it starts
    at 0 and the frame is continued by mirroring, as published.
    """

    top: int
    left: int
    height: int
    width: int

    @property
    def area_px(self) -> int:
        """What the network has to look at."""
        return self.height * self.width

    def part(self, array: ndarray) -> ndarray:
        """This part of an array `t h w ...`, without what lies beyond it."""
        return array[:, self.top : self.top + self.height, self.left : self.left + self.width]

    def completed(self, part: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h2 w2"]:
        """A `part` as images, mirrored up to the region's size where the frame ends before it."""
        return mirror_padded(part, (self.height, self.width))


def whole_frame(height: int, width: int) -> Region:
    """The region of the published procedure."""
    size = padded_size(height, width)
    return Region(top=0, left=0, height=size[0], width=size[1])


def regions_of(anywhere: Bool[ndarray, "h w"], config: PredictorConfig) -> tuple[Region, ...]:
    """Regions that together hold every hole, with context around it.

    Holes far apart get a region each; regions that cost no more as one become one.

    Args:
        anywhere: True where any of the frames has a hole.
        config: `context_px`, `context_share`.

    Returns:
        None of them where there is no hole; the whole frame where that costs no more.
    """
    height, width = anywhere.shape
    _, _, stats, _ = cv2.connectedComponentsWithStats(anywhere.astype(np.uint8), connectivity=8)
    boxes = [
        (top, left, top + tall, left + wide) for left, top, wide, tall, _ in stats[1:].tolist()
    ]
    whole = whole_frame(height, width)
    if len(boxes) > MAX_BOXES:
        return (whole,)
    merged = _merged(boxes, (height, width), config)
    regions = tuple(_around(box, (height, width), config) for box in merged)
    if sum(region.area_px for region in regions) >= whole.area_px:
        return (whole,)
    return regions


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Consecutive windows that look at the same regions, so that they can share features."""

    regions: tuple[Region, ...]
    windows: tuple[WindowPlan, ...]


def runs_of(
    holes: Bool[ndarray, "t h w"], windows: Sequence[WindowPlan], config: PredictorConfig
) -> tuple[Run, ...]:
    """Cut windows into runs: a new one where an object has moved so far that following it pays.

    A new run computes the features of shared and reference frames again, so the regions of a run
    may grow by `GROWTH` before it ends.
    """
    runs: list[Run] = []
    anywhere = np.zeros(holes.shape[1:], np.bool_)
    for window in windows:
        here = np.asarray(holes[window.fills.start : window.fills.end].any(axis=0))
        alone, together = regions_of(here, config), regions_of(anywhere | here, config)
        if runs:
            largest = max(_area(runs[-1].regions), _area(alone))
            if _area(together) <= GROWTH * largest:
                anywhere |= here
                runs[-1] = Run(regions=together, windows=(*runs[-1].windows, window))
                continue
        anywhere = here
        runs.append(Run(regions=alone, windows=(window,)))
    return tuple(runs)


def _area(regions: Sequence[Region]) -> int:
    return sum(region.area_px for region in regions)


Box = tuple[int, int, int, int]


def _merged(boxes: list[Box], size: tuple[int, int], config: PredictorConfig) -> list[Box]:
    """Boxes (top, left, bottom, right), joined while that makes the regions no larger in sum."""
    boxes = list(boxes)
    while True:
        pair = _best_pair(boxes, size, config)
        if pair is None:
            return boxes
        i, j = pair
        joined = _joined(boxes[i], boxes[j])
        boxes = [box for k, box in enumerate(boxes) if k not in pair] + [joined]


def _best_pair(
    boxes: list[Box], size: tuple[int, int], config: PredictorConfig
) -> tuple[int, int] | None:
    for i in range(len(boxes)):
        for j in range(i + 1, len(boxes)):
            apart = [_around(boxes[k], size, config).area_px for k in (i, j)]
            together = _around(_joined(boxes[i], boxes[j]), size, config).area_px
            if together <= sum(apart):
                return i, j
    return None


def _joined(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _around(box: Box, size: tuple[int, int], config: PredictorConfig) -> Region:
    """The region of a box with its context."""
    starts, sides = [], []
    for axis in (0, 1):
        start, side = _placed(box[axis], box[axis + 2], size[axis], SIZE_MULTIPLE_PX[axis], config)
        starts.append(start)
        sides.append(side)
    return Region(top=starts[0], left=starts[1], height=sides[0], width=sides[1])


def _placed(
    first: int, end: int, length: int, multiple: int, config: PredictorConfig
) -> tuple[int, int]:
    """Start and length along one axis: the hole in the middle, as far as the frame allows."""
    context = max(config.context_px, round(config.context_share * (end - first)))
    low, high = max(0, first - context), min(length, end + context)
    side = -(-(high - low) // multiple) * multiple
    middle = (first + end) // 2
    return max(0, min(middle - side // 2, length - side)), side
