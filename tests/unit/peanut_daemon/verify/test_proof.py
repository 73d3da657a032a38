"""A proof finds what was changed, says where, and finds nothing where nothing was."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy import ndarray
from support.clips import FFV1, HEIGHT, WIDTH, make_clip, random_frame

from peanut_daemon.errors import InvalidRequestError
from peanut_daemon.media import probe
from peanut_daemon.media.layout import components_of, frame_from_components
from peanut_daemon.verify.facts import Verdict
from peanut_daemon.verify.proof import Proof, Verification, range_of
from peanut_models.ranges import FrameRange

FRAMES = 4
# Odd edges, so that chroma samples lie across them.
MATTE = (slice(11, 23), slice(21, 35))
Change = Callable[[int, list[ndarray]], None]


def clip(path: Path, change: Change | None = None, **settings: Any) -> Path:
    """Random pictures, the same for the same pixel format, with a change."""
    pixel_format = settings.pop("pixel_format", "yuv420p")
    pictures = []
    for k in settings.pop("frames", range(FRAMES)):
        frame = random_frame(pixel_format, seed=k)
        if change is not None:
            parts = [part.copy() for part in components_of(frame)]
            change(k, parts)
            frame = frame_from_components(parts, pixel_format, WIDTH, HEIGHT)
        pictures.append(frame)
    return make_clip(path, **FFV1, pixel_format=pixel_format, pictures=pictures, **settings)


def matte(path: Path) -> Path:
    pictures = []
    for _ in range(FRAMES):
        image = np.zeros((HEIGHT, WIDTH), np.uint8)
        image[MATTE] = 1
        pictures.append(av.VideoFrame.from_ndarray(image, format="gray"))
    return make_clip(path, **FFV1, pixel_format="gray", pictures=pictures)


def proven(
    source: Path, result: Path, matte: Path | None = None, frames: FrameRange | None = None
) -> Proof:
    before, after = probe(source), probe(result)
    verification = Verification(before, after, frames or range_of(before, after), matte=matte)
    for _ in verification.run():
        pass
    return verification.proof()


def verdicts(proof: Proof) -> dict[str, Verdict]:
    return {fact.name: fact.verdict for fact in proof.facts}


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le", "gbrp12le", "gray16le"])
def test_a_copy_is_proven(tmp_path: Path, pixel_format: str) -> None:
    source = clip(tmp_path / "a.mkv", pixel_format=pixel_format, timecode="01:00:00:00")
    proof = proven(source, clip(tmp_path / "b.mkv", pixel_format=pixel_format,
                                timecode="01:00:00:00"))  # fmt: skip
    assert proof.proven
    assert all(channel.samples and not channel.differing for channel in proof.channels)


def test_one_code_value_is_found_and_told(tmp_path: Path) -> None:
    def change(frame_index: int, parts: list[ndarray]) -> None:
        if frame_index == 2:
            parts[0][40, 50] ^= 3

    proof = proven(clip(tmp_path / "a.mkv"), clip(tmp_path / "b.mkv", change))
    luma, *chroma = proof.channels
    assert not proof.proven
    assert luma.name == "Y" and luma.worst_frame == 2
    assert luma.differing == 1 and 1 <= luma.maximum <= 3
    assert luma.mean == pytest.approx(luma.maximum / (WIDTH * HEIGHT * FRAMES))
    assert not any(channel.maximum for channel in chroma)


def test_inside_the_matte_anything_may_change(tmp_path: Path) -> None:
    def change(_: int, parts: list[ndarray]) -> None:
        parts[0][MATTE] = 255 - parts[0][MATTE]
        # All chroma samples with a pixel in the matte: one beyond its odd edges.
        parts[1][5:12, 10:18] = 0

    source, result = clip(tmp_path / "a.mkv"), clip(tmp_path / "b.mkv", change)
    assert proven(source, result, matte(tmp_path / "m.mkv")).proven
    assert not proven(source, result).proven


@pytest.mark.parametrize(("plane", "place"), [(0, (10, 25)), (1, (4, 12)), (2, (12, 12))])
def test_beside_the_matte_nothing_may(tmp_path: Path, plane: int, place: tuple[int, int]) -> None:
    def change(_: int, parts: list[ndarray]) -> None:
        parts[plane][place] ^= 1

    proof = proven(
        clip(tmp_path / "a.mkv"), clip(tmp_path / "b.mkv", change), matte(tmp_path / "m.mkv")
    )
    assert [channel.maximum for channel in proof.channels] == [float(k == plane) for k in range(3)]


def test_floating_point_that_is_no_number_is_a_difference() -> None:
    from peanut_daemon.media.compare import ChannelDifference

    before = np.array([1.0, np.nan, np.inf, 2.0], np.float16)
    same, other = ChannelDifference("R"), ChannelDifference("R")
    same.add(0, before, before.copy())
    other.add(0, before, np.array([1.0, np.nan, np.inf, np.nan], np.float16))
    assert (same.maximum, same.differing) == (0, 0)
    assert (other.maximum, other.differing) == (np.inf, 1)
    assert other.to_dict()["maximum"] is None


@pytest.mark.parametrize(
    ("settings", "fact"),
    [
        ({"timecode": "01:00:00:01"}, "timecode"),
        ({"timecode": "01:00:00:00", "rate": Fraction(24)}, "rate"),
        ({"timecode": "01:00:00:00", "frames": range(FRAMES - 1)}, "frames"),
        ({"timecode": "01:00:00:00", "context": {"color_trc": 16}}, "transfer"),
        ({"timecode": "01:00:00:00", "context": {"color_range": 2}}, "range"),
        ({"timecode": "01:00:00:00", "audio_codec": "pcm_s16le"}, "audio"),
    ],
)
def test_what_is_no_pixel_is_compared_too(
    tmp_path: Path, settings: dict[str, Any], fact: str
) -> None:
    source = clip(tmp_path / "a.mkv", timecode="01:00:00:00")
    proof = proven(source, clip(tmp_path / "b.mkv", **settings), frames=FrameRange(0, FRAMES))
    assert not proof.proven
    assert verdicts(proof)[fact] is Verdict.DIFFERS


def test_sound_is_the_sources_packet_by_packet(tmp_path: Path) -> None:
    source = clip(tmp_path / "a.mkv", audio_codec="pcm_s16le")
    assert verdicts(proven(source, clip(tmp_path / "b.mkv", audio_codec="pcm_s16le"))) == {
        **dict.fromkeys(verdicts(proven(source, source)), Verdict.SAME)
    }
    other = clip(tmp_path / "c.mkv", audio_codec="flac")
    assert verdicts(proven(source, other))["audio"] is Verdict.DIFFERS


def test_a_part_finds_its_place_by_timecode(tmp_path: Path) -> None:
    source = clip(tmp_path / "a.mkv", timecode="01:00:00:00")
    part = clip(tmp_path / "b.mkv", timecode="01:00:00:02", frames=range(2, 4))
    assert range_of(probe(source), probe(part)) == FrameRange(2, 4)
    assert proven(source, part).proven
    nameless = clip(tmp_path / "c.mkv", frames=range(2, 4))
    with pytest.raises(InvalidRequestError, match="--range"):
        range_of(probe(source), probe(nameless))


def test_pictures_of_another_size_are_not_compared(tmp_path: Path) -> None:
    large = make_clip(
        tmp_path / "b.mkv", **FFV1, pictures=[random_frame("yuv420p", 0, width=128, height=96)]
    )
    source = probe(clip(tmp_path / "a.mkv"))
    with pytest.raises(InvalidRequestError, match="128x96"):
        Verification(source, probe(large), FrameRange(0, 1), matte=None)
