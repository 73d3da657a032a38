"""Rates, drop frame, offsets and speeds in all combinations: frames stay what they were."""

from __future__ import annotations

import dataclasses
import json
import math
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.clips import make_clip
from support.timelines import clip, gap, time_range, timeline

from peanut_daemon.edits.timeline import Replacement, build_result, request_to_range
from peanut_daemon.edits.timeline_apply import apply
from peanut_daemon.edits.timeline_items import shown_by
from peanut_daemon.media.clip import ClipInfo
from peanut_daemon.media.probe import probe
from peanut_daemon.media.rate import Rate
from peanut_daemon.media.timecode import Timecode, frames_per_day
from peanut_davinci import rates
from peanut_davinci.request import request_document
from peanut_davinci.shots import Shot
from peanut_models.ranges import FrameRange

RATES = [Rate(n) for n in (24, 25, 30, 48, 50, 60, 120)] + [
    Rate(n * 1000, 1001) for n in (24, 30, 48, 60, 120)
]
MANY = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@st.composite
def sources(draw: st.DrawFn) -> tuple[Rate, Timecode, int, int, int]:
    """Rate, timecode of the file's head, frames of the file, first and number of used frames."""
    rate = draw(st.sampled_from(RATES))
    drop = rate.allows_drop_frame and draw(st.booleans())
    count = draw(st.integers(1, 4000))
    head = draw(st.integers(0, frames_per_day(rate, drop_frame=drop) - count - 1))
    first = draw(st.integers(0, count - 1))
    return rate, Timecode(head, rate, drop), count, first, draw(st.integers(1, count - first))


@pytest.fixture(scope="module")
def any_clip(tmp_path_factory: pytest.TempPathFactory) -> ClipInfo:
    return probe(make_clip(tmp_path_factory.mktemp("clip") / "a.mov", frames=3))


def facts(any_clip: ClipInfo, rate: Rate, head: Timecode, count: int) -> ClipInfo:
    return dataclasses.replace(any_clip, rate=rate, start_timecode=head, frame_count=count)


def bits(value: float) -> bytes:
    return struct.pack("d", value)


@MANY
@given(source=sources(), record=st.integers(0, 200000))
def test_requests_and_results_keep_every_frame_and_every_bit_of_the_rate(
    any_clip: ClipInfo, tmp_path: Path, source: Any, record: int
) -> None:
    rate, head, count, first, length = source
    info = facts(any_clip, rate, head, count)
    shot = Shot(
        item_id="i",
        name="shot",
        track=1,
        record_start=record,
        record_end=record + length,
        path=str(info.path),
        proxy="",
        rate=rate.fraction,
        drop_frame=head.drop_frame,
        start_frame=head.frame_number,
        frame_count=count,
        first=first,
        end=first + length,
        mixed=False,
        timeline_rate=rate.fraction,
        timeline_start=0,
        timeline_drop_frame=head.drop_frame,
    )
    request = json.dumps(request_document(shot))
    asked = request_to_range(request)
    assert (asked.frame_range, asked.rate) == (FrameRange(first, first + length), rate)
    assert asked.start_frame == head.frame_number
    replacement = Replacement(path=tmp_path / "n.mov", frame_range=asked.frame_range)
    written = build_result(tmp_path / "r.otio", info, replacement, request=request, overwrite=True)
    assert written.record_start_s == rate.seconds(record)
    assert written.duration_s == rate.seconds(length)
    made = otio.adapters.read_from_file(str(tmp_path / "r.otio"))
    original, new = made.find_clips()
    for time in (
        made.global_start_time,
        *(t for c in (original, new) for t in (c.source_range.start_time, c.source_range.duration)),
        new.available_range().start_time,
    ):
        assert bits(time.rate) == bits(float(rate))
    assert new.source_range == original.source_range
    assert new.source_range.start_time.value == head.frame_number + first
    assert new.available_range() == time_range(head.frame_number + first, length, rate.fraction)
    known = new.metadata["peanut"]["result"]
    assert Rate(*known["rate"]) == rate
    assert known["drop_frame"] == head.drop_frame
    assert Timecode.parse(known["start_timecode"], rate) == head + first


@MANY
@given(source=sources())
def test_the_plugin_counts_timecode_as_the_daemon_does(source: Any) -> None:
    rate, head, *_ = source
    assert rates.timecode_frame(head.label, rate.fraction) == head.frame_number


