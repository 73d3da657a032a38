"""One plate for all frames: every frame's own estimate and its neighbours' agree on a colour."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from jaxtyping import Bool, Float32
from numpy import ndarray

from peanut_models.embedded.eraser.geometry import LATTICE, Box, inside, sample
from peanut_models.embedded.eraser.motion import Motion

SWEEPS = 3
"""Passes forth and back through the window: the coupling reaches tens of frames in each."""

FLOOR_LEVELS2 = 4.0
"""Smallest squared error of an estimate, in levels^2: the codec's."""

STEP_LEVELS2 = 100.0
"""Squared change that a surface may show from one frame to the next along its path, levels^2."""

OCCLUDED_BELIEF = 0.02
"""Where the flow contradicts itself the coupling is this weak: not nothing, or it would flicker."""


def settle(
    plates: Float32[ndarray, "t h w 3"],
    spreads: Mapping[int, Float32[ndarray, "h w"]],
    boxes: Mapping[int, Box],
    holes: Bool[ndarray, "t h w"],
    motion: Motion,
) -> None:
    """Make the fills agree along the background's motion, in place.

    Minimises, over the colours P in the holes,
    `sum c_t |P_t - D_t|^2 + sum v |P_t - warp(P_(t+-1))|^2` by Gauss-Seidel sweeps over time: D are
    the frames' own estimates, c falls with their expected error, v is the flow's. What is certain
    stays; what is not takes over what its neighbours found instead of flickering.

    Args:
        plates: full frames, 0..255; only pixels in the holes of the frames in `boxes` change.
        spreads: expected squared error of the estimates, per pixel of each box.
        boxes: the frames to work on, and the part of each that holds its hole.
        holes: full-size mattes.
        motion: completed flows.
    """
    work = sorted(boxes)
    rows = {}
    for k in work:
        hole = holes[k][boxes[k].slices]
        # A frame outside the work that still has a hole shows the object there: no neighbour.
        near = [
            n for n in (k - 1, k + 1) if 0 <= n < len(plates) and (n in boxes or not holes[n].any())
        ]
        paths = [(n, *_path(motion, k, n, boxes[k], hole)) for n in near]
        own = plates[k][boxes[k].slices][hole]
        sure = (1.0 / (spreads[k][hole] + FLOOR_LEVELS2))[:, None]
        rows[k] = hole, own, sure, paths
    for _ in range(SWEEPS):
        for k in (*work, *reversed(work)):
            hole, own, sure, paths = rows[k]
            total, mass = own * sure, sure
            for neighbour, at, pull in paths:
                total = total + pull * sample(plates[neighbour], at, cv2.INTER_CUBIC)
                mass = mass + pull
            plates[k][boxes[k].slices][hole] = np.clip(total / mass, 0, 255)


def _path(
    motion: Motion, frame: int, neighbour: int, box: Box, hole: Bool[ndarray, "h w"]
) -> tuple[Float32[ndarray, "n 2"], Float32[ndarray, "n 1"]]:
    """Where every pixel of the hole lies in the neighbour, and how strongly the two are coupled."""
    ahead = neighbour > frame
    flow = motion.forward[frame] if ahead else motion.backward[neighbour]
    sure = motion.forward_sure[frame] if ahead else motion.backward_sure[neighbour]
    y, x = np.nonzero(hole)
    point = np.stack([x + box.x0, y + box.y0], axis=1).astype(np.float32)
    lattice = point / np.float32(LATTICE)
    at = point + sample(flow, lattice)
    belief = np.maximum(sample(sure, lattice), OCCLUDED_BELIEF)
    belief *= inside(at, flow.shape[0] * LATTICE, flow.shape[1] * LATTICE)
    return at, (belief / STEP_LEVELS2).astype(np.float32)[:, None]
