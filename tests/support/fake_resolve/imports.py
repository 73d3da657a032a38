"""What Resolve's import of `.otio` was seen to need; anything else ends without a message."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

from support.fake_resolve.pool import PoolItem
from support.fake_resolve.timelines import Item, Timeline


def imported(app: Any, path: str, name: str) -> Timeline | None:
    """The timeline in a file, or None."""
    if app.version < (18, 6, 5) or Path(path).suffix != ".otio":
        return None
    document = json.loads(Path(path).read_text(encoding="utf-8"))
    start = document.get("global_start_time")
    if start is None:
        return None
    rate = _rate(start["rate"])
    first = round(start["value"])
    timeline = Timeline(app, name, rate, first, "", drop_frame=False)
    videos = [t for t in document["tracks"]["children"] if t["kind"] == "Video"]
    for number, track in enumerate(videos, 1):
        record = Fraction(first)
        for child in track["children"]:
            length = _frames(child["source_range"]["duration"], rate)
            if child["OTIO_SCHEMA"].startswith("Clip"):
                item = _item(app, timeline, child, int(record), int(length))
                if item is None:
                    return None
                timeline.put(number, item)
            record += length
    return timeline


def _item(
    app: Any, timeline: Timeline, clip: dict[str, Any], start: int, length: int
) -> Item | None:
    references = clip.get("media_references")
    reference = (references or {}).get(clip.get("active_media_reference_key"))
    if reference is None or "://" in reference["target_url"]:
        return None
    media = app.media_at(reference["target_url"])
    available = reference["available_range"]
    if media is None or available is None:
        return None
    shown = clip["source_range"]
    begin = _seconds(shown["start_time"]) - _seconds(available["start_time"])
    end = begin + _seconds(shown["duration"])
    if begin < 0 or end > _seconds(available["duration"]):
        return None
    item = Item(timeline, PoolItem(app, media), start=start, length=length)
    item.source_first = int(begin * media.rate)
    return item


def _rate(value: float) -> Fraction:
    exact = Fraction(round(value) * 1000, 1001)
    return exact if abs(float(exact) - value) < 1e-3 * 0.2 else Fraction(value).limit_denominator(1)


def _seconds(time: dict[str, Any]) -> Fraction:
    return Fraction(time["value"]) / _rate(time["rate"])


def _frames(time: dict[str, Any], rate: Fraction) -> Fraction:
    return _seconds(time) * rate
