"""Render the demo shot: a red toy airship crosses a stone courtyard, seen by a hand-held camera.

Everything is geometry and noise made here from fixed seeds; no texture or model comes from
elsewhere, so the pictures belong to this project (Apache-2.0). Two layers are written:

    DIR/plate/00000.png ...    the courtyard without the airship (16-bit RGB): the true clean plate
    DIR/object/00000.png ...   the airship alone, lit by the same set (16-bit RGBA, straight alpha)

`encode_demo_shot.py` lays one over the other. The airship flies clear of the wall and casts no
shadow on it, so the two layers are all there is: outside the alpha, input and plate are equal.

Run: blender -b --factory-startup -P examples/render_demo_shot.py -- --out DIR
or, with the `bpy` module installed: python examples/render_demo_shot.py --out DIR
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import bpy  # type: ignore[import-not-found]  # Blender's own module: it has no stubs
import mathutils  # type: ignore[import-not-found]  # the same
import numpy as np
from bpy_extras.object_utils import (  # type: ignore[import-not-found]  # the same
    world_to_camera_view,
)
from numpy.typing import NDArray

Array = NDArray[np.float64]
Faces = NDArray[np.int64]  # (m, 4) vertex numbers
Shape = tuple[Array, Faces]
Point = tuple[float, float, float]  # metres, or a colour
Rect = tuple[float, float, float, float]  # x0, x1, z0, z1 in metres

SEED = 20
FRAMES = 48
RATE = 24
# Metres; x right, y away from the camera, z up. The wall's face is y = 0.
DOOR: Rect = (-2.05, -1.05, 0.0, 2.1)
WINDOW: Rect = (0.75, 1.65, 1.05, 2.1)
TO_SUN = (-0.50, -0.62, 0.60)


# --- geometry -------------------------------------------------------------------------------


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


# --- shaders --------------------------------------------------------------------------------


@dataclass
class Shader:
    """A material and short ways to wire its nodes; all textures are 3D noise, so none repeats."""

    material: Any

    @classmethod
    def new(cls, name: str) -> Shader:
        """An empty material with a Principled surface."""
        material = bpy.data.materials.new(name)
        material.use_nodes = True
        return cls(material)

    @property
    def surface(self) -> Any:
        """The Principled node."""
        return self.material.node_tree.nodes["Principled BSDF"]

    def node(self, kind: str, **inputs: Any) -> Any:
        """Add a node; inputs are sockets to link or values, `_` in a name stands for a space."""
        made = self.material.node_tree.nodes.new(kind)
        for name, value in inputs.items():
            self.put(made, name.replace("_", " "), value)
        return made

    def put(self, node: Any, name: str | int, value: Any) -> None:
        """Link a socket to an input, or set its value."""
        if isinstance(value, bpy.types.NodeSocket):
            self.material.node_tree.links.new(value, node.inputs[name])
        else:
            node.inputs[name].default_value = value

    def tint(self) -> Any:
        """The random number of the piece that is being shaded."""
        made = self.node("ShaderNodeAttribute")
        made.attribute_name = "tint"
        return made.outputs["Fac"]

    def place(self, stretch: Sequence[float] = (1, 1, 1)) -> Any:
        """Position on the object, moved by the tint so that neighbours do not share a pattern."""
        where = self.node("ShaderNodeTexCoord").outputs["Object"]
        away = self.maths("MULTIPLY", self.tint(), 53.0)
        moved = self.node("ShaderNodeVectorMath")
        self.put(moved, 0, where)
        self.put(moved, 1, away)
        return self.node("ShaderNodeMapping", Vector=moved.outputs[0], Scale=stretch).outputs[0]

    def noise(self, where: Any, scale: float, detail: float = 4.0, twist: float = 0.0) -> Any:
        """Fractal noise, about 0.3 to 0.7."""
        made = self.node(
            "ShaderNodeTexNoise", Vector=where, Scale=scale, Detail=detail, Distortion=twist
        )
        return made.outputs[0]

    def maths(self, kind: str, first: Any, second: Any) -> Any:
        """One arithmetic step."""
        made = self.node("ShaderNodeMath")
        made.operation = kind
        self.put(made, 0, first)
        self.put(made, 1, second)
        return made.outputs[0]

    def ramp(self, fac: Any, *stops: tuple[float, Point]) -> Any:
        """Colours along a value."""
        made = self.node("ShaderNodeValToRGB", Fac=fac)
        points = made.color_ramp.elements
        while len(points) < len(stops):
            points.new(0.5)
        for point, (position, colour) in zip(points, stops, strict=True):
            point.position, point.color = position, (*colour, 1)
        return made.outputs[0]

    def mix(self, fac: Any, first: Any, second: Any, kind: str = "MIX") -> Any:
        """Blend two colours."""
        made = self.node("ShaderNodeMixRGB", Fac=fac, Color1=first, Color2=second)
        made.blend_type = kind
        return made.outputs[0]

    def finish(
        self, colour: Any, rough: Any, bump: Any = None, height: float = 0.01, metal: float = 0.0
    ) -> Any:
        """Connect the surface and hand back the material."""
        self.put(self.surface, "Base Color", colour)
        self.put(self.surface, "Roughness", rough)
        self.put(self.surface, "Metallic", metal)
        if bump is not None:
            relief = self.node("ShaderNodeBump", Height=bump, Distance=height, Strength=0.8)
            self.put(self.surface, "Normal", relief.outputs[0])
        return self.material


def stone(name: str, *colours: Point, moss: float) -> Any:
    """Weathered stone; `moss` is the height in metres up to which green grows."""
    s = Shader.new(name)
    where = s.place()
    coarse, fine = s.noise(where, 4.5, 6.0, 0.4), s.noise(where, 38.0, 6.0)
    count = len(colours) - 1
    base = s.ramp(s.tint(), *((i / count, c) for i, c in enumerate(colours)))
    base = s.mix(0.75, base, s.ramp(coarse, (0.3, (0.42,) * 3), (0.72, (1.35,) * 3)), "MULTIPLY")
    base = s.mix(0.55, base, s.ramp(fine, (0.32, (0.45,) * 3), (0.6, (1.2,) * 3)), "MULTIPLY")
    lichen = s.ramp(s.noise(where, 11.0, 8.0, 1.0), (0.6, (0, 0, 0)), (0.68, (0.7,) * 3))
    base = s.mix(lichen, base, (0.46, 0.44, 0.36, 1))
    world = s.node("ShaderNodeNewGeometry").outputs["Position"]
    high = s.node("ShaderNodeSeparateXYZ", Vector=world).outputs[2]
    wet = s.maths("MULTIPLY_ADD", s.noise(world, 2.3, 8.0), 2.2)
    s.put(wet.node, 2, -0.62)
    damp = s.maths("SUBTRACT", wet, s.maths("DIVIDE", high, moss))
    base = s.mix(
        s.ramp(damp, (0.25, (0, 0, 0)), (0.75, (0.85,) * 3)), base, (0.05, 0.065, 0.018, 1)
    )
    bump = s.maths("ADD", s.maths("MULTIPLY", fine, 0.5), coarse)
    return s.finish(base, 0.88, bump, 0.02)


def wood(name: str, dark: Point, light: Point, along: int, paint: Point | None = None) -> Any:
    """Weathered boards with the grain along an axis, bare or under old paint."""
    s = Shader.new(name)
    stretch = [1.0, 1.0, 1.0]
    stretch[along] = 0.06
    grain = s.noise(s.place(stretch), 55.0, 6.0, 0.6)
    streak = s.noise(s.place(stretch), 9.0, 3.0, 1.5)
    base = s.ramp(
        s.maths("ADD", s.maths("MULTIPLY", streak, 0.6), s.maths("MULTIPLY", grain, 0.4)),
        (0.35, dark),
        (0.65, light),
    )
    shade = s.ramp(s.tint(), (0.0, (0.62,) * 3), (1.0, (1.15,) * 3))
    bump = grain
    if paint is not None:
        worn = s.ramp(s.noise(s.place(), 7.0, 9.0, 0.3), (0.60, (1, 1, 1)), (0.64, (0, 0, 0)))
        faded = s.ramp(
            streak, (0.3, (0.8 * paint[0], 0.8 * paint[1], 0.8 * paint[2])), (0.7, paint)
        )
        base = s.mix(worn, base, faded)
        bump = s.maths("ADD", grain, s.maths("MULTIPLY", worn, 0.3))
    return s.finish(s.mix(1.0, base, shade, "MULTIPLY"), 0.65, bump, 0.006)


def leaf(name: str, *colours: Point) -> Any:
    """Leaves that let some light through."""
    s = Shader.new(name)
    count = max(len(colours) - 1, 1)
    base = s.ramp(s.tint(), *((i / count, c) for i, c in enumerate(colours)))
    base = s.mix(
        0.5,
        base,
        s.ramp(s.noise(s.place(), 30.0), (0.3, (0.5,) * 3), (0.7, (1.3,) * 3)),
        "MULTIPLY",
    )
    s.finish(base, 0.5)
    through = s.node("ShaderNodeBsdfTranslucent", Color=base).outputs[0]
    both = s.node("ShaderNodeMixShader", Fac=0.3)
    s.put(both, 1, s.surface.outputs[0])
    s.put(both, 2, through)
    end = s.material.node_tree.nodes["Material Output"]
    s.put(end, "Surface", both.outputs[0])
    return s.material


def plain(
    name: str,
    dark: Point,
    light: Point,
    rough: float,
    scale: float,
    height: float = 0.004,
    metal: float = 0.0,
) -> Any:
    """One material with noise between two colours: mortar, soil, clay, iron."""
    s = Shader.new(name)
    pattern = s.noise(s.place(), scale, 8.0, 0.3)
    base = s.ramp(pattern, (0.33, dark), (0.67, light))
    return s.finish(base, rough, s.noise(s.place(), scale * 6, 5.0), height, metal)


# --- the set --------------------------------------------------------------------------------


def rows(rng: np.random.Generator, start: float, end: float, low: float, high: float) -> Array:
    """Cut [start, end] into random steps between low and high."""
    steps = rng.uniform(low, high, size=int((end - start) / low) + 2)
    edges = start + np.concatenate([[0.0], np.cumsum(steps)])
    kept = edges[edges < end - low / 2]
    return np.append(kept, end)


def free_spans(
    z: float, holes: Sequence[Rect], x0: float, x1: float
) -> Iterator[tuple[float, float]]:
    """The parts of [x0, x1] that no hole covers at height z."""
    start = x0
    for left, right, low, high in sorted(holes):
        if low <= z <= high:
            yield start, left
            start = right
    yield start, x1


def add_wall(rng: np.random.Generator) -> None:
    """Courses of rough stones, each its own body, in front of a bed of mortar."""
    pile = Pile()
    levels = rows(rng, 0.0, 3.9, 0.11, 0.27)
    for z0, z1 in pairwise(levels):
        for start, end in free_spans((z0 + z1) / 2, (DOOR, WINDOW), -5.2, 5.2):
            cuts = rows(rng, start, end, 0.15, 0.55)
            for x0, x1 in pairwise(cuts):
                joint = rng.uniform(0.008, 0.02, 2)
                size = (x1 - x0 - joint[0], 0.25, z1 - z0 - joint[1])
                shape = turn(block(rng, size, 0.03, 0.011), rng.normal(0, 0.7), "Y")
                centre = ((x0 + x1) / 2, 0.125 + rng.uniform(-0.014, 0.016), (z0 + z1) / 2)
                pile.add(shape, centre, rng.uniform())
    material = stone(
        "wall stone",
        (0.30, 0.25, 0.19),
        (0.40, 0.35, 0.28),
        (0.27, 0.26, 0.25),
        (0.46, 0.38, 0.27),
        (0.35, 0.31, 0.26),
        moss=1.3,
    )
    pile.build("wall", material)
    mortar = Pile()
    for span in free_spans(1.5, (DOOR, WINDOW), -5.2, 5.2):
        mortar.add(
            block(rng, (span[1] - span[0], 0.2, 3.9), 0.01), (sum(span) / 2, 0.135, 1.95), 0.3
        )
    for x0, x1, z0, z1 in (
        (*DOOR[:2], DOOR[3], 3.9),
        (*WINDOW[:2], WINDOW[3], 3.9),
        (*WINDOW[:2], 0.0, WINDOW[2]),
    ):
        mortar.add(
            block(rng, (x1 - x0 + 0.1, 0.2, z1 - z0), 0.01),
            ((x0 + x1) / 2, 0.135, (z0 + z1) / 2),
            0.3,
        )
    mortar.build(
        "mortar", plain("mortar", (0.26, 0.22, 0.17), (0.42, 0.37, 0.30), 0.95, 14.0, 0.012)
    )


def add_surround(rng: np.random.Generator, hole: Rect, sill: bool) -> None:
    """Dressed stones around an opening: jambs in turn long and short, lintel, sill or step."""
    pile = Pile()
    x0, x1, z0, z1 = hole
    for side, edge in ((-1, x0), (1, x1)):
        levels = rows(rng, z0, z1, 0.26, 0.36)
        for i, (low, high) in enumerate(pairwise(levels)):
            width = 0.2 if i % 2 else 0.3
            pile.add(
                block(rng, (width, 0.33, high - low - 0.012), 0.018, 0.005),
                (edge + side * (width / 2 - 0.06), 0.12, (low + high) / 2),
                rng.uniform(),
            )
    pile.add(
        block(rng, (x1 - x0 + 0.5, 0.34, 0.27), 0.02, 0.006), ((x0 + x1) / 2, 0.115, z1 + 0.10), 0.4
    )
    depth, height = (0.46, 0.1) if sill else (0.85, 0.15)
    pile.add(
        block(rng, (x1 - x0 + 0.36, depth, height), 0.02, 0.006),
        ((x0 + x1) / 2, 0.02, z0 - 0.03 if sill else 0.06),
        0.6,
    )
    pile.build("surround", stone("dressed stone", (0.42, 0.38, 0.31), (0.5, 0.46, 0.39), moss=0.5))


def add_boards(
    rng: np.random.Generator, pile: Pile, area: Rect, y: float, count: int, thick: float = 0.03
) -> None:
    """Fill a rectangle with upright boards."""
    x0, x1, z0, z1 = area
    step = (x1 - x0) / count
    for i in range(count):
        pile.add(
            block(rng, (step - 0.006, thick, z1 - z0), 0.006),
            (x0 + (i + 0.5) * step, y + rng.normal(0, 0.002), (z0 + z1) / 2),
            rng.uniform(),
        )


def add_joinery(rng: np.random.Generator) -> None:
    """The door, the window's shutters and the iron on them."""
    paint = wood("paint", (0.10, 0.075, 0.05), (0.25, 0.2, 0.14), 2, paint=(0.035, 0.14, 0.155))
    iron = plain("iron", (0.012, 0.011, 0.010), (0.05, 0.036, 0.026), 0.55, 40.0, 0.002, 0.6)
    boards, metal = Pile(), Pile()
    add_boards(rng, boards, (DOOR[0] + 0.02, DOOR[1] - 0.02, 0.13, 2.12), 0.14, 6)
    for z in (0.45, 1.62):
        metal.add(block(rng, (0.72, 0.012, 0.05), 0.005), (DOOR[0] + 0.45, 0.118, z), 0.5)
    knob = turned([(0, 0), (0.035, 0.004), (0.04, 0.02), (0.02, 0.05), (0, 0.055)], 24)
    metal.add(turn(knob, 90, "X"), (DOOR[1] - 0.15, 0.12, 1.05), 0.2)
    for x0, x1 in ((WINDOW[0] - 0.52, WINDOW[0] - 0.04), (WINDOW[1] + 0.04, WINDOW[1] + 0.52)):
        add_boards(rng, boards, (x0, x1, WINDOW[2] + 0.03, WINDOW[3] - 0.03), -0.085, 4)
        for z in (WINDOW[2] + 0.2, WINDOW[3] - 0.2):
            boards.add(
                block(rng, (x1 - x0 - 0.05, 0.025, 0.07), 0.006),
                ((x0 + x1) / 2, -0.11, z),
                rng.uniform(),
            )
    middle = (WINDOW[0] + WINDOW[1]) / 2
    for x, z, w, h in (
        (WINDOW[0] + 0.05, 1.57, 0.07, 1.0),
        (WINDOW[1] - 0.05, 1.57, 0.07, 1.0),
        (middle, 1.57, 0.06, 1.0),
        (middle, 1.12, 0.9, 0.08),
        (middle, 2.04, 0.9, 0.07),
        (middle, 1.66, 0.9, 0.035),
    ):
        boards.add(block(rng, (w, 0.06, h), 0.008), (x, 0.16, z), rng.uniform())
    boards.build("painted boards", paint)
    metal.build("iron", iron)
    glass = Shader.new("glass")
    pane = Pile()
    pane.add(block(rng, (1.0, 0.01, 1.1), 0.001), (middle, 0.2, 1.57), 0.5)
    ripple = glass.noise(glass.place(), 2.5, 1.0)
    pane.build("pane", glass.finish((0.012, 0.014, 0.016, 1), 0.06, ripple, 0.01))


