"""FCP7 XML (xmeml 5) for hosts that read no OTIO: Premiere, older Resolve, Avid through Resolve.

Written here and not by OTIO's adapter, which leaves out the sequence's `<format>` (Resolve 17
refused such files) and most of what it does not know. Ranges of pictures are exact frames, counted
from the file's head; those of sound are the nearest frames, since hosts cut sound between frames.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from fractions import Fraction
from pathlib import PurePath, PureWindowsPath
from typing import Any
from urllib.parse import quote

import opentimelineio as otio

from peanut_daemon.edits.address import path_from_address
from peanut_daemon.edits.timeline_items import Node, nodes, place_of, speed_of, timeline_rate
from peanut_daemon.edits.timeline_times import frames_of, rate_of
from peanut_daemon.errors import InvalidRequestError
from peanut_daemon.media.rate import Rate
from peanut_daemon.media.timecode import Timecode, frames_per_day

DEFAULT_SIZE = (1920, 1080)


def fcp7_xml(
    timeline: Any, *, size: tuple[int, int] = DEFAULT_SIZE, drop_frame: bool = False
) -> bytes:
    """The tracks of a timeline as xmeml.

    Args:
        timeline: OTIO; clips with media at their own speed, gaps and generators (left empty).
        size: of the sequence in pixels; OTIO does not know it, and hosts only use it for new
            sequences.
        drop_frame: how the sequence's timecode is to be shown.

    Raises:
        InvalidRequestError: a compound clip, a transition, a speed change, or places that are no
            whole frames; the message has the node's path.
    """
    rate = timeline_rate(timeline)
    root = ElementTree.Element("xmeml", version="5")
    sequence = _add(root, "sequence", id="sequence-1")
    _add(sequence, "name", timeline.name or "PEANUT")
    duration = _add(sequence, "duration")
    _rate(sequence, rate)
    start = timeline.global_start_time
    first = 0 if start is None else _whole(frames_of(start, rate), "the timeline's start")
    _timecode(sequence, first, rate, drop_frame=drop_frame)
    media = _add(sequence, "media")
    video, audio = _add(media, "video"), _add(media, "audio")
    _characteristics(_add(video, "format"), rate, size)
    end = 0
    files: dict[str, str] = {}
    for row, track in enumerate(timeline.tracks):
        kind = getattr(track, "kind", "")
        if kind not in (otio.schema.TrackKind.Video, otio.schema.TrackKind.Audio):
            continue
        element = _add(video if kind == otio.schema.TrackKind.Video else audio, "track")
        for node in nodes(timeline, kind):
            if node.path.startswith(f"{row}/"):
                end = max(end, _item(element, node, timeline, rate, files))
        _add(element, "enabled", "TRUE" if track.enabled else "FALSE")
    duration.text = str(end)
    ElementTree.indent(root)
    head = b'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE xmeml>\n'
    body: bytes = ElementTree.tostring(root, encoding="utf-8")
    return head + body + b"\n"


def _item(
    track: ElementTree.Element, node: Node, timeline: Any, rate: Rate, files: dict[str, str]
) -> int:
    """Write one item; returns the frame after its end."""
    if node.kind in ("compound", "transition", "unknown"):
        raise InvalidRequestError(
            f"{node.where} is a {node.kind}, which this FCP7 XML does not hold: write .otio instead"
        )
    start_s, length_s = place_of(node, timeline)
    start = _frames(start_s * rate.fraction, node, "start")
    length = _frames((start_s + length_s) * rate.fraction, node, "end") - start
    if node.kind == "clip":
        if speed_of(node.item, node.where) != 1:
            raise InvalidRequestError(
                f"{node.where} has a speed change, which hosts read wrongly from FCP7 XML: write "
                ".otio instead"
            )
        _clip(track, node, (start, length), rate, files)
    return start + length


def _clip(
    track: ElementTree.Element,
    node: Node,
    place: tuple[int, int],
    rate: Rate,
    files: dict[str, str],
) -> None:
    clip, (start, length) = node.item, place
    reference = clip.media_reference
    url = getattr(reference, "target_url", None)
    if not url or reference.available_range is None:
        raise InvalidRequestError(
            f"{node.where} has no media file of known range: relink it, or write .otio instead"
        )
    media_range = reference.available_range
    media_rate = rate_of(media_range.start_time)
    head = frames_of(media_range.start_time, media_rate)
    first = frames_of(clip.trimmed_range().start_time, media_rate) - head
    count = _whole(frames_of(media_range.duration, media_rate), f"the media of {node.where}")
    # In and out count in the clip item's own rate, the media's; start and end in the sequence's.
    begin = _frames(first, node, "first frame")
    span = _frames(frames_of(clip.trimmed_range().duration, media_rate), node, "source length")
    element = _add(track, "clipitem", id=f"clipitem-{node.path.replace('/', '-')}")
    _add(element, "name", clip.name)
    _add(element, "enabled", "TRUE" if clip.enabled else "FALSE")
    _add(element, "duration", str(count))
    _rate(element, media_rate)
    for name, value in (
        ("start", start),
        ("end", start + length),
        ("in", begin),
        ("out", begin + span),
    ):
        _add(element, name, str(value))
    is_sound = node.track.kind == otio.schema.TrackKind.Audio
    if is_sound:
        source = _add(element, "sourcetrack")
        _add(source, "mediatype", "audio")
        _add(source, "trackindex", "1")
    known = url in files
    file = _add(element, "file", id=files.setdefault(url, f"file-{len(files) + 1}"))
    if known:
        return  # a file is described once, and named by its id after that
    _add(file, "name", reference.name or clip.name)
    _add(file, "pathurl", file_url(url, clip.name))
    _rate(file, media_rate)
    _add(file, "duration", str(count))
    _timecode(file, _whole(head, f"the timecode of {node.where}"), media_rate, drop_frame=False)
    holds = _add(file, "media")
    if not is_sound:
        _add(_add(holds, "video"), "duration", str(count))
    _add(holds, "audio")


def file_url(address: str, clip_name: str) -> str:
    """A media address as a file URL that Premiere and Resolve understand."""
    text = str(path_from_address(address, clip_name, None))
    path: PurePath = PureWindowsPath(text) if text[1:3] in (":\\", ":/") else PurePath(text)
    posix = path.as_posix()
    return "file://localhost" + quote(posix if posix.startswith("/") else f"/{posix}", safe="/:")


def _frames(value: Fraction, node: Node, what: str) -> int:
    """A frame number: exact for pictures, the nearest for sound."""
    if node.track.kind == otio.schema.TrackKind.Audio:
        return round(value)
    return _whole(value, f"the {what} of {node.where}")


def _whole(value: Fraction, what: str) -> int:
    if value.denominator != 1:
        raise InvalidRequestError(
            f"{what} lies at frame {float(value):.3f}, and FCP7 XML holds whole frames only: "
            "write .otio instead"
        )
    return int(value)


def _add(
    parent: ElementTree.Element, tag: str, text: str | None = None, **attributes: str
) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, tag, attributes)
    element.text = text
    return element


def _rate(parent: ElementTree.Element, rate: Rate) -> None:
    element = _add(parent, "rate")
    _add(element, "timebase", str(rate.nominal))
    _add(element, "ntsc", "TRUE" if rate.is_ntsc else "FALSE")


def _timecode(parent: ElementTree.Element, frame: int, rate: Rate, *, drop_frame: bool) -> None:
    drop_frame = drop_frame and rate.allows_drop_frame
    element = _add(parent, "timecode")
    _rate(element, rate)
    day = frames_per_day(rate, drop_frame=drop_frame)
    _add(element, "string", Timecode(frame % day, rate, drop_frame).label)
    _add(element, "frame", str(frame))
    _add(element, "displayformat", "DF" if drop_frame else "NDF")


def _characteristics(parent: ElementTree.Element, rate: Rate, size: tuple[int, int]) -> None:
    element = _add(parent, "samplecharacteristics")
    _rate(element, rate)
    _add(element, "width", str(size[0]))
    _add(element, "height", str(size[1]))
    _add(element, "pixelaspectratio", "square")
    _add(element, "fielddominance", "none")
