"""The things people put in the courtyard: barrel, bench with crate, lantern.

What may go in: one function per thing, placed by its arguments. They use the facade's iron, so the
facade is built first.
"""

from __future__ import annotations

import math

import bpy  # type: ignore[import-not-found]  # Blender's own module: it has no stubs
import numpy as np
from geometry import Array, Pile, block, turned
from materials import plain, wood


def add_barrel(rng: np.random.Generator, x: float, y: float) -> None:
    """Staves with gaps between them, iron hoops, a lid."""

    def belly(z: Array) -> Array:
        return np.asarray(0.255 + 0.055 * np.sin(math.pi * z / 0.86))

    staves, hoops = Pile(), Pile()
    for i in range(22):
        points, faces = block(rng, (0.087, 0.03, 0.86), 0.008)
        z = points[:, 2] + 0.43
        width = belly(z) / 0.31
        radius = belly(z) + points[:, 1]
        angle = 2 * math.pi * i / 22 + points[:, 0] * width / radius
        bent = np.stack([radius * np.cos(angle), radius * np.sin(angle), z], 1)
        staves.add((bent, faces), (x, y, 0), rng.uniform())
    staves.add(turned([(0, 0.79), (0.25, 0.79), (0.25, 0.75)]), (x, y, 0), 0.4)
    for middle in (0.06, 0.22, 0.64, 0.80):
        low, high = middle - 0.02, middle + 0.02
        r0, r1 = (belly(np.array([low, high])) + 0.018).tolist()
        band = turned([(r0 - 0.02, low), (r0, low), (r1, high), (r1 - 0.02, high)])
        hoops.add(band, (x, y, 0))
    staves.build("barrel", wood("oak", (0.10, 0.06, 0.03), (0.30, 0.19, 0.10), 2))
    hoops.build("hoops", bpy.data.materials["iron"])


def add_bench(rng: np.random.Generator, x: float, y: float) -> None:
    """A plank bench with a crate under it."""
    planks, legs = Pile(), Pile()
    for i in range(3):
        planks.add(
            block(rng, (1.5, 0.115, 0.035), 0.008, 0.001),
            (x, y - 0.125 + 0.125 * i, 0.45),
            rng.uniform(),
        )
    for side in (-0.6, 0.6):
        legs.add(block(rng, (0.06, 0.34, 0.43), 0.008), (x + side, y, 0.215), rng.uniform())
    for row in range(4):
        for depth in (-0.16, 0.16):
            planks.add(
                block(rng, (0.5, 0.014, 0.058), 0.004),
                (x + 0.12, y + depth, 0.045 + 0.072 * row),
                rng.uniform(),
            )
    for corner in (-0.12, 0.36):
        legs.add(block(rng, (0.03, 0.34, 0.3), 0.004), (x + corner, y, 0.15), rng.uniform())
    planks.build("bench", wood("grey wood", (0.13, 0.11, 0.085), (0.36, 0.31, 0.25), 0))
    legs.build("legs", wood("grey wood upright", (0.12, 0.10, 0.08), (0.32, 0.27, 0.21), 2))


def add_lantern(rng: np.random.Generator, x: float, z: float) -> None:
    """An iron wall lantern."""
    iron = Pile()
    for size, (dx, dy, dz) in (
        ((0.09, 0.02, 0.2), (0, -0.02, 0)),
        ((0.02, 0.2, 0.02), (0, -0.12, 0.07)),
        ((0.17, 0.17, 0.02), (0, -0.2, -0.26)),
        ((0.17, 0.17, 0.02), (0, -0.2, 0.0)),
        ((0.10, 0.10, 0.05), (0, -0.2, 0.03)),
    ):
        iron.add(block(rng, size, 0.006), (x + dx, dy, z + dz), 0.5)
    for right in (-0.072, 0.072):
        for back in (-0.072, 0.072):
            iron.add(
                block(rng, (0.014, 0.014, 0.26), 0.004), (x + right, back - 0.2, z - 0.13), 0.5
            )
    iron.build("lantern", bpy.data.materials["iron"])
    lamp = Pile()
    lamp.add(
        turned([(0, -0.22), (0.03, -0.22), (0.032, -0.1), (0.015, -0.07), (0, -0.07)]),
        (x, -0.2, z),
        0.5,
    )
    lamp.build("candle", plain("wax", (0.7, 0.62, 0.45), (0.8, 0.72, 0.55), 0.5, 5.0))
