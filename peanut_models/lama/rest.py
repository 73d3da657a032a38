"""LaMa in place of patches: what no frame shows, made up on a key frame and carried from there."""

from __future__ import annotations

from functools import partial

import numpy as np
from jaxtyping import Bool, Float32
from numpy import ndarray

from peanut_models.embedded.eraser import PropagationEraser
from peanut_models.embedded.eraser.geometry import box_around
from peanut_models.embedded.eraser.unseen import fill_unseen
from peanut_models.lama.predictor import LamaFiller
from peanut_models.stages import Eraser

CONTEXT_PX = 128
"""Least of the surroundings that LaMa sees on each side of a gap."""

LEVEL = 257
"""Steps of 16 bits per 8-bit level: plates go to the network without losing their fractions."""


def lama_for_the_rest(filler: LamaFiller) -> Eraser:
    """The propagation of true pixels with LaMa for what no frame shows.

    Args:
        filler: fills the key frames; the others get their colours along the background's motion.
    """
    return PropagationEraser(rest=partial(fill_unseen, fill=partial(fill_gap, filler)))


def fill_gap(
    filler: LamaFiller,
    plate: Float32[ndarray, "h w 3"],
    gap: Bool[ndarray, "h w"],
    forbidden: Bool[ndarray, "h w"],
) -> None:
    """A `GapFiller`: it sees as much on each side of the gap as the gap is large."""
    sides = [np.flatnonzero(gap.any(axis=axis)) for axis in (0, 1)]
    extent = max(int(side[-1] - side[0]) + 1 for side in sides)
    part = box_around(gap, max(CONTEXT_PX, extent)).slices
    picture = np.rint(np.clip(plate[part], 0, 255) * LEVEL).astype(np.uint16)
    filled = filler.fill(picture, gap[part] | forbidden[part])
    plate[part][gap[part]] = filled[gap[part]] / np.float32(LEVEL)
