import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest
from opentimelineio.opentime import RationalTime, TimeRange
from support.clips import make_clip

from peanut_daemon.edits.timeline import (
    Replacement,
    build_result,
    request_clip_path,
    request_to_range,
)
from peanut_daemon.errors import (
    InvalidRequestError,
    MediaNotFoundError,
    OutputExistsError,
    UnsupportedMediaError,
)
from peanut_daemon.media.clip import ClipInfo
from peanut_daemon.media.probe import probe
from peanut_daemon.media.rate import Rate
from peanut_daemon.media.timecode import Timecode
from peanut_models.errors import FrameRangeError
from peanut_models.ranges import FrameRange

RATES = {
    "24": (Rate(24), "10:11:12:13"),
    "25": (Rate(25), "01:00:00:24"),
    "23.976": (Rate(24000, 1001), "23:59:50:20"),
    "29.97 drop": (Rate(30000, 1001), "00:59:59;28"),
    "29.97 non-drop": (Rate(30000, 1001), "00:59:59:28"),
}


def time_range(start: float, duration: float, rate: float) -> TimeRange:
    return TimeRange(RationalTime(start, rate), RationalTime(duration, rate))


def a_request(
    url: str = "/media/a.mov",
    *,
    available: TimeRange | None = None,
    source: TimeRange | None = None,
    gap: float = 0,
    rate: float = 25.0,
) -> otio.schema.Timeline:
    reference = otio.schema.ExternalReference(target_url=url, available_range=available)
    clip = otio.schema.Clip("shot", media_reference=reference, source_range=source)
    clip.metadata["peanut"] = {"request": {"prompts": [{"text": "boom"}]}}
    timeline = otio.schema.Timeline("request")
    track = otio.schema.Track("Video 1", kind="Video")
    if gap:
        track.append(otio.schema.Gap(source_range=time_range(0, gap, rate)))
    track.append(clip)
    timeline.tracks.append(track)
    timeline.tracks.append(otio.schema.Track("Audio 1", kind="Audio"))
    return timeline


def clip_info(folder: Path, case: str, frames: int = 20) -> ClipInfo:
    rate, label = RATES[case]
    return probe(
        make_clip(folder / "a.mov", rate=rate.fraction, frames=frames, timecode=label or None)
    )


@pytest.mark.parametrize("case", RATES)
def test_timecode_and_rate_round_trip(tmp_path: Path, case: str) -> None:
    info = clip_info(tmp_path, case)
    assert info.start_timecode is not None
    start, rate = info.start_timecode.frame_number, float(info.rate)
    request = a_request(
        str(info.path),
        available=time_range(start, 20, rate),
        source=time_range(start + 5, 10, rate),
        gap=7,
        rate=rate,
    ).to_json_string()
    asked = request_to_range(request)
    assert (asked.clip_path, asked.frame_range) == (info.path, FrameRange(5, 15))
    assert (asked.rate, asked.start_frame) == (info.rate, start)
    assert asked.metadata == {"request": {"prompts": [{"text": "boom"}]}}

    target = tmp_path / "result.otio"
    replacement = Replacement(
        path=tmp_path / "new.mov",
        frame_range=FrameRange(3, 17),
        matte_path=tmp_path / "matte.mkv",
        facts={"job_id": "j1"},
    )
    written = build_result(target, info, replacement, request=request)
    assert written.record_start_s == info.rate.seconds(7)
    assert written.duration_s == info.rate.seconds(10)

    timeline = otio.adapters.read_from_file(str(target))
    assert [track.name for track in timeline.tracks] == ["Video 1", "PEANUT", "Audio 1"]
    original, new = timeline.find_clips()
    assert new.source_range == original.source_range
    assert new.source_range.start_time.rate == rate
    assert original.transformed_time_range(
        original.trimmed_range(), timeline.tracks
    ) == new.transformed_time_range(new.trimmed_range(), timeline.tracks)
    assert otio.algorithms.top_clip_at_time(timeline.tracks, RationalTime(8, rate)).name == new.name
    references = new.media_references()
    assert set(references) == {"DEFAULT_MEDIA", "matte"}
    for key, path in (("DEFAULT_MEDIA", replacement.path), ("matte", replacement.matte_path)):
        assert references[key].target_url == str(path)
        assert references[key].available_range == time_range(start + 3, 14, rate)
    facts = new.metadata["peanut"]["result"]
    assert list(facts["rate"]) == [info.rate.num, info.rate.den]
    assert facts["drop_frame"] == info.start_timecode.drop_frame
    assert Timecode.parse(facts["start_timecode"], info.rate) == info.start_timecode + 3
    assert facts["job_id"] == "j1"
    assert original.metadata["peanut"]["request"]["prompts"][0]["text"] == "boom"


