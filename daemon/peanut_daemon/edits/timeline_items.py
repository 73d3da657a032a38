"""What lies where in a timeline, and whether something can be removed from it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio

from peanut_daemon.edits.address import path_from_address
from peanut_daemon.edits.timeline_times import FRAME_TOLERANCE, rate_of, seconds
from peanut_daemon.errors import DaemonError, InvalidRequestError, UnsupportedMediaError
from peanut_daemon.media.clip import ClipInfo
from peanut_daemon.media.rate import Rate
from peanut_models.errors import FrameRangeError
from peanut_models.ranges import FrameRange

METADATA_KEY = "peanut"
METADATA_PREMIERE = "PremierePro_OTIO"


@dataclass(frozen=True, slots=True)
class Node:
    """An item of a track.

    Attributes:
        path: "TRACK/ITEM", both counted from 0, as commands take it.
        item: the OTIO object.
        track: the track that it lies on.
    """

    path: str
    item: Any
    track: Any

    @property
    def where(self) -> str:
        """For messages: path and names."""
        track = self.track.name or self.track.kind
        return f"{self.path} ({track!r}, {self.item.name or type(self.item).__name__!r})"

    @property
    def kind(self) -> str:
        """One word for people and programs."""
        return kind_of(self.item)


def kind_of(item: Any) -> str:
    """What an item is: clip, gap, transition, generator, compound or unknown."""
    if isinstance(item, otio.schema.Clip):
        is_generated = isinstance(item.media_reference, otio.schema.GeneratorReference)
        return "generator" if is_generated else "clip"
    if isinstance(item, otio.schema.Gap):
        return "gap"
    if isinstance(item, otio.schema.Transition):
        return "transition"
    return "compound" if isinstance(item, otio.core.Composition) else "unknown"


def nodes(timeline: Any, kind: str = "") -> Iterator[Node]:
    """All items of the tracks, in order; `kind` chooses tracks ("Video", "Audio").

    Raises:
        InvalidRequestError: a track is something else.
    """
    for row, track in enumerate(timeline.tracks):
        if not isinstance(track, otio.schema.Track):
            if kind in ("", "Video"):
                raise InvalidRequestError(
                    f"{row} ({track.name!r}) is a {type(track).__name__} where a track should be: "
                    "open the compound clip and export its own timeline"
                )
            continue
        if kind in ("", track.kind):
            for column, item in enumerate(track):
                yield Node(f"{row}/{column}", item, track)


def timeline_rate(timeline: Any) -> Rate:
    """The rate that places in a timeline are counted in.

    Raises:
        InvalidRequestError: nothing in it has a rate.
    """
    if timeline.global_start_time is not None:
        return rate_of(timeline.global_start_time)
    for node in nodes(timeline):
        if getattr(node.item, "source_range", None) is not None:
            return rate_of(node.item.source_range.duration)
    for clip in timeline.find_clips():
        if clip.media_reference is not None and clip.media_reference.available_range is not None:
            return rate_of(clip.media_reference.available_range.duration)
    raise InvalidRequestError(f"timeline {timeline.name!r} is empty: nothing in it has a rate")


def place_of(node: Node, timeline: Any) -> tuple[Fraction, Fraction]:
    """Start and length of an item, in seconds after the timeline's start.

    Raises:
        InvalidRequestError: its length cannot be known.
    """
    try:
        item = node.item
        found = item.transformed_time_range(item.trimmed_range(), timeline.tracks)
    except (otio.exceptions.OTIOError, ValueError, RuntimeError) as error:
        raise InvalidRequestError(
            f"item {node.where} has no length of its own and its media none either ({error}): "
            "export the timeline with media ranges"
        ) from error
    return seconds(found.start_time), seconds(found.duration)


def neighbours(node: Node) -> tuple[Fraction, Fraction]:
    """Seconds by which transitions show more of an item, before and after it."""
    row = list(node.track)
    index = next(k for k, item in enumerate(row) if item is node.item)
    before, after = Fraction(0), Fraction(0)
    if index > 0 and isinstance(row[index - 1], otio.schema.Transition):
        before = seconds(row[index - 1].in_offset)
    if index + 1 < len(row) and isinstance(row[index + 1], otio.schema.Transition):
        after = seconds(row[index + 1].out_offset)
    return before, after


def speed_of(clip: Any, where: str) -> Fraction:
    """How fast a clip plays its media; 1 without a speed change.

    Raises:
        UnsupportedMediaError: a freeze, a reverse, or a speed that changes.
    """
    speed = Fraction(1)
    for effect in clip.effects:
        if not isinstance(effect, otio.schema.TimeEffect):
            continue
        scalar = getattr(effect, "time_scalar", None)
        if not isinstance(scalar, (int, float)) or not math.isfinite(scalar) or scalar <= 0:
            what = "a freeze frame" if scalar == 0 else "played backwards or at a changing speed"
            raise UnsupportedMediaError(
                f"clip {where} has a speed change: it is {what}: remove the object before the "
                "speed change, at the clip's own speed, and put the change on the result"
            )
        speed *= Fraction(scalar).limit_denominator(100000)
    return speed


def refuse_speed_change(clip: Any, where: str) -> None:
    """Make sure that a clip plays at its own speed.

    Raises:
        UnsupportedMediaError: it does not.
    """
    if speed_of(clip, where) != 1:
        raise UnsupportedMediaError(
            f"clip {where} has a speed change: remove the object before the speed change, at the "
            "clip's own speed, and put the change on the result; `peanut timeline extract` makes "
            "such a request and `peanut timeline apply --in-place` brings the result back"
        )


def media_path(clip: Any, where: str, folder: Path | None) -> Path:
    """The file that a clip shows.

    Raises:
        UnsupportedMediaError: a generator, a sequence that leaves out files, or a file on another
            machine.
        InvalidRequestError: no media.
    """
    reference = clip.media_reference
    if isinstance(reference, otio.schema.ImageSequenceReference):
        return _sequence_path(reference, clip, where, folder)
    if isinstance(reference, otio.schema.GeneratorReference):
        raise UnsupportedMediaError(
            f"clip {where} is a generator, which has no media: render it to a movie first"
        )
    url = getattr(reference, "target_url", None)
    if not url:
        raise InvalidRequestError(
            f"clip {where} refers to no media file: relink it and send it again"
        )
    return path_from_address(url, clip.name, folder)


def _sequence_path(reference: Any, clip: Any, where: str, folder: Path | None) -> Path:
    if reference.frame_step != 1:
        raise UnsupportedMediaError(
            f"clip {where} is an image sequence of which it shows one file in "
            f"{reference.frame_step}: write out the files that it shows first"
        )
    if not reference.target_url_base:
        raise InvalidRequestError(
            f"clip {where} refers to no folder of images: relink it and send it again"
        )
    digits = reference.frame_zero_padding
    place = f"%0{digits}d" if digits > 1 else "%d"
    name = f"{reference.name_prefix}{place}{reference.name_suffix}"
    return path_from_address(reference.target_url_base, clip.name, folder) / name


def available(clip: Any, where: str, media: ClipInfo | None) -> tuple[Rate, int, int | None]:
    """Rate of the media, timecode of its first frame, and how many frames it has.

    Raises:
        InvalidRequestError: neither the reference nor `media` says it.
    """
    found = clip.media_reference.available_range
    if found is not None:
        rate = rate_of(found.start_time)
        duration = seconds(found.duration) * rate.fraction
        return rate, round(seconds(found.start_time) * rate.fraction), round(duration) or None
    if media is None:
        raise InvalidRequestError(
            f"the media of clip {where} has no available_range, so nothing says where the "
            "file starts: export it with media ranges, or send the clip without OTIO"
        )
    return media.rate, timecode_frame(media, 0), media.frame_count


def timecode_frame(clip: ClipInfo, frame_index: int) -> int:
    """The timecode of a frame as a frame number; without timecode the clock starts at 0."""
    start = clip.start_timecode.frame_number if clip.start_timecode is not None else 0
    return start + frame_index


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The part of its file that a clip shows.

    Attributes:
        path: the file.
        rate: of the media.
        start_frame: the timecode of the file's first frame, as a frame number.
        frame_count: of the file; None where nothing says.
        frame_range: every frame that is seen, counted from the file's head.
    """

    path: Path
    rate: Rate
    start_frame: int
    frame_count: int | None
    frame_range: FrameRange