def add_ground(rng: np.random.Generator) -> None:
    """Setts in uneven rows on soil, grass in the joints."""
    pile = Pile()
    lines = rows(rng, -4.4, -0.12, 0.11, 0.17)
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
    soil = Pile()
    soil.add(block(rng, (40, 40, 0.1), 0.01), (0, -8, -0.08), 0.5)
    soil.build("soil", plain("soil", (0.05, 0.042, 0.03), (0.13, 0.11, 0.075), 0.95, 9.0, 0.02))
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
    for x, y, size, count, length in (
        (-0.72, -0.32, 0.62, 420, 0.15),
        (-2.5, -0.35, 0.75, 520, 0.17),
        (-2.98, -0.6, 0.5, 300, 0.1),
        (2.88, -0.62, 0.66, 420, 0.14),
        (2.05, -0.75, 0.42, 260, 0.09),
    ):
        add_pot(rng, clay, (x, y, 0), size)
        add_bush(rng, green, (x, y, size * 0.72), size * 0.42, count, length)
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
    clay.build("pots", plain("clay", (0.30, 0.13, 0.065), (0.44, 0.24, 0.14), 0.85, 6.0))
    green.build(
        "bushes", leaf("bush", (0.028, 0.075, 0.012), (0.06, 0.125, 0.02), (0.11, 0.17, 0.03))
    )
    grey.build("stalks", leaf("stalk", (0.10, 0.13, 0.07), (0.16, 0.19, 0.10)))
    violet.build("flowers", leaf("flower", (0.17, 0.10, 0.33), (0.27, 0.17, 0.46)))
    add_ivy(rng)


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