def test_result_without_a_request_starts_at_its_timecode(tmp_path: Path) -> None:
    info = clip_info(tmp_path, "23.976")
    assert info.start_timecode is not None
    target = tmp_path / "result.otio"
    replacement = Replacement(path=tmp_path / "new.mov", frame_range=FrameRange(4, 9))
    build_result(target, info, replacement)
    timeline = otio.adapters.read_from_file(str(target))
    first = info.start_timecode.frame_number + 4
    assert timeline.global_start_time == RationalTime(first, float(info.rate))
    original, new = timeline.find_clips()
    assert original.source_range == new.source_range == time_range(first, 5, float(info.rate))
    assert original.available_range() == time_range(first - 4, 20, float(info.rate))
    assert request_to_range(target).frame_range == FrameRange(4, 9)


def test_deliverable_without_timecode_counts_from_zero(tmp_path: Path) -> None:
    info = probe(make_clip(tmp_path / "a.mov", frames=20))
    target = tmp_path / "result.otio"
    build_result(target, info, Replacement(path=Path("new.mov"), frame_range=FrameRange(4, 9)))
    original, new = otio.adapters.read_from_file(str(target)).find_clips()
    assert original.source_range == time_range(4, 5, 25)
    assert new.source_range == new.available_range() == time_range(0, 5, 25)


def test_second_result_replaces_the_first(tmp_path: Path) -> None:
    info = clip_info(tmp_path, "25")
    target = tmp_path / "result.otio"
    for name in ("one.mov", "two.mov"):
        replacement = Replacement(path=tmp_path / name, frame_range=FrameRange(0, 20))
        build_result(
            target, info, replacement, request=target if target.exists() else None, overwrite=True
        )
    timeline = otio.adapters.read_from_file(str(target))
    assert [track.name for track in timeline.tracks] == ["Video 1", "PEANUT"]
    assert timeline.tracks[1][0].media_reference.name == "two.mov"


def test_existing_result_is_kept_and_nothing_else_is_left(tmp_path: Path) -> None:
    info = clip_info(tmp_path, "25")
    (tmp_path / "result.otio").write_text("mine")
    with pytest.raises(OutputExistsError):
        build_result(
            tmp_path / "result.otio",
            info,
            Replacement(path=Path("n.mov"), frame_range=FrameRange(0, 20)),
        )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mov", "result.otio"]


def test_replacement_must_cover_what_is_shown(tmp_path: Path) -> None:
    info = clip_info(tmp_path, "25")
    request = a_request(available=time_range(0, 20, 25), source=time_range(2, 10, 25))
    replacement = Replacement(path=Path("n.mov"), frame_range=FrameRange(3, 12))
    with pytest.raises(InvalidRequestError, match=r"\[3, 12\).*\[2, 12\)"):
        build_result(tmp_path / "r.otio", info, replacement, request=request.to_json_string())


def test_range_in_timeline_rate_becomes_media_frames() -> None:
    # As Resolve writes it: 24 fps media from 01:00:00:00 in a 25 fps timeline.
    request = a_request(
        available=time_range(86400, 240, 24), source=time_range(90025, 50, 25)
    ).to_json_string()
    assert request_to_range(request).frame_range == FrameRange(24, 72)
    request = a_request(
        available=time_range(86400, 240, 24), source=time_range(90026, 50, 25)
    ).to_json_string()
    assert request_to_range(request).frame_range == FrameRange(24, 73)


def test_mixed_rates_keep_the_original_place_and_length(tmp_path: Path) -> None:
    info = probe(
        make_clip(tmp_path / "a.mov", rate=Fraction(24), frames=100, timecode="01:00:00:00")
    )
    request = a_request(
        str(info.path),
        available=time_range(86400, 100, 24),
        source=time_range(90026, 50, 25),
        gap=10,
    )
    target = tmp_path / "r.otio"
    replacement = Replacement(path=tmp_path / "n.mov", frame_range=FrameRange(24, 73))
    build_result(target, info, replacement, request=request.to_json_string())
    timeline = otio.adapters.read_from_file(str(target))
    original, new = timeline.find_clips()
    assert new.source_range == original.source_range
    assert new.range_in_parent() == original.range_in_parent()
    assert new.available_range() == time_range(86424, 49, 24)


@pytest.mark.parametrize("written", [23.976, 23.98, 23.976024627685547, 24000 / 1001])
def test_rounded_rates_are_understood(written: float) -> None:
    request = a_request(
        available=time_range(86400, 100, 24000 / 1001), source=time_range(86410, 20, written)
    ).to_json_string()
    asked = request_to_range(request)
    assert (asked.rate, asked.frame_range) == (Rate(24000, 1001), FrameRange(10, 30))


def test_nearly_whole_frames_are_whole() -> None:
    request = a_request(
        available=time_range(0, 100, 30), source=time_range(29.9999999, 9.9999999, 30)
    ).to_json_string()
    assert request_to_range(request).frame_range == FrameRange(30, 40)


def test_clip_alone_is_enough() -> None:
    clip = a_request(available=time_range(100, 30, 25)).find_clips()[0].deepcopy()
    assert request_to_range(clip.to_json_string()).frame_range == FrameRange(0, 30)


