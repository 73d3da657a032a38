"""What surfaces look like: stone, wood, leaves, fabric and plain stuff, from 3D noise.

What may go in: the node wiring and one function per kind of surface, with no texture file.
Colours of one thing in the picture belong to the file that builds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import bpy  # type: ignore[import-not-found]  # Blender's own module: it has no stubs
from geometry import Point


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


def fabric(name: str, colour: Point) -> Any:
    """Glossy balloon skin."""
    s = Shader.new(name)
    soft = s.noise(s.place(), 9.0, 2.0)
    return s.finish((*colour, 1), 0.33, soft, 0.004)
