import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from support.clips import FFV1, PRORES, make_audio_file, make_clip

from peanut_daemon.errors import (
    InvalidRequestError,
    MediaNotFoundError,
    MediaUnreadableError,
    NoVideoError,
)
from peanut_daemon.media.clip import ClipInfo
from peanut_daemon.media.colour import ColourTags
from peanut_daemon.media.masks import mask_from_png, png_from_mask
from peanut_daemon.media.probe import fingerprint_of, probe
from peanut_daemon.media.rate import Rate
from peanut_daemon.media.timecode import Timecode


def test_facts_of_a_clip(tmp_path: Path) -> None:
    tags = {"color_primaries": 9, "color_trc": 16, "colorspace": 9, "color_range": 1}
    clip = make_clip(
        tmp_path / "a.mov",
        **PRORES,
        rate=Fraction(24000, 1001),
        frames=5,
        timecode="01:02:03:04",
        context={**tags, "sample_aspect_ratio": Fraction(4, 3)},
        audio_codec="pcm_s16le",
    )
    info = probe(clip)
    assert (info.width, info.height, info.frame_count) == (64, 48, 5)
    assert info.rate == Rate(24000, 1001)
    assert info.start_timecode == Timecode.parse("01:02:03:04", info.rate)
    assert (info.pixel_format, info.bit_depth, info.codec) == ("yuv422p10le", 10, "prores")
    assert info.colour.primaries == 9
    assert info.colour.transfer_name == "pq"
    assert info.colour.matrix_name == "bt2020nc"
    assert info.sample_aspect == Fraction(4, 3)
    assert info.has_audio
    assert not info.has_alpha
    assert not info.interlaced


def test_facts_survive_json(tmp_path: Path) -> None:
    for name, timecode in (("a.mov", "10:00:00;02"), ("b.mov", None)):
        clip = make_clip(tmp_path / name, rate=Fraction(30000, 1001), frames=3, timecode=timecode)
        info = probe(clip)
        assert ClipInfo.from_dict(json.loads(json.dumps(info.to_dict()))) == info


def test_unspecified_colour_stays_unspecified(tmp_path: Path) -> None:
    info = probe(make_clip(tmp_path / "a.mp4", frames=2))
    assert info.colour == ColourTags()
    assert info.colour.to_dict()["matrix_name"] == "unspecified"
    assert info.start_timecode is None


def test_alpha_is_seen(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mkv", **{**FFV1, "pixel_format": "yuva420p"}, frames=2)
    assert probe(clip).has_alpha


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "ts", "avi"])
@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(25)])
def test_rate_is_exact_in_every_container(tmp_path: Path, suffix: str, rate: Fraction) -> None:
    info = probe(make_clip(tmp_path / f"a.{suffix}", rate=rate, frames=40))
    assert info.rate.fraction == rate
    assert not info.variable_rate


def test_interlaced_is_flagged(tmp_path: Path) -> None:
    options = {"bf": "0", "g": "10", "x264-params": "tff=1", "flags": "+ildct"}
    info = probe(make_clip(tmp_path / "i.mp4", frames=4, options=options))
    assert info.interlaced
    assert info.field_order in ("tt", "tb")


def test_missing_file() -> None:
    with pytest.raises(MediaNotFoundError, match=r"no file at .*nothing\.mov"):
        probe(Path("nothing.mov"))


def test_folder_is_no_media(tmp_path: Path) -> None:
    with pytest.raises(MediaUnreadableError, match="folder without numbered pictures"):
        probe(tmp_path)


@pytest.mark.parametrize("name", ["a.wav", "a.mkv"])
def test_audio_only(tmp_path: Path, name: str) -> None:
    with pytest.raises(NoVideoError, match="no video stream"):
        probe(make_audio_file(tmp_path / name))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.mov", b""),
        ("a.txt", b"dear editor\n" * 50),
        ("a.mp4", bytes(range(256)) * 40),
        ("list.ffconcat", b"ffconcat version 1.0\nfile /etc/hostname\n"),
        ("live.m3u8", b"#EXTM3U\n#EXTINF:1\nhttp://127.0.0.1:9/a.ts\n"),
    ],
)
def test_not_media(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(MediaUnreadableError, match="is not a media file"):
        probe(tmp_path / name)


@pytest.mark.parametrize("kept", [0.1, 0.4, 0.7, 0.95])
@pytest.mark.parametrize("faststart", [False, True])
def test_truncated_mp4(tmp_path: Path, kept: float, faststart: bool) -> None:
    options = {"movflags": "+faststart"} if faststart else {}
    clip = make_clip(tmp_path / "a.mp4", frames=40, muxer_options=options)
    data = clip.read_bytes()
    clip.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(MediaUnreadableError, match=r"cut\s+off"):
        probe(clip)


def test_truncated_prores_is_seen_without_reading_it(tmp_path: Path) -> None:
    clip = make_clip(
        tmp_path / "a.mov", **PRORES, frames=20, muxer_options={"movflags": "+faststart"}
    )
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) * 3 // 4])
    with pytest.raises(MediaUnreadableError, match="lists 20 frames"):
        probe(clip)


def test_truncated_mkv_has_the_frames_that_are_there(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mkv", **FFV1, frames=20)
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) // 2])
    assert 5 < probe(clip).frame_count < 15


def test_cover_picture_is_no_video(tmp_path: Path) -> None:
    sound = make_audio_file(tmp_path / "a.flac", "flac")
    song = tmp_path / "song.mka"
    with av.open(str(sound)) as source, av.open(str(song), "w", format="matroska") as target:
        stream = source.streams.audio[0]
        copy = target.add_stream_from_template(stream)
        done, png = True, png_from_mask(np.ones((8, 8), bool))
        assert done
        target.add_attachment("cover.png", "image/png", png)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                target.mux(packet)
    with pytest.raises(NoVideoError):
        probe(song)


def test_fingerprint_follows_content_and_not_name(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", frames=3)
    twin = tmp_path / "b.mp4"
    twin.write_bytes(clip.read_bytes())
    assert fingerprint_of(clip) == fingerprint_of(twin)
    twin.write_bytes(clip.read_bytes() + b"\0")
    assert fingerprint_of(clip) != fingerprint_of(twin)


def test_fingerprint_of_a_big_file_sees_head_middle_and_tail(tmp_path: Path) -> None:
    size, path = 8 << 20, tmp_path / "big"
    seen = set()
    for position in (None, 100, size // 2, size - 100):
        data = bytearray(size)
        if position is not None:
            data[position] = 1
        path.write_bytes(data)
        seen.add(fingerprint_of(path))
    assert len(seen) == 4


def test_mask_round_trips_as_one_bit_png() -> None:
    mask = np.random.default_rng(0).random((37, 53)) > 0.5
    png = png_from_mask(mask)
    assert png[24] == 1  # bit depth in IHDR
    assert np.array_equal(mask_from_png(png), mask)


@pytest.mark.parametrize("cut", [0, 4, 40, -5])
def test_broken_mask_png_is_refused(cut: int) -> None:
    png = png_from_mask(np.ones((37, 53), bool))
    with pytest.raises(MediaUnreadableError, match="PNG"):
        mask_from_png(png[:cut])


def test_mask_of_another_kind_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="boolean"):
        png_from_mask(np.ones((4, 4), np.uint8))  # type: ignore[arg-type]
