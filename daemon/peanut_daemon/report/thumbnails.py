"""Small pictures for the page: where pixels came from, and frames that should be looked at."""

from __future__ import annotations

import base64
import heapq

import cv2
import numpy as np
from jaxtyping import Bool, Int32, UInt8
from numpy import ndarray

from peanut_daemon.media import working_size
from peanut_daemon.report.measures import FrameMeasure
from peanut_models.stages import DONOR, GENERATED, SOURCE

LONG_SIDE_PX = 360
MOST_DOUBTFUL = 6
# JPEG, of 100: nobody measures in a thumbnail.
QUALITY = 82

COLOURS = {"propagated": (42, 120, 214), "donor": (27, 175, 122), "generated": (235, 104, 52)}
"""Of the kinds of filled pixels, here and in the page's plots; RGB."""


def provenance_picture(
    rgb: UInt8[ndarray, "h w 3"],
    box: tuple[int, int, int, int],
    provenance: Int32[ndarray, "h w"],
    filled: Bool[ndarray, "h w"],
) -> str:
    """A frame with its filled pixels coloured by where they came from, as a data address.

    Args:
        rgb: the result.
        box: (top, bottom, left, right) of what the others cover.
        provenance: see `peanut_models.stages`.
        filled: the pixels that count.
    """  # fmt: skip
    top, bottom, left, right = box
    marked = rgb.copy()
    inside = marked[top:bottom, left:right]
    kinds = {
        "propagated": provenance > SOURCE,
        "donor": provenance == DONOR,
        "generated": provenance == GENERATED,
    }
    for kind, where in kinds.items():
        place = filled & where
        inside[place] = np.rint(inside[place] * 0.35 + np.multiply(COLOURS[kind], 0.65))
    return data_address(marked)


class DoubtfulFrames:
    """Keeps the frames that should be looked at most, with a picture of the fill in each."""

    def __init__(self) -> None:
        self._kept: list[tuple[float, int, FrameMeasure, str]] = []

    def add(
        self,
        measure: FrameMeasure,
        rgb: UInt8[ndarray, "h w 3"],
        box: tuple[int, int, int, int],
    ) -> None:
        """Take a frame into account; most are passed over."""
        if not measure.reasons:
            return
        if len(self._kept) == MOST_DOUBTFUL and measure.doubt <= self._kept[0][0]:
            return
        picture = data_address(_near(rgb, box))
        entry = (measure.doubt, -measure.frame_index, measure, picture)
        if len(self._kept) < MOST_DOUBTFUL:
            heapq.heappush(self._kept, entry)
        else:
            heapq.heapreplace(self._kept, entry)

    def worst(self) -> list[tuple[FrameMeasure, str]]:
        """Frames and pictures, the most doubtful first."""
        return [(measure, picture) for *_, measure, picture in sorted(self._kept, reverse=True)]


def data_address(rgb: UInt8[ndarray, "h w 3"]) -> str:
    """A picture as it stands in a page that needs no other file."""
    size = working_size(rgb.shape[1], rgb.shape[0], LONG_SIDE_PX)
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(
        ".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")


def _near(rgb: UInt8[ndarray, "h w 3"], box: tuple[int, int, int, int]) -> ndarray:
    """The fill and half as much around it."""
    top, bottom, left, right = box
    margin_y, margin_x = max(24, (bottom - top) // 2), max(24, (right - left) // 2)
    return rgb[
        max(0, top - margin_y) : bottom + margin_y, max(0, left - margin_x) : right + margin_x
    ]
