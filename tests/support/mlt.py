"""A timeline as MLT XML, the language of Kdenlive, Shotcut and melt, for rendering it in tests.

MLT counts from the head of a file and knows no timecode, so ranges are rebased here.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import opentimelineio as otio

from peanut_daemon.media.rate import Rate


def write_mlt(timeline: Any, target: Path, rate: Rate, *, width: int, height: int) -> int:
    """Write clips and gaps of the video tracks; returns how many frames there are."""
    root = ElementTree.Element("mlt", LC_NUMERIC="C", producer="main")
    ElementTree.SubElement(
        root,
        "profile",
        **{"width": str(width), "height": str(height), "progressive": "1"},
        **{"sample_aspect_num": "1", "sample_aspect_den": "1"},
        **{"display_aspect_num": str(width), "display_aspect_den": str(height)},
        **{"frame_rate_num": str(rate.num), "frame_rate_den": str(rate.den), "colorspace": "601"},
    )
    total = round(max(track.duration().value for track in timeline.video_tracks()))
    _producer(root, "black", "color", "black", total)
    playlists = []
    for row, track in enumerate(timeline.video_tracks()):
        playlist = ElementTree.Element("playlist", id=f"track{row}")
        for column, item in enumerate(track):
            length = round(item.trimmed_range().duration.value)
            if isinstance(item, otio.schema.Gap):
                ElementTree.SubElement(playlist, "blank", length=str(length))
                continue
            name = f"clip{row}-{column}"
            reference = item.media_reference
            _producer(root, name, "avformat", reference.target_url, None)
            head = reference.available_range.start_time
            first = round((item.trimmed_range().start_time - head).value)
            ElementTree.SubElement(
                playlist,
                "entry",
                **{"producer": name, "in": str(first), "out": str(first + length - 1)},
            )
        playlists.append(playlist)
    root.extend(playlists)
    tractor = ElementTree.SubElement(
        root, "tractor", **{"id": "main", "in": "0", "out": str(total - 1)}
    )
    for name in ("black", *(playlist.get("id", "") for playlist in playlists)):
        ElementTree.SubElement(tractor, "track", producer=name)
    ElementTree.ElementTree(root).write(target, encoding="utf-8", xml_declaration=True)
    return total


def _producer(
    root: ElementTree.Element, name: str, service: str, resource: str, length: int | None
) -> None:
    # Without an end, the colour behind everything lasts for 15000 frames.
    bounds = {} if length is None else {"in": "0", "out": str(length - 1)}
    producer = ElementTree.SubElement(root, "producer", id=name, **bounds)
    facts = {"mlt_service": service, "resource": resource}
    if length is not None:
        facts["length"] = str(length)
    for key, value in facts.items():
        ElementTree.SubElement(producer, "property", name=key).text = value
