"""Every version, edition and convention: from the timeline and back, frame by frame."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.clips import make_clip
from support.fake_resolve.fake import Media
from support.fake_resolve.remote import Remote
from support.fake_resolve.stage import Stage, mismatches, results

from peanut_daemon.edits.timeline import Replacement, build_result
from peanut_daemon.media.probe import probe
from peanut_daemon.media.rate import Rate
from peanut_davinci.errors import HostError
from peanut_davinci.request import request_document
from peanut_davinci.resolve_api import Item as ApiItem
from peanut_davinci.resolve_api import Project, Timeline
from peanut_davinci.shots import read_shot
from peanut_models.ranges import FrameRange

VERSIONS = (
    (18, 5, 0),
    (18, 6, 5),
    (19, 0, 2),
    (19, 1, 3),
    (20, 3, 2),
    (21, 0, 2),
    (21, 0, 4),
    (21, 1, 0),
)
CELLS = list(itertools.product(VERSIONS, (True, False), (False, True)))


def name_of(cell: tuple[tuple[int, int, int], bool, bool]) -> str:
    version, studio, inclusive = cell
    words = (".".join(map(str, version)), "Studio" if studio else "free")
    return " ".join((*words, "inclusive" if inclusive else "exclusive"))


@pytest.mark.parametrize("cell", CELLS, ids=name_of)
def test_the_placed_item_covers_exactly_the_source_range(
    cell: Any,
    stage: Callable[..., Stage],
    remove: Callable[[Stage], list[Any]],
    tmp_path: Path,
    record_table: list[tuple[str, ...]],
) -> None:
    version, studio, inclusive = cell
    here = stage(version, studio=studio, inclusive=inclusive)
    way = _by_script(here, remove) if here.app.runs_python else _by_files(here, tmp_path)
    (result,) = results(here)
    wrong = mismatches(here, here.item, result, 40)
    record_table.append(
        (
            name_of(cell),
            way,
            f"{here.item.start}..{here.item.start + here.item.length}",
            f"{result.start}..{result.start + result.length}",
            str(len(wrong)),
        )
    )
    assert (result.start, result.length) == (here.item.start, here.item.length)
    assert result.source_first == 0
    assert wrong == []


def _by_script(here: Stage, remove: Callable[[Stage], list[Any]]) -> str:
    (ticket,) = remove(here)
    made = ticket["placed"]
    assert made["warnings"] == []
    assert made["convention"] == ("inclusive" if here.app.inclusive else "exclusive")
    assert here.app.audio_appended == 0
    return f"script, {made['convention']}"


def _by_files(here: Stage, folder: Path) -> str:
    """No scripts: the daemon's timeline, imported by hand."""
    info = probe(
        make_clip(
            folder / "real.mov",
            rate=here.clip.media.rate,
            frames=here.clip.media.frames,
            timecode=here.clip.media.start_tc,
        )
    )
    here.app.media[str(info.path)] = Media(
        path=str(info.path), rate=info.rate.fraction, frames=info.frame_count
    )
    # The same numbers that the exported timeline has, read here without a script.
    project = Project(Remote(here.app.project))
    shot = read_shot(
        project,
        Timeline(Remote(here.timeline)),
        ApiItem(Remote(here.item)),
        here.item.start,
        here.item.start + here.item.length,
    )
    shot.path = str(info.path)
    deliverable = folder / "result.mov"
    here.app.media[str(deliverable)] = Media(
        path=str(deliverable), rate=info.rate.fraction, frames=48
    )
    target = folder / "result.otio"
    replacement = Replacement(path=deliverable, frame_range=FrameRange(40, 88))
    build_result(target, info, replacement, request=json.dumps(request_document(shot)))
    imported = here.app.pool.ImportTimelineFromFile(str(target), {"timelineName": "with PEANUT"})
    assert imported is not None
    here.timeline = imported
    here.item = imported.tracks[0].items[0]
    here.clip.media = here.item.pool_item.media
    return ".otio by hand"


def test_a_rate_that_is_not_the_timelines_needs_whole_items(
    stage: Callable[..., Stage], remove: Callable[[Stage], list[Any]]
) -> None:
    here = stage(rate=Rate(25).fraction, start=90000, media_rate=Rate(24).fraction, length=50)
    here.timeline.marks = (35, 60)
    remove(here)
    (result,) = results(here)
    assert (result.start, result.length) == (here.item.start, 50)
    assert mismatches(here, here.item, result, 40) == []


def test_lengths_that_no_source_frame_makes_are_refused_and_leave_no_trace(
    stage: Callable[..., Stage], remove: Callable[[Stage], list[Any]]
) -> None:
    here = stage(rate=Rate(48).fraction, start=172800, media_rate=Rate(24).fraction, length=51)
    assert remove(here) == []
    assert results(here) == []
    assert len(here.timeline.tracks) == 1
    assert any("does not place" in line and "drag it above" in line for line in here.said)


def test_mixed_rates_before_source_frames_can_be_read_are_refused(
    stage: Callable[..., Stage], remove: Callable[[Stage], list[Any]]
) -> None:
    here = stage((18, 6, 5), rate=Rate(25).fraction, start=90000, media_rate=Rate(24).fraction)
    with pytest.raises(HostError, match="nothing can be removed"):
        remove(here)
    assert any("peanut timeline extract" in line for line in here.said)
