"""Where and how a deliverable is written: what can be refused before minutes of work."""

from __future__ import annotations

import os
from pathlib import Path

from peanut_client.cli.failures import CliError, UsageError
from peanut_client.cli.options import CodecName, Deliver

# The one container per codec that the daemon writes.
_EXTENSIONS = {
    CodecName.FFV1: ".mkv",
    CodecName.PRORES_HQ: ".mov",
    CodecName.PRORES_4444: ".mov",
    CodecName.H264: ".mp4",
}
_WITH_ALPHA = (CodecName.FFV1, CodecName.PRORES_4444)


def choose_codec(out: Path, deliver: Deliver, codec: CodecName | None) -> CodecName:
    """The codec for OUT: the one asked for, else by OUT's extension, else FFV1.

    Raises:
        UsageError: deliverable, codec and OUT's extension do not go together.
    """
    extension = out.suffix.lower()
    if codec is None:
        codec = {
            ".mov": CodecName.PRORES_4444 if deliver is Deliver.PATCH else CodecName.PRORES_HQ,
            ".mp4": CodecName.H264,
        }.get(extension, CodecName.FFV1)
    if deliver is Deliver.PATCH and codec not in _WITH_ALPHA:
        raise UsageError(
            f"{codec} cannot carry the transparency of a patch: "
            "use --codec prores-4444 (.mov) or ffv1 (.mkv)"
        )
    if extension != _EXTENSIONS[codec]:
        raise UsageError(
            f"{codec} is written as {_EXTENSIONS[codec]}, not as {extension or 'a bare name'!r}: "
            f"name the output {out.stem}{_EXTENSIONS[codec]}, or choose another --codec"
        )
    return codec


def check_output(out: Path, *, overwrite: bool) -> Path:
    """The absolute path of OUT, after a look at what is there.

    The daemon checks again when it writes; looking now saves the tracking.

    Raises:
        CliError: its folder is missing, or something is there that may not be replaced.
    """
    out = out.expanduser().absolute()
    check_folder(out.parent)
    if out.is_dir() or (out.exists() and not overwrite):
        raise CliError(
            "OutputExistsError",
            f"{out} is a folder: give the name of a file"
            if out.is_dir()
            else f"{out} exists already: choose another name with -o, or allow replacing it",
            hint="" if out.is_dir() else "add --overwrite to replace it",
        )
    return out


def check_folder(folder: Path) -> None:
    """Make sure that a folder is there and may be written.

    Raises:
        CliError: it is not, or may not.
    """
    if not folder.is_dir():
        raise CliError(
            "OutputNotWritableError",
            f"the folder {folder} does not exist: make it first, or choose another one with -o",
        )
    if not os.access(folder, os.W_OK):
        raise CliError(
            "OutputNotWritableError",
            f"the folder {folder} may not be written: change its permissions, or choose another "
            "one with -o",
        )
