"""Timelines made in code, as hosts write them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
from opentimelineio.opentime import RationalTime, TimeRange


def time_range(start: float, frames: float, rate: Fraction | float) -> TimeRange:
    return TimeRange(RationalTime(start, float(rate)), RationalTime(frames, float(rate)))


def media(path: str | Path, start: int, frames: int, rate: Fraction) -> Any:
    reference = otio.schema.ExternalReference(
        target_url=str(path), available_range=time_range(start, frames, rate)
    )
    reference.name = Path(path).name
    return reference


def clip(
    path: str | Path,
    *,
    rate: Fraction,
    start: int = 0,
    frames: int = 100,
    first: int = 0,
    length: int | None = None,
    name: str = "",
) -> Any:
    """A clip that shows `length` frames of a file from its frame `first` on."""
    return otio.schema.Clip(
        name or Path(path).name,
        media_reference=media(path, start, frames, rate),
        source_range=time_range(start + first, frames if length is None else length, rate),
    )


def gap(frames: int, rate: Fraction) -> Any:
    return otio.schema.Gap(source_range=time_range(0, frames, rate))


def timeline(rate: Fraction, start: int, *tracks: tuple[str, str, list[Any]]) -> Any:
    """Tracks as (name, kind, items)."""
    made = otio.schema.Timeline("Cut 1", global_start_time=RationalTime(start, float(rate)))
    for name, kind, items in tracks:
        track = otio.schema.Track(name, kind=kind)
        track.extend(items)
        made.tracks.append(track)
    return made


def three_tracks(rate: Fraction, source: str | Path, *, start: int = 0, frames: int = 100) -> Any:
    """Gaps, a dissolve, a speed change, a compound clip, markers, sound, and foreign metadata.

    `V2/1` (path "1/1") shows frames 20 to 49 of the source, 40 frames after the timeline's start.
    """
    other = "/media/other.mov"
    inner = otio.schema.Stack("Compound Clip 1", source_range=time_range(0, 24, rate))
    inner_track = otio.schema.Track("Video 1", kind="Video")
    inner_track.append(clip(other, rate=rate, first=5, length=24))
    inner.append(inner_track)
    inner.metadata["Resolve_OTIO"] = {"Sequence Type": "Compound Clip"}
    fast = clip(other, rate=rate, first=10, length=20, name="fast")
    fast.effects.append(otio.schema.LinearTimeWarp(time_scalar=2.0))
    wanted = clip(source, rate=rate, start=start, frames=frames, first=20, length=30, name="wanted")
    wanted.markers.append(
        otio.schema.Marker("note", marked_range=time_range(start + 25, 1, rate), color="GREEN")
    )
    wanted.metadata["Resolve_OTIO"] = {"Link Group ID": 7}
    dissolve = otio.schema.Transition(
        transition_type="SMPTE_Dissolve",
        in_offset=RationalTime(6, float(rate)),
        out_offset=RationalTime(6, float(rate)),
    )
    made = timeline(
        rate,
        3600 * round(rate),
        (
            "Video 1",
            "Video",
            [
                clip(other, rate=rate, first=10, length=30, name="out"),
                dissolve,
                clip(source, rate=rate, start=start, frames=frames, first=60, length=30, name="in"),
                gap(5, rate),
                fast,
            ],
        ),
        ("Video 2", "Video", [gap(40, rate), wanted, gap(12, rate)]),
        ("Video 3", "Video", [gap(80, rate), inner]),
        ("Audio 1", "Audio", [clip(other, rate=rate, first=0, length=85)]),
    )
    made.metadata["Resolve_OTIO"] = {"Resolve OTIO Meta Version": "1.0"}
    return made
