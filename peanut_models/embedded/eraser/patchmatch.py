"""Filling one picture from itself: exemplar patches, coarse to fine.

Source: Wexler, Shechtman, Irani, "Space-Time Completion of Video", PAMI 2007, section 3 (patches
vote, coarse to fine); Barnes et al., "PatchMatch", SIGGRAPH 2009, section 3 (the search).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64
from numpy import ndarray

from peanut_models.embedded.eraser.geometry import grow
from peanut_models.embedded.eraser.structure import grow_structure
from peanut_models.flow.completion import membrane

RADIUS = 3
"""Patches of 7 x 7: large enough for structure, small enough to find again."""

COARSEST_HOLE_PX = 8.0
"""The pyramid starts where the hole is about this thick: one patch then sees both its sides."""

MIN_SIDE_PX = 24
"""Levels smaller than this hold too few patches."""

ROUNDS = 6
"""Search-and-vote rounds on the coarse levels; the finest takes FINE_ROUNDS."""

FINE_ROUNDS = 2
"""The finest level only sharpens what the coarser ones decided."""

SEARCHES_BEFORE_VOTE = 8
"""Search rounds on the coarsest level until its matches have settled; it is tiny."""

VOTE_LEVELS2 = 60.0
"""Mean squared patch error, levels^2, at which a patch's vote falls to 1/e."""

SEED = 1
"""Of the random search: the same hole gets the same fill."""


@dataclass(slots=True)
class _Level:
    image: Float32[ndarray, "h w 3"]
    hole: Bool[ndarray, "h w"]
    taboo: Bool[ndarray, "h w"]
    legal: Bool[ndarray, "h w"]


def fill_from_itself(
    image: Float32[ndarray, "h w 3"],
    hole: Bool[ndarray, "h w"],
    forbidden: Bool[ndarray, "h w"] | None = None,
) -> Float32[ndarray, "h w 3"]:
    """Fill the hole with patches from elsewhere in the picture.

    Args:
        image: 0..255; values in the hole are ignored.
        hole: what to fill.
        forbidden: what no patch may be taken from, besides the hole.

    Returns:
        The picture, changed in the hole only. Where no patch fits beside the hole (a tiny picture
        or one that is all hole) a smooth surface is the answer.
    """
    smooth = membrane(image, ~hole)
    if not hole.any() or hole.all():
        return smooth
    taboo = hole if forbidden is None else hole | forbidden
    levels = _pyramid(smooth, hole, taboo)
    levels = [level for level in levels if level.legal.any()]
    if not levels:
        return smooth
    levels[-1].image = grow_structure(levels[-1].image, levels[-1].hole, levels[-1].taboo)
    rng = np.random.default_rng(SEED)
    field: Int64[ndarray, "n 2"] | None = None
    index: Int32[ndarray, "h w"] | None = None
    for number in range(len(levels) - 1, -1, -1):
        level = levels[number]
        rows, cols = np.nonzero(grow(level.hole, RADIUS) & _interior(level.hole.shape))
        if not len(rows):
            continue
        target = np.stack([rows, cols], axis=1)
        field = _start(level, target, field, index, rng)
        index = np.full(level.hole.shape, -1, np.int32)
        index[rows, cols] = np.arange(len(rows))
        if number == len(levels) - 1:
            # Votes of matches that are still random would wash out the lines just laid.
            for _ in range(SEARCHES_BEFORE_VOTE):
                field, _cost = _search(level, target, field, index, rng)
        else:
            _vote(level, target, field, _distance(level.image, target, field))
        for _ in range(FINE_ROUNDS if number == 0 else ROUNDS):
            field, cost = _search(level, target, field, index, rng)
            _vote(level, target, field, cost)
    return np.where(hole[..., None], levels[0].image, image)


