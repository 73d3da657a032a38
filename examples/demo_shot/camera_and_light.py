"""The lens, the sun and the sky.

What may go in: what sees the set and what lights it. How the camera moves is in `motion.py`.
"""

from __future__ import annotations

import math
from typing import Any

import bpy  # type: ignore[import-not-found]  # Blender's own module: it has no stubs
import mathutils  # type: ignore[import-not-found]  # the same

# Metres; x right, y away from the camera, z up.
TO_SUN = (-0.50, -0.62, 0.60)


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
