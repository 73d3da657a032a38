import errno
import os
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy import ndarray
from support.clips import FFV1, HEIGHT, WIDTH, make_clip, number_in, packets_of

from peanut_daemon.errors import (
    DiskFullError,
    InvalidRequestError,
    JobCancelledError,
    OutputExistsError,
    OutputNotWritableError,
    UnsupportedMediaError,
)
from peanut_daemon.media.atomic import AtomicFile, write_atomically
from peanut_daemon.media.audio import AudioRange
from peanut_daemon.media.codecs import CODECS
from peanut_daemon.media.colour import ColourTags
from peanut_daemon.media.decode import ClipReader
from peanut_daemon.media.encode import ClipWriter
from peanut_daemon.media.formats import OutputFormat
from peanut_daemon.media.probe import probe
from peanut_daemon.media.rate import Rate
from peanut_daemon.media.timecode import Timecode
from peanut_models.ranges import FrameRange

RATES = {
    "24": (Rate(24), "10:11:12:13"),
    "25": (Rate(25), "01:00:00:24"),
    "23.976": (Rate(24000, 1001), "23:59:58:20"),
    "29.97 drop": (Rate(30000, 1001), "00:59:59;28"),
    "29.97 non-drop": (Rate(30000, 1001), "00:59:59:28"),
}
# One of each kind; what all codecs do with all kinds of sources is in `test_matrix`.
BASIC = ["ffv1", "prores_hq", "prores_4444", "h264"]
ALPHA_CODECS = ["ffv1", "prores_4444"]


def target_of(folder: Path, codec: str) -> Path:
    return folder / f"out{CODECS[codec].suffix}"


def a_format(**settings: Any) -> OutputFormat:
    return OutputFormat(
        **{
            "width": WIDTH,
            "height": HEIGHT,
            "rate": Rate(25),
            "pixel_format": "yuv420p",
            **settings,
        }
    )


def copy_range(
    source: Path, target: Path, codec: str, frames: FrameRange, *, audio: bool = False
) -> None:
    output = OutputFormat.of(probe(source), first_frame=frames.start)
    sound = AudioRange.of(source, frames) if audio else None
    with (
        ClipReader(source) as reader,
        ClipWriter(target, codec, output, audio=sound) as writer,
    ):
        for frame in reader.frames(frames):
            writer.write(frame)


@pytest.mark.parametrize("codec", BASIC)
@pytest.mark.parametrize("case", RATES)
def test_rate_and_timecode_round_trip(tmp_path: Path, codec: str, case: str) -> None:
    rate, label = RATES[case]
    source = make_clip(tmp_path / "source.mov", rate=rate.fraction, frames=14, timecode=label)
    target = target_of(tmp_path, codec)
    copy_range(source, target, codec, FrameRange(3, 14))
    info = probe(target)
    assert info.rate == rate
    assert not info.variable_rate
    assert info.frame_count == 11
    assert info.start_timecode == Timecode.parse(label, rate) + 3
    with av.open(str(target)) as container:
        assert container.streams.video[0].average_rate == rate.fraction
    with ClipReader(target) as reader:
        numbers = [number_in(f.components()[0]) for f in reader.frames(reader.frame_range)]
        tolerance = 0 if codec != "ffv1" else Fraction(1, 1000)
        for k in range(11):
            assert abs(reader.index.time_of(k) - rate.seconds(k)) <= tolerance
    assert numbers == [*range(3, 14)]


@pytest.mark.parametrize("codec", BASIC)
@pytest.mark.parametrize("tags", [ColourTags(9, 16, 9, 1), ColourTags(1, 1, 1, 1), ColourTags()])
def test_colour_tags_and_pixel_shape_are_kept(tmp_path: Path, codec: str, tags: ColourTags) -> None:
    target = target_of(tmp_path, codec)
    output = a_format(colour=tags, sample_aspect=Fraction(64, 45), pixel_format="yuv422p10le")
    with ClipWriter(target, codec, output) as writer:
        writer.write(np.full((HEIGHT, WIDTH, 3), 30000, np.uint16))
    info = probe(target)
    found = info.colour
    assert (found.primaries, found.transfer, found.matrix) == (
        tags.primaries,
        tags.transfer,
        tags.matrix,
    )
    # ProRes has no flag for it: it is limited range by definition.
    if not codec.startswith("prores"):
        assert found.range == tags.range
    assert info.sample_aspect == Fraction(64, 45)