# --- the airship, the camera, the light ---------------------------------------------------------


def fabric(name: str, colour: Point) -> Any:
    """Glossy balloon skin."""
    s = Shader.new(name)
    soft = s.noise(s.place(), 9.0, 2.0)
    return s.finish((*colour, 1), 0.33, soft, 0.004)


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


def sway(time: float, seed: float, *rates: float) -> float:
    """A slow wander around 0, about -1 to 1, as a hand or a breeze makes it."""
    return sum(
        math.sin(2 * math.pi * r * time + seed * (i + 1.7)) for i, r in enumerate(rates)
    ) / len(rates)


def place_camera(camera: Any, frame: int) -> None:
    """A slow step to the right and forward, hand-held."""
    time, part = frame / RATE, frame / (FRAMES - 1)
    ease = part * part * (3 - 2 * part) * 0.5 + part * 0.5
    wobble = [sway(time, seed, 0.45, 0.9, 1.7) for seed in (0.3, 1.9, 4.2, 5.5)]
    camera.location = (
        -0.42 + 0.72 * ease + 0.010 * wobble[0],
        -6.1 + 0.28 * ease,
        1.62 + 0.012 * wobble[1],
    )
    pitch, yaw = -4.6 + 0.16 * wobble[2], 1.3 - 2.0 * ease + 0.20 * wobble[3]
    camera.rotation_euler = (
        math.radians(90 + pitch),
        math.radians(0.1 * wobble[0]),
        math.radians(yaw),
    )


