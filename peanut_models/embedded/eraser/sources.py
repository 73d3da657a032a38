"""Where else the hidden background is seen, and how far each look can be believed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray

from peanut_models.embedded.eraser.geometry import LATTICE, Box, every_second, inside, sample
from peanut_models.embedded.eraser.motion import Matrix, Motion
from peanut_models.flow.registration import homography_flow

Colour = Float32[ndarray, "rgb"]
"""One number per channel."""

DOUBT = 0.3
"""Factor on the belief in a chain at each step that failed the forward-backward check."""

EVERY_FRAME_WITHIN = 12
"""Nearer than this every frame is a source, farther every second: neighbours there say the same."""

GAIN_LIMITS = (0.7, 1.4)
"""An exposure change beyond half a stop within a shot is not one: the ring matched badly."""

GAIN_PRIOR_LEVELS = 500.0
"""Levels times pixels that pull the gain of a dark or small ring towards 1."""

IMPLAUSIBLE_LEVELS2 = 1600.0
"""A look that misses the ring by more (40 levels rms) shows something else: better make it up."""

UNCHECKED_LEVELS2 = 400.0
"""Expected squared error of a look without any ring to compare: believed, but not much."""

STILL_MUST_BE = 4.0
"""A path that ignores the motion may miss the ring by this factor of what the moving ones miss:
it is right for what slides along itself (a lane marking) and for what the camera carries."""

RING_BLUR = 6.0
"""Sigma in lattice points: the error around the hole speaks for this neighbourhood first."""

FAR_SHARE = 0.02
"""Weight of the whole ring's mean error where nothing of the ring is near."""

NOISE_LEVELS2 = 6.0
"""Squared error of 8-bit colours below which two sources are equally good (codec noise)."""

ERROR_POWER = 2.0
"""Belief falls with this power of the squared error on the ring."""

NEAR_FRAMES = 40.0
"""Belief halves over this many frames: what the ring does not show may have moved."""


@dataclass(slots=True)
class Look:
    """One frame as seen from another along one hypothesis of the motion.

    Attributes:
        frame: the source.
        shift: displacement from each lattice point of the box to the source, full-size pixels.
        belief: weight of each lattice point, 0 where the source does not show it.
        gain: factor per colour channel that fits the source's exposure to the frame's.
    """

    frame: int
    shift: Float32[ndarray, "h2 w2 2"]
    belief: Float32[ndarray, "h2 w2"]
    gain: Colour


@dataclass(frozen=True, slots=True)
class Scene:
    """What all frames of the window share.

    Attributes:
        frames: the window, any depth.
        holes: the matte.
        small: 8-bit RGB of every second pixel, slightly blurred.
        hidden: the holes on the lattice; 1 is hidden.
        motion: between neighbours.
    """

    frames: ndarray[Any, Any]
    holes: Bool[ndarray, "t h w"]
    small: Sequence[UInt8[ndarray, "h2 w2 3"]]
    hidden: Sequence[Float32[ndarray, "h2 w2"]]
    motion: Motion


def follow(
    motion: Motion, start: int, origin: Float32[ndarray, "h2 w2 2"], step: int
) -> Iterator[tuple[int, Float32[ndarray, "h2 w2 2"], Float32[ndarray, "h2 w2"]]]:
    """Follow points along the dense flow, frame by frame.

    Yields:
        The frame, the points' displacement since `start`, and the belief in it.
    """
    at: ndarray[Any, Any] = origin
    belief: ndarray[Any, Any] = np.ones(origin.shape[:2], np.float32)
    k = start
    while 0 <= k + step <= len(motion.forward):
        flow = motion.forward[k] if step > 0 else motion.backward[k - 1]
        sure = motion.forward_sure[k] if step > 0 else motion.backward_sure[k - 1]
        where = at / np.float32(LATTICE)
        belief = belief * (DOUBT + (1 - DOUBT) * sample(sure, where))
        at = at + sample(flow, where)
        k += step
        yield k, at - origin, belief


def follow_camera(
    motion: Motion, start: int, origin: Float32[ndarray, "h2 w2 2"], step: int
) -> Iterator[tuple[int, Float32[ndarray, "h2 w2 2"]]]:
    """Follow points along the camera's homographies, as far as there are any."""
    k = start
    total: ndarray[Any, Any] = np.eye(3)
    while 0 <= k + step <= len(motion.forward):
        matrix: Matrix | None = motion.camera[k if step > 0 else k - 1]
        if matrix is None:
            return
        total = np.matmul(matrix if step > 0 else np.linalg.inv(matrix), total)
        k += step
        yield k, homography_flow(total, origin)


