"""A clip out of a whole timeline, and the result back in; nothing else changes."""

from __future__ import annotations

import copy
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest
from support.clips import make_clip
from support.timelines import clip, gap, three_tracks, timeline

from peanut_daemon.edits.timeline import Replacement, build_result, request_to_range
from peanut_daemon.edits.timeline_apply import apply
from peanut_daemon.edits.timeline_extract import Choice, extract
from peanut_daemon.edits.timeline_write import _without_empty_colours
from peanut_daemon.errors import InvalidRequestError, UnsupportedMediaError
from peanut_daemon.media.clip import ClipInfo
from peanut_daemon.media.probe import probe
from peanut_daemon.media.rate import Rate
from peanut_models.ranges import FrameRange

RATES = {
    "23.976": (Rate(24000, 1001), "01:00:00:00"),
    "25": (Rate(25), "10:00:00:00"),
    "29.97 drop": (Rate(30000, 1001), "01:00:00;00"),
    "no timecode": (Rate(24), ""),
}


class Cut:
    """A timeline on disk and the real clip that it shows."""

    def __init__(self, folder: Path, case: str = "23.976") -> None:
        self.folder = folder
        rate, label = RATES[case]
        path = make_clip(
            folder / "source.mov", rate=rate.fraction, frames=100, timecode=label or None
        )
        self.info: ClipInfo = probe(path)
        start = self.info.start_timecode
        self.start = 0 if start is None else start.frame_number
        self.timeline = three_tracks(rate.fraction, path, start=self.start)
        self.file = folder / "cut.otio"
        self.save()

    @property
    def rate(self) -> Fraction:
        return self.info.rate.fraction

    def save(self) -> None:
        otio.adapters.write_to_file(self.timeline, str(self.file))

    def request(self, item: str, name: str = "request") -> Path:
        target = self.folder / f"{name}.otio"
        extract(self.file, target, Choice(item=item), probe=probe)
        return target

    def result(self, request: Path, name: str = "clean") -> Path:
        """What the worker writes once the render is done."""
        asked = request_to_range(request, media=self.info)
        target = self.folder / f"{name}.otio"
        replacement = Replacement(
            path=self.folder / f"{name}.mov",
            frame_range=asked.frame_range,
            matte_path=self.folder / f"{name}.matte.mkv",
            facts={"job_id": name},
        )
        build_result(target, self.info, replacement, request=request.read_text())
        return target

    def applied(self, *results: Path, **how: Any) -> Any:
        target = self.folder / "new.otio"
        apply(self.file, list(results), target, overwrite=True, **how)
        return otio.adapters.read_from_file(str(target))


def plain_json(made: Any) -> Any:
    return _without_empty_colours(json.loads(made.to_json_string()))


@pytest.mark.parametrize("case", RATES)
def test_everything_else_stays_as_it_was(tmp_path: Path, case: str) -> None:
    cut = Cut(tmp_path, case)
    before = plain_json(cut.timeline)
    request = cut.request("1/1")
    asked = request_to_range(request, media=cut.info)
    assert (asked.frame_range.start, asked.frame_range.end) == (20, 50)
    new = cut.applied(cut.result(request))
    assert [t.name for t in new.tracks] == ["Video 1", "Video 2", "Video 3", "PEANUT", "Audio 1"]
    after = plain_json(new)
    ours = after["tracks"]["children"].pop(3)
    assert after == before
    original, placed = new.tracks[1][1], new.tracks[3][1]
    assert len(ours["children"]) == 2
    assert original.transformed_time_range(
        original.trimmed_range(), new.tracks
    ) == placed.transformed_time_range(placed.trimmed_range(), new.tracks)
    first = placed.source_range.start_time - placed.available_range().start_time
    assert (first.value, placed.source_range.duration.value) == (0, 30)
    assert Rate.snapped(placed.source_range.start_time.rate) == cut.info.rate
    if cut.start:
        assert placed.source_range == original.source_range
    assert set(placed.media_references()) == {"DEFAULT_MEDIA", "matte"}


def test_a_clip_is_found_by_name_path_and_place(tmp_path: Path) -> None:
    cut = Cut(tmp_path)
    for choice in (Choice(item="wanted"), Choice(item="1/1"), Choice(at="40"), Choice(at="69")):
        answer = extract(cut.file, tmp_path / "r.otio", choice, probe=probe, overwrite=True)
        assert (answer["item"], answer["frames"]) == ("1/1", [20, 50])
    label = Choice(at="01:00:02:00")  # 48 frames after the start
    assert extract(cut.file, tmp_path / "l.otio", label, probe=probe)["item"] == "1/1"
    with pytest.raises(InvalidRequestError, match="4 clips to choose from"):
        extract(cut.file, tmp_path / "x.otio", Choice(), probe=probe)
    with pytest.raises(InvalidRequestError, match="0 clips called 'nothing'"):
        extract(cut.file, tmp_path / "x.otio", Choice(item="nothing"), probe=probe)


def test_a_dissolve_gets_all_its_frames_and_goes_back_in_place(tmp_path: Path) -> None:
    cut = Cut(tmp_path)
    before = plain_json(cut.timeline)
    answer = extract(cut.file, tmp_path / "in.otio", Choice(item="in"), probe=probe)
    assert answer["frames"] == [54, 90]  # 60 to 89, and six more under the dissolve
    assert answer["in_place_only"] is True
    result = cut.result(tmp_path / "in.otio")
    with pytest.raises(InvalidRequestError, match=r"0/2.*--in-place"):
        cut.applied(result)
    new = cut.applied(result, in_place=True)
    changed = new.tracks[0][2]
    assert changed.source_range == cut.timeline.tracks[0][2].source_range
    assert changed.media_reference.target_url == str(tmp_path / "clean.mov")
    assert changed.media_references()["original"].target_url == str(cut.info.path)
    # The dissolve reaches six frames ahead of the clip, and the deliverable has them.
    first = changed.source_range.start_time - changed.available_range().start_time
    assert first.value == 6
    after = plain_json(new)
    for document in (before, after):
        del document["tracks"]["children"][0]["children"][2]
    assert after == before