def _pyramid(
    image: Float32[ndarray, "h w 3"], hole: Bool[ndarray, "h w"], taboo: Bool[ndarray, "h w"]
) -> list[_Level]:
    levels = []
    while True:
        legal = ~grow_square(taboo) & _interior(hole.shape)
        levels.append(_Level(image.copy(), hole, taboo, legal))
        thick = 2 * cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 3).max()
        if thick <= COARSEST_HOLE_PX or min(hole.shape) // 2 < MIN_SIDE_PX:
            return levels
        size = ((hole.shape[1] + 1) // 2, (hole.shape[0] + 1) // 2)
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
        # A coarse pixel is known only if all it stands for is.
        hole, taboo = (
            np.asarray(cv2.resize(m.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0)
            for m in (hole, taboo)
        )


def grow_square(mask: Bool[ndarray, "h w"]) -> Bool[ndarray, "h w"]:
    """Every centre whose patch touches the mask."""
    side = 2 * RADIUS + 1
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0)


def _interior(shape: tuple[int, ...]) -> Bool[ndarray, "h w"]:
    inner = np.zeros(shape, bool)
    inner[RADIUS : shape[0] - RADIUS, RADIUS : shape[1] - RADIUS] = True
    return inner


def _start(
    level: _Level,
    target: Int64[ndarray, "n 2"],
    field: Int64[ndarray, "m 2"] | None,
    index: Int32[ndarray, "h w"] | None,
    rng: np.random.Generator,
) -> Int64[ndarray, "n 2"]:
    """A first match of every target: twice the coarser level's, else any."""
    choices = np.argwhere(level.legal)
    chosen = choices[rng.integers(len(choices), size=len(target))]
    if field is None or index is None:
        return chosen
    parent = np.minimum(target // 2, np.array(index.shape) - 1)
    known = index[parent[:, 0], parent[:, 1]]
    finer = 2 * field[known] + target % 2
    finer = np.clip(finer, 0, np.array(level.hole.shape) - 1)
    good = (known >= 0) & level.legal[finer[:, 0], finer[:, 1]]
    return np.where(good[:, None], finer, chosen)


def _distance(
    image: Float32[ndarray, "h w 3"], target: Int64[ndarray, "n 2"], source: Int64[ndarray, "n 2"]
) -> Float32[ndarray, " n"]:
    """Mean squared difference of the patches, per channel."""
    total = np.zeros(len(target), np.float32)
    for dy in range(-RADIUS, RADIUS + 1):
        for dx in range(-RADIUS, RADIUS + 1):
            one = image[target[:, 0] + dy, target[:, 1] + dx]
            other = image[source[:, 0] + dy, source[:, 1] + dx]
            total += ((one - other) ** 2).sum(axis=1)
    return total / np.float32(3 * (2 * RADIUS + 1) ** 2)


def _search(
    level: _Level,
    target: Int64[ndarray, "n 2"],
    field: Int64[ndarray, "n 2"],
    index: Int32[ndarray, "h w"],
    rng: np.random.Generator,
) -> tuple[Int64[ndarray, "n 2"], Float32[ndarray, " n"]]:
    """One PatchMatch round: the neighbours' matches shifted, then random ones ever nearer."""
    cost = _distance(level.image, target, field)
    limit = np.array(level.hole.shape) - 1
    for step in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        beside = np.clip(target - step, 0, limit)
        known = index[beside[:, 0], beside[:, 1]]
        trial = np.where((known >= 0)[:, None], field[known] + step, field)
        field, cost = _better(level, target, field, cost, np.clip(trial, 0, limit))
    reach = max(level.hole.shape) // 2
    while reach >= 1:
        jump = rng.integers(-reach, reach + 1, size=field.shape)
        field, cost = _better(level, target, field, cost, np.clip(field + jump, 0, limit))
        reach //= 3
    return field, cost


def _better(
    level: _Level,
    target: Int64[ndarray, "n 2"],
    field: Int64[ndarray, "n 2"],
    cost: Float32[ndarray, " n"],
    trial: Int64[ndarray, "n 2"],
) -> tuple[Int64[ndarray, "n 2"], Float32[ndarray, " n"]]:
    worth = level.legal[trial[:, 0], trial[:, 1]] & (trial != field).any(axis=1)
    field, cost = field.copy(), cost.copy()
    tried = _distance(level.image, target[worth], trial[worth])
    improved = np.flatnonzero(worth)[tried < cost[worth]]
    field[improved] = trial[improved]
    cost[improved] = tried[tried < cost[worth]]
    return field, cost


def _vote(
    level: _Level,
    target: Int64[ndarray, "n 2"],
    field: Int64[ndarray, "n 2"],
    cost: Float32[ndarray, " n"],
) -> None:
    """Every pixel of the hole becomes the mean of what the patches over it propose."""
    height, width = level.hole.shape
    weight = np.exp(-(cost - cost.min()) / VOTE_LEVELS2) + 1e-6
    total = np.zeros((height * width, 3))
    mass = np.zeros(height * width)
    for dy in range(-RADIUS, RADIUS + 1):
        for dx in range(-RADIUS, RADIUS + 1):
            place = (target[:, 0] + dy) * width + target[:, 1] + dx
            colour = level.image[field[:, 0] + dy, field[:, 1] + dx]
            mass += np.bincount(place, weight, height * width)
            for channel in range(3):
                votes = weight * colour[:, channel]
                total[:, channel] += np.bincount(place, votes, height * width)
    voted = level.hole & (mass.reshape(height, width) > 0)
    mean = total / np.maximum(mass, 1e-12)[:, None]
    level.image[voted] = mean.reshape(height, width, 3)[voted]
