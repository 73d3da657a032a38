"""Shapes from numbers: blocks, turned bodies, leaves, noise, and the pile that becomes a mesh.

What may go in: functions from numbers (and a random generator) to vertices and faces. Nothing here
knows a material or what a shape stands for in the picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import bpy  # type: ignore[import-not-found]  # Blender's own module: it has no stubs
import mathutils  # type: ignore[import-not-found]  # the same
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Faces = NDArray[np.int64]  # (m, 4) vertex numbers
Shape = tuple[Array, Faces]
Point = tuple[float, float, float]  # metres, or a colour
Rect = tuple[float, float, float, float]  # x0, x1, z0, z1 in metres


class Pile:
    """Collects pieces and makes one mesh of them; each piece keeps a random `tint` for shaders."""

    def __init__(self) -> None:
        self._vertices: list[Array] = []
        self._faces: list[Faces] = []
        self._tints: list[Array] = []
        self._count = 0

    def add(self, shape: Shape, at: Point = (0, 0, 0), tint: float | Array = 0.5) -> None:
        """Add a piece moved to `at`; `tint` is one number for it or one per vertex."""
        vertices, faces = shape
        self._vertices.append(vertices + np.asarray(at))
        self._faces.append(faces + self._count)
        self._tints.append(np.broadcast_to(np.asarray(tint, dtype=float), len(vertices)))
        self._count += len(vertices)

    def build(self, name: str, material: Any) -> Any:
        """Make the mesh object and link it to the scene."""
        mesh = bpy.data.meshes.new(name)
        vertices, faces = np.concatenate(self._vertices), np.concatenate(self._faces)
        mesh.from_pydata(vertices.tolist(), [], faces.tolist())
        mesh.attributes.new("tint", "FLOAT", "POINT")
        mesh.attributes["tint"].data.foreach_set("value", np.concatenate(self._tints))
        mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), dtype=bool))
        mesh.materials.append(material)
        thing = bpy.data.objects.new(name, mesh)
        bpy.context.scene.collection.objects.link(thing)
        return thing


def cube_grid(lines: Sequence[float]) -> Shape:
    """A cube from -1 to 1 whose sides are cut at `lines`, with shared vertices along the edges."""
    u, v = np.meshgrid(lines, lines, indexing="ij")
    n = len(lines)
    index = np.arange(n * n).reshape(n, n)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], -1)
    corners: list[Array] = []
    faces: list[Faces] = []
    for axis in range(3):
        for side in (-1.0, 1.0):
            points = np.full((n * n, 3), side)
            points[:, (axis + 1) % 3], points[:, (axis + 2) % 3] = u.ravel(), v.ravel()
            faces.append(quads.reshape(-1, 4)[:, :: int(side)] + len(corners) * n * n)
            corners.append(points)
    points, inverse = np.unique(np.concatenate(corners).round(6), axis=0, return_inverse=True)
    return points, inverse.reshape(-1)[np.concatenate(faces)]


FINE = cube_grid([-1, -0.94, -0.8, -0.5, -0.17, 0.17, 0.5, 0.8, 0.94, 1])
COARSE = cube_grid([-1, -0.85, -0.45, 0, 0.45, 0.85, 1])


def lumps(points: Array, rng: np.random.Generator, wavelength: float) -> Array:
    """Smooth noise of three channels at `points`: a sum of random sines, about -1 to 1."""
    waves = rng.normal(size=(3, 7, 3)) * (2 * math.pi / wavelength) / math.sqrt(3)
    phases = rng.uniform(0, 2 * math.pi, size=(3, 7))
    summed = np.sin(np.einsum("cwk,nk->ncw", waves, points) + phases).mean(-1)
    return np.asarray(2 * summed)


def block(
    rng: np.random.Generator,
    size: Sequence[float],
    radius: float,
    rough: float = 0.0,
    grid: Shape = FINE,
) -> Shape:
    """A box with rounded edges around the origin; `rough` metres of lumps make it a stone."""
    half = np.asarray(size) / 2
    inner = np.maximum(half - radius, half * 0.15)
    points = grid[0] * half
    core = np.clip(points, -inner, inner)
    out = (points - core) / (half - inner)
    length = np.linalg.norm(out, axis=1, keepdims=True)
    points = core + out / np.maximum(length, 1e-9) * np.minimum(length, 1) * (half - inner)
    if rough:
        points = points + rough * lumps(points, rng, 0.22) + 0.4 * rough * lumps(points, rng, 0.07)
    return points, grid[1]


def turned(profile: Sequence[tuple[float, float]], segments: int = 48) -> Shape:
    """A body turned around z from (radius, height) pairs."""
    angle = np.linspace(0, 2 * math.pi, segments, endpoint=False)
    radius, height = np.array(profile).T
    x, y = np.outer(radius, np.cos(angle)), np.outer(radius, np.sin(angle))
    points = np.stack([x, y, np.repeat(height[:, None], segments, 1)], -1).reshape(-1, 3)
    index = np.arange(len(points)).reshape(len(profile), segments)
    after = np.roll(index, -1, axis=1)
    faces = np.stack([index[:-1], after[:-1], after[1:], index[1:]], -1)
    return points, faces.reshape(-1, 4)


def turn(shape: Shape, degrees: float, axis: str = "Z") -> Shape:
    """Rotate a shape around an axis through the origin."""
    matrix = np.array(mathutils.Matrix.Rotation(math.radians(degrees), 3, axis))
    return shape[0] @ matrix.T, shape[1]


def add_leaves(
    pile: Pile,
    rng: np.random.Generator,
    base: Array,
    forward: Array,
    up: Array,
    length: Array,
    width: float,
) -> None:
    """Add one bent leaf per row of `base`, growing along `forward`, its face towards `up`."""
    t, s = np.meshgrid(np.linspace(0, 1, 6), [-1.0, 0.0, 1.0], indexing="ij")
    outline = np.sin(math.pi * np.clip(t, 0.02, 0.985) ** 0.75) ** 0.8
    side_way = s * outline * width / 2
    lift = 0.12 * np.abs(s) * outline - 0.35 * t**2
    forward = forward / np.linalg.norm(forward, axis=1, keepdims=True)
    side = np.cross(forward, up)
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-6)
    normal = np.cross(side, forward)
    frame = np.stack([side, forward, normal], 1) * length[:, None, None]
    shape = np.stack([side_way, t, lift], -1).reshape(-1, 3)
    points = base[:, None] + np.einsum("vk,nkd->nvd", shape, frame)
    index = np.arange(18).reshape(6, 3)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], -1)
    faces = quads.reshape(-1, 4)[None] + 18 * np.arange(len(base))[:, None, None]
    tints = np.repeat(rng.uniform(size=len(base)), 18)
    pile.add((points.reshape(-1, 3), faces.reshape(-1, 4)), tint=tints)


def rows(rng: np.random.Generator, start: float, end: float, low: float, high: float) -> Array:
    """Cut [start, end] into random steps between low and high."""
    steps = rng.uniform(low, high, size=int((end - start) / low) + 2)
    edges = start + np.concatenate([[0.0], np.cumsum(steps)])
    kept = edges[edges < end - low / 2]
    return np.append(kept, end)
