"""One donor as one frame would show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64
from numpy import ndarray

from peanut_models.donors.colour import matched_colours
from peanut_models.embedded.eraser.geometry import Box, grow
from peanut_models.embedded.eraser.seams import BAND_PX, seam_correction
from peanut_models.flow.completion import complete_flow
from peanut_models.flow.consistency import consistent
from peanut_models.flow.dis import DisFlow
from peanut_models.flow.registration import homography_flow
from peanut_models.flow.warp import pixel_grid

SPILL_PX = 4
"""How far next to the hole the dense flow still follows the object in it."""

PARALLAX_MUST_GAIN = 0.85
"""Dense flow is used where it lowers the error around the hole to this share: it wanders a
little everywhere, and a plane or a turning camera needs none."""

ERROR_SIGMA_PX = 12.0
"""The error on the ring speaks for this neighbourhood first."""

FAR_SHARE = 0.02
"""Weight of the whole ring's mean error where nothing of the ring is near."""

HALF_CONFIDENCE_LEVELS = 16.0
"""Colour error (rms, of 255) at which confidence is one half: twice that of grain and codec."""


@dataclass(slots=True)
class View:
    """What a donor shows in the box around one frame's hole.

    Attributes:
        colour: 0..255, fitted to the frame's colours.
        confidence: 0 to 1 how far it is believed; 0 where the donor's picture ends.
        error: mean squared error around the hole, levels^2.
    """

    colour: Float32[ndarray, "h w 3"]
    confidence: Float32[ndarray, "h w"]
    error: float


def view(
    true: Float32[ndarray, "h w 3"],
    hole: Bool[ndarray, "h w"],
    donor: Float32[ndarray, "hd wd 3"],
    matrix: Float64[ndarray, "3 3"],
    box: Box,
) -> View | None:
    """The donor along its homography, and along what dense flow finds beyond that.

    Args:
        true: the frame's part in the box, 0..255.
        hole: its hole.
        donor: the whole donor, 0..255.
        matrix: frame pixels to donor pixels.
        box: the part of the frame.

    Returns:
        The view, or None where frame and donor have nothing in common around the hole.
    """
    grid = pixel_grid(*hole.shape) + np.array((box.x0, box.y0), np.float32)
    ring = ~grow(hole, SPILL_PX)
    plain = _sampled(donor, grid + homography_flow(matrix, grid))
    best = _judged(true, ring, *plain)
    if best is None:
        return None
    moved = _parallax(true, best.colour, ring & plain[1])
    if moved is not None:
        at = grid + moved
        bent = _judged(true, ring, *_sampled(donor, at + homography_flow(matrix, at)))
        if bent is not None and bent.error < PARALLAX_MUST_GAIN * best.error:
            best = bent
    band = grow(hole, SPILL_PX + BAND_PX) & ring & (best.confidence > 0)
    best.colour = np.clip(best.colour + seam_correction(true, best.colour, band), 0, 255)
    return best


def _sampled(
    donor: Float32[ndarray, "hd wd 3"], at: Float32[ndarray, "h w 2"]
) -> tuple[Float32[ndarray, "h w 3"], Bool[ndarray, "h w"]]:
    """The donor at points, and which of them lie on it."""
    height, width = donor.shape[:2]
    x, y = np.ascontiguousarray(at[..., 0]), np.ascontiguousarray(at[..., 1])
    colour = cv2.remap(donor, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    shown = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
    return np.asarray(colour, np.float32), shown


def _judged(
    true: Float32[ndarray, "h w 3"],
    ring: Bool[ndarray, "h w"],
    colour: Float32[ndarray, "h w 3"],
    shown: Bool[ndarray, "h w"],
) -> View | None:
    """Fit the colours and see how well they reproduce the ring."""
    both = ring & shown
    if not both.any():
        return None
    colour = matched_colours(true, colour, both)
    weight = both.astype(np.float32)
    # Blurred by a pixel: grain, codec noise and half-pixel aliasing do not make a wrong place.
    miss = cv2.GaussianBlur((true - colour) * weight[..., None], (0, 0), 1.0)
    error = (miss**2).mean(axis=2)
    mean = float(error[both].mean())
    near = cv2.GaussianBlur(weight, (0, 0), ERROR_SIGMA_PX)
    expected = (cv2.GaussianBlur(error * weight, (0, 0), ERROR_SIGMA_PX) + FAR_SHARE * mean) / (
        near + FAR_SHARE
    )
    confidence = shown / (1 + expected / np.float32(HALF_CONFIDENCE_LEVELS**2))
    return View(colour, np.asarray(confidence, np.float32), mean)


def _parallax(
    true: Float32[ndarray, "h w 3"], colour: Float32[ndarray, "h w 3"], ring: Bool[ndarray, "h w"]
) -> Float32[ndarray, "h w 2"] | None:
    """The flow that is left between frame and view, completed in the hole."""
    ours, theirs = _eight_bit(true), _eight_bit(colour)
    dis = DisFlow("medium")
    ahead, back = dis(ours, theirs), dis(theirs, ours)
    known = ring & consistent(ahead, back)
    return complete_flow(ahead, known, base=np.eye(3)) if known.any() else None


def _eight_bit(levels: ndarray[Any, Any]) -> ndarray[Any, Any]:
    return np.asarray(np.clip(np.rint(levels), 0, 255), np.uint8)
