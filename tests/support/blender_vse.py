"""Runs inside Blender: blender -b --factory-startup -P blender_vse.py -- cut.otio FOLDER.

Reads `.otio` as JSON, lays clips into the sequencer, and renders every frame as PNG.
"""

import json
import sys
from pathlib import Path

import bpy

source, folder = sys.argv[sys.argv.index("--") + 1 :][:2]
timeline = json.loads(Path(source).read_text(encoding="utf-8"))

scene = bpy.context.scene
editor = scene.sequence_editor_create()
# Renamed in Blender 5.
strips = getattr(editor, "strips", None) or editor.sequences


def frames(time):
    return round(time["value"])


end = 0
channel = 0
for track in timeline["tracks"]["children"]:
    if track["kind"] != "Video":
        continue
    channel += 1
    place = 1
    for item in track["children"]:
        shown = item["source_range"]
        length = frames(shown["duration"])
        if item["OTIO_SCHEMA"].startswith("Clip"):
            reference = item["media_references"][item["active_media_reference_key"]]
            offset = frames(shown["start_time"]) - frames(
                reference["available_range"]["start_time"]
            )
            strip = strips.new_movie(item["name"], reference["target_url"], channel, place - offset)
            strip.frame_offset_start = offset
            strip.frame_final_duration = length
            strip.blend_type = "REPLACE"
            rate = shown["start_time"]["rate"]
        place += length
    end = max(end, place - 1)

scene.render.fps = round(rate)
scene.render.fps_base = round(rate) / rate
scene.frame_start, scene.frame_end = 1, end
scene.render.resolution_x, scene.render.resolution_y = 64, 48
scene.render.resolution_percentage = 100
scene.render.use_sequencer = True
scene.view_settings.view_transform = "Standard"
scene.sequencer_colorspace_settings.name = "sRGB"
scene.render.image_settings.file_format = "PNG"
scene.render.filepath = str(Path(folder) / "f_")
bpy.ops.render.render(animation=True)
