"""Where and how a deliverable is written: what can be refused before minutes of work."""

from __future__ import annotations

import os
from pathlib import Path

from peanut_client.cli.failures import CliError, UsageError
from peanut_client.cli.options import CodecName, Deliver

# What the daemon writes each codec as; the first is the usual one.
EXTENSIONS = {
    CodecName.FFV1: (".mkv",),
    **dict.fromkeys((CodecName.PRORES_422, CodecName.PRORES_HQ, CodecName.PRORES_4444), (".mov",)),
    **dict.fromkeys(
        (CodecName.DNXHR_HQ, CodecName.DNXHR_HQX, CodecName.DNXHR_444), (".mov", ".mxf")
    ),
    **dict.fromkeys(
        (CodecName.H264, CodecName.H264_10, CodecName.H265, CodecName.H265_10), (".mp4", ".mov")
    ),
    CodecName.EXR: (".exr",),
    CodecName.TIFF: (".tif", ".tiff"),
    CodecName.PNG: (".png",),
    CodecName.DPX: (".dpx",),
}
_BY_EXTENSION = {
    ".mov": CodecName.PRORES_HQ,
    ".mxf": CodecName.DNXHR_HQX,
    ".mp4": CodecName.H264,
    ".exr": CodecName.EXR,
    ".tif": CodecName.TIFF,
    ".tiff": CodecName.TIFF,
    ".png": CodecName.PNG,
    ".dpx": CodecName.DPX,
}
_FILES = (CodecName.EXR, CodecName.TIFF, CodecName.PNG, CodecName.DPX)
_WITH_ALPHA = (CodecName.FFV1, CodecName.PRORES_4444, *_FILES)


def choose_codec(out: Path, deliver: Deliver, codec: CodecName | None) -> CodecName:
    """The codec for OUT: the one asked for, else by OUT's extension, else FFV1.

    Raises:
        UsageError: deliverable, codec and OUT's name do not go together.
    """
    extension = out.suffix.lower()
    if codec is None:
        codec = _BY_EXTENSION.get(extension, CodecName.FFV1)
        if deliver is Deliver.PATCH and codec is CodecName.PRORES_HQ:
            codec = CodecName.PRORES_4444
    if deliver is Deliver.PATCH and codec not in _WITH_ALPHA:
        raise UsageError(
            f"{codec} cannot carry the transparency of a patch: use --codec prores-4444 (.mov), "
            "ffv1 (.mkv), or image files (exr, tiff, png, dpx)"
        )
    fitting = EXTENSIONS[codec]
    if extension not in fitting:
        raise UsageError(
            f"{codec} is written as {' or '.join(fitting)}, not as {extension or 'a bare name'!r}: "
            f"name the output {out.stem}{fitting[0]}, or choose another --codec"
        )
    if codec in _FILES and "#" not in out.name and "%" not in out.name:
        raise UsageError(
            f"{codec} is written as one file per frame: name the output "
            f"{out.stem}.####{extension}, where the number goes"
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
