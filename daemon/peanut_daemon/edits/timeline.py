"""OpenTimelineIO in and out: the range that a host asks for, and the timeline it gets back.

The only place that knows OTIO. Times inside OTIO count from the media's start timecode, as Resolve
and Avid expect; frames everywhere else count from the file's head. OTIO keeps rates as floats and
knows nothing of drop frame, so `metadata["peanut"]` has both exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio

from peanut_daemon.edits.address import path_from_address
from peanut_daemon.errors import (
    InvalidRequestError,
    MediaNotFoundError,
    UnsupportedMediaError,
)
from peanut_daemon.media.atomic import write_atomically
from peanut_daemon.media.probe import ClipInfo
from peanut_daemon.media.rate import Rate
from peanut_models.errors import FrameRangeError
from peanut_models.ranges import FrameRange

TRACK_NAME = "PEANUT"
METADATA_KEY = "peanut"
_SCHEMA = 1
# Hosts write 29.9999999 for 30; nobody means a thousandth of a frame.
_FRAME_TOLERANCE = Fraction(1, 1000)


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
class Replacement:
    """A finished deliverable that goes above the original.

    Attributes:
        path: the deliverable; its first frame carries the timecode of the frame it replaces.
        frame_range: which frames of the source it holds.
        matte_path: the matte as a movie of the same frames, if there is one.
        facts: plain JSON values for `metadata["peanut"]`, such as the job's id.
    """

    path: Path
    frame_range: FrameRange
    matte_path: Path | None = None
    facts: dict[str, Any] = field(default_factory=dict)


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
    return _media_path(_requested_clip(_read(source)), _folder_of(source))


def request_to_range(source: str | Path, *, media: ClipInfo | None = None) -> TimelineRequest:
    """The clip and the frames that a timeline or clip with one media file asks for.

    Args:
        source: OTIO JSON text, or the path of an `.otio` file.
        media: facts of the file, needed where the reference has no `available_range`.

    Returns:
        The request. With timeline and media of different rates, times are compared in seconds and
        the range has every frame that is seen.

    Raises:
        InvalidRequestError: no OTIO; not exactly one clip; no media; or nothing says where the
            file starts.
        UnsupportedMediaError: a speed change, an image sequence, or media that is no local file.
        MediaNotFoundError: `source` is a path with no file.
        FrameRangeError: the clip shows frames that the file does not have.
    """
    clip = _requested_clip(_read(source))
    path = _media_path(clip, _folder_of(source))
    rate, start, count = _available(clip, media)
    frame_range = FrameRange(0, count) if count else None
    if clip.source_range is not None:
        head = Fraction(start) * rate.frame_duration
        first = (_seconds(clip.source_range.start_time) - head) * rate.fraction
        last = first + _seconds(clip.source_range.duration) * rate.fraction
        begin, end = math.floor(first + _FRAME_TOLERANCE), math.ceil(last - _FRAME_TOLERANCE)
        if begin < 0 or (count is not None and end > count):
            raise FrameRangeError(
                f"clip {clip.name!r} shows frames [{begin}, {end}) of {path.name}, which has "
                f"{'[0, ' + str(count) + ')' if count else 'no frames before 0'}: check the start "
                "timecode and the rate of the media"
            )
        frame_range = FrameRange(begin, end)
    if frame_range is None:
        raise InvalidRequestError(
            f"clip {clip.name!r} has neither a source_range nor media of known length: give one"
        )
    return TimelineRequest(
        clip_path=path,
        name=clip.name,
        frame_range=frame_range,
        rate=rate,
        start_frame=start,
        metadata=_plain(clip.metadata.get(METADATA_KEY, {})),
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
        timeline = _timeline_around(_original(clip, replacement.frame_range))
        start = _timecode_frame(clip, replacement.frame_range.start)
        timeline.global_start_time = _time(start, clip.rate)
        shown = replacement.frame_range
        original = _requested_clip(timeline)
    else:
        timeline = _as_timeline(_read(request))
        _remove_earlier_results(timeline)
        original = _requested_clip(timeline)
        shown = request_to_range(request, media=clip).frame_range
    if not replacement.frame_range.covers(shown):
        raise InvalidRequestError(
            f"the replacement has frames {replacement.frame_range} of {clip.path.name} and the "
            f"timeline shows {shown}: render the whole range"
        )
    _note_source(original, clip, shown)
    place = original.range_in_parent()
    track = otio.schema.Track(TRACK_NAME, kind=otio.schema.TrackKind.Video)
    if place.start_time.value:
        zero = otio.opentime.RationalTime(0, place.start_time.rate)
        track.append(otio.schema.Gap(source_range=otio.opentime.TimeRange(zero, place.start_time)))
    track.append(_replacement_clip(original, clip, replacement))
    videos = [k for k, t in enumerate(timeline.tracks) if t.kind == otio.schema.TrackKind.Video]
    timeline.tracks.insert(videos[-1] + 1, track)
    write_atomically(target, timeline.to_json_string(indent=4).encode(), overwrite=overwrite)
    return ResultTimeline(
        path=target,
        record_start_s=_seconds(place.start_time),
        duration_s=_seconds(place.duration),
    )


def _read(source: str | Path) -> Any:
    try:
        text = source if _is_text(source) else Path(source).read_text(encoding="utf-8")
        return otio.adapters.read_from_string(text, "otio_json")
    except FileNotFoundError as error:
        raise MediaNotFoundError(f"no timeline at {source}: check the path") from error
    except OSError as error:
        raise InvalidRequestError(f"cannot read timeline {source}: {error.strerror}") from error
    except (otio.exceptions.OTIOError, ValueError, RuntimeError, TypeError) as error:
        what = "the timeline" if _is_text(source) else str(source)
        raise InvalidRequestError(
            f"{what} is not OpenTimelineIO JSON ({error}): export the timeline as .otio"
        ) from error


def _is_text(source: str | Path) -> bool:
    return isinstance(source, str) and source.lstrip()[:1] in ("{", "[")


def _folder_of(source: str | Path) -> Path | None:
    return None if _is_text(source) else Path(source).absolute().parent


def _as_timeline(root: Any) -> Any:
    if isinstance(root, otio.schema.Timeline):
        return root
    if isinstance(root, otio.schema.Clip):
        return _timeline_around(root)
    raise InvalidRequestError(
        f"the request is a {type(root).__name__}: send a Timeline or a Clip with one media file"
    )


def _timeline_around(clip: Any) -> Any:
    timeline = otio.schema.Timeline(name=clip.name)
    track = otio.schema.Track("Video 1", kind=otio.schema.TrackKind.Video)
    track.append(clip)
    timeline.tracks.append(track)
    return timeline


def _requested_clip(root: Any) -> Any:
    """The one clip with media on the video tracks, results of ours aside."""
    if isinstance(root, otio.schema.Clip):
        return _without_speed_change(root)
    timeline = _as_timeline(root)
    clips = [clip for clip in _video_clips(timeline) if not _is_result(clip)]
    if len(clips) != 1:
        names = ", ".join(repr(clip.name) for clip in clips[:5]) or "none"
        raise InvalidRequestError(
            f"the timeline has {len(clips)} clips on its video tracks ({names}): send one clip per "
            "request"
        )
    return _without_speed_change(clips[0])


def _video_clips(timeline: Any) -> Iterator[Any]:
    for track in timeline.tracks:
        if getattr(track, "kind", None) != otio.schema.TrackKind.Video:
            continue
        for item in track:
            if isinstance(item, otio.schema.Clip):
                yield item
            elif isinstance(item, otio.core.Composition):
                raise InvalidRequestError(
                    f"{item.name or 'an item'!r} is a compound clip: open it and send a clip in it"
                )


def _without_speed_change(clip: Any) -> Any:
    for effect in clip.effects:
        is_speed = isinstance(effect, otio.schema.TimeEffect)
        if is_speed and getattr(effect, "time_scalar", None) != 1:
            raise UnsupportedMediaError(
                f"clip {clip.name!r} has a speed change: remove the object before the speed "
                "change, at the clip's own speed, and put the change on the result"
            )
    return clip


def _is_result(clip: Any) -> bool:
    return "result" in clip.metadata.get(METADATA_KEY, {})


def _remove_earlier_results(timeline: Any) -> None:
    for track in reversed(list(timeline.tracks)):
        clips = [item for item in track if isinstance(item, otio.schema.Clip)]
        if track.name == TRACK_NAME and clips and all(_is_result(clip) for clip in clips):
            timeline.tracks.remove(track)


def _media_path(clip: Any, folder: Path | None) -> Path:
    reference = clip.media_reference
    if isinstance(reference, otio.schema.ImageSequenceReference):
        raise UnsupportedMediaError(
            f"clip {clip.name!r} is an image sequence: convert it to a movie (FFV1 or ProRes) first"
        )
    url = getattr(reference, "target_url", None)
    if not url:
        raise InvalidRequestError(
            f"clip {clip.name!r} refers to no media file: relink it and send it again"
        )
    return path_from_address(url, clip.name, folder)


def _available(clip: Any, media: ClipInfo | None) -> tuple[Rate, int, int | None]:
    """Rate of the media, timecode of its first frame, and how many frames it has."""
    available = clip.media_reference.available_range
    if available is not None:
        rate = Rate.snapped(available.start_time.rate)
        duration = _seconds(available.duration) * rate.fraction
        return rate, round(_seconds(available.start_time) * rate.fraction), round(duration) or None
    if media is None:
        raise InvalidRequestError(
            f"the media of clip {clip.name!r} has no available_range, so nothing says where the "
            "file starts: export it with media ranges, or send the clip without OTIO"
        )
    return media.rate, _timecode_frame(media, 0), media.frame_count


def _timecode_frame(clip: ClipInfo, frame_index: int) -> int:
    start = clip.start_timecode.frame_number if clip.start_timecode is not None else 0
    return start + frame_index


def _original(clip: ClipInfo, frame_range: FrameRange) -> Any:
    start = _timecode_frame(clip, 0)
    return otio.schema.Clip(
        name=clip.path.name,
        media_reference=_reference(clip.path, start, clip.frame_count, clip.rate),
        source_range=_range(start + frame_range.start, len(frame_range), clip.rate),
    )


def _replacement_clip(original: Any, clip: ClipInfo, replacement: Replacement) -> Any:
    """The deliverable, cut to what the original shows, in the original's unit of time."""
    held = replacement.frame_range
    # A source without timecode gives a deliverable without: both count from 0.
    has_timecode = clip.start_timecode is not None
    first = _timecode_frame(clip, held.start) if has_timecode else 0
    _, source_start, _ = _available(original, clip)
    shown = original.trimmed_range()
    rate = Rate.snapped(shown.start_time.rate)
    after_head = _seconds(shown.start_time) - clip.rate.seconds(source_start + held.start)
    start = (clip.rate.seconds(first) + after_head) * rate.fraction
    result = otio.schema.Clip(
        name=f"{original.name} [{METADATA_KEY}]",
        source_range=otio.opentime.TimeRange(
            otio.opentime.RationalTime(float(start), float(rate)),
            otio.opentime.RationalTime(shown.duration.value, float(rate)),
        ),
    )
    references = {"DEFAULT_MEDIA": _reference(replacement.path, first, len(held), clip.rate)}
    if replacement.matte_path is not None:
        references["matte"] = _reference(replacement.matte_path, first, len(held), clip.rate)
    result.set_media_references(references, "DEFAULT_MEDIA")
    result.metadata[METADATA_KEY] = {
        "schema": _SCHEMA,
        "result": {**replacement.facts, "replaces": original.name, **_facts(clip, held)},
    }
    return result