@MANY
@given(
    source=sources(),
    spelling=st.sampled_from(
        [lambda r: float(f"{r:.3f}"), lambda r: struct.unpack("f", struct.pack("f", r))[0]]
    ),
)
def test_rounded_rates_mean_the_same_frames(source: Any, spelling: Any) -> None:
    rate, head, count, first, length = source
    one = clip(
        "/m/a.mov",
        rate=rate.fraction,
        start=head.frame_number,
        frames=count,
        first=first,
        length=length,
    )
    one.source_range = time_range(head.frame_number + first, length, spelling(float(rate)))
    asked = request_to_range(one.to_json_string())
    assert (asked.rate, asked.frame_range) == (rate, FrameRange(first, first + length))


@MANY
@given(
    source=sources(),
    speed=st.fractions(Fraction(1, 8), 8, max_denominator=64),
    premiere=st.booleans(),
)
def test_a_retimed_clip_asks_for_every_frame_that_is_seen(
    source: Any, speed: Fraction, premiere: bool
) -> None:
    rate, head, count, first, length = source
    one = clip(
        "/m/a.mov",
        rate=rate.fraction,
        start=head.frame_number,
        frames=math.ceil(count * 9),
        first=first,
        length=length,
    )
    if premiere:
        one.metadata["PremierePro_OTIO"] = {}
    shown = shown_by(one, "'a'", folder=None, speed=speed).frame_range
    lasts = Fraction(length) / speed if premiere else Fraction(length)
    seen = {first + math.floor(record * speed) for record in range(math.ceil(lasts))}
    assert seen <= set(range(shown.start, shown.end))
    assert len(shown) <= max(seen) - min(seen) + 1 + math.ceil(speed)


@MANY
@given(
    source=sources(),
    timeline_rate=st.sampled_from(RATES),
    record=st.integers(0, 5000),
    length=st.integers(1, 300),
)
def test_between_two_rates_every_frame_that_is_seen_is_asked_for(
    source: Any, timeline_rate: Rate, record: int, length: int
) -> None:
    rate, head, _, first, _ = source
    start = rate.seconds(head.frame_number + first) * timeline_rate.fraction
    one = otio.schema.Clip(
        "a",
        media_reference=clip(
            "/m/a.mov", rate=rate.fraction, start=head.frame_number, frames=100000
        ).media_reference,
        source_range=time_range(float(start), length, timeline_rate.fraction),
    )
    shown = request_to_range(one.to_json_string()).frame_range
    ratio = rate.fraction / timeline_rate.fraction
    assert shown.start == first
    assert shown.end == first + math.ceil(length * ratio)


@settings(parent=MANY, max_examples=25)
@given(source=sources(), before=st.integers(0, 3000), lead=st.integers(0, 50), data=st.data())
def test_a_result_lies_over_exactly_the_frames_that_it_replaces(
    any_clip: ClipInfo, tmp_path: Path, source: Any, before: int, lead: int, data: st.DataObject
) -> None:
    rate, head, count, first, length = source
    info = facts(any_clip, rate, head, count)
    unit = rate.fraction
    shown = clip(
        info.path, rate=unit, start=head.frame_number, frames=count, first=first, length=length
    )
    items = [*([gap(before, unit)] if before else []), shown]
    cut = timeline(unit, lead, ("Video 1", "Video", items))
    otio.adapters.write_to_file(cut, str(tmp_path / "cut.otio"))
    begin = data.draw(st.integers(first, first + length - 1))
    held = FrameRange(begin, data.draw(st.integers(begin + 1, first + length)))
    result = tmp_path / "result.otio"
    replacement = Replacement(path=tmp_path / "n.mov", frame_range=held)
    build_result(result, info, replacement, overwrite=True)
    answer = apply(tmp_path / "cut.otio", [result], tmp_path / "new.otio", overwrite=True)
    assert answer["placed"][0]["item"] == f"0/{len(items) - 1}"
    made = otio.adapters.read_from_file(str(tmp_path / "new.otio"))
    (placed,) = made.tracks[1].find_clips()
    place = placed.transformed_time_range(placed.trimmed_range(), made.tracks)
    assert place.start_time.value == before + begin - first
    assert place.duration.value == len(held)
    assert placed.source_range.start_time == placed.available_range().start_time
