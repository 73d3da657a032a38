"""Media addresses as timelines write them: bare paths and file URLs, of any system."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from peanut_daemon.errors import InvalidRequestError, UnsupportedMediaError

# Two characters at least, so that "C:" is a drive.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_DRIVE_OR_SHARE = re.compile(r"[A-Za-z]:[\\/]|\\\\")


def path_from_address(address: str, clip_name: str, folder: Path | None) -> Path:
    """The file that a clip's media address names.

    Args:
        address: a path of this or another system, or a file URL.
        clip_name: for messages.
        folder: what relative paths start from; None refuses them.

    Raises:
        UnsupportedMediaError: it lies on another machine.
        InvalidRequestError: a relative path without a folder.
    """
    if _SCHEME.match(address):
        parts = urlsplit(address)
        if parts.scheme.lower() != "file" or parts.netloc not in ("", "localhost"):
            raise UnsupportedMediaError(
                f"the media of clip {clip_name!r} lies at {address}: copy it to a disk of this "
                "machine"
            )
        path = unquote(parts.path)
        # file:///C:/clips/a.mov names C:/clips/a.mov.
        return Path(path[1:] if _DRIVE_OR_SHARE.match(path[1:]) else path)
    if address.startswith("/") or _DRIVE_OR_SHARE.match(address):
        return Path(address)
    if folder is None:
        raise InvalidRequestError(
            f"the media of clip {clip_name!r} has the relative path {address!r}: send an absolute "
            "path"
        )
    return folder / address
