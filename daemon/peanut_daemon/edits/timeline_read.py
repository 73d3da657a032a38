"""Timelines of any host into OTIO objects.

`.otio` is read here. Everything else needs one of OTIO's adapters, which the extra
`otio-adapters` installs; they write notes to stdout and stderr, so programs that speak a protocol
there read timelines in a process of their own (`python -m peanut_daemon.edits`).
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import opentimelineio as otio

from peanut_daemon.errors import InvalidRequestError, MediaNotFoundError, UnsupportedMediaError
from peanut_daemon.media.rate import Rate

# By extension: OTIO's name of the adapter, and who writes such files.
_ADAPTERS = {
    ".aaf": ("AAF", "Avid"),
    ".edl": ("cmx_3600", "EDL"),
    ".fcpxml": ("fcpx_xml", "Final Cut Pro"),
    ".kdenlive": ("kdenlive", "Kdenlive"),
    ".otiod": ("otiod", "OTIO"),
    ".otioz": ("otioz", "OTIO"),
    ".xml": ("fcp_xml", "Premiere, Resolve and Hiero"),
}


def read_document(source: str | Path, *, rate: Rate | None = None) -> Any:
    """The OTIO object in a file or text.

    Args:
        source: OTIO JSON text, or the path of a timeline of any host.
        rate: of the timeline, for EDLs, which do not say it.

    Raises:
        MediaNotFoundError: no file there.
        InvalidRequestError: not what its name says, or damaged.
        UnsupportedMediaError: no reader for such files is installed.
    """
    if is_text(source):
        return _from_json(str(source), "the timeline")
    path = Path(source)
    suffix = path.suffix.lower()
    if suffix in _ADAPTERS:
        return _through_adapter(path, rate)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise MediaNotFoundError(f"no timeline at {source}: check the path") from error
    except OSError as error:
        raise InvalidRequestError(f"cannot read timeline {source}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidRequestError(
            f"{source} is not OpenTimelineIO JSON ({error}): export the timeline as .otio"
        ) from error
    return _from_json(text, str(source))


def is_text(source: str | Path) -> bool:
    """Whether a source is JSON itself and not the path of a file."""
    return isinstance(source, str) and source.lstrip()[:1] in ("{", "[")


def folder_of(source: str | Path) -> Path | None:
    """What relative media paths in a source start from; None where nothing says."""
    return None if is_text(source) else Path(source).absolute().parent


def timelines_in(root: Any) -> Iterator[Any]:
    """All timelines of a document; clips and stacks that lie there alone are wrapped in one."""
    if isinstance(root, otio.schema.Timeline):
        yield _with_tracks(root)
    elif isinstance(root, otio.schema.SerializableCollection):
        for child in root:
            yield from timelines_in(child)
    elif isinstance(root, otio.schema.Clip):
        yield timeline_around(root)
    elif isinstance(root, otio.schema.Stack):
        timeline = otio.schema.Timeline(name=root.name)
        timeline.tracks = root.deepcopy()
        yield timeline
    else:
        raise InvalidRequestError(
            f"the document is a {_schema_of(root)}: export a timeline, or send a Timeline or a Clip"
        )


def as_timeline(root: Any) -> Any:
    """The one timeline of a request.

    Raises:
        InvalidRequestError: it is something else.
    """
    if isinstance(root, otio.schema.Timeline):
        return _with_tracks(root)
    if isinstance(root, otio.schema.Clip):
        return timeline_around(root)
    raise InvalidRequestError(
        f"the request is a {_schema_of(root)}: send a Timeline or a Clip with one media file"
    )


def timeline_around(clip: Any) -> Any:
    """A timeline of just this clip."""
    timeline = otio.schema.Timeline(name=clip.name)
    track = otio.schema.Track("Video 1", kind=otio.schema.TrackKind.Video)
    track.append(clip if clip.parent() is None else clip.deepcopy())
    timeline.tracks.append(track)
    return timeline


def _with_tracks(timeline: Any) -> Any:
    if timeline.tracks is None:
        raise InvalidRequestError(
            f"timeline {timeline.name!r} has no tracks: export it again, or send a Clip"
        )
    return timeline


def _schema_of(root: Any) -> str:
    return str(getattr(root, "original_schema_name", type(root).__name__))


def _from_json(text: str, what: str) -> Any:
    try:
        # Python's own parser first: it bounds how deep the text is nested, and OTIO's overflows.
        json.loads(text)
        return otio.adapters.read_from_string(text, "otio_json")
    except (otio.exceptions.OTIOError, ValueError, RuntimeError, TypeError, LookupError) as error:
        raise InvalidRequestError(
            f"{what} is not OpenTimelineIO JSON ({error}): export the timeline as .otio"
        ) from error


def _through_adapter(path: Path, rate: Rate | None) -> Any:
    name, hosts = _ADAPTERS[path.suffix.lower()]
    if not path.exists():
        raise MediaNotFoundError(f"no timeline at {path}: check the path")
    if name not in otio.adapters.available_adapter_names():
        raise UnsupportedMediaError(
            f"{path.name} is a timeline of {hosts}, and its reader is not installed: "
            'pip install "peanut[otio-adapters]", or export the timeline as .otio'
        )
    options = {"rate": float(rate)} if rate is not None and name == "cmx_3600" else {}
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return otio.adapters.read_from_file(str(path), adapter_name=name, **options)
    except Exception as error:  # adapters raise whatever their parsers raise
        what = " ".join(str(error).split()) or type(error).__name__
        advice = (
            "give the timeline's rate with --rate"
            if name == "cmx_3600" and "rate" in what.lower()
            else "export it again, or export it as .otio"
        )
        raise InvalidRequestError(f"{path} cannot be read ({what}): {advice}") from error
