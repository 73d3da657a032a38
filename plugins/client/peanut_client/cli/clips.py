"""The CLIP argument: a media file, or an OpenTimelineIO document with one clip."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from peanut.v1 import edits_pb2, frames_pb2
from peanut_client.cli.failures import CliError, UsageError
from peanut_client.client import PeanutClient


def create_edit(
    client: PeanutClient, clip: Path, frames: frames_pb2.FrameRange | None
) -> edits_pb2.Edit:
    """Make an edit from what the user gave as CLIP.

    Raises:
        CliError: an .otio document cannot be read.
        PeanutError: the daemon refuses the clip or the range.
    """
    if clip.suffix.lower() == ".otio":
        return client.create_edit_from_otio(_read_document(clip))
    return client.create_edit(str(clip.expanduser().absolute()), frames)


def check_clip(clip: Path, frames: frames_pb2.FrameRange | None) -> None:
    """Refuse what can be refused before a daemon is started.

    Raises:
        UsageError: a range was given for a document that has its own.
    """
    if clip.suffix.lower() == ".otio" and frames is not None:
        raise UsageError(f"--range does not go with {clip}: the document's clip has its own range")


def _read_document(path: Path) -> str:
    """The document, with media paths that are relative to it made absolute.

    The daemon gets only the text, so it could not know what they are relative to.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CliError(
            "MediaNotFoundError",
            f"{path} cannot be read: {error.strerror or error}; give a file that exists",
        ) from error
    except ValueError as error:
        raise CliError(
            "MediaUnreadableError",
            f"{path} is not an OpenTimelineIO document ({error}): export it again as .otio (JSON)",
        ) from error
    return json.dumps(_with_absolute_media(document, path.absolute().parent))


def _with_absolute_media(value: Any, folder: Path) -> Any:
    if isinstance(value, list):
        return [_with_absolute_media(item, folder) for item in value]
    if not isinstance(value, dict):
        return value
    changed = {key: _with_absolute_media(item, folder) for key, item in value.items()}
    url = changed.get("target_url")
    if isinstance(url, str) and url and "://" not in url and not url.startswith("file:"):
        changed["target_url"] = str(folder / url)
    return changed
