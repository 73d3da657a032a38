from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from support.matrix.cells import Cell
from support.matrix.sources import FIRST_NUMBER, FRAMES, make_source

from peanut_daemon.errors import (
    InvalidRequestError,
    MediaNotFoundError,
    MediaUnreadableError,
    OutputExistsError,
    UnsupportedMediaError,
)
from peanut_daemon.media import (
    ClipReader,
    ColourTags,
    OutputFormat,
    Rate,
    SourceFrame,
    fingerprint_of,
    probe,
    writer_of,
)
from peanut_daemon.media.composite import composite
from peanut_daemon.media.layout import frame_from_components
from peanut_models.ranges import FrameRange

RATE = Rate(24000, 1001)
HALF = Cell(
    encoder="exr", pixel_format="gbrpf32le", suffix=".exr", codec="exr", options={"format": "half"}
)
DEEP = Cell(encoder="png", pixel_format="rgb48be", suffix=".png", codec="png")


@pytest.fixture
def exr(tmp_path: Path) -> Path:
    folder = tmp_path / "exr"
    folder.mkdir()
    return make_source(HALF, folder)


@pytest.mark.parametrize("name", ["", "source.####.exr", "source.%04d.exr"])
def test_folder_and_patterns_name_the_same_clip(exr: Path, name: str) -> None:
    info = probe(exr.parent / name, rate=RATE)
    assert info.path == exr.parent / "source.%04d.exr"
    assert (info.width, info.height, info.frame_count) == (*HALF.size, FRAMES)
    assert (info.rate, info.first_number, info.bit_depth) == (RATE, FIRST_NUMBER, 16)
    assert (info.has_audio, info.variable_rate, info.colour.transfer_name) == (
        False,
        False,
        "linear",
    )


def test_frames_without_padding_are_counted_by_number(tmp_path: Path) -> None:
    first = make_source(DEEP, tmp_path)
    for k, file in enumerate(sorted(first.parent.glob("*.png"))):
        file.rename(tmp_path / f"s{k + 8}.png")
    info = probe(tmp_path / "s%d.png", rate=RATE)
    assert (info.first_number, info.frame_count) == (8, FRAMES)
    assert probe(tmp_path, rate=RATE).path == tmp_path / "s%d.png"


def test_missing_frames_are_refused_with_their_numbers(exr: Path) -> None:
    for number in (1003, 1004, 1006):
        (exr.parent / f"source.{number}.exr").unlink()
    with pytest.raises(MediaUnreadableError, match=r"3 of its files are missing \(1003-1004, 1006"):
        probe(exr, rate=RATE)


def test_a_folder_of_two_sequences_is_refused(exr: Path) -> None:
    (exr.parent / "other.0001.exr").write_bytes(b"")
    with pytest.raises(MediaUnreadableError, match=r"other\.%04d\.exr, source\.%04d\.exr"):
        probe(exr.parent, rate=RATE)


def test_a_pattern_without_files_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(MediaNotFoundError, match="no file is named like"):
        probe(tmp_path / "a.####.exr", rate=RATE)


def test_a_rate_has_to_come_from_somewhere(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedMediaError, match="--rate 24"):
        probe(make_source(DEEP, tmp_path))


def test_the_rate_in_the_files_is_taken(exr: Path) -> None:
    assert probe(exr).rate == Rate(25)


def test_a_rate_for_a_movie_is_refused(tmp_path: Path) -> None:
    movie = make_source(
        Cell(encoder="ffv1", pixel_format="gray", suffix=".mkv", codec="ffv1"), tmp_path
    )
    with pytest.raises(InvalidRequestError, match="for image sequences"):
        probe(movie, rate=RATE)


def test_a_changed_file_changes_the_fingerprint(exr: Path) -> None:
    before = fingerprint_of(exr)
    assert fingerprint_of(exr.parent) == before
    file = exr.parent / "source.1005.exr"
    data = bytearray(file.read_bytes())
    data[-20] ^= 1
    file.write_bytes(bytes(data))
    assert fingerprint_of(exr) != before


@pytest.mark.parametrize("damage", ["cut off", "other", "empty"])
def test_a_damaged_file_is_named(exr: Path, damage: str) -> None:
    file = exr.parent / "source.1004.exr"
    whole = file.read_bytes()
    file.write_bytes({"cut off": whole[:300], "other": b"no picture" * 50, "empty": b""}[damage])
    with ClipReader(exr) as reader:
        reader.read(2)
        with pytest.raises(MediaUnreadableError, match=r"source\.1004\.exr"):
            reader.read(3)


