"""Bringing results in and taking them out: every write is read back."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from support.fake_resolve.fake import Item
from support.fake_resolve.stage import Stage, mismatches, results

from peanut_davinci import flows
from peanut_davinci.errors import HostError

Build = Callable[..., Stage]
Remove = Callable[[Stage], list[Any]]


def opened(here: Stage) -> Any:
    return flows.opened(here.app.names())


def state(here: Stage) -> Any:
    """All that a user sees of timeline and pool."""
    tracks = [
        (t.name, [(i.id, i.start, i.length, i.source_first) for i in t.items])
        for t in here.timeline.tracks
    ]
    bins = [(f.name, [c.id for c in f.clips]) for f in here.app.pool.root.folders]
    return tracks, bins, [c.id for c in here.app.pool.root.clips], dict(here.timeline.markers)


def test_what_a_result_carries(stage: Build, remove: Remove) -> None:
    here = stage((21, 1, 0))
    here.item.grade = "teal and orange"
    here.item.properties["ZoomX"] = 1.2
    (ticket,) = remove(here)
    (result,) = results(here)
    assert here.timeline.tracks[1].name == "PEANUT"
    assert result.colour == "Teal"
    assert result.name == "A001.mov [peanut]"
    assert result.grade == "teal and orange"
    assert result.properties["ZoomX"] == 1.2
    assert result.GetMarkerByCustomData(ticket["job_id"])["name"] == "PEANUT"
    clip = result.pool_item
    assert clip.properties["Data Level"] == "Full"
    assert clip.properties["Input Color Space"] == "Rec.709 (Scene)"
    assert clip.third_party == {"peanut": ticket["job_id"]}
    (folder,) = here.app.pool.root.folders
    assert (folder.name, folder.clips) == ("PEANUT", [clip])
    assert here.app.pool.current is here.app.pool.root


def test_old_versions_keep_the_job_in_the_comments(stage: Build, remove: Remove) -> None:
    here = stage((18, 5, 0))
    (ticket,) = remove(here)
    (result,) = results(here)
    assert result.pool_item.metadata["Comments"] == f"peanut: {ticket['job_id']}"
    assert result.name.endswith(".mov")  # 18.5 cannot rename
    assert ticket["placed"]["warnings"] == []


def test_the_convention_is_remembered_for_the_version(stage: Build, remove: Remove) -> None:
    here = stage(inclusive=True)
    remove(here)
    assert here.peanut.notes == {"end_frame 20.3.2": "inclusive"}
    here.app.calls.clear()
    here.timeline.playhead = _another(here, at=200).start
    remove(here)
    appended = [a for kind, name, a in here.app.calls if name == "AppendToTimeline"]
    assert len(appended) == 1


def test_a_wrong_convention_leaves_nothing_behind(stage: Build, remove: Remove) -> None:
    # Trimmed while the job ran, so that the file has more frames than are asked for, and the
    # wrong count is a frame too many and no refusal.
    here = stage(inclusive=True)
    here.peanut.endless = True
    remove(here)
    here.item.source_first, here.item.start, here.item.length = 45, here.item.start + 5, 30
    here.timeline.failed_deletes = 1
    collected = finish(here)
    (result,) = results(here)
    assert len(collected) == 1
    assert (result.start, result.length, result.source_first) == (here.item.start, 30, 5)
    assert mismatches(here, here.item, result, 40) == []


def finish(here: Stage) -> list[Any]:
    """The jobs end; later, another script collects."""
    for job in here.peanut.jobs.values():
        job["state"] = "succeeded"
    resolve, project = opened(here)
    return flows.collect(resolve, project, here.ui, here.peanut)


def _another(here: Stage, *, at: int, track: int = 1, first: int = 0, length: int = 20) -> Item:
    item = Item(
        here.timeline, here.clip, start=86400 + at, length=length, source_first=first, name="more"
    )
    return here.timeline.put(track, item)


def test_a_free_track_of_ours_is_used_again(stage: Build, remove: Remove) -> None:
    here = stage()
    remove(here)
    here.timeline.playhead = _another(here, at=200).start
    remove(here)
    assert [t.name for t in here.timeline.tracks] == ["Video 1", "PEANUT"]
    assert len(here.timeline.tracks[1].items) == 2


def test_an_occupied_or_locked_track_is_left_alone(stage: Build, remove: Remove) -> None:
    here = stage((21, 0, 4))
    here.timeline.selection = [here.item]
    remove(here)
    remove(here)  # the same place again: the first result stays
    assert [t.name for t in here.timeline.tracks] == ["Video 1", "PEANUT", "PEANUT"]
    here.timeline.tracks[1].locked = here.timeline.tracks[2].locked = True
    here.timeline.selection = [_another(here, at=300)]
    remove(here)
    assert len(here.timeline.tracks) == 4
    assert not any(item.hollow for track in here.timeline.tracks for item in track.items)


def test_the_result_lies_above_the_clip_even_if_our_track_is_below(
    stage: Build, remove: Remove
) -> None:
    here = stage()
    remove(here)
    upper = _another(here, at=300, track=3)
    here.timeline.playhead = upper.start
    remove(here)
    assert [len(t.items) for t in here.timeline.tracks] == [1, 1, 1, 1]


def test_the_result_follows_a_clip_that_was_moved(stage: Build, remove: Remove) -> None:
    here = stage()
    here.peanut.endless = True
    assert remove(here) == []
    assert any("PEANUT Collect" in line for line in here.said)
    here.item.start += 111
    finish(here)
    (result,) = results(here)
    assert result.start == here.item.start
    assert mismatches(here, here.item, result, 40) == []
    assert finish(here) == []  # it is brought in once


def test_a_clip_that_is_gone_gets_its_result_where_it_was(stage: Build, remove: Remove) -> None:
    here = stage()
    here.peanut.endless = True
    remove(here)
    start = here.item.start
    here.timeline.tracks[0].items.clear()
    (ticket,) = finish(here)
    (result,) = results(here)
    assert result.start == start
    assert "no longer in the timeline" in ticket["placed"]["warnings"][0]


def test_a_clip_trimmed_to_other_frames_is_refused(stage: Build, remove: Remove) -> None:
    here = stage()
    here.peanut.endless = True
    remove(here)
    here.item.source_first, here.item.length = 0, 20
    assert finish(here) == []
    assert any("no longer shows any frame" in line for line in here.said)


def test_another_project_is_not_touched(stage: Build, remove: Remove) -> None:
    here = stage()
    here.peanut.endless = True
    remove(here)
    here.app.project.id = "another"
    assert finish(here) == []
    assert results(here) == []


@pytest.mark.parametrize(
    ("spoil", "words"),
    [({"frames": 47}, "47 frames"), ({"rate": Fraction(24)}, "24 frames per second")],
)
def test_a_file_that_resolve_sees_otherwise_is_refused(
    stage: Build, remove: Remove, spoil: Any, words: str
) -> None:
    here = stage()
    here.peanut.spoil = spoil
    assert remove(here) == []
    assert any(words in line for line in here.said)
    assert results(here) == []


@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize("version", [(18, 5, 0), (20, 3, 2), (21, 1, 0)])
def test_undo_leaves_timeline_and_pool_as_they_were(
    stage: Build, remove: Remove, version: Any, inclusive: bool
) -> None:
    here = stage(version, inclusive=inclusive)
    _another(here, at=300, track=2)
    remove_bin_first = state(here)
    remove(here)
    assert state(here) != remove_bin_first
    resolve, project = opened(here)
    assert flows.undo_result(resolve, project, here.ui, here.peanut) is not None
    here.app.pool.root.folders.clear()  # the empty bin stays, for the next result
    assert state(here) == remove_bin_first
    assert flows.undo_result(resolve, project, here.ui, here.peanut) is None


def test_undo_keeps_a_track_on_which_somebody_put_more(stage: Build, remove: Remove) -> None:
    here = stage()
    remove(here)
    mine = _another(here, at=300, track=2)
    resolve, project = opened(here)
    flows.undo_result(resolve, project, here.ui, here.peanut)
    assert here.timeline.tracks[1].items == [mine]


def test_undo_finds_a_result_by_its_marker_when_ids_changed(stage: Build, remove: Remove) -> None:
    here = stage()
    remove(here)
    results(here)[0].id = "copied"
    resolve, project = opened(here)
    flows.undo_result(resolve, project, here.ui, here.peanut)
    assert results(here) == []


@pytest.mark.parametrize("inclusive", [False, True])
def test_a_take_swaps_the_source_in_place_and_goes_again(
    stage: Build, remove: Remove, inclusive: bool
) -> None:
    here = stage(inclusive=inclusive)
    here.app.takes_work = True
    here.peanut.wish = {"deliver": "full", "take": True}
    (ticket,) = remove(here)
    assert ticket["placed"]["take"] is True
    assert len(here.timeline.tracks) == 1
    assert here.item.pool_item is not here.clip
    assert (here.item.source_first, here.item.length) == (0, 48)
    resolve, project = opened(here)
    flows.undo_result(resolve, project, here.ui, here.peanut)
    assert (here.item.pool_item, here.item.source_first) == (here.clip, 40)


def test_where_takes_are_refused_the_result_lies_above(stage: Build, remove: Remove) -> None:
    here = stage()
    here.peanut.wish = {"deliver": "full", "take": True}
    (ticket,) = remove(here)
    assert ticket["placed"]["take"] is False
    assert "no take" in ticket["placed"]["warnings"][0]
    assert len(results(here)) == 1


def test_several_clips_are_done_one_after_the_other(stage: Build, remove: Remove) -> None:
    here = stage((21, 0, 4))
    other = _another(here, at=300, first=3)
    generator = here.timeline.put(1, Item(here.timeline, None, start=86800, length=10))
    here.timeline.selection = [here.item, generator, other]
    assert len(remove(here)) == 2
    assert sorted(item.start for item in results(here)) == [here.item.start, other.start]
    assert any(line.startswith("PEANUT: left out") for line in here.said)


def test_cancelling_on_the_page_changes_nothing(stage: Build, remove: Remove) -> None:
    here = stage()
    here.peanut.wish = None
    before = state(here)
    assert remove(here) == []
    assert state(here) == before
    assert [op for op, _ in here.peanut.requests] == ["prompt"]


def test_a_window_in_the_way_is_named(stage: Build) -> None:
    here = stage()
    here.app.project_window_open = True
    with pytest.raises(HostError, match="answers nothing"):
        opened(here)


def test_a_project_that_was_never_saved_is_refused(stage: Build) -> None:
    here = stage()
    here.app.project.name = "Untitled Project"
    with pytest.raises(HostError, match="no name yet"):
        opened(here)
    with pytest.raises(HostError, match="cannot place"):
        opened(stage((18, 1, 4)))
    with pytest.raises(HostError, match="no DaVinci Resolve answers"):
        flows.opened({})
