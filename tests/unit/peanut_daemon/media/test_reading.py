"""Clips that need a word from the editor, or carry more than pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.clips import HEIGHT, WIDTH, make_clip, numbered_frame

from peanut_daemon.errors import UnsupportedMediaError
from peanut_daemon.media import (
    ClipInfo,
    ClipReader,
    OutputFormat,
    Reading,
    probe,
    probe_for_editing,
    writer_of,
)

MASTERING = (
    "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
    ":max-cll=1000,400"
)


@pytest.fixture
def combed(tmp_path: Path) -> Path:
    """Interlaced: the second field shows a bar two pixels further on."""
    frames = []
    for k in range(4):
        frame = numbered_frame(0, "yuv420p")
        luma = np.frombuffer(frame.planes[0], np.uint8).reshape(HEIGHT, -1)
        luma[:, :WIDTH] = 40
        luma[0::2, 8 + 4 * k : 16 + 4 * k] = 200
        luma[1::2, 10 + 4 * k : 18 + 4 * k] = 200
        frames.append(frame)
    options = {"flags": "+ilme+ildct", "field_order": "tt", "qmin": "1", "qmax": "2"}
    return make_clip(tmp_path / "i.mov", codec="mpeg2video", options=options, pictures=frames)


def combing(path: Path, *, deinterlace: bool) -> float:
    with ClipReader(path, deinterlace=deinterlace) as reader:
        luma = reader.read(1).components()[0].astype(float)
    return float(np.abs(luma[2:-2:2] - (luma[1:-3:2] + luma[3:-1:2]) / 2).mean())


def test_interlaced_clips_are_refused_with_the_way_round(combed: Path) -> None:
    assert probe(combed).interlaced
    with pytest.raises(UnsupportedMediaError, match="--deinterlace"):
        probe_for_editing(combed, Reading())
    assert probe_for_editing(combed, Reading(deinterlace=True)).deinterlace


def test_fields_become_progressive_pictures_however_a_frame_is_reached(combed: Path) -> None:
    assert combing(combed, deinterlace=True) < combing(combed, deinterlace=False) / 4
    with ClipReader(combed, deinterlace=True) as one, ClipReader(combed, deinterlace=True) as other:
        forwards = [one.read(k).to_rgb() for k in range(4)]
        backwards = [other.read(k).to_rgb() for k in reversed(range(4))]
    assert all(np.array_equal(a, b) for a, b in zip(forwards, backwards[::-1], strict=True))


def test_mastering_display_and_light_levels_are_carried_on(tmp_path: Path) -> None:
    source = make_clip(
        tmp_path / "s.mp4",
        codec="libx265",
        pixel_format="yuv420p10le",
        frames=3,
        options={"preset": "ultrafast", "x265-params": f"log-level=error:{MASTERING}"},
        context={"color_primaries": 9, "color_trc": 16, "colorspace": 9},
    )
    info = probe(source)
    assert info.hdr is not None
    assert (float(info.hdr.luminance[1]), info.hdr.content_light) == (1000, (1000, 400))
    assert ClipInfo.from_dict(info.to_dict()) == info
    for codec in ("h264_10", "h265_10"):
        target = tmp_path / f"{codec}.mp4"
        with (
            ClipReader.of(info) as reader,
            writer_of(target, codec, OutputFormat.of(info)) as writer,
        ):
            for frame in reader.frames(reader.frame_range):
                writer.write(frame)
        assert probe(target).hdr == info.hdr


def test_how_a_clip_is_read_is_kept_with_its_facts(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "s.mkv", frames=2)
    info = probe_for_editing(source, Reading(colourspace="linear"))
    assert ClipInfo.from_dict(info.to_dict()) == info
    with ClipReader.of(info) as reader:
        assert reader.read(0).to_rgb().dtype == np.uint16
    older = {
        key: value
        for key, value in info.to_dict().items()
        if key not in ("hdr", "colourspace", "deinterlace", "first_number")
    }
    assert ClipInfo.from_dict(older).colourspace == ""


def test_a_ten_bit_ramp_keeps_every_step(tmp_path: Path) -> None:
    """Through decode, the models' RGB, and the composite: nothing outside, one code inside."""
    from peanut_daemon.media.composite import composite
    from peanut_daemon.media.layout import frame_from_components

    ramp = np.tile(np.arange(64, 940, dtype=np.uint16), (16, 1))
    chroma = np.full((16, 438), 512, np.uint16)
    frame = frame_from_components([ramp, chroma, chroma], "yuv422p10le", 876, 16)
    source = make_clip(
        tmp_path / "r.mkv", codec="ffv1", pixel_format="yuv422p10le", options={}, pictures=[frame]
    )
    matte = np.zeros((16, 876), np.uint8)
    matte[4:12, 200:600] = 255
    with ClipReader(source) as reader:
        before = reader.read(0)
        after = composite(before, before.to_rgb(), matte).components()[0].astype(int)
    assert np.array_equal(after[matte == 0], ramp[matte == 0])
    assert np.abs(after - ramp).max() == 0
    assert (np.diff(after, axis=1) == 1).all()