def test_missing_available_range_needs_the_facts_of_the_file(tmp_path: Path) -> None:
    info = clip_info(tmp_path, "25")
    assert info.start_timecode is not None
    start = info.start_timecode.frame_number
    request = a_request(str(info.path), source=time_range(start + 2, 5, 25)).to_json_string()
    assert request_clip_path(request) == info.path
    with pytest.raises(InvalidRequestError, match="available_range"):
        request_to_range(request)
    assert request_to_range(request, media=info).frame_range == FrameRange(2, 7)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/media/a b.mov", "/media/a b.mov"),
        ("file:///media/a%20b.mov", "/media/a b.mov"),
        ("file://localhost/media/a.mov", "/media/a.mov"),
        ("file:///C:/clips/a.mov", "C:/clips/a.mov"),
        ("C:\\clips\\a.mov", "C:\\clips\\a.mov"),
    ],
)
def test_media_addresses(url: str, path: str) -> None:
    request = a_request(url, available=time_range(0, 5, 25)).to_json_string()
    assert request_clip_path(request) == Path(path)


def test_relative_media_lies_beside_the_timeline(tmp_path: Path) -> None:
    timeline = a_request("clips/a.mov", available=time_range(0, 5, 25))
    (tmp_path / "t.otio").write_text(timeline.to_json_string())
    assert request_clip_path(tmp_path / "t.otio") == tmp_path / "clips" / "a.mov"
    with pytest.raises(InvalidRequestError, match="absolute"):
        request_clip_path(timeline.to_json_string())


def with_two_clips() -> Any:
    timeline = a_request(available=time_range(0, 5, 25))
    timeline.tracks[0].append(otio.schema.Clip("second"))
    return timeline


def with_speed_change() -> Any:
    timeline = a_request(available=time_range(0, 5, 25))
    timeline.find_clips()[0].effects.append(otio.schema.LinearTimeWarp(time_scalar=2.0))
    return timeline


def with_freeze() -> Any:
    timeline = a_request(available=time_range(0, 5, 25))
    timeline.find_clips()[0].effects.append(otio.schema.FreezeFrame())
    return timeline


def with_sequence() -> Any:
    timeline = a_request(available=time_range(0, 5, 25))
    every_other = otio.schema.ImageSequenceReference("/a", frame_step=2)
    timeline.find_clips()[0].media_reference = every_other
    return timeline


def without_media() -> Any:
    timeline = a_request(available=time_range(0, 5, 25))
    timeline.find_clips()[0].media_reference = otio.schema.MissingReference()
    return timeline


def with_compound() -> Any:
    timeline = a_request(available=time_range(0, 5, 25))
    timeline.tracks[0].append(otio.schema.Stack("inner"))
    return timeline


@pytest.mark.parametrize(
    ("timeline", "error", "words"),
    [
        (with_two_clips, InvalidRequestError, "2 clips.*'second'.*one clip"),
        (otio.schema.Timeline, InvalidRequestError, "0 clips"),
        (with_speed_change, UnsupportedMediaError, "speed change"),
        (with_freeze, UnsupportedMediaError, "speed change"),
        (with_sequence, UnsupportedMediaError, "image sequence"),
        (without_media, InvalidRequestError, "relink"),
        (with_compound, InvalidRequestError, "compound"),
        (lambda: otio.schema.Marker(), InvalidRequestError, "Timeline or a Clip"),
        (lambda: a_request("https://x.test/a.mov"), UnsupportedMediaError, "copy it to a disk"),
    ],
)
def test_requests_that_cannot_be_fulfilled(timeline: Any, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        request_to_range(timeline().to_json_string())


@pytest.mark.parametrize("text", ["{}", "{", "[1]", '{"OTIO_SCHEMA": "Nonsense.7"}'])
def test_text_that_is_no_otio(text: str) -> None:
    with pytest.raises(InvalidRequestError):
        request_to_range(text)


def test_missing_timeline_file(tmp_path: Path) -> None:
    with pytest.raises(MediaNotFoundError, match="no timeline"):
        request_to_range(tmp_path / "none.otio")


@pytest.mark.parametrize("start", [95, 116])
def test_frames_outside_the_media_are_refused(start: int) -> None:
    request = a_request(available=time_range(100, 20, 25), source=time_range(start, 5, 25))
    with pytest.raises(FrameRangeError, match=r"of a\.mov"):
        request_to_range(request.to_json_string())


def test_host_fields_that_we_do_not_know_survive(tmp_path: Path) -> None:
    info = clip_info(tmp_path, "25")
    timeline = a_request(str(info.path), available=time_range(90024, 20, 25))
    timeline.metadata["Resolve_OTIO"] = {"Resolve OTIO Meta Version": "1.0"}
    timeline.find_clips()[0].markers.append(
        otio.schema.Marker("note", marked_range=time_range(90026, 1, 25))
    )
    target = tmp_path / "r.otio"
    replacement = Replacement(path=tmp_path / "n.mov", frame_range=FrameRange(0, 20))
    build_result(target, info, replacement, request=timeline.to_json_string())
    stored = json.loads(target.read_text())
    assert stored["metadata"]["Resolve_OTIO"]["Resolve OTIO Meta Version"] == "1.0"
    assert stored["tracks"]["children"][0]["children"][0]["markers"][0]["name"] == "note"