def place_airship(airship: Any, frame: int) -> None:
    """Left to right across the shot, two metres in front of the wall, bobbing a little."""
    time, part = frame / RATE, frame / (FRAMES - 1)
    airship.location = (
        -1.62 + 3.25 * part,
        -2.35 + 0.15 * part,
        1.52 + 0.16 * math.sin(2.6 * part - 0.5) + 0.012 * sway(time, 2.0, 0.8, 1.3),
    )
    pitch = -7.5 * math.cos(2.6 * part - 0.5) * 0.9 + 1.0 * sway(time, 3.0, 0.7)
    roll, yaw = 2.5 * sway(time, 1.0, 0.6, 1.1), -9 + 16 * part
    airship.rotation_euler = (math.radians(roll), math.radians(pitch), math.radians(yaw))


def add_light() -> None:
    """A low afternoon sun and a clear sky."""
    lamp = bpy.data.lights.new("sun", "SUN")
    lamp.energy, lamp.angle, lamp.color = 6.0, math.radians(0.9), (1.0, 0.83, 0.62)
    sun = bpy.data.objects.new("sun", lamp)
    sun.rotation_euler = mathutils.Vector(TO_SUN).to_track_quat("Z", "Y").to_euler()
    bpy.context.scene.collection.objects.link(sun)
    world = bpy.data.worlds.new("sky")
    world.use_nodes = True
    bpy.context.scene.world = world
    background = world.node_tree.nodes["Background"]
    # A plain colour lights evenly and costs no noise; a warm-cool balance comes with the sun.
    background.inputs["Color"].default_value = (0.58, 0.74, 1.0, 1)
    background.inputs["Strength"].default_value = 0.5


