"""The motion of the background between neighbouring frames, also where the object hides it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np
from jaxtyping import Bool, Float16, Float32, Float64, UInt8
from numpy import ndarray

from peanut_models.embedded.eraser.geometry import LATTICE, every_second, grow
from peanut_models.flow.completion import complete_flow
from peanut_models.flow.consistency import consistent
from peanut_models.flow.dis import DisFlow
from peanut_models.flow.registration import homography_flow, motion_span_px, register
from peanut_models.flow.warp import Flow, backward_warp, identity_flow, pixel_grid, warp_mask
from peanut_models.stages import PairFlow

Matrix = Float64[ndarray, "3 3"]

STILL_PX = 0.5
"""A global motion below this may be a tripod and the noise of the registration."""

SIMPLER_IS_ENOUGH = 1.15
"""The simpler motion is kept while its error is at most this much above the richer one's."""

NOISE_LEVELS2 = 1.0
"""Squared error of 8-bit luma that rounding and codec make; differences below say nothing."""

AGREEMENT_WINDOW_PX = 15
"""Errors of two motions are compared over windows of this side: about two DIS patches."""

SPILL_PX = 4
"""How far DIS patches carry the hole's own content into the flow around it."""


GUESS_BELIEF = 0.9
"""Belief in a smoothly completed flow: its small errors add up over a chain inside the hole, so a
long chain there gives way to the camera's motion or to none where those fit as well."""

BRIDGE_SLOPE = 0.1
"""Change of the parallax per pixel at which belief in a completed flow halves: real surfaces seen
over the width of a hole stay well below, a gap between two objects is above."""


@dataclass(slots=True)
class Motion:
    """The motion between neighbours, both ways.

    Attributes:
        forward: item `t` is the flow `t -> t + 1` on the lattice, in full-size pixels, completed.
        backward: item `t` is the flow `t + 1 -> t`.
        forward_sure: 1 where `forward` passed the forward-backward check or was completed in a
            hole, 0 where it is occluded or contradicts itself.
        backward_sure: the same for `backward`.
        camera: item `t` is the homography `t -> t + 1`, or None where none was found.
    """

    forward: list[Flow] = field(default_factory=list)
    backward: list[Flow] = field(default_factory=list)
    forward_sure: list[Float32[ndarray, "h2 w2"]] = field(default_factory=list)
    backward_sure: list[Float32[ndarray, "h2 w2"]] = field(default_factory=list)
    camera: list[Matrix | None] = field(default_factory=list)

    def pair(self, frame_index: int) -> PairFlow:
        """The flow of a frame to the next and back, at half the lattice's size, in its pixels."""
        return _handed_over(self.forward[frame_index]), _handed_over(self.backward[frame_index])


