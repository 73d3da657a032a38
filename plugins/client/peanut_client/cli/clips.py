"""The CLIP argument: a media file, or an OpenTimelineIO document with one clip."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from peanut.v1 import edits_pb2, frames_pb2
from peanut_client.cli.failures import CliError, UsageError
from peanut_client.client import PeanutClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How the clip is to be read; `CreateEditRequest` says what each means."""

    rate: frames_pb2.Rate | None = None
    colourspace: str = ""
    deinterlace: bool = False


def parse_rate(text: str | None) -> frames_pb2.Rate | None:
    """A rate as people write it: whole, as a fraction, or with decimals, where 23.976 is NTSC's.

    Raises:
        UsageError: none that is above 0.
    """
    if text is None:
        return None
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if rate <= 0:
        raise UsageError(f"--rate {text!r} is no frame rate: write 24, 24000/1001 or 23.976")
    # Rates that NTSC slowed down by 1000/1001 are mostly written with two or three decimals.
    slowed = Fraction(round(rate * 1001 / 1000) * 1000, 1001)
    if rate.denominator != 1 and abs(rate - slowed) < Fraction(6, 1000):
        rate = slowed
    return frames_pb2.Rate(num=rate.numerator, den=rate.denominator)


def create_edit(
    client: PeanutClient,
    clip: Path,
    frames: frames_pb2.FrameRange | None,
    reading: Reading | None = None,
) -> edits_pb2.Edit:
    """Make an edit from what the user gave as CLIP.

    Raises:
        CliError: an .otio document cannot be read.
        PeanutError: the daemon refuses the clip or the range.
    """
    reading = reading or Reading()
    if clip.suffix.lower() == ".otio":
        return client.create_edit_from_otio(
            _read_document(clip),
            colourspace=reading.colourspace,
            deinterlace=reading.deinterlace,
        )
    return client.create_edit(
        str(clip.expanduser().absolute()),
        frames,
        rate=reading.rate,
        colourspace=reading.colourspace,
        deinterlace=reading.deinterlace,
    )


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
    for key in ("target_url", "target_url_base"):
        url = changed.get(key)
        if isinstance(url, str) and url and "://" not in url and not url.startswith("file:"):
            changed[key] = str(folder / url)
    return changed
