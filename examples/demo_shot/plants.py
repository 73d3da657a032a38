"""All that grows: pots with bushes, lavender, ivy on the wall, branches out of the picture.

What may go in: plants and the pots they stand in. The grass in the joints is in `ground.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import bpy  # type: ignore[import-not-found]  # Blender's own module: it has no stubs
import numpy as np
from camera_and_light import TO_SUN
from geometry import Pile, Point, add_leaves, lumps, turned
from materials import leaf, plain


def add_pot(rng: np.random.Generator, clay: Pile, at: Point, size: float) -> None:
    """A clay pot with a rim, filled with soil-coloured clay."""
    radii = (0, 0.3, 0.33, 0.42, 0.43, 0.49, 0.5, 0.51, 0.5, 0.46, 0.44, 0)
    heights = (0, 0, 0.02, 0.7, 0.72, 0.73, 0.75, 0.95, 0.98, 0.98, 0.9, 0.88)
    profile = zip(radii, heights, strict=True)
    clay.add(turned([(r * size * 0.5, z * size * 0.5) for r, z in profile]), at, rng.uniform())


def add_bush(
    rng: np.random.Generator,
    pile: Pile,
    centre: Sequence[float],
    radius: float,
    count: int,
    length: float,
    width: float = 0.5,
) -> None:
    """Leaves that grow outwards from a ball."""
    out = rng.normal(size=(count, 3)) + np.array((0, 0, 0.35))
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    base = np.asarray(centre) + out * radius * rng.uniform(0.15, 1, (count, 1)) ** 0.6
    forward = out + rng.normal(0, 0.45, out.shape)
    up = rng.normal(0, 0.5, out.shape) + np.array((0, -0.3, 1))
    add_leaves(pile, rng, base, forward, up, length * rng.uniform(0.6, 1.2, count), width)


def add_plants(rng: np.random.Generator) -> None:
    """Pots with bushes, lavender in front, ivy on the right half of the wall."""
    clay, green, grey, violet = Pile(), Pile(), Pile(), Pile()
    add_bushes(rng, clay, green)
    add_lavender(rng, clay, grey, violet)
    clay.build("pots", plain("clay", (0.30, 0.13, 0.065), (0.44, 0.24, 0.14), 0.85, 6.0))
    green.build(
        "bushes", leaf("bush", (0.028, 0.075, 0.012), (0.06, 0.125, 0.02), (0.11, 0.17, 0.03))
    )
    grey.build("stalks", leaf("stalk", (0.10, 0.13, 0.07), (0.16, 0.19, 0.10)))
    violet.build("flowers", leaf("flower", (0.17, 0.10, 0.33), (0.27, 0.17, 0.46)))
    add_ivy(rng)


def add_bushes(rng: np.random.Generator, clay: Pile, green: Pile) -> None:
    """Potted bushes along the wall."""
    for x, y, size, count, length in (
        (-0.72, -0.32, 0.62, 420, 0.15),
        (-2.5, -0.35, 0.75, 520, 0.17),
        (-2.98, -0.6, 0.5, 300, 0.1),
        (2.88, -0.62, 0.66, 420, 0.14),
        (2.05, -0.75, 0.42, 260, 0.09),
    ):
        add_pot(rng, clay, (x, y, 0), size)
        add_bush(rng, green, (x, y, size * 0.72), size * 0.42, count, length)


def add_lavender(rng: np.random.Generator, clay: Pile, grey: Pile, violet: Pile) -> None:
    """Pots of lavender: grey stalks, each with violet flowers around its tip."""
    for x, y, size in ((1.62, -1.0, 0.44), (-3.35, -1.15, 0.55)):
        add_pot(rng, clay, (x, y, 0), size)
        spread = rng.normal(0, size * 0.09, (130, 3)) * np.array((1, 1, 0))
        roots = np.array((x, y, size * 0.45)) + spread
        grow = rng.normal(0, 0.3, roots.shape) + np.array((0, 0, 1))
        high = rng.uniform(0.22, 0.42, 130)
        add_leaves(grey, rng, roots, grow, rng.normal(size=roots.shape), high, 0.05)
        grow /= np.linalg.norm(grow, axis=1, keepdims=True)
        bend = np.asarray((0, 0, -0.05))
        for part in np.linspace(0.75, 1.05, 7):
            tips = roots + grow * (high * part)[:, None] + bend * part
            grown = rng.normal(size=tips.shape) + grow
            around = rng.normal(size=tips.shape)
            add_leaves(violet, rng, tips, grown, around, np.full(130, 0.022), 0.8)


def add_ivy(rng: np.random.Generator) -> None:
    """Leaves that hang on the wall, denser towards the upper right, in clumps."""
    pile = Pile()
    spots = np.stack(
        [rng.uniform(-4.6, 5.0, 60000), np.zeros(60000), rng.uniform(0, 3.9, 60000)], 1
    )
    clumps = lumps(spots, rng, 1.1)[:, 0] + 0.5 * lumps(spots, rng, 0.35)[:, 1]
    right = (spots[:, 0] - 2.75 + 0.55 * (spots[:, 2] - 1.2)) * 1.2
    left = (-3.25 - spots[:, 0] + 0.35 * (spots[:, 2] - 1.8)) * 1.2
    top = (spots[:, 2] - 3.05) * 1.5
    density = np.maximum(np.maximum(right, left), top) + 0.75 * clumps
    spots = spots[rng.uniform(size=len(spots)) < np.clip(density * 1.4, 0, 0.75)]
    spots[:, 1] = -0.02 - np.abs(rng.normal(0, 0.06, len(spots)))
    forward = rng.normal(0, 0.55, spots.shape) + np.array((0, -0.25, -0.8))
    up = rng.normal(0, 0.35, spots.shape) + np.array((0, -1, 0.35))
    add_leaves(pile, rng, spots, forward, up, rng.uniform(0.045, 0.115, len(spots)), 0.85)
    pile.build("ivy", leaf("ivy", (0.018, 0.05, 0.012), (0.04, 0.09, 0.018), (0.09, 0.135, 0.03)))


def add_canopy(rng: np.random.Generator) -> None:
    """Branches out of the picture, towards the sun: they dapple the light on the wall."""
    pile = Pile()
    to_sun = np.asarray(TO_SUN) / np.linalg.norm(TO_SUN)
    for x, z, radius, count in (
        (-3.5, 2.9, 0.8, 120),
        (-0.6, 2.9, 0.6, 60),
        (2.7, 2.7, 0.8, 90),
        (3.7, 1.3, 0.6, 60),
        (-3.9, 1.5, 0.7, 70),
        (-0.3, 0.6, 0.5, 40),
    ):
        centre = np.asarray((x, 0, z)) + to_sun * 7.0
        add_bush(rng, pile, centre.tolist(), radius, count, 0.24, 0.55)
    pile.build("canopy", bpy.data.materials["bush"])