def _handed_over(flow: Flow) -> Float16[ndarray, "2 h4 w4"]:
    height, width = flow.shape[:2]
    size = ((width + 1) // 2, (height + 1) // 2)
    small = cv2.resize(flow, size, interpolation=cv2.INTER_AREA)
    own = small[..., 0] * size[0] / (width * LATTICE), small[..., 1] * size[1] / (height * LATTICE)
    return np.stack(own).astype(np.float16)


def estimate_motion(
    lumas: Sequence[UInt8[ndarray, "h w"]],
    holes: Bool[ndarray, "t h w"],
    on_pair: Callable[[], None] = lambda: None,
) -> Motion:
    """The background's motion between all neighbours.

    Args:
        lumas: the frames as they are. (A smooth filling of the holes was tried: the flow around
            them got worse by 2 dB of plate, because nothing was left to match.)
        holes: where the frames' content is not the background's.
        on_pair: called after each pair of neighbours; whatever it raises ends the call.
    """
    dis = DisFlow("medium")
    motion = Motion()
    for k, (first, second) in enumerate(pairwise(lumas)):
        hole, next_hole = holes[k], holes[k + 1]
        matrix = register(first, second, source_ignored=hole, target_ignored=next_hole)
        ahead, back = dis(first, second), dis(second, first)
        known = _measured(ahead, back, hole, next_hole)
        known_back = _measured(back, ahead, next_hole, hole)
        matrix = _still(matrix, first, second, known)
        inverse = None if matrix is None else np.linalg.inv(matrix)
        shown = [(~(hole | warp_mask(next_hole, ahead))).astype(np.float32)]
        shown += [(~(next_hole | warp_mask(hole, back))).astype(np.float32)]
        ahead = _simplest(ahead, matrix, first, second, shown[0])
        back = _simplest(back, inverse, second, first, shown[1])
        motion.camera.append(matrix)
        motion.forward.append(_completed(ahead, known, matrix))
        motion.backward.append(_completed(back, known_back, inverse))
        motion.forward_sure.append(_sure(motion.forward[-1], known, grow(hole, SPILL_PX), matrix))
        motion.backward_sure.append(
            _sure(motion.backward[-1], known_back, grow(next_hole, SPILL_PX), inverse)
        )
        on_pair()
    return motion


def _measured(
    flow: Flow, reverse: Flow, hole: Bool[ndarray, "h w"], next_hole: Bool[ndarray, "h w"]
) -> Bool[ndarray, "h w"]:
    hidden = grow(hole, SPILL_PX) | warp_mask(grow(next_hole, SPILL_PX), flow)
    return np.asarray(~hidden & consistent(flow, reverse))


def _completed(flow: Flow, known: Bool[ndarray, "h w"], camera: Matrix | None) -> Flow:
    lattice, seen = every_second(flow), every_second(known)
    if not seen.any():
        if camera is None:
            return lattice
        return every_second(homography_flow(camera, pixel_grid(*known.shape)))
    scale = np.diag((LATTICE, LATTICE, 1.0))
    base = None if camera is None else np.linalg.inv(scale) @ camera @ scale
    done = complete_flow(lattice / np.float32(LATTICE), seen, base=base)
    return np.asarray(done * np.float32(LATTICE))


def _sure(
    flow: Flow, known: Bool[ndarray, "h w"], hole: Bool[ndarray, "h w"], camera: Matrix | None
) -> Float32[ndarray, "h2 w2"]:
    """Belief in a completed flow: full where measured, less where the gap bridges two motions.

    Between surfaces that move apart the completion is a slope that neither of them follows.
    """
    parallax = flow
    if camera is not None:
        grid = pixel_grid(*known.shape)[::LATTICE, ::LATTICE]
        parallax = flow - homography_flow(camera, grid)
    slope = np.zeros(flow.shape[:2], np.float32)
    for channel in (0, 1):
        layer = np.ascontiguousarray(parallax[..., channel])
        for axis in ((1, 0), (0, 1)):
            slope += (cv2.Scharr(layer, cv2.CV_32F, *axis) / np.float32(32 * LATTICE)) ** 2
    guessed = GUESS_BELIEF * every_second(hole) / (1 + slope / np.float32(BRIDGE_SLOPE**2))
    return np.asarray(np.maximum(every_second(known), guessed), np.float32)


def _still(
    matrix: Matrix | None,
    first: UInt8[ndarray, "h w"],
    second: UInt8[ndarray, "h w"],
    known: Bool[ndarray, "h w"],
) -> Matrix | None:
    """Exactly the identity where the camera may as well stand on a tripod."""
    height, width = first.shape
    if matrix is None or motion_span_px(matrix, height, width) >= STILL_PX or not known.any():
        return matrix
    shown = known.astype(np.float32)
    moved = _window_error(first, second, homography_flow(matrix, pixel_grid(height, width)), shown)
    still = _window_error(first, second, identity_flow(height, width), shown)
    enough = still[known].mean() <= SIMPLER_IS_ENOUGH * moved[known].mean() + NOISE_LEVELS2
    return np.eye(3) if enough else matrix


def _simplest(
    flow: Flow,
    camera: Matrix | None,
    first: UInt8[ndarray, "h w"],
    second: UInt8[ndarray, "h w"],
    shown: Float32[ndarray, "h w"],
) -> Flow:
    """The flow, with the camera's motion wherever that explains the picture as well.

    Dense flow wanders in flat areas and by hundredths of pixels everywhere; chained over many
    frames that blurs, and noise is no longer averaged over the same point.
    """
    if camera is None:
        return flow
    simple = homography_flow(camera, pixel_grid(*first.shape))
    richer = _window_error(first, second, flow, shown)
    simpler = _window_error(first, second, simple, shown)
    enough = simpler <= SIMPLER_IS_ENOUGH * richer + NOISE_LEVELS2
    return np.where(enough[..., None], simple, flow)


def _window_error(
    first: UInt8[ndarray, "h w"],
    second: UInt8[ndarray, "h w"],
    flow: Flow,
    shown: Float32[ndarray, "h w"],
) -> Float32[ndarray, "h w"]:
    """Mean squared difference around each pixel, over what is shown; 0 where nothing is.

    The object is left out, or the flow that follows it would win around it.
    """
    difference = first.astype(np.float32) - backward_warp(second, flow).astype(np.float32)
    side = (AGREEMENT_WINDOW_PX, AGREEMENT_WINDOW_PX)
    total = cv2.blur(difference * difference * shown, side)
    return np.asarray(total / np.maximum(cv2.blur(shown, side), 1e-6), np.float32)