def looks(scene: Scene, frame: int, box: Box) -> list[Look]:
    """Every other frame as seen from the box of one, by dense flow and by the camera's motion."""
    origin = box.points()
    ring = scene.hidden[frame][box.lattice_slices] == 0
    wanted = ~ring
    true = scene.small[frame][box.lattice_slices].astype(np.float32)
    found = []
    for step in (1, -1):
        dense = follow(scene.motion, frame, origin, step)
        camera = follow_camera(scene.motion, frame, origin, step)
        for k, shift, belief in dense:
            rigid = next(camera, None)
            distance = abs(k - frame)
            if distance > EVERY_FRAME_WITHIN and distance % 2:
                continue
            trust = np.ones_like(belief)
            paths = [(shift, belief)] + ([] if rigid is None else [(rigid[1], trust)])
            views = [_view(scene, k, path, true, ring, origin) for path, _ in paths]
            moved = np.minimum.reduce([view.expected for view in views])
            if any(np.abs(path).max() > 0 for path, _ in paths):
                still = _view(scene, k, np.zeros_like(shift), true, ring, origin)
                # What slides along itself or is fixed to the camera; elsewhere it is a fallacy.
                plausible = still.expected <= STILL_MUST_BE * moved + NOISE_LEVELS2
                views.append(still)
                paths.append((still.shift, trust * plausible))
            for view, (_, path_belief) in zip(views, paths, strict=True):
                weight = _weight(view, path_belief, abs(k - frame))
                if (weight[wanted] > 0).any():
                    found.append(Look(k, view.shift, weight, view.gain))
    return found


@dataclass(slots=True)
class _View:
    """One frame along one path, compared with the ring."""

    shift: Float32[ndarray, "h2 w2 2"]
    seen: Bool[ndarray, "h2 w2"]
    expected: Float32[ndarray, "h2 w2"]
    gain: Colour


def _view(
    scene: Scene,
    source: int,
    shift: Float32[ndarray, "h2 w2 2"],
    true: Float32[ndarray, "h2 w2 3"],
    ring: Bool[ndarray, "h2 w2"],
    origin: Float32[ndarray, "h2 w2 2"],
) -> _View:
    at = origin + shift
    where = at / np.float32(LATTICE)
    seen = inside(at, *scene.holes.shape[1:]) & (sample(scene.hidden[source], where) == 0)
    colour = sample(scene.small[source], where).astype(np.float32)
    both = seen & ring
    gain = _gain(true[both], colour[both])
    error = ((colour * gain - true) ** 2).mean(axis=2)
    return _View(shift, seen, _spread(error, both), gain)


def _weight(
    view: _View, belief: Float32[ndarray, "h2 w2"], distance: int
) -> Float32[ndarray, "h2 w2"]:
    plausible = view.seen & (view.expected < IMPLAUSIBLE_LEVELS2)
    weight = plausible * belief**2 / (view.expected + NOISE_LEVELS2) ** ERROR_POWER
    return np.asarray(weight / (1.0 + distance / NEAR_FRAMES), np.float32)


def expected_error(belief: Float32[ndarray, " n"]) -> Float32[ndarray, " n"]:
    """The squared error that a belief stands for (the inverse of how `looks` forms it)."""
    return np.asarray(np.maximum(belief, 1e-12) ** (-1.0 / ERROR_POWER))


def _gain(true: Float32[ndarray, "n 3"], seen: Float32[ndarray, "n 3"]) -> Colour:
    """The exposure factor per channel, from the better-matching half of the ring."""
    if not len(true):
        return np.ones(3, np.float32)
    miss = np.abs(true - seen).sum(axis=1)
    good = miss <= np.median(miss)
    ratio = (true[good].sum(0) + GAIN_PRIOR_LEVELS) / (seen[good].sum(0) + GAIN_PRIOR_LEVELS)
    return np.asarray(np.clip(ratio, *GAIN_LIMITS), np.float32)


def _spread(
    error: Float32[ndarray, "h2 w2"], known: Bool[ndarray, "h2 w2"]
) -> Float32[ndarray, "h2 w2"]:
    """The error on the ring, carried into the hole: near values first, the mean elsewhere."""
    if not known.any():
        return np.full(error.shape, UNCHECKED_LEVELS2, np.float32)
    weight = known.astype(np.float32)
    mean = float(error[known].mean())
    total = cv2.GaussianBlur(error * weight, (0, 0), RING_BLUR) + FAR_SHARE * mean
    return np.asarray(total / (cv2.GaussianBlur(weight, (0, 0), RING_BLUR) + FAR_SHARE))


def make_scene(frames: ndarray[Any, Any], holes: Bool[ndarray, "t h w"], motion: Motion) -> Scene:
    """The scene of a window with known motion."""
    small = []
    for frame in frames:
        eight = frame if frame.dtype == np.uint8 else (frame / 257.0 + 0.5).astype(np.uint8)
        small.append(every_second(cv2.GaussianBlur(eight, (3, 3), 0)))
    hidden = [every_second(cv2.dilate(hole.astype(np.float32), np.ones((2, 2)))) for hole in holes]
    return Scene(frames, holes, small, hidden, motion)