def test_half_floats_beyond_white_and_below_black_survive(exr: Path, tmp_path: Path) -> None:
    """All but the filled pixels bit by bit; the filled ones as the plate has them."""
    info = probe(exr, rate=RATE)
    matte = np.zeros((info.height, info.width), np.uint8)
    matte[10:20, 10:30] = 255
    target = tmp_path / "out.%04d.exr"
    with (
        ClipReader.of(info) as reader,
        writer_of(target, "exr", OutputFormat.of(info, first_frame=1)) as writer,
    ):
        for frame in reader.frames(FrameRange(1, 4)):
            plate = np.full((info.height, info.width, 3), 38000, np.uint16)
            writer.write(composite(frame, plate, matte))
    made = probe(target, rate=RATE)
    assert (made.first_number, made.frame_count, made.pixel_format) == (1002, 3, "gbrpf16le")
    with ClipReader.of(info) as before, ClipReader.of(made) as after:
        old, new = before.read(1), after.read(0)
        inside = np.array([part[15, 20] for part in new.components()], np.float32)
        beyond = [part.max() > 1 and part.min() < 0 for part in old.components()]
        outside = matte == 0
        for a, b in zip(old.components(), new.components(), strict=True):
            assert np.array_equal(a[outside].view(np.uint16), b[outside].view(np.uint16))
        assert np.abs(new.to_rgb()[15, 20].astype(int) - 38000).max() < 40
    assert all(beyond)
    assert np.ptp(inside) == 0


def test_every_half_float_there_is_comes_back(tmp_path: Path) -> None:
    """Denormals, infinities and what is no number included, bit by bit."""
    bits = np.arange(1 << 16, dtype=np.uint16).reshape(256, 256)
    halves = bits.view(np.float16)
    frame = frame_from_components([halves] * 3, "gbrpf16le", 256, 256)
    output = OutputFormat(width=256, height=256, rate=RATE, pixel_format="gbrpf16le")
    with writer_of(tmp_path / "all.####.exr", "exr", output) as writer:
        writer.write(SourceFrame(0, Fraction(0), frame, ColourTags()))
    with ClipReader(tmp_path) as reader:
        for part in reader.read(0).components():
            assert np.array_equal(part.view(np.uint16), bits)


def test_not_even_infinity_leaks_from_under_the_matte(exr: Path) -> None:
    with ClipReader.of(probe(exr, rate=RATE)) as reader:
        frame = reader.read(0)
        for part in frame.components():
            part.flags.writeable = True
            part[12, 12] = np.inf
        matte = np.zeros((frame.height, frame.width), np.float32)
        matte[8:16, 8:16] = 1
        done = composite(frame, np.full_like(frame.to_rgb(), 30000), matte)
    assert all(np.isfinite(part[12, 12]) for part in done.components())


def test_files_appear_together_and_only_at_the_end(tmp_path: Path) -> None:
    output = OutputFormat(width=4, height=2, rate=Rate(24), pixel_format="rgb24", first_number=98)
    target = tmp_path / "a.%03d.png"

    def fails_halfway() -> None:
        with writer_of(target, "png", output) as writer:
            writer.write(np.zeros((2, 4, 3), np.uint8))
            assert not list(tmp_path.glob("a*"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails_halfway()
    assert not list(tmp_path.iterdir())
    with writer_of(target, "png", output) as writer:
        for k in range(3):
            writer.write(np.full((2, 4, 3), k, np.uint8))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.098.png", "a.099.png", "a.100.png"]


def test_files_of_other_numbers_are_never_mixed_in(tmp_path: Path) -> None:
    output = OutputFormat(width=4, height=2, rate=Rate(24), pixel_format="rgb24", first_number=5)
    target, picture = tmp_path / "a.##.png", np.zeros((2, 4, 3), np.uint8)
    (tmp_path / "a.05.png").write_bytes(b"old")
    with pytest.raises(OutputExistsError, match=r"a\.05\.png"), writer_of(target, "png", output):
        pass
    (tmp_path / "a.09.png").write_bytes(b"old")
    with (
        pytest.raises(OutputExistsError, match=r"a\.09\.png"),
        writer_of(target, "png", output, overwrite=True) as writer,
    ):
        writer.write(picture)
    assert (tmp_path / "a.05.png").read_bytes() == b"old"
    (tmp_path / "a.09.png").unlink()
    with writer_of(target, "png", output, overwrite=True) as writer:
        writer.write(picture)
    assert probe(target, rate=Rate(24)).frame_count == 1


@pytest.mark.parametrize(
    ("name", "codec", "words"),
    [
        ("a.exr", "exr", r"a\.####\.exr"),
        ("a.####.exr", "exr", "tiff, png or dpx"),
        ("a.####.png", "dpx", r"\.dpx"),
    ],
)
def test_names_and_kinds_that_do_not_go_together(
    tmp_path: Path, name: str, codec: str, words: str
) -> None:
    output = OutputFormat(width=4, height=2, rate=Rate(24), pixel_format="rgb24")
    with pytest.raises(InvalidRequestError, match=words):
        writer_of(tmp_path / name, codec, output)


def test_a_rate_counts_for_the_clip_only(exr: Path) -> None:
    """Sequences have no clock; frame k is frame k whatever the rate."""
    with ClipReader.of(probe(exr, rate=Rate(1))) as reader:
        assert reader.frame_range == FrameRange(0, FRAMES)
        assert reader.index.time_of(1) - reader.index.time_of(0) == Fraction(1, 24)
