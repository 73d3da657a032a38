"""Finished results into the whole timeline that their requests came from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio

from peanut_daemon.edits.timeline_inspect import chosen_timeline, number
from peanut_daemon.edits.timeline_items import (
    METADATA_KEY,
    Node,
    is_result,
    media_path,
    neighbours,
    nodes,
    place_of,
    shown_by,
    speed_of,
    timeline_rate,
)
from peanut_daemon.edits.timeline_read import folder_of, read_document, timelines_in
from peanut_daemon.edits.timeline_replace import DEFAULT_MEDIA, Placed, put_above
from peanut_daemon.edits.timeline_times import otio_time, plain, rate_of, seconds
from peanut_daemon.edits.timeline_write import write_timeline
from peanut_daemon.errors import DaemonError, InvalidRequestError
from peanut_daemon.media.rate import Rate
from peanut_models.errors import FrameRangeError
from peanut_models.ranges import FrameRange

ORIGINAL_MEDIA = "original"
"""Key of the media that an in-place replacement stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one result timeline brings.

    Attributes:
        clip: the OTIO clip with the deliverable and the matte.
        media: the file that it replaces.
        rate, held: its frames in that file.
        item: path of the node that was extracted; empty where nothing says.
    """

    clip: Any
    media: Path
    rate: Rate
    held: FrameRange
    item: str


def apply(
    source: Path,
    results: Sequence[Path],
    target: Path,
    *,
    timeline: str = "",
    in_place: bool = False,
    overwrite: bool = False,
    rate: Rate | None = None,
) -> dict[str, Any]:
    """Write a timeline with results in it; everything else stays as it was.

    Args:
        source: the timeline, of any host.
        results: the `.otio` files that renders wrote.
        target: `.otio`, or `.xml` for FCP7 XML.
        timeline: its name, where `source` has several.
        in_place: change the media of the clips and not lay clips above them. It keeps dissolves
            and speed changes; the original stays as a further media reference.
        overwrite: whether `target` may exist.
        rate: of the timeline, for EDLs.

    Returns:
        Plain JSON values: for each placed result its item and its place in frames.

    Raises:
        InvalidRequestError: a file brings no result, or none of its media is in the timeline.
        OutputExistsError, OutputNotWritableError, DiskFullError: `target` cannot be written.
    """
    document = chosen_timeline(source, timeline, rate=rate)
    folder = folder_of(source)
    unit = timeline_rate(document)
    placed: list[Placed] = []
    report: list[dict[str, Any]] = []
    for path in results:
        for result in _results_in(path):
            for node in _uses(document, result, folder, path):
                if in_place:
                    _swap(node, result)
                else:
                    placed.append(_above(node, result, document))
                report.append({"item": node.path, "result": str(path), **_where(node, document)})
    for one, other in ((a, b) for k, a in enumerate(placed) for b in placed[:k]):
        if one.overlaps(other):
            raise InvalidRequestError(
                f"the results {other.clip.name!r} and {one.clip.name!r} want the same place: "
                "apply them one after the other into different files"
            )
    if placed:
        put_above(document, placed, unit)
    write_timeline(target, document, overwrite=overwrite)
    return {"timeline": str(target), "rate": [unit.num, unit.den], "placed": report}


def _results_in(path: Path) -> Iterator[Result]:
    found = False
    for timeline in timelines_in(read_document(path)):
        clips = list(timeline.find_clips())
        for clip in clips:
            if not is_result(clip):
                continue
            facts = plain(clip.metadata[METADATA_KEY]["result"])
            original = next(
                (c for c in clips if not is_result(c) and c.name == facts.get("replaces")), None
            )
            if original is None or "rate" not in facts:
                continue
            found = True
            first = int(facts["first_frame"])
            request = plain(original.metadata.get(METADATA_KEY, {})).get("request", {})
            yield Result(
                clip=clip,
                media=media_path(original, repr(original.name), folder_of(path)),
                rate=Rate(*facts["rate"]),
                held=FrameRange(first, first + int(facts["frames"])),
                item=str(request.get("item", "")) if isinstance(request, dict) else "",
            )
    if not found:
        raise InvalidRequestError(
            f"{path} holds no result of PEANUT: give the .otio that lies beside a deliverable"
        )


def _uses(timeline: Any, result: Result, folder: Path | None, path: Path) -> list[Node]:
    """The clips that show frames of a result: the one that was extracted, else all."""
    uses = []
    for node in nodes(timeline, otio.schema.TrackKind.Video):
        if node.kind != "clip" or is_result(node.item):
            continue
        try:
            same = media_path(node.item, node.where, folder) == result.media
            if same and _common(node, result) is not None:
                uses.append(node)
        except (DaemonError, FrameRangeError):
            continue  # other clips may be of any kind: they are not ours to judge
    chosen = [node for node in uses if node.path == result.item] or uses
    if not chosen:
        raise InvalidRequestError(
            f"{path} replaces frames {result.held} of {result.media}, which no clip of timeline "
            f"{timeline.name!r} shows: is it the timeline that the request came from?"
        )
    return chosen


def _start_s(clip: Any, result: Result) -> Fraction:
    """Time of the file's first frame in the unit that a clip's source_range counts in."""
    found = clip.media_reference.available_range
    if found is not None:
        return seconds(found.start_time)
    # Without a range nothing says where the file starts; the result knows its timecode.
    reference = result.clip.media_reference
    return seconds(reference.available_range.start_time) - result.rate.seconds(result.held.start)


def _common(node: Node, result: Result) -> tuple[Fraction, Fraction] | None:
    """The time, from the file's head, that both clip and result have; None where there is none."""
    speed = speed_of(node.item, node.where)
    shown = node.item.trimmed_range()
    start = seconds(shown.start_time) - _start_s(node.item, result)
    low = max(start, result.rate.seconds(result.held.start))
    high = min(
        start + seconds(shown.duration) * speed,
        result.rate.seconds(result.held.end),
    )
    return (low, high) if low < high else None


