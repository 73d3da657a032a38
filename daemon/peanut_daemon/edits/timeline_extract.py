"""One clip out of a whole timeline, as the request that `peanut remove` takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio

from peanut_daemon.edits.timeline_inspect import chosen_timeline, prompts_in
from peanut_daemon.edits.timeline_items import (
    METADATA_KEY,
    Node,
    Shown,
    available,
    is_result,
    media_path,
    neighbours,
    nodes,
    place_of,
    shown_by,
    speed_of,
    timeline_rate,
)
from peanut_daemon.edits.timeline_read import folder_of
from peanut_daemon.edits.timeline_times import otio_range, plain, seconds
from peanut_daemon.edits.timeline_write import write_otio
from peanut_daemon.errors import InvalidRequestError
from peanut_daemon.media.clip import ClipInfo
from peanut_daemon.media.rate import Rate
from peanut_daemon.media.timecode import Timecode

_SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which clip, and how much of it.

    Attributes:
        item: "TRACK/ITEM" as `inspect` lists it, or the name of a clip; empty: by `at`, else the
            only clip from which something can be removed.
        at: a place in the timeline, as timecode or as a frame after its start; the topmost clip.
        timeline: name of the timeline, where the file has several.
        rate: of the timeline, for EDLs.
    """

    item: str = ""
    at: str = ""
    timeline: str = ""
    rate: Rate | None = None


def extract(
    source: Path,
    target: Path,
    choice: Choice,
    *,
    probe: Callable[[Path], ClipInfo],
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write the request for one clip of a timeline.

    The request has the clip at its own speed, with all that transitions show of it, so what comes
    back fits whatever the timeline does with it.

    Args:
        source: a timeline of any host.
        target: the `.otio` file to write.
        choice: which clip.
        probe: finds the facts of a file, asked only where the timeline does not have them.
        overwrite: whether `target` may exist.

    Returns:
        Plain JSON values: path of the node, media, frames, prompts.

    Raises:
        InvalidRequestError: no such clip, or several.
        UnsupportedMediaError, FrameRangeError: nothing can be removed from it.
        OutputExistsError, OutputNotWritableError, DiskFullError: `target` cannot be written.
    """
    timeline = chosen_timeline(source, choice.timeline, rate=choice.rate)
    folder = folder_of(source)
    node = chosen_node(timeline, choice)
    path = media_path(node.item, node.where, folder)
    media = None if node.item.media_reference.available_range is not None else probe(path)
    speed, handles = speed_of(node.item, node.where), neighbours(node)
    shown = shown_by(
        node.item, node.where, folder=folder, media=media, handles=handles, speed=speed
    )
    request = _request(timeline, node, shown, media)
    request.metadata[METADATA_KEY] = {"schema": _SCHEMA, "timeline": timeline.name}
    write_otio(target, request, overwrite=overwrite)
    return {
        "request": str(target),
        "item": node.path,
        "name": node.item.name,
        "media": str(shown.path),
        "frames": [shown.frame_range.start, shown.frame_range.end],
        "speed": float(speed),
        "in_place_only": speed != 1 or any(handles),
        "prompts": prompts_in(node.item),
    }


def chosen_node(timeline: Any, choice: Choice) -> Node:
    """The clip that was meant.

    Raises:
        InvalidRequestError: none or several fit.
    """
    clips = [
        node
        for node in nodes(timeline, otio.schema.TrackKind.Video)
        if isinstance(node.item, otio.schema.Clip) and not is_result(node.item)
    ]
    if choice.item:
        fitting = [n for n in clips if choice.item in (n.path, n.item.name)]
        what = f"called {choice.item!r} or at that path"
    elif choice.at:
        fitting = _topmost_at(timeline, clips, choice.at)
        what = f"at {choice.at}"
    else:
        fitting, what = clips, "to choose from"
    if len(fitting) != 1:
        names = ", ".join(n.where for n in (fitting or clips)[:8]) or "none"
        raise InvalidRequestError(
            f"timeline {timeline.name!r} has {len(fitting)} clips {what}: choose one of {names} "
            "by its path (see `peanut timeline inspect`)"
        )
    return fitting[0]


def _topmost_at(timeline: Any, clips: list[Node], at: str) -> list[Node]:
    moment = _moment(timeline, at)
    found = []
    for node in clips:
        start, length = place_of(node, timeline)
        if start <= moment < start + length and node.item.enabled:
            found.append(node)
    return found[-1:]


def _moment(timeline: Any, at: str) -> Fraction:
    """Seconds after the timeline's start."""
    rate = timeline_rate(timeline)
    if at.isdigit():
        return rate.seconds(int(at))
    start = timeline.global_start_time
    after = rate.seconds(Timecode.parse(at, rate).frame_number)
    return after - (Fraction(0) if start is None else seconds(start))


def _request(timeline: Any, node: Node, shown: Shown, media: ClipInfo | None) -> Any:
    """A timeline of one track with the clip where it was, at its own speed and its media's rate."""
    rate, start, count = available(node.item, node.where, media)
    clip = node.item.deepcopy()
    del clip.effects[:]
    first = start + shown.frame_range.start
    clip.source_range = otio_range(first, len(shown.frame_range), rate)
    references = clip.media_references()
    for reference in references.values():
        url = getattr(reference, "target_url", None)
        if url:
            reference.target_url = str(shown.path) if _is_active(clip, reference) else url
            if reference.available_range is None and count:
                reference.available_range = otio_range(start, count, rate)
    clip.set_media_references(references, clip.active_media_reference_key)
    place_s, length_s = place_of(node, timeline)
    place_rate = timeline_rate(timeline)
    clip.metadata[METADATA_KEY] = {
        **plain(node.item.metadata.get(METADATA_KEY, {})),
        "schema": _SCHEMA,
        "request": {
            "item": node.path,
            "rate": [rate.num, rate.den],
            "source": {"first_frame": shown.frame_range.start, "frames": len(shown.frame_range)},
            "record": {
                "rate": [place_rate.num, place_rate.den],
                "first_frame": float(place_s * place_rate.fraction),
                "frames": float(length_s * place_rate.fraction),
            },
        },
    }
    request = otio.schema.Timeline(name=f"{node.item.name} [{METADATA_KEY} request]")
    request.global_start_time = timeline.global_start_time
    track = otio.schema.Track("Video 1", kind=otio.schema.TrackKind.Video)
    if place_s:
        gap = place_s * place_rate.fraction
        track.append(otio.schema.Gap(source_range=otio_range(0, gap, place_rate)))
    track.append(clip)
    request.tracks.append(track)
    return request


def _is_active(clip: Any, reference: Any) -> bool:
    return bool(reference.target_url == getattr(clip.media_reference, "target_url", None))
