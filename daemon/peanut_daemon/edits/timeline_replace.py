"""The replacement as an OTIO clip, and its place on a track of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio

from peanut_daemon.edits.timeline_items import (
    METADATA_KEY,
    available,
    is_result,
    timecode_frame,
)
from peanut_daemon.edits.timeline_times import (
    frames_of,
    otio_range,
    otio_time,
    plain,
    rate_of,
    seconds,
)
from peanut_daemon.media.clip import ClipInfo
from peanut_daemon.media.rate import Rate
from peanut_daemon.media.sequence import pattern_of
from peanut_models.ranges import FrameRange

TRACK_NAME = "PEANUT"
DEFAULT_MEDIA = "DEFAULT_MEDIA"
_SCHEMA = 1


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


@dataclass(frozen=True, slots=True)
class Placed:
    """A clip and where it goes, in seconds after the timeline's start."""

    start_s: Fraction
    duration_s: Fraction
    clip: Any

    def overlaps(self, other: Placed) -> bool:
        """Whether both want the same moment."""
        return (
            self.start_s < other.start_s + other.duration_s
            and other.start_s < self.start_s + self.duration_s
        )


def original_clip(clip: ClipInfo, frame_range: FrameRange) -> Any:
    """The source as an OTIO clip that shows these frames."""
    start = timecode_frame(clip, 0)
    return otio.schema.Clip(
        name=clip.path.name,
        media_reference=reference_to(
            clip.path, start, clip.frame_count, clip.rate, first_number=clip.first_number
        ),
        source_range=otio_range(start + frame_range.start, len(frame_range), clip.rate),
    )


def replacement_clip(original: Any, clip: ClipInfo, replacement: Replacement) -> Any:
    """The deliverable, cut to what the original shows, in the original's unit of time."""
    held = replacement.frame_range
    # A source without timecode gives a deliverable without: both count from 0.
    has_timecode = clip.start_timecode is not None
    first = timecode_frame(clip, held.start) if has_timecode else 0
    _, source_start, _ = available(original, repr(original.name), clip)
    shown = original.trimmed_range()
    rate = rate_of(shown.start_time)
    after_head = seconds(shown.start_time) - clip.rate.seconds(source_start + held.start)
    start = (clip.rate.seconds(first) + after_head) * rate.fraction
    result = otio.schema.Clip(
        name=f"{original.name} [{METADATA_KEY}]",
        source_range=otio.opentime.TimeRange(
            otio_time(start, rate), otio_time(shown.duration.value, rate)
        ),
    )
    references = {
        DEFAULT_MEDIA: reference_to(
            replacement.path,
            first,
            len(held),
            clip.rate,
            first_number=clip.first_number + held.start,
        )
    }
    if replacement.matte_path is not None:
        references["matte"] = reference_to(replacement.matte_path, first, len(held), clip.rate)
    result.set_media_references(references, DEFAULT_MEDIA)
    result.metadata[METADATA_KEY] = {
        "schema": _SCHEMA,
        "result": {**replacement.facts, "replaces": original.name, **clip_facts(clip, held)},
    }
    return result


def note_source(original: Any, clip: ClipInfo, shown: FrameRange) -> None:
    """Write down which frames of which file the original shows, in whole numbers."""
    known = plain(original.metadata.get(METADATA_KEY, {}))
    known.update(schema=_SCHEMA, source=clip_facts(clip, shown))
    original.metadata[METADATA_KEY] = known


def clip_facts(clip: ClipInfo, frame_range: FrameRange) -> dict[str, Any]:
    """What OTIO cannot hold exactly: rate, drop frame and frames of a range."""
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


def reference_to(path: Path, start: int, frames: int, rate: Rate, *, first_number: int = 0) -> Any:
    """A media reference to a clip whose first frame has the timecode `start`.

    Args:
        path: a file, or the pattern of an image sequence.
        start: counted in frames.
        frames: of the clip.
        rate: of the clip.
        first_number: of the first file of a sequence.
    """
    sequence = pattern_of(path)
    if sequence is not None:
        # The shape and the name that Resolve gives them.
        images = otio.schema.ImageSequenceReference(
            target_url_base=str(sequence.folder),
            name_prefix=sequence.prefix,
            name_suffix=sequence.suffix,
            start_frame=first_number,
            rate=float(rate),
            frame_zero_padding=sequence.digits,
            available_range=otio_range(start, frames, rate),
        )
        first, last = first_number, first_number + frames - 1
        images.name = f"{sequence.prefix}[{first:0{sequence.digits}d}-{last:0{sequence.digits}d}]"
        images.name += sequence.suffix
        return images
    # A bare path, as Resolve writes it: file URLs with spaces are read differently by each host.
    reference = otio.schema.ExternalReference(
        target_url=str(path.absolute()), available_range=otio_range(start, frames, rate)
    )
    reference.name = path.name
    return reference


def put_above(timeline: Any, placed: Iterable[Placed], rate: Rate) -> None:
    """Lay clips on tracks of ours above all others; results that lay there make room.

    Args:
        timeline: changed in place.
        placed: must not overlap each other.
        rate: that gaps are counted in.
    """
    new = list(placed)
    kept = [old for old in _earlier_results(timeline) if not any(old.overlaps(n) for n in new)]
    remove_results(timeline)
    track = otio.schema.Track(TRACK_NAME, kind=otio.schema.TrackKind.Video)
    end_s = Fraction(0)
    for place in sorted([*kept, *new], key=lambda p: p.start_s):
        if place.start_s > end_s:
            frames = (place.start_s - end_s) * rate.fraction
            track.append(otio.schema.Gap(source_range=otio_range(0, frames, rate)))
        track.append(place.clip)
        end_s = place.start_s + place.duration_s
    videos = [
        k
        for k, item in enumerate(timeline.tracks)
        if getattr(item, "kind", None) == otio.schema.TrackKind.Video
    ]
    timeline.tracks.insert(videos[-1] + 1 if videos else 0, track)


def remove_results(timeline: Any) -> None:
    """Take out the tracks that hold nothing but results of ours."""
    for track in reversed(list(timeline.tracks)):
        if _is_ours(track):
            timeline.tracks.remove(track)


def _is_ours(track: Any) -> bool:
    if not isinstance(track, otio.schema.Track) or track.name != TRACK_NAME:
        return False
    clips = [item for item in track if isinstance(item, otio.schema.Clip)]
    return bool(clips) and all(is_result(clip) for clip in clips)


def _earlier_results(timeline: Any) -> list[Placed]:
    found = []
    for track in timeline.tracks:
        if not _is_ours(track):
            continue
        for clip in track:
            if isinstance(clip, otio.schema.Clip):
                place = clip.transformed_time_range(clip.trimmed_range(), timeline.tracks)
                start, length = (
                    Fraction(frames_of(time, rate_of(time))) * rate_of(time).frame_duration
                    for time in (place.start_time, place.duration)
                )
                found.append(Placed(start, length, clip.deepcopy()))
    return found
