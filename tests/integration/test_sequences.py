"""Image files in, image files out, through a daemon."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.daemon import succeeded
from support.matrix.cells import Cell
from support.matrix.sources import FIRST_NUMBER, make_source, square_mask

from peanut.v1 import edits_pb2, frames_pb2, renders_pb2
from peanut_client.errors import PeanutError
from peanut_daemon.media import ClipReader, Rate, png_from_mask, probe

CELL = Cell(
    encoder="exr", pixel_format="gbrpf32le", suffix=".exr", codec="exr", options={"format": "half"}
)
RATE = frames_pb2.Rate(num=24000, den=1001)


def approved(client, path: Path):
    wanted = frames_pb2.FrameRange(start_frame=2, end_frame=6)
    edit = client.create_edit(str(path), wanted, rate=RATE)
    prompts = [
        edits_pb2.Prompt(
            frame_index=k, mask=edits_pb2.MaskPrompt(png=png_from_mask(square_mask(CELL, k)))
        )
        for k in range(2, 6)
    ]
    list(client.track_masks(edit.id, [edits_pb2.Target(id="t", prompts=prompts)]))
    client.approve_masks(edit.id, grow_px=2, feather_px=1)
    return edit


def test_exr_files_become_exr_files_of_the_same_numbers(client, tmp_path: Path) -> None:
    source = make_source(CELL, tmp_path)
    edit = approved(client, source)
    target = tmp_path / "clean.####.exr"
    for version in ("v001", "v002"):
        job = client.start_render(
            edit.id, str(target), codec=renders_pb2.CODEC_EXR, versioned=True, cuts=[4]
        )
        outputs = succeeded(client, job.id).outputs
        assert outputs.deliverable == str(tmp_path / f"clean_{version}.%04d.exr")
        assert Path(outputs.otio).name == f"clean_{version}.otio"
    made = probe(Path(outputs.deliverable), rate=Rate(24000, 1001))
    assert (made.first_number, made.frame_count) == (FIRST_NUMBER + 2, 4)
    with (
        ClipReader(source) as before,
        ClipReader(made.path) as after,
        ClipReader(Path(outputs.matte)) as mattes,
    ):
        for k in range(4):
            outside = mattes.read(k).components()[0] == 0
            old, new = before.read(k + 2).components(), after.read(k).components()
            assert all(
                np.array_equal(a[outside], b[outside]) for a, b in zip(old, new, strict=True)
            )
            assert max(part.max() for part in new) > 1
            assert any(not np.array_equal(a, b) for a, b in zip(old, new, strict=True))


@pytest.mark.parametrize(
    ("settings", "reason", "words"),
    [
        ({"colourspace": "Kodachrome"}, "InvalidRequestError", "display, linear"),
        ({"rate": frames_pb2.Rate(num=0, den=1)}, "InvalidRequestError", "not positive"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(
    client, tmp_path: Path, settings: dict, reason: str, words: str
) -> None:
    source = make_source(CELL, tmp_path)
    with pytest.raises(PeanutError, match=words) as caught:
        client.create_edit(str(source), None, **settings)
    assert caught.value.reason == reason
