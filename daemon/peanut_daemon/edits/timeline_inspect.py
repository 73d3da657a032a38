"""What is in a timeline, in numbers that people and programs can use."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from peanut_daemon.edits.timeline_items import (
    METADATA_KEY,
    Node,
    is_result,
    kind_of,
    neighbours,
    place_of,
    shown_by,
    speed_of,
    timeline_rate,
    why_not,
)
from peanut_daemon.edits.timeline_items import nodes as nodes_of
from peanut_daemon.edits.timeline_read import folder_of, read_document, timelines_in
from peanut_daemon.edits.timeline_times import frames_of, plain
from peanut_daemon.errors import InvalidRequestError
from peanut_daemon.media.rate import Rate
from peanut_daemon.media.timecode import Timecode, frames_per_day


def inspect(source: Path, *, rate: Rate | None = None) -> dict[str, Any]:
    """All timelines of a file as plain JSON values.

    Frames of places count from the timeline's start in the timeline's rate; frames of media from
    the file's head in the media's rate; both half-open. `why_not` says why nothing can be removed
    from a clip.

    Raises:
        InvalidRequestError, MediaNotFoundError, UnsupportedMediaError: as `read_document`.
    """
    folder = folder_of(source)
    found = timelines_in(read_document(source, rate=rate))
    return {"file": str(source), "timelines": [_timeline(one, folder) for one in found]}


def _timeline(timeline: Any, folder: Path | None) -> dict[str, Any]:
    rate = timeline_rate(timeline)
    start = timeline.global_start_time
    frame = None if start is None else round(frames_of(start, rate))
    tracks = []
    for row, track in enumerate(timeline.tracks):
        items = [n for n in nodes_of(timeline) if n.path.startswith(f"{row}/")]
        tracks.append(
            {
                "path": str(row),
                "name": track.name,
                "kind": getattr(track, "kind", kind_of(track)),
                "enabled": getattr(track, "enabled", True),
                "items": [_item(node, timeline, rate, folder) for node in items],
            }
        )
    return {
        "name": timeline.name,
        "rate": [rate.num, rate.den],
        "start_frame": frame,
        **({} if frame is None else _labels(frame, rate)),
        "tracks": tracks,
    }


def _item(node: Node, timeline: Any, rate: Rate, folder: Path | None) -> dict[str, Any]:
    document: dict[str, Any] = {"path": node.path, "kind": node.kind, "name": node.item.name}
    if node.kind in ("transition", "unknown"):
        return document
    try:
        document["place"] = [number(value * rate.fraction) for value in _span(node, timeline)]
    except InvalidRequestError as error:
        return document | {"why_not": str(error)}
    if node.kind == "gap":
        return document
    document["enabled"] = node.item.enabled
    if node.track.kind == "Video":
        document["why_not"] = why_not(node, folder=folder)
        if not document["why_not"]:
            document |= _media(node, folder)
            document["is_result"] = is_result(node.item)
    return document


def _span(node: Node, timeline: Any) -> tuple[Fraction, Fraction]:
    start_s, length_s = place_of(node, timeline)
    return start_s, start_s + length_s


def _media(node: Node, folder: Path | None) -> dict[str, Any]:
    speed = speed_of(node.item, node.where)
    shown = shown_by(node.item, node.where, folder=folder, handles=neighbours(node), speed=speed)
    document: dict[str, Any] = {
        "media": str(shown.path),
        "media_rate": [shown.rate.num, shown.rate.den],
        "media_start_frame": shown.start_frame,
        "frames": [shown.frame_range.start, shown.frame_range.end],
        "prompts": prompts_in(node.item),
    }
    if speed != 1:
        document["speed"] = number(speed)
    return document


def prompts_in(clip: Any) -> list[dict[str, Any]]:
    """What markers of a clip ask for: `metadata["peanut"]` of each marker that has one."""
    return [
        plain(marker.metadata[METADATA_KEY])
        for marker in clip.markers
        if METADATA_KEY in marker.metadata
    ]


def chosen_timeline(source: Path, name: str = "", *, rate: Rate | None = None) -> Any:
    """One timeline of a file.

    Raises:
        InvalidRequestError: none, or several and no name, or none of that name.
    """
    found = list(timelines_in(read_document(source, rate=rate)))
    matching = [one for one in found if not name or one.name == name]
    if len(matching) != 1:
        names = ", ".join(repr(one.name) for one in found[:8]) or "none"
        raise InvalidRequestError(
            f"{source} has {len(found)} timelines ({names})"
            + (f", and {len(matching)} are called {name!r}" if name else "")
            + ": name one with --timeline"
        )
    return matching[0]


def _labels(frame: int, rate: Rate) -> dict[str, str]:
    """A frame number as timecode; OTIO does not say which kind, so both where both exist."""
    kinds = {"start_timecode": False} | (
        {"start_timecode_drop_frame": True} if rate.allows_drop_frame else {}
    )
    return {
        name: Timecode(frame % frames_per_day(rate, drop_frame=drop), rate, drop).label
        for name, drop in kinds.items()
    }


def number(value: Fraction) -> int | float:
    """Whole where it is whole."""
    nearest = round(value)
    return nearest if abs(value - nearest) <= Fraction(1, 1000) else float(value)