def _note_source(original: Any, clip: ClipInfo, shown: FrameRange) -> None:
    known = _plain(original.metadata.get(METADATA_KEY, {}))
    known.update(schema=_SCHEMA, source=_facts(clip, shown))
    original.metadata[METADATA_KEY] = known


def _facts(clip: ClipInfo, frame_range: FrameRange) -> dict[str, Any]:
    start = clip.start_timecode
    first = None if start is None else start + frame_range.start
    return {
        "rate": [clip.rate.num, clip.rate.den],
        "drop_frame": start is not None and start.drop_frame,
        "start_timecode": None if first is None else first.label,
        "first_frame": frame_range.start,
        "frames": len(frame_range),
        "fingerprint": clip.fingerprint,
    }


def _reference(path: Path, start: int, frames: int, rate: Rate) -> Any:
    # A bare path, as Resolve writes it: file URLs with spaces are read differently by each host.
    reference = otio.schema.ExternalReference(
        target_url=str(path.absolute()), available_range=_range(start, frames, rate)
    )
    reference.name = path.name
    return reference


def _time(frames: int, rate: Rate) -> Any:
    return otio.opentime.RationalTime(float(frames), float(rate))


def _range(start: int, frames: int, rate: Rate) -> Any:
    return otio.opentime.TimeRange(_time(start, rate), _time(frames, rate))


def _seconds(time: Any) -> Fraction:
    """Exact seconds, with the rate that was meant."""
    return Fraction(time.value) * Rate.snapped(time.rate).frame_duration


def _plain(value: Any) -> Any:
    """Python dicts and lists: OTIO's own die with the object that they came from."""
    if hasattr(value, "items"):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return value
    return [_plain(entry) for entry in value]
