"""The red toy airship: the object that the demo removes.

What may go in: its parts and their colours. How it flies is in `motion.py`.
"""

from __future__ import annotations

import math
from typing import Any

import bpy  # type: ignore[import-not-found]  # Blender's own module: it has no stubs
import numpy as np
from geometry import Pile, Shape, block, turn, turned
from materials import fabric


def hull() -> Shape:
    """The envelope: 0.92 m long, its nose to +x, sewn from twelve gores that bulge."""
    t = np.linspace(0, 1, 60)
    along = 0.46 * np.cos(math.pi * t)
    radius = 0.185 * np.sin(math.pi * t) ** 0.75 * (1 + 0.16 * np.cos(math.pi * t))
    points, faces = turned(list(zip(radius, along, strict=True)), 144)
    angle = np.arctan2(points[:, 1], points[:, 0])
    bulge = 0.955 + 0.06 * np.sqrt(np.abs(np.sin(6 * angle)))
    points[:, :2] *= bulge[:, None]
    return turn((points, faces), 90, "Y")


def add_airship(rng: np.random.Generator) -> list[Any]:
    """The toy airship as parts under one empty, which is first in the list."""
    bag, dark = Pile(), Pile()
    bag.add(hull())
    for around in (45, 135, 225, 315):
        points, faces = block(rng, (0.20, 0.022, 0.17), 0.011)
        points[:, 0] -= 0.45 * (points[:, 2] + 0.085)
        bag.add(turn((points + np.array((-0.335, 0, 0.165)), faces), around, "X"))
    points, faces = block(rng, (0.27, 0.1, 0.085), 0.04)
    points[:, 0] *= 1 - 1.2 * (points[:, 2] < 0) * np.abs(points[:, 2])
    dark.add((points, faces), (0.03, 0, -0.215))
    empty = bpy.data.objects.new("airship", None)
    bpy.context.scene.collection.objects.link(empty)
    parts = [
        bag.build("envelope", fabric("red skin", (0.62, 0.018, 0.012))),
        dark.build("gondola", fabric("dark red", (0.36, 0.012, 0.01))),
    ]
    for part in parts:
        part.parent = empty
    return [empty, *parts]
