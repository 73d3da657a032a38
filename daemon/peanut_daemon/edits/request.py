"""The clip and the range that a request names: all that touches files and documents of others.

These functions are for processes of their own (`peanut_daemon.guard.apart`).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from peanut_daemon.edits.timeline import request_clip_path, request_clip_rate, request_to_range
from peanut_daemon.edits.timeline_read import is_text
from peanut_daemon.errors import InvalidRequestError
from peanut_daemon.guard.roots import Roots
from peanut_daemon.media import ClipInfo, Reading, probe, probe_for_editing
from peanut_models.ranges import FrameRange


def clip_at(path: Path, roots: Roots) -> ClipInfo:
    """The facts of a clip, if the client may name it.

    Raises:
        PathRefusedError, InvalidRequestError: as `Roots.checked_input`.
        MediaError: as `probe`.
    """
    return probe(roots.checked_input(path))


def edit_clip_at(path: Path, roots: Roots, reading: Reading) -> ClipInfo:
    """The facts of a clip to work on, if the client may name it.

    Raises:
        PathRefusedError, InvalidRequestError: as `Roots.checked_input`.
        MediaError: as `probe_for_editing`.
    """
    return probe_for_editing(roots.checked_input(path), reading)


def clip_and_range(otio: str, roots: Roots, reading: Reading) -> tuple[ClipInfo, FrameRange]:
    """The clip of a timeline, and the frames that the timeline shows of it.

    Args:
        otio: the document itself.
        roots: what may be named.
        reading: how the clip is read.

    Raises:
        InvalidRequestError, UnsupportedMediaError, FrameRangeError: as `request_to_range`.
        PathRefusedError, MediaError: as `edit_clip_at`.
    """
    if not is_text(otio):
        # It would be taken for the path of a timeline, which no client may have read.
        raise InvalidRequestError(
            f"the document starts with {otio.lstrip()[:40]!r}: send OpenTimelineIO JSON itself"
        )
    reading = replace(reading, rate=reading.rate or request_clip_rate(otio))
    clip = edit_clip_at(request_clip_path(otio), roots, reading)
    return clip, request_to_range(otio, media=clip).frame_range