def _above(node: Node, result: Result, timeline: Any) -> Placed:
    """A clip for the track above, exactly over the frames that it replaces."""
    if speed_of(node.item, node.where) != 1 or any(neighbours(node)):
        raise InvalidRequestError(
            f"clip {node.where} has a speed change or touches a transition, which a clip above it "
            "would hide: bring the result in with --in-place"
        )
    common = _common(node, result)
    assert common is not None  # `_uses` only yields clips with common frames
    low, high = common
    shown = node.item.trimmed_range()
    unit = rate_of(shown.start_time)
    head = seconds(shown.start_time) - _start_s(node.item, result)
    held_s = result.rate.seconds(result.held.start)
    first_s = seconds(result.clip.media_reference.available_range.start_time)
    clip = otio.schema.Clip(
        name=f"{node.item.name} [{METADATA_KEY}]",
        source_range=otio.opentime.TimeRange(
            otio_time((first_s + low - held_s) * unit.fraction, unit),
            otio_time((high - low) * unit.fraction, unit),
        ),
        metadata=plain(result.clip.metadata),
    )
    references = {k: v.deepcopy() for k, v in result.clip.media_references().items()}
    clip.set_media_references(references, result.clip.active_media_reference_key)
    place_s, _ = place_of(node, timeline)
    return Placed(place_s + low - head, high - low, clip)


def _swap(node: Node, result: Result) -> None:
    """Give a clip the deliverable as its media; nothing else of it changes."""
    clip = node.item
    shown = shown_by(
        clip,
        node.where,
        folder=result.media.parent,
        handles=neighbours(node),
        speed=speed_of(clip, node.where),
    )
    if not result.held.covers(shown.frame_range):
        raise InvalidRequestError(
            f"clip {node.where} shows frames {shown.frame_range} of {result.media.name}, and the "
            f"result has {result.held}: extract the clip again, or leave out --in-place"
        )
    new = {k: v.deepcopy() for k, v in result.clip.media_references().items()}
    shift_s = (
        seconds(result.clip.media_reference.available_range.start_time)
        - result.rate.seconds(result.held.start)
        - _start_s(clip, result)
    )
    if shift_s:  # the source has no timecode, so the deliverable counts from 0
        _shift(clip, shift_s)
    old = clip.media_references()
    new[ORIGINAL_MEDIA] = old.get(ORIGINAL_MEDIA, clip.media_reference).deepcopy()
    clip.set_media_references({**old, **new}, DEFAULT_MEDIA)
    clip.metadata[METADATA_KEY] = {
        **plain(clip.metadata.get(METADATA_KEY, {})),
        "replaced_by": plain(result.clip.metadata[METADATA_KEY]["result"]),
    }


def _shift(clip: Any, shift_s: Fraction) -> None:
    shown = clip.trimmed_range()
    unit = rate_of(shown.start_time)
    start = (seconds(shown.start_time) + shift_s) * unit.fraction
    clip.source_range = otio.opentime.TimeRange(otio_time(start, unit), shown.duration)
    for marker in clip.markers:
        marked = marker.marked_range
        unit = rate_of(marked.start_time)
        start = (seconds(marked.start_time) + shift_s) * unit.fraction
        marker.marked_range = otio.opentime.TimeRange(otio_time(start, unit), marked.duration)


def _where(node: Node, timeline: Any) -> dict[str, Any]:
    unit = timeline_rate(timeline)
    start_s, length_s = place_of(node, timeline)
    return {
        "name": node.item.name,
        "place": [number(t * unit.fraction) for t in (start_s, start_s + length_s)],
    }