@pytest.mark.parametrize("codec", BASIC)
@pytest.mark.parametrize("rotation_deg", [0, 90, 180, 270])
def test_rotation_is_carried_and_not_applied(tmp_path: Path, codec: str, rotation_deg: int) -> None:
    target = target_of(tmp_path, codec)
    with ClipWriter(target, codec, a_format(rotation_deg=rotation_deg)) as writer:
        writer.write(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    info = probe(target)
    assert (info.rotation_deg, info.width, info.height) == (rotation_deg, WIDTH, HEIGHT)
    assert OutputFormat.of(info).rotation_deg == rotation_deg


def test_full_range_is_kept_by_h264_and_converted_for_prores(tmp_path: Path) -> None:
    source = make_clip(
        tmp_path / "j.mp4", frames=2, pixel_format="yuvj420p", context={"color_range": 2}
    )
    assert probe(source).colour.range == 2
    copy_range(source, tmp_path / "out.mp4", "h264", FrameRange(0, 2))
    copy_range(source, tmp_path / "out.mov", "prores_hq", FrameRange(0, 2))
    pictures = []
    for path in (source, tmp_path / "out.mp4", tmp_path / "out.mov"):
        with ClipReader(path) as reader:
            pictures.append(reader.read(0).working_rgb(WIDTH).astype(int))
    assert probe(tmp_path / "out.mp4").colour.range == 2
    for picture in pictures[1:]:
        assert np.abs(picture - pictures[0]).mean() < 3


def test_super_white_survives_a_change_of_depth(tmp_path: Path) -> None:
    from support.clips import numbered_frame

    frame = numbered_frame(0, "yuv420p")
    np.frombuffer(frame.planes[0], np.uint8)[:] = 250
    source = make_clip(tmp_path / "w.mkv", **FFV1, pictures=[frame])
    copy_range(source, tmp_path / "out.mov", "prores_hq", FrameRange(0, 1))
    with ClipReader(tmp_path / "out.mov") as reader:
        assert abs(int(np.median(reader.read(0).components()[0])) - 1000) <= 2


@pytest.mark.parametrize("codec", ALPHA_CODECS)
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le"])
def test_patch_keeps_its_alpha(tmp_path: Path, codec: str, pixel_format: str) -> None:
    dtype: type = np.uint8 if pixel_format == "yuv420p" else np.uint16
    white = np.iinfo(dtype).max
    picture = np.zeros((HEIGHT, WIDTH, 4), dtype)
    picture[10:30, 20:50] = (white // 2, white // 4, white // 3, white)
    picture[10:30, 20] = white // 2
    target = target_of(tmp_path, codec)
    with ClipWriter(target, codec, a_format(pixel_format=pixel_format, alpha=True)) as writer:
        writer.write(picture)
    assert probe(target).has_alpha
    with ClipReader(target) as reader:
        frame = reader.read(0)
    alpha = frame.components()[-1].astype(float) / frame.layout.maximum
    expected = picture[..., 3].astype(float) / white
    assert np.abs(alpha - expected).max() < (0.003 if codec == "prores_4444" else 0.001)
    assert not alpha[:9].any()
    if codec == "ffv1" and dtype is np.uint8:
        assert np.array_equal(frame.to_rgb(), picture[..., :3])


@pytest.mark.parametrize("codec", sorted(set(BASIC) - set(ALPHA_CODECS)))
def test_patch_in_a_codec_without_alpha_is_refused(tmp_path: Path, codec: str) -> None:
    with pytest.raises(InvalidRequestError, match="ffv1, prores_4444, exr"):
        ClipWriter(target_of(tmp_path, codec), codec, a_format(alpha=True))


def test_ffv1_frames_are_all_key_frames(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "s.mp4", frames=6)
    copy_range(source, tmp_path / "out.mkv", "ffv1", FrameRange(0, 6))
    with ClipReader(tmp_path / "out.mkv") as reader:
        assert len(reader.index.key_pts) == 6


@pytest.mark.parametrize(
    ("audio_codec", "container", "codec"),
    [
        ("aac", "mp4", "h264"),
        ("aac", "mp4", "ffv1"),
        ("aac", "mov", "prores_hq"),
        ("pcm_s16le", "mov", "prores_hq"),
        ("pcm_s24le", "mov", "ffv1"),
        ("flac", "mkv", "ffv1"),
    ],
)
def test_audio_packets_are_the_sources_own(
    tmp_path: Path, audio_codec: str, container: str, codec: str
) -> None:
    source = make_clip(tmp_path / f"s.{container}", frames=50, audio_codec=audio_codec)
    frames = FrameRange(10, 35)
    target = target_of(tmp_path, codec)
    copy_range(source, target, codec, frames, audio=True)
    start, end = Fraction(10, 25), Fraction(35, 25)
    expected = [(t - start, data) for t, data in packets_of(source, "audio") if start <= t < end]
    found = packets_of(target, "audio")
    assert len(found) > 5
    assert [data for _, data in found] == [data for _, data in expected]
    # Matroska counts in milliseconds.
    for (t_found, _), (t_expected, _) in zip(found, expected, strict=True):
        assert abs(t_found - t_expected) <= Fraction(1, 1000)
    assert probe(target).frame_count == 25


def test_source_without_audio_gives_a_silent_file(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "s.mp4", frames=5)
    copy_range(source, tmp_path / "out.mkv", "ffv1", FrameRange(0, 5), audio=True)
    assert not probe(tmp_path / "out.mkv").has_audio


def test_audio_that_the_container_cannot_hold_is_refused(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "s.mkv", frames=5, audio_codec="wavpack")
    with pytest.raises(UnsupportedMediaError, match="without audio"):
        copy_range(source, tmp_path / "out.mp4", "h264", FrameRange(0, 5), audio=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s.mkv"]


@pytest.mark.parametrize("codec", ["ffv1", "h264"])
def test_variable_rate_keeps_its_times(tmp_path: Path, codec: str) -> None:
    pts = [0, 40, 90, 91, 200, 310]
    source = make_clip(tmp_path / "v.mkv", frames=6, pts=pts, time_base=Fraction(1, 1000))
    assert probe(source).variable_rate
    target = target_of(tmp_path, codec)
    copy_range(source, target, codec, FrameRange(1, 6))
    with ClipReader(target) as reader:
        times = [reader.index.time_of(k) - reader.index.time_of(0) for k in range(5)]
    assert times == [Fraction(t - 40, 1000) for t in pts[1:]]


@pytest.mark.parametrize("codec", BASIC)
@pytest.mark.parametrize("error", [RuntimeError, JobCancelledError, KeyboardInterrupt])
def test_nothing_stays_after_an_exception(
    tmp_path: Path, codec: str, error: type[BaseException]
) -> None:
    target = target_of(tmp_path, codec)

    def fails_halfway() -> None:
        with ClipWriter(target, codec, a_format()) as writer:
            writer.write(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
            assert not target.exists()
            assert len(list(tmp_path.iterdir())) == 1
            raise error

    with pytest.raises(error):
        fails_halfway()
    assert list(tmp_path.iterdir()) == []


def test_file_left_by_a_killed_process_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "out.mkv"
    AtomicFile(target).temporary.write_bytes(b"half a file")
    with ClipWriter(target, "ffv1", a_format()) as writer:
        writer.write(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    assert [p.name for p in tmp_path.iterdir()] == ["out.mkv"]


def test_existing_target_is_kept_unless_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "out.mkv"
    target.write_bytes(b"precious")
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    with pytest.raises(OutputExistsError, match="overwriting"):
        ClipWriter(target, "ffv1", a_format()).__enter__()
    assert target.read_bytes() == b"precious"
    with pytest.raises(RuntimeError), ClipWriter(target, "ffv1", a_format(), overwrite=True) as w:
        w.write(picture)
        raise RuntimeError
    assert target.read_bytes() == b"precious"
    with ClipWriter(target, "ffv1", a_format(), overwrite=True) as w:
        w.write(picture)
    assert probe(target).frame_count == 1


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputNotWritableError, match="folder"):
        ClipWriter(tmp_path / "no" / "out.mkv", "ffv1", a_format()).__enter__()


def noise(seed: int) -> ndarray:
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


@pytest.mark.parametrize("codec", BASIC)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EFBIG])
@pytest.mark.parametrize("room_bytes", [0, 3000, 12000])
def test_full_disk_is_reported_and_cleaned_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str, code: int, room_bytes: int
) -> None:
    write = AtomicFile.write

    def limited(file: AtomicFile, data: Any) -> int:
        if file.tell() + len(data) > room_bytes:
            file.failure = OSError(code, os.strerror(code))
            raise file.failure
        return write(file, data)

    monkeypatch.setattr(AtomicFile, "write", limited)

    def render() -> None:
        with ClipWriter(target_of(tmp_path, codec), codec, a_format()) as writer:
            for k in range(12):
                writer.write(noise(k))

    with pytest.raises(DiskFullError, match="free space"):
        render()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_real_write_failure_becomes_disk_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = AtomicFile(tmp_path / "x.bin")
    file._file.close()
    with Path("/dev/full").open("r+b", buffering=0) as full, file:
        monkeypatch.setattr(file, "_file", full)
        with pytest.raises(OSError, match="No space"):
            file.write(b"data")
        with pytest.raises(DiskFullError):
            file.commit()


@pytest.mark.skipif(sys.platform == "win32", reason="no file size limits")
def test_file_size_limit_is_a_full_disk(tmp_path: Path) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with (
            pytest.raises(DiskFullError),
            ClipWriter(tmp_path / "out.mkv", "ffv1", a_format()) as writer,
        ):
            for k in range(12):
                writer.write(noise(k))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_small_files_are_written_in_one_step(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    write_atomically(target, b"{}")
    assert target.read_bytes() == b"{}"
    with pytest.raises(OutputExistsError):
        write_atomically(target, b"[]")
    write_atomically(target, b"[]", overwrite=True)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"[]"]


@pytest.mark.parametrize(
    ("name", "codec", "settings", "words"),
    [
        ("out.mkv", "h266", {}, "ffv1, prores_422"),
        ("out.mp4", "ffv1", {}, r"\.mkv"),
        ("out.mp4", "h264", {"width": 63}, "width 63"),
        ("out.mov", "prores_hq", {"width": 63}, "width 63"),
    ],
)
def test_impossible_requests_are_refused_before_anything_is_written(
    tmp_path: Path, name: str, codec: str, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidRequestError, match=words):
        ClipWriter(tmp_path / name, codec, a_format(**settings))
    assert list(tmp_path.iterdir()) == []


def test_no_frames_is_an_error(tmp_path: Path) -> None:
    with (
        pytest.raises(InvalidRequestError, match="no picture"),
        ClipWriter(tmp_path / "out.mov", "prores_hq", a_format()),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(InvalidRequestError, match=r"\(48, 64, 3\)"),
        ClipWriter(tmp_path / "out.mkv", "ffv1", a_format()) as writer,
    ):
        writer.write(np.zeros((HEIGHT, WIDTH, 4), np.uint8))


def test_upscaled_picture_says_which_matrix_it_was_made_with(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "s.mp4", frames=1)
    output = OutputFormat.of(probe(source), scale=4)
    assert (output.width, output.height, output.colour.matrix) == (256, 192, 6)
    assert OutputFormat.of(probe(source)).colour.matrix == 2
