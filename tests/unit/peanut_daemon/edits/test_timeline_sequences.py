"""Image sequences in timelines, in the shape in which Resolve writes them."""

from __future__ import annotations

from pathlib import Path

import opentimelineio as otio
import pytest
from support.matrix.cells import Cell
from support.matrix.sources import FIRST_NUMBER, FRAMES, make_source

from peanut_daemon.edits.request import clip_and_range
from peanut_daemon.edits.timeline import Replacement, build_result
from peanut_daemon.errors import UnsupportedMediaError
from peanut_daemon.guard.roots import Roots
from peanut_daemon.media import Rate, Reading, probe
from peanut_models.ranges import FrameRange

RATE = Rate(24000, 1001)
CELL = Cell(encoder="dpx", pixel_format="gbrp10le", suffix=".dpx", codec="dpx")


def images_in(path: Path) -> list[otio.schema.ImageSequenceReference]:
    clips = otio.adapters.read_from_file(str(path)).find_clips()
    found = [reference for clip in clips for reference in clip.media_references().values()]
    return [r for r in found if isinstance(r, otio.schema.ImageSequenceReference)]


def test_a_sequence_and_its_replacement_are_references_to_sequences(tmp_path: Path) -> None:
    clip = probe(make_source(CELL, tmp_path), rate=RATE)
    replacement = Replacement(path=tmp_path / "new.%04d.dpx", frame_range=FrameRange(2, 6))
    build_result(tmp_path / "r.otio", clip, replacement)
    source, result = images_in(tmp_path / "r.otio")
    assert source.target_url_for_image_number(0) == str(tmp_path / f"source.{FIRST_NUMBER}.dpx")
    assert result.target_url_for_image_number(0) == str(tmp_path / f"new.{FIRST_NUMBER + 2}.dpx")
    assert result.name == f"new.[{FIRST_NUMBER + 2}-{FIRST_NUMBER + 5}].dpx"
    assert (source.end_frame(), result.number_of_images_in_sequence()) == (
        FIRST_NUMBER + FRAMES - 1,
        4,
    )


def test_a_request_for_a_sequence_brings_its_rate(tmp_path: Path) -> None:
    clip = probe(make_source(CELL, tmp_path), rate=RATE)
    build_result(
        tmp_path / "r.otio",
        clip,
        Replacement(path=tmp_path / "new.%04d.dpx", frame_range=FrameRange(2, 6)),
    )
    made = otio.adapters.read_from_file(str(tmp_path / "r.otio"))
    request = next(c for c in made.find_clips() if c.media_reference.name.startswith("source"))
    roots = Roots(private=tmp_path / "data")
    found, frames = clip_and_range(request.to_json_string(), roots, Reading())
    assert (found.path, found.rate, found.frame_count) == (clip.path, RATE, FRAMES)
    assert FrameRange(0, FRAMES).covers(frames)


def test_a_sequence_that_leaves_out_files_is_refused(tmp_path: Path) -> None:
    clip = otio.schema.Clip(
        "every other",
        media_reference=otio.schema.ImageSequenceReference(
            str(tmp_path), "a.", ".dpx", frame_step=2, rate=24
        ),
    )
    with pytest.raises(UnsupportedMediaError, match="one file in 2"):
        clip_and_range(clip.to_json_string(), Roots(private=tmp_path / "data"), Reading())
