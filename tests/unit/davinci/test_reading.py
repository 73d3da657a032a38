"""What is chosen, which frames that is, and what is refused with a way round."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import opentimelineio as otio
import pytest
from opentimelineio.opentime import RationalTime
from support.fake_resolve.fake import Item, Media
from support.fake_resolve.remote import Remote
from support.fake_resolve.stage import Stage

from peanut_davinci import rates, shots
from peanut_davinci.errors import HostError
from peanut_davinci.request import request_document
from peanut_davinci.resolve_api import Item as ApiItem
from peanut_davinci.resolve_api import Project, Timeline

VERSIONS = ((18, 5, 0), (19, 0, 2), (19, 1, 3), (21, 0, 4), (21, 1, 0))
Build = Callable[..., Stage]


def read(here: Stage, item: Item | None = None) -> shots.Shot:
    item = item or here.item
    api = ApiItem(Remote(item))
    project = Project(Remote(here.app.project))
    timeline = Timeline(Remote(here.timeline))
    return shots.read_shot(project, timeline, api, api.start(), api.end())


def chosen(here: Stage) -> tuple[list[tuple[str, int, int]], str]:
    found, how = shots.chosen(Timeline(Remote(here.timeline)))
    return [(item.name(), first, end) for item, first, end in found], how


def add(here: Stage, name: str, *, at: int, length: int, track: int = 1) -> Item:
    item = Item(here.timeline, here.clip, start=86400 + at, length=length, name=name)
    return here.timeline.put(track, item)


def test_what_is_meant_in_the_order_in_which_it_can_be_known(stage: Build) -> None:
    here = stage((21, 0, 4))
    other = add(here, "other", at=200, length=20, track=2)
    other.colour = shots.FLAG_COLOUR
    here.timeline.selection = [other]
    assert chosen(here) == ([("other", 86600, 86620)], "the selected clips")
    here.timeline.selection = []
    here.timeline.marks = (40, 49)
    assert chosen(here)[0] == [("A001.mov", 86440, 86450)]
    here.timeline.marks = None
    assert chosen(here)[1] == "the clip under the playhead"
    here.timeline.playhead = None
    assert chosen(here) == ([("other", 86600, 86620)], "the clips of colour Pink")
    other.colour = ""
    with pytest.raises(HostError, match="nothing is chosen"):
        shots.chosen(Timeline(Remote(here.timeline)))


def test_before_its_version_a_way_of_choosing_is_passed_over(stage: Build) -> None:
    here = stage((18, 6, 5))
    here.timeline.selection = [add(here, "other", at=200, length=20)]
    here.timeline.marks = (200, 210)
    assert chosen(here)[1] == "the clip under the playhead"


def test_in_and_out_take_the_highest_track_that_shows_something(stage: Build) -> None:
    here = stage()
    add(here, "above", at=50, length=10, track=2)
    add(here, "hidden", at=50, length=10, track=3)
    here.timeline.tracks[2].enabled = False
    here.timeline.marks = (45, 55)
    assert chosen(here)[0] == [("above", 86450, 86456)]


@pytest.mark.parametrize("version", VERSIONS)
def test_frames_of_the_file(stage: Build, version: Any) -> None:
    here = stage(version)
    shot = read(here)
    assert (shot.first, shot.end, shot.frame_count) == (40, 88, 120)
    assert (shot.record_start, shot.record_end) == (86430, 86478)
    assert (shot.rate, shot.start_frame) == (Fraction(24000, 1001), 86400)
    assert shots.Shot.from_json(shot.to_json()).to_json() == shot.to_json()


def test_drop_frame_counts_real_frames(stage: Build) -> None:
    here = stage(rate=Fraction(30000, 1001), start=107892, label="01:00:00;00", drop_frame=True)
    shot = read(here)
    assert (shot.start_frame, shot.timeline_start) == (107892, 107892)
    assert shot.drop_frame and shot.timeline_drop_frame
    assert shot.record_start == 107892 + 30


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("speed", [Fraction(2), Fraction(1, 2)])
def test_speed_changes_are_found_in_every_version(
    stage: Build, version: Any, speed: Fraction
) -> None:
    here = stage(version, speed=speed, length=20, first=10)
    with pytest.raises(HostError, match="speed change") as caught:
        read(here)
    assert "--in-place" in caught.value.way_round


def test_offsets_tell_the_speed_where_source_frames_are_unknown(stage: Build) -> None:
    here = stage((19, 1, 3), speed=Fraction(2), length=20, first=10)
    here.app.source_unknown = True
    with pytest.raises(HostError, match="speed change"):
        read(here)
    here.item.speed = Fraction(1)
    assert read(here).first == 10


def test_a_source_frame_that_is_one_off_the_offset_is_not_believed(stage: Build) -> None:
    here = stage((19, 1, 3))
    here.app.source_start_error = 1
    assert (read(here).first, read(here).end) == (40, 88)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_cannot_be_right_is_refused_with_the_way_round(stage: Build, version: Any) -> None:
    here = stage(version)
    generator = here.timeline.put(2, Item(here.timeline, None, start=86500, length=10))
    inner = here.app.add_media(Media(path="", rate=here.timeline.rate, frames=50), is_file=False)
    compound = here.timeline.put(2, Item(here.timeline, inner, start=86600, length=10))
    for item, reason, way in (
        (generator, "Generator", "Render it in place"),
        (compound, "Compound", "own timeline"),
    ):
        with pytest.raises(HostError) as caught:
            read(here, item)
        assert caught.value.reason == reason
        assert way in caught.value.way_round


def test_media_that_is_not_there_is_refused(stage: Build) -> None:
    here = stage()
    (here.folder / "A001.mov").unlink()
    with pytest.raises(HostError, match="is not there"):
        read(here)
    here.clip.properties["File Path"] = "/media/shot.[1000-1100].exr"
    with pytest.raises(HostError, match="image sequence"):
        read(here)


def test_frames_beyond_the_file_are_refused(stage: Build) -> None:
    here = stage((18, 5, 0), frames=120)
    here.clip.properties["Frames"] = "80"
    with pytest.raises(HostError):
        read(here)


def test_the_proxy_goes_along_where_its_file_is_there(stage: Build) -> None:
    here = stage()
    proxy = here.folder / "proxy.mov"
    here.clip.properties["Proxy Media Path"] = str(proxy)
    assert read(here).proxy == ""
    proxy.write_bytes(b"")
    assert read(here).proxy == str(proxy)


def test_the_request_holds_prompts_as_markers_and_the_proxy_as_media(stage: Build) -> None:
    here = stage(rate=Fraction(30000, 1001), start=107892, label="01:00:00;00", drop_frame=True)
    proxy = here.folder / "proxy.mov"
    proxy.write_bytes(b"")
    here.clip.properties["Proxy Media Path"] = str(proxy)
    shot = read(here)
    click = {"kind": "point", "frame": 50, "xy_px": [3, 4], "positive": True}
    document = request_document(shot, [click])
    made = otio.adapters.read_from_string(json.dumps(document), "otio_json")
    (one,) = made.find_clips()
    assert set(one.media_references()) == {"DEFAULT_MEDIA", "proxy"}
    (marker,) = one.markers
    assert marker.marked_range.start_time - one.source_range.start_time == RationalTime(
        10, one.source_range.start_time.rate
    )
    assert marker.metadata["peanut"]["frame"] == 10
    facts = one.metadata["peanut"]["request"]
    assert (list(facts["rate"]), facts["drop_frame"]) == ([30000, 1001], True)
    assert made.global_start_time.value == 107892


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (23.976, Fraction(24000, 1001)),
        ("23.98", Fraction(24000, 1001)),
        (24.0, Fraction(24)),
        ("29.97 DF", Fraction(30000, 1001)),
        (23.97602462768554, Fraction(24000, 1001)),
        (59.94, Fraction(60000, 1001)),
        ("25", Fraction(25)),
        (119.88, Fraction(120000, 1001)),
        (12.5, Fraction(25, 2)),
    ],
)
def test_rounded_rates(written: Any, meant: Fraction) -> None:
    assert rates.exact_rate(written) == meant


@pytest.mark.parametrize("written", ["", "fast", 0, -24, "1/0"])
def test_no_rate(written: Any) -> None:
    with pytest.raises(HostError, match="cannot be read"):
        rates.exact_rate(written)