@pytest.mark.parametrize("speed", [2.0, 0.5, 1.25])
def test_a_speed_change_stays_on_the_clip(tmp_path: Path, speed: float) -> None:
    cut = Cut(tmp_path)
    wanted = cut.timeline.tracks[1][1]
    wanted.effects.append(otio.schema.LinearTimeWarp(time_scalar=speed))
    cut.save()
    request = cut.request("wanted")
    asked = request_to_range(request, media=cut.info)
    seen = {20 + int(frame * speed) for frame in range(30)}
    assert seen <= set(range(asked.frame_range.start, asked.frame_range.end))
    assert len(asked.frame_range) <= 30 * speed + 1
    result = cut.result(request)
    with pytest.raises(InvalidRequestError, match="--in-place"):
        cut.applied(result)
    changed = cut.applied(result, in_place=True).tracks[1][1]
    assert changed.effects[0].time_scalar == speed
    assert changed.source_range == wanted.source_range
    assert changed.media_reference.target_url.endswith("clean.mov")


@pytest.mark.parametrize("scalar", [0.0, -1.0])
def test_freezes_and_reverses_are_refused(tmp_path: Path, scalar: float) -> None:
    cut = Cut(tmp_path)
    cut.timeline.tracks[1][1].effects.append(otio.schema.LinearTimeWarp(time_scalar=scalar))
    cut.save()
    with pytest.raises(UnsupportedMediaError, match="1/1"):
        cut.request("wanted")


def test_premieres_length_of_a_retimed_clip_is_source_time(tmp_path: Path) -> None:
    cut = Cut(tmp_path)
    wanted = cut.timeline.tracks[1][1]
    wanted.effects.append(otio.schema.LinearTimeWarp(time_scalar=2.0))
    wanted.metadata["PremierePro_OTIO"] = {}
    cut.save()
    asked = request_to_range(cut.request("wanted"), media=cut.info)
    assert (asked.frame_range.start, asked.frame_range.end) == (20, 50)


def test_results_of_two_clips_share_a_track_and_a_new_one_replaces_the_old(
    tmp_path: Path,
) -> None:
    cut = Cut(tmp_path)
    rate = cut.rate
    cut.timeline.tracks[1].append(
        clip(cut.info.path, rate=rate, start=cut.start, first=70, length=10, name="second")
    )
    cut.save()
    one = cut.result(cut.request("wanted", "r1"), "one")
    two = cut.result(cut.request("second", "r2"), "two")
    new = cut.applied(one, two)
    track = new.tracks[3]
    assert [type(i).__name__ for i in track] == ["Gap", "Clip", "Gap", "Clip"]
    cut.timeline = new
    cut.save()
    again = cut.result(cut.request("wanted", "r3"), "again")
    newer = cut.applied(again)
    names = [Path(c.media_reference.target_url).name for c in newer.tracks[3].find_clips()]
    assert names == ["again.mov", "two.mov"]
    assert [t.name for t in newer.tracks].count("PEANUT") == 1


def test_without_an_extracted_item_every_use_of_the_frames_is_covered(tmp_path: Path) -> None:
    cut = Cut(tmp_path)
    target = tmp_path / "part.otio"
    build_result(
        target, cut.info, Replacement(path=tmp_path / "n.mov", frame_range=FrameRange(30, 40))
    )
    new = cut.applied(target)
    (placed,) = new.tracks[3].find_clips()
    place = placed.transformed_time_range(placed.trimmed_range(), new.tracks)
    assert (place.start_time.value, place.duration.value) == (50, 10)


def test_a_timeline_that_does_not_show_the_frames_is_refused(tmp_path: Path) -> None:
    cut = Cut(tmp_path)
    result = cut.result(cut.request("1/1"))
    rate = cut.rate
    cut.timeline = timeline(rate, 0, ("V", "Video", [gap(3, rate), clip("/m/b.mov", rate=rate)]))
    cut.save()
    with pytest.raises(InvalidRequestError, match="no clip of timeline"):
        cut.applied(result)
    with pytest.raises(InvalidRequestError, match="no result of PEANUT"):
        cut.applied(cut.file)


def test_markers_with_prompts_come_along(tmp_path: Path) -> None:
    cut = Cut(tmp_path)
    prompt = {"kind": "point", "frame": 3, "xy_px": [10, 20], "positive": True}
    marker = otio.schema.Marker("p", metadata={"peanut": prompt})
    cut.timeline.tracks[1][1].markers.append(marker)
    cut.save()
    answer = extract(cut.file, tmp_path / "r.otio", Choice(item="1/1"), probe=probe)
    assert answer["prompts"] == [prompt]


def test_a_request_is_written_in_whole_numbers(tmp_path: Path) -> None:
    cut = Cut(tmp_path, "29.97 drop")
    made = otio.adapters.read_from_file(str(cut.request("1/1")))
    (wanted,) = made.find_clips()
    request = wanted.metadata["peanut"]["request"]
    assert list(request["rate"]) == [30000, 1001]
    assert dict(request["source"]) == {"first_frame": 20, "frames": 30}
    assert wanted.source_range.start_time.rate == float(cut.rate)
    assert wanted.source_range.start_time.value == cut.start + 20
    assert copy.deepcopy(made.global_start_time) == cut.timeline.global_start_time
