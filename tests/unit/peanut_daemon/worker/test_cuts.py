"""A cut inside a window: found, told, and never crossed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
from support.clips import FFV1, make_clip
from support.matrix.cells import Cell
from support.matrix.road import FIRST_FRAME, run_job
from support.matrix.sources import make_source, square_mask

from peanut_daemon.media import ClipReader

CELL = Cell(encoder="ffv1", pixel_format="bgr0", suffix=".mkv", codec="ffv1")
CUT, FRAMES = 5, 10
DARK, BRIGHT = (20, 90), (150, 250)


def two_shots(path: Path) -> Path:
    """A dark ground and a bright one, both still, and a green square that crosses them."""
    generator = np.random.default_rng(3)
    width, height = CELL.size
    grounds = [
        generator.integers(*levels, (height // 4, width // 4, 3)).repeat(4, 0).repeat(4, 1)
        for levels in (DARK, BRIGHT)
    ]
    pictures = []
    for k in range(FRAMES):
        image = grounds[k >= CUT].astype(np.uint8)
        image[square_mask(CELL, k)] = (0, 255, 0)
        pictures.append(av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="bgr0"))
    return make_clip(path, **FFV1, pixel_format="bgr0", pictures=pictures)


def test_a_window_with_a_cut_is_filled_shot_by_shot(tmp_path: Path) -> None:
    made = run_job(CELL, two_shots(tmp_path / "source.mkv"), tmp_path)
    report = json.loads(made.outputs.report.read_text())
    assert len(report["windows"]) == 1
    assert report["cuts"] == {"given": False, "frames": [CUT]}
    with ClipReader(made.outputs.deliverable) as reader:
        for k in made.frame_range:
            filled = reader.read(k - FIRST_FRAME).to_rgb()[square_mask(CELL, k)]
            low, high = DARK if k < CUT else BRIGHT
            assert low - 5 <= filled.min()
            assert filled.max() <= high + 5


def test_damage_outside_the_range_is_no_reason_to_fail(tmp_path: Path) -> None:
    cell = replace(CELL, encoder="png", pixel_format="rgb24", suffix=".png", codec="png")
    source = make_source(cell, tmp_path)
    last = max(tmp_path.glob("source.*.png"))
    last.write_bytes(last.read_bytes()[:100])
    made = run_job(cell, source, tmp_path, leave_out=1)
    with ClipReader(made.outputs.deliverable) as reader:
        assert len(reader.frame_range) == len(made.frame_range)
