"""Several looks at the same background become one colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int32
from numpy import ndarray

from peanut_models.embedded.eraser.geometry import LATTICE, Box, inside, sample
from peanut_models.embedded.eraser.sources import Look, Scene, expected_error

LOOKS_PER_PIXEL = 10
"""The most believed looks that vote: more change the mean of static shots by 0.1 dB only."""

AGREE_LEVELS = 10.0
"""Colours of this distance (of 255) still mean the same surface: noise, blur, small misfit."""

UNSEEN = np.int32(-2)


@dataclass(slots=True)
class Fused:
    """Colours of scattered pixels.

    Attributes:
        colour: 0..255, fractional, in the scale of 8 bits whatever the frames' depth.
        frame: the source that most of the colour came from; -2 where no frame shows the pixel.
        spread: squared error to expect, in levels^2: how much the looks differ among each other
            and from what the frame itself shows around the hole; infinite where unseen.
    """

    colour: Float32[ndarray, "n 3"]
    frame: Int32[ndarray, " n"]
    spread: Float32[ndarray, " n"]


def fuse(scene: Scene, found: list[Look], box: Box, wanted: Bool[ndarray, "h w"]) -> Fused:
    """Colour the wanted pixels of a box from the looks that can be believed most.

    Among the best looks of each pixel the colour with the most support is found, and the looks
    that agree with it are averaged: a wrong path is outvoted, and noise is averaged away.
    """
    rows, cols = np.nonzero(wanted)
    count = len(rows)
    if not found or not count:
        return Fused(
            np.zeros((count, 3), np.float32),
            np.full(count, UNSEEN, np.int32),
            np.full(count, np.inf, np.float32),
        )
    best = _best(found, rows // LATTICE, cols // LATTICE)
    slots = len(best)
    colour = np.zeros((slots, count, 3), np.float32)
    belief = np.zeros((slots, count), np.float32)
    frame = np.full((slots, count), UNSEEN, np.int32)
    local = np.stack([cols, rows], axis=1).astype(np.float32)
    scale = np.float32(255.0 / np.iinfo(scene.frames.dtype).max)
    for number, look in enumerate(found):
        slot, pixel = np.nonzero(best == number)
        if not len(pixel):
            continue
        where = local[pixel]
        lattice = where / np.float32(LATTICE)
        at = where + np.array((box.x0, box.y0), np.float32) + sample(look.shift, lattice)
        hole = scene.holes[look.frame]
        shown = inside(at, *hole.shape) & (sample(hole.astype(np.float32), at) == 0)
        values = sample(scene.frames[look.frame], at, cv2.INTER_CUBIC).astype(np.float32)
        colour[slot, pixel] = values * scale * look.gain
        belief[slot, pixel] = sample(look.belief, lattice) * shown
        frame[slot, pixel] = look.frame
    return _vote(colour, belief, frame)


def _best(
    found: list[Look],
    rows: ndarray[Any, Any],
    cols: ndarray[Any, Any],
) -> Int32[ndarray, "k n"]:
    belief = np.stack([look.belief[rows, cols] for look in found])
    slots = min(LOOKS_PER_PIXEL, len(found))
    order = np.argsort(-belief, axis=0, kind="stable")[:slots]
    chosen = np.take_along_axis(belief, order, axis=0)
    return np.where(chosen > 0, order, -1).astype(np.int32)


def _vote(
    colour: Float32[ndarray, "k n 3"],
    belief: Float32[ndarray, "k n"],
    frame: Int32[ndarray, "k n"],
) -> Fused:
    support = np.zeros_like(belief)
    for k in range(len(colour)):
        near = np.exp(-((colour - colour[k]) ** 2).mean(axis=2) / (2 * AGREE_LEVELS**2))
        support[k] = (belief * near).sum(axis=0)
    support[belief == 0] = 0
    winner = support.argmax(axis=0)[None]
    centre = np.take_along_axis(colour, winner[..., None], axis=0)
    for _ in range(2):
        near = belief * np.exp(-((colour - centre) ** 2).mean(axis=2) / (2 * AGREE_LEVELS**2))
        total = near.sum(axis=0)
        centre = ((near[..., None] * colour).sum(axis=0) / np.maximum(total, 1e-30)[:, None])[None]
    seen = total > 0
    most = np.take_along_axis(frame, near.argmax(axis=0)[None], axis=0)[0]
    everyone = belief.sum(axis=0)
    apart = (belief * ((colour - centre) ** 2).mean(axis=2)).sum(axis=0)
    spread = apart / np.maximum(everyone, 1e-30) + expected_error(belief.max(axis=0))
    return Fused(
        np.where(seen[:, None], centre[0], 0).astype(np.float32),
        np.where(seen, most, UNSEEN).astype(np.int32),
        np.where(seen, spread, np.inf).astype(np.float32),
    )
