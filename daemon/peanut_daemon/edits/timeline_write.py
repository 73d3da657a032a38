"""Timelines as files, in the shape that hosts read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from peanut_daemon.edits.fcp7_xml import fcp7_xml
from peanut_daemon.errors import InvalidRequestError
from peanut_daemon.media.atomic import write_atomically


def write_otio(target: Path, timeline: Any, *, overwrite: bool = False) -> None:
    """Write an `.otio` file in one step.

    Raises:
        OutputExistsError, OutputNotWritableError, DiskFullError: `target` cannot be written.
    """
    document = json.loads(timeline.to_json_string())
    text = json.dumps(_without_empty_colours(document), indent=4)
    write_atomically(target, text.encode(), overwrite=overwrite)


def write_timeline(target: Path, timeline: Any, *, overwrite: bool = False) -> None:
    """Write a timeline in the format of the target's extension, `.otio` or `.xml` (FCP7 XML).

    Raises:
        InvalidRequestError: another extension, or something that the format cannot hold.
        OutputExistsError, OutputNotWritableError, DiskFullError: `target` cannot be written.
    """
    suffix = target.suffix.lower()
    if suffix == ".otio":
        write_otio(target, timeline, overwrite=overwrite)
    elif suffix == ".xml":
        write_atomically(target, fcp7_xml(timeline), overwrite=overwrite)
    else:
        raise InvalidRequestError(
            f"{target} ends in {suffix!r}: timelines are written as .otio or .xml (FCP7 XML)"
        )


def _without_empty_colours(value: Any) -> Any:
    """Drop the `color: null` that OTIO adds to every item and that no host writes."""
    if isinstance(value, list):
        return [_without_empty_colours(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _without_empty_colours(entry)
        for key, entry in value.items()
        if not (key == "color" and entry is None)
    }