def shown_by(
    clip: Any,
    where: str,
    *,
    folder: Path | None,
    media: ClipInfo | None = None,
    handles: tuple[Fraction, Fraction] = (Fraction(0), Fraction(0)),
    speed: Fraction = Fraction(1),
) -> Shown:
    """Which frames of which file a clip shows.

    Args:
        clip: an OTIO clip.
        where: for messages.
        folder: what relative media paths start from.
        media: facts of the file, needed where the reference has no `available_range`.
        handles: seconds that transitions show beyond its ends.
        speed: how fast it plays; above 0.

    Raises:
        InvalidRequestError, UnsupportedMediaError: as `media_path` and `available`.
        FrameRangeError: it shows frames that the file does not have.
    """
    path = media_path(clip, where, folder)
    rate, start, count = available(clip, where, media)
    frame_range = FrameRange(0, count) if count else None
    if clip.source_range is not None:
        head = seconds(clip.source_range.start_time) - rate.seconds(start) - handles[0] * speed
        # Premiere counts a retimed clip's length in source time, everybody else in record time.
        lasting = Fraction(1) if METADATA_PREMIERE in clip.metadata else speed
        length = seconds(clip.source_range.duration) * lasting + sum(handles) * speed
        first, last = head * rate.fraction, (head + length) * rate.fraction
        begin, end = math.floor(first + FRAME_TOLERANCE), math.ceil(last - FRAME_TOLERANCE)
        if count is not None and end == count + 1:
            # Between two rates a clip may end inside a frame that nobody samples.
            sample = rate_of(clip.source_range.duration).frame_duration * speed * rate.fraction
            end = max(count, math.floor(last - sample + FRAME_TOLERANCE) + 1)
        if begin < 0 or (count is not None and end > count):
            raise FrameRangeError(
                f"clip {where} shows frames [{begin}, {end}) of {path.name}, which has "
                f"{'[0, ' + str(count) + ')' if count else 'no frames before 0'}: check the start "
                "timecode and the rate of the media"
            )
        frame_range = FrameRange(begin, end)
    if frame_range is None:
        raise InvalidRequestError(
            f"clip {where} has neither a source_range nor media of known length: give one"
        )
    return Shown(
        path=path, rate=rate, start_frame=start, frame_count=count, frame_range=frame_range
    )


def why_not(node: Node, *, folder: Path | None, media: ClipInfo | None = None) -> str:
    """Why nothing can be removed from an item; empty if something can."""
    if node.kind == "compound":
        return f"{node.where} is a compound clip: open it and export its own timeline"
    if node.kind == "unknown":
        return f"{node.where} is of a kind that OTIO does not know: take it out of the export"
    if node.kind not in ("clip", "generator"):
        return f"{node.where} is a {node.kind}"
    try:
        speed = speed_of(node.item, node.where)
        shown_by(
            node.item,
            node.where,
            folder=folder,
            media=media,
            handles=neighbours(node),
            speed=speed,
        )
    except (DaemonError, FrameRangeError) as error:
        return str(error)
    return ""


def is_result(clip: Any) -> bool:
    """Whether a clip is a replacement that we put there."""
    return "result" in clip.metadata.get(METADATA_KEY, {})