def add_camera() -> Any:
    """A 30 mm lens, everything sharp."""
    data = bpy.data.cameras.new("camera")
    data.lens = 30
    camera = bpy.data.objects.new("camera", data)
    bpy.context.scene.collection.objects.link(camera)
    bpy.context.scene.camera = camera
    return camera


def build_scene() -> tuple[Any, list[Any]]:
    """The whole set; hands back the camera and the airship's parts."""
    rng = np.random.default_rng(SEED)
    add_wall(rng)
    add_surround(rng, DOOR, sill=False)
    add_surround(rng, WINDOW, sill=True)
    add_joinery(rng)
    add_ground(rng)
    add_barrel(rng, 2.42, -0.42)
    add_bench(rng, 0.42, -0.34)
    add_plants(rng)
    add_canopy(rng)
    add_lantern(rng, -0.62, 1.95)
    add_light()
    return add_camera(), add_airship(rng)


# --- rendering ------------------------------------------------------------------------------


def set_up_render(width: int, height: int, threads: int) -> None:
    """Cycles on the processor; the same seed on every frame, so both layers repeat exactly."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    render, cycles = scene.render, scene.cycles
    render.resolution_x, render.resolution_y, render.resolution_percentage = width, height, 100
    render.fps = RATE
    render.use_persistent_data = True
    render.use_motion_blur = False
    if threads:
        render.threads_mode, render.threads = "FIXED", threads
    cycles.device, cycles.seed = "CPU", SEED
    cycles.use_adaptive_sampling = False  # few samples: nothing to save, and steadier pictures
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 4, 3, 2
    cycles.sample_clamp_indirect = 3.0  # no fireflies
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.denoising_input_passes = "RGB_ALBEDO_NORMAL"
    cycles.denoising_prefilter = "FAST"
    image = render.image_settings
    image.file_format, image.color_depth = "PNG", "16"
    view = scene.view_settings
    views = view.bl_rna.properties["view_transform"].enum_items.keys()
    view.view_transform = "AgX" if "AgX" in views else "Filmic"
    view.exposure = 0.15
    looks = view.bl_rna.properties["look"].enum_items.keys()
    wanted = [look for look in looks if look.endswith("Medium High Contrast")]
    view.look = wanted[-1] if wanted else "None"


def frame_airship(camera: Any, parts: Sequence[Any]) -> None:
    """Render only the rectangle around the airship: the rest of its layer is empty."""
    scene = bpy.context.scene
    bpy.context.view_layer.update()
    corners = [
        world_to_camera_view(scene, camera, part.matrix_world @ mathutils.Vector(corner))
        for part in parts
        for corner in part.bound_box
    ]
    render, margin = scene.render, 0.02
    render.use_border, render.use_crop_to_border = True, False
    render.border_min_x = max(0.0, min(c.x for c in corners) - margin)
    render.border_max_x = min(1.0, max(c.x for c in corners) + margin)
    render.border_min_y = max(0.0, min(c.y for c in corners) - margin)
    render.border_max_y = min(1.0, max(c.y for c in corners) + margin)


def show_layer(layer: str, airship: Sequence[Any], samples: int) -> None:
    """Plate: the airship is gone. Object: the set still lights it but the camera looks through."""
    scene = bpy.context.scene
    alone = layer == "object"
    scene.render.film_transparent = alone
    # The denoiser leaves alpha alone, so the small layer gets more samples for a clean edge.
    scene.cycles.samples = 4 * samples if alone else samples
    scene.render.image_settings.color_mode = "RGBA" if alone else "RGB"
    for thing in scene.objects:
        if thing.type == "MESH":
            ours = thing in airship
            thing.hide_render = ours and not alone
            thing.visible_camera = ours or not alone


def options() -> argparse.Namespace:
    """The flags; under Blender they come after `--`."""
    parser = argparse.ArgumentParser(description="Render the demo shot.")
    parser.add_argument("--out", type=Path, required=True, help="folder for plate/ and object/")
    parser.add_argument("--size", default="640x360", help="width and height in pixels")
    parser.add_argument("--samples", type=int, default=10, help="samples per pixel of the plate")
    parser.add_argument(
        "--frames", default=f"0-{FRAMES - 1}", help="first and last frame to render"
    )
    parser.add_argument("--step", type=int, default=1, help="render every n-th frame")
    parser.add_argument("--layers", nargs="+", default=["plate", "object"])
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    given = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    return parser.parse_args(given)


def main() -> None:
    """Build the set once, then render the layers one after the other."""
    flags = options()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    camera, airship = build_scene()
    width, height = (int(n) for n in flags.size.split("x"))
    set_up_render(width, height, flags.threads)
    first, last = (int(n) for n in flags.frames.split("-"))
    for layer in flags.layers:
        show_layer(layer, airship, flags.samples)
        for frame in range(first, last + 1, flags.step):
            place_camera(camera, frame)
            place_airship(airship[0], frame)
            if layer == "object":
                frame_airship(camera, airship[1:])
            bpy.context.scene.render.filepath = str(flags.out / layer / f"{frame:05d}.png")
            bpy.ops.render.render(write_still=True)


if __name__ == "__main__":
    main()
