"""What one walks on: setts, the soil under them, the grass in the joints.

What may go in: everything that makes the courtyard's floor.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from geometry import COARSE, Array, Pile, add_leaves, block, rows, turn
from materials import leaf, plain, stone


def add_ground(rng: np.random.Generator) -> None:
    """Setts in uneven rows on soil, grass in the joints."""
    lines = rows(rng, -4.4, -0.12, 0.11, 0.17)
    add_setts(rng, lines)
    soil = Pile()
    soil.add(block(rng, (40, 40, 0.1), 0.01), (0, -8, -0.08), 0.5)
    soil.build("soil", plain("soil", (0.05, 0.042, 0.03), (0.13, 0.11, 0.075), 0.95, 9.0, 0.02))
    add_grass(rng, lines)


def add_setts(rng: np.random.Generator, lines: Array) -> None:
    """Hewn stones, one row between each two of `lines` (metres in y)."""
    pile = Pile()
    for y0, y1 in pairwise(lines):
        cuts = rows(rng, -5.2 + rng.uniform(0, 0.1), 5.2, 0.12, 0.25)
        for x0, x1 in pairwise(cuts):
            size = (x1 - x0 - 0.016, y1 - y0 - 0.014, 0.12)
            shape = turn(block(rng, size, 0.03, 0.006, COARSE), rng.normal(0, 1.6), "X")
            centre = ((x0 + x1) / 2, (y0 + y1) / 2, -0.06 + rng.normal(0, 0.006))
            pile.add(shape, centre, rng.uniform())
    pile.build(
        "setts",
        stone(
            "sett stone",
            (0.19, 0.18, 0.17),
            (0.29, 0.26, 0.23),
            (0.23, 0.20, 0.17),
            (0.34, 0.31, 0.28),
            moss=0.35,
        ),
    )


def add_grass(rng: np.random.Generator, lines: Array) -> None:
    """Tufts along the foot of the wall and in the joints at `lines`."""
    tufts = Pile()
    y = np.where(
        rng.uniform(size=170) < 0.55, rng.uniform(-0.2, -0.05, 170), rng.choice(lines, 170)
    )
    roots = np.stack([rng.uniform(-4.5, 4.5, 170), y, np.full(170, -0.03)], 1)
    base = np.repeat(roots, 16, axis=0) + rng.normal(0, 0.018, (170 * 16, 3)) * np.array((1, 1, 0))
    grow = rng.normal(0, 0.42, base.shape) + np.array((0, 0, 1))
    length = np.repeat(rng.uniform(0.5, 1.3, 170), 16) * rng.uniform(0.05, 0.13, len(base))
    add_leaves(tufts, rng, base, grow, rng.normal(size=base.shape), length, 0.1)
    tufts.build("grass", leaf("grass", (0.06, 0.10, 0.02), (0.13, 0.17, 0.04), (0.2, 0.19, 0.07)))
