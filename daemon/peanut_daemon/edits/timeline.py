"""OpenTimelineIO in and out: the range that a host asks for, and the timeline it gets back.

Times inside OTIO count from the media's start timecode, as Resolve and Avid expect; frames
everywhere else count from the file's head. OTIO keeps rates as floats and knows nothing of drop
frame, so `metadata["peanut"]` has both exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio

from peanut_daemon.edits.timeline_items import (
    METADATA_KEY,
    Node,
    is_result,
    media_path,
    neighbours,
    nodes,
    refuse_speed_change,
    shown_by,
    timecode_frame,
)
from peanut_daemon.edits.timeline_read import (
    as_timeline,
    folder_of,
    read_document,
    timeline_around,
)
from peanut_daemon.edits.timeline_replace import (
    TRACK_NAME,
    Placed,
    Replacement,
    note_source,
    original_clip,
    put_above,
    remove_results,
    replacement_clip,
)
from peanut_daemon.edits.timeline_times import otio_time, plain, rate_of, seconds
from peanut_daemon.edits.timeline_write import write_otio
from peanut_daemon.errors import InvalidRequestError
from peanut_daemon.media.clip import ClipInfo
from peanut_daemon.media.rate import Rate
from peanut_models.ranges import FrameRange

__all__ = [
    "METADATA_KEY",
    "TRACK_NAME",
    "Replacement",
    "ResultTimeline",
    "TimelineRequest",
    "build_result",
    "request_clip_path",
    "request_to_range",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineRequest:
    """What a host asks for.

    Attributes:
        clip_path: the media file, as the host names it.
        name: of the clip in the timeline.
        frame_range: frames of the file, counted from its head: all that the clip shows.
        rate: of the media, as the host has it.
        start_frame: the timecode of the file's first frame, as a frame number.
        metadata: `metadata["peanut"]` of the clip; empty if it has none.
    """

    clip_path: Path
    name: str
    frame_range: FrameRange
    rate: Rate
    start_frame: int
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultTimeline:
    """Where the replacement lies in the timeline that was written.

    Attributes:
        path: the `.otio` file.
        record_start_s, duration_s: place and length, in seconds after the timeline's start.
    """

    path: Path
    record_start_s: Fraction
    duration_s: Fraction


def request_clip_path(source: str | Path) -> Path:
    """The media file that a request is about, for probing it first.

    Raises:
        InvalidRequestError, UnsupportedMediaError, MediaNotFoundError: as `request_to_range`.
    """
    node = _requested(as_timeline(read_document(source)))
    return media_path(node.item, node.where, folder_of(source))


def request_clip_rate(source: str | Path) -> Rate | None:
    """Frames per second of the image sequence that a request is about; None for any other clip.

    Raises:
        InvalidRequestError, UnsupportedMediaError, MediaNotFoundError: as `request_to_range`.
    """
    reference = _requested(as_timeline(read_document(source))).item.media_reference
    if not isinstance(reference, otio.schema.ImageSequenceReference) or reference.rate <= 0:
        return None
    return Rate.snapped(reference.rate)


def request_to_range(source: str | Path, *, media: ClipInfo | None = None) -> TimelineRequest:
    """The clip and the frames that a timeline or clip with one media file asks for.

    Args:
        source: OTIO JSON text, or the path of an `.otio` file.
        media: facts of the file, needed where the reference has no `available_range`.

    Returns:
        The request. With timeline and media of different rates, times are compared in seconds and
        the range has every frame that is seen, in dissolves too.

    Raises:
        InvalidRequestError: no OTIO; not exactly one clip; no media; or nothing says where the
            file starts.
        UnsupportedMediaError: a speed change, an image sequence, or media that is no local file.
        MediaNotFoundError: `source` is a path with no file.
        FrameRangeError: the clip shows frames that the file does not have.
    """
    timeline = as_timeline(read_document(source))
    node = _requested(timeline)
    shown = shown_by(
        node.item, node.where, folder=folder_of(source), media=media, handles=neighbours(node)
    )
    return TimelineRequest(
        clip_path=shown.path,
        name=node.item.name,
        frame_range=shown.frame_range,
        rate=shown.rate,
        start_frame=shown.start_frame,
        metadata=plain(node.item.metadata.get(METADATA_KEY, {})),
    )


def build_result(
    target: Path,
    clip: ClipInfo,
    replacement: Replacement,
    *,
    request: str | Path | None = None,
    overwrite: bool = False,
) -> ResultTimeline:
    """Write an `.otio` with the replacement on a track of its own above the original.

    Args:
        target: the `.otio` file; it appears in one step.
        clip: facts of the source.
        replacement: what goes above it.
        request: the host's timeline, which is kept and added to; an earlier result in it is
            replaced. None: a timeline of just this range, starting at its timecode.
        overwrite: whether `target` may exist.

    Raises:
        InvalidRequestError: the replacement does not cover what the request shows, or as
            `request_to_range`.
        OutputExistsError, OutputNotWritableError, DiskFullError: `target` cannot be written.
    """
    if request is None:
        timeline = timeline_around(original_clip(clip, replacement.frame_range))
        start = timecode_frame(clip, replacement.frame_range.start)
        timeline.global_start_time = otio_time(start, clip.rate)
        shown = replacement.frame_range
    else:
        timeline = as_timeline(read_document(request))
        remove_results(timeline)
        shown = request_to_range(request, media=clip).frame_range
    original = _requested(timeline).item
    if not replacement.frame_range.covers(shown):
        raise InvalidRequestError(
            f"the replacement has frames {replacement.frame_range} of {clip.path.name} and the "
            f"timeline shows {shown}: render the whole range"
        )
    note_source(original, clip, shown)
    place = original.transformed_time_range(original.trimmed_range(), timeline.tracks)
    start_s, duration_s = seconds(place.start_time), seconds(place.duration)
    new = replacement_clip(original, clip, replacement)
    put_above(timeline, [Placed(start_s, duration_s, new)], rate_of(place.start_time))
    write_otio(target, timeline, overwrite=overwrite)
    return ResultTimeline(path=target, record_start_s=start_s, duration_s=duration_s)


def _requested(timeline: Any) -> Node:
    """The one clip with media on the video tracks, results of ours aside."""
    found = []
    for node in nodes(timeline, otio.schema.TrackKind.Video):
        if node.kind == "compound":
            raise InvalidRequestError(
                f"{node.where} is a compound clip: open it and send a clip in it"
            )
        if isinstance(node.item, otio.schema.Clip) and not is_result(node.item):
            found.append(node)
    if len(found) != 1:
        names = ", ".join(repr(node.item.name) for node in found[:5]) or "none"
        raise InvalidRequestError(
            f"the timeline has {len(found)} clips on its video tracks ({names}): send one clip per "
            "request; `peanut timeline extract` takes one out"
        )
    refuse_speed_change(found[0].item, found[0].where)
    return found[0]
