"""Render the demo shot: a red toy airship crosses a stone courtyard, seen by a hand-held camera.

Everything is geometry and noise made here from fixed seeds; no texture or model comes from
elsewhere, so the pictures belong to this project (Apache-2.0). Two layers are written:

    DIR/plate/00000.png ...    the courtyard without the airship (16-bit RGB): the true clean plate
    DIR/object/00000.png ...   the airship alone, lit by the same set (16-bit RGBA, straight alpha)

`encode.py` lays one over the other. The airship flies clear of the wall and casts no
shadow on it, so the two layers are all there is: outside the alpha, input and plate are equal.

Run: blender -b --factory-startup -P examples/demo_shot/render.py -- --out DIR
or, with the `bpy` module installed: python examples/demo_shot/render.py --out DIR

What may go in: the flags, the render settings, and the order in which the set is built. That order
is part of the picture: all files draw from one random generator.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy  # type: ignore[import-not-found]  # Blender's own module: it has no stubs
import mathutils  # type: ignore[import-not-found]  # the same
import numpy as np
from bpy_extras.object_utils import (  # type: ignore[import-not-found]  # the same
    world_to_camera_view,
)

# Blender's -P runs a file without putting its folder on the path.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from airship import add_airship
from camera_and_light import add_camera, add_light
from facade import DOOR, WINDOW, add_joinery, add_surround, add_wall
from ground import add_ground
from motion import FRAMES, RATE, place_airship, place_camera
from plants import add_canopy, add_plants
from props import add_barrel, add_bench, add_lantern

SEED = 20


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
