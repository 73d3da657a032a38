"""How visible a fill is, in figures that need no truth: at its edge, and from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray

# Flicker is seen at normal size, so it is measured there; a seam is a pixel wide.
FLICKER_LONG_SIDE_PX = 480
# How far the surround reaches that the fill is compared with, and what of it the edge itself has.
RING_PX, EDGE_PX = 16, 3
# Differences of that size, in 8-bit code values, are nothing: keeps ratios of flat areas near 1.
NOTHING = 1.0

# From where on a frame should be looked at.
DOUBTFUL_RATIO = 2.0
DOUBTFUL_SHARE = 0.5

Luma = Float32[ndarray, "h w"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameMeasure:
    """One frame.

    Attributes:
        frame_index: of the clip.
        seam: gradient across the matte's edge over that across lines beside it; 1 is no seam.
        flicker: change from the frame before, along the motion, inside over around; 1 is as calm as
            the surround. Each is None where there is nothing to compare.
        generated: share of the fill, 0 to 1, that no frame shows.
    """

    frame_index: int
    seam: float | None
    flicker: float | None
    generated: float

    @property
    def doubt(self) -> float:
        """How much the frame should be looked at; 1 and more is doubtful."""
        ratios = [value / DOUBTFUL_RATIO for value in (self.seam, self.flicker) if value]
        return max([*ratios, self.generated / DOUBTFUL_SHARE])

    @property
    def reasons(self) -> list[str]:
        """What is doubtful about it, in words."""
        found = []
        if self.seam is not None and self.seam >= DOUBTFUL_RATIO:
            found.append(f"seam {self.seam:.1f} times the surround")
        if self.flicker is not None and self.flicker >= DOUBTFUL_RATIO:
            found.append(f"flicker {self.flicker:.1f} times the surround")
        if self.generated >= DOUBTFUL_SHARE:
            found.append(f"{self.generated:.0%} of the fill made up")
        return found

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "frame": self.frame_index,
            "seam": None if self.seam is None else round(self.seam, 3),
            "flicker": None if self.flicker is None else round(self.flicker, 3),
            "generated_of_fill": round(self.generated, 4),
        }


def seam(rgb: UInt8[ndarray, "h w 3"], mask: Bool[ndarray, "h w"]) -> float | None:
    """The mean gradient across the mask's edge, over that across the lines beside it.

    Lines of equal distance to the edge, on the outside, stand for what the picture has there
    anyway. None where the mask is empty or all.

    Args:
        rgb: the result.
        mask: where it was filled.
    """
    place = _around(mask, 2 * RING_PX)
    if place is None:
        return None
    mask = mask[place]
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3)
    outside = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3)
    distance = outside - inside
    edge = np.abs(distance) <= EDGE_PX
    beside = (distance > EDGE_PX) & (distance <= RING_PX)
    if not edge.any() or not beside.any():
        return None
    across, down = _gradient(distance)
    x, y = _gradient(_luma(rgb[place]))
    jump = np.abs(x * across + y * down) / np.maximum(np.hypot(across, down), 1e-3)
    return float((jump[edge].mean() + NOTHING) / (jump[beside].mean() + NOTHING))


class Flicker:
    """The change from frame to frame along the motion, inside the fill over around it."""

    def __init__(self) -> None:
        self._before: tuple[ndarray, ndarray] | None = None
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)

    def next(
        self, rgb: UInt8[ndarray, "h w 3"], mask: Bool[ndarray, "h w"], *, is_cut: bool
    ) -> float | None:
        """Of the next frame; None for the first of a shot, and where there is no fill.

        Args:
            rgb: the result.
            mask: where it was filled.
            is_cut: a new shot begins here.
        """
        scale = min(1.0, FLICKER_LONG_SIDE_PX / max(mask.shape))
        size = (max(16, round(mask.shape[1] * scale)), max(16, round(mask.shape[0] * scale)))
        gray = cv2.cvtColor(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        small = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        before, self._before = self._before, (gray, small)
        if before is None or is_cut or not small.any():
            return None
        flow = self._flow.calc(gray, before[0], np.zeros((*gray.shape, 2), np.float32))
        y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)
        moved = cv2.remap(
            before[0], x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        change = cv2.absdiff(gray, moved)
        either = small | before[1]
        near = cv2.dilate(either.astype(np.uint8), np.ones((RING_PX, RING_PX), np.uint8)) > 0
        around = near & ~either
        if not around.any():
            return None
        return float((change[small].mean() + NOTHING) / (change[around].mean() + NOTHING))


def _around(mask: Bool[ndarray, "h w"], margin: int) -> tuple[slice, slice] | None:
    """The box of a mask with a margin; None for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    return (
        slice(max(0, int(rows[0]) - margin), int(rows[-1]) + 1 + margin),
        slice(max(0, int(columns[0]) - margin), int(columns[-1]) + 1 + margin),
    )


def _luma(rgb: UInt8[ndarray, "h w 3"]) -> Luma:
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _gradient(values: Luma) -> tuple[Luma, Luma]:
    return (
        cv2.Sobel(values, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8),
        cv2.Sobel(values, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8),
    )
