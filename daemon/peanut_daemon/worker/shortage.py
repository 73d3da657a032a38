"""Memory that runs out in the middle of a task: how it shows, and what can be done about it.

Every library says it in its own way. None of them is imported for that: an error of PyTorch can
only come from where PyTorch was imported already.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2

from peanut_daemon.worker.messages import (
    EncodeTask,
    PictureTask,
    PlateTask,
    Shortage,
    Task,
    TrackTask,
    UpscaleTask,
)
from peanut_models.errors import OutOfDeviceMemoryError

FREED, TILE, WINDOW = "freed", "tile", "window"

# What libraries write into an error: CUDA and MPS, PyTorch on a CPU (Linux, Windows), cuDNN and
# cuBLAS, C++, OpenCV (whose code is no help: it stays on the class from error to error).
_PHRASES = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "ALLOC_FAILED",
    "bad_alloc",
    "bad allocation",
    "Insufficient memory",
)
_ASKED = re.compile(r"allocate (\d[\d.]* ?(?:[KMGTP]i?B|bytes))", re.IGNORECASE)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, or one that it was raised from, says that there is no memory left."""
    return any(_says_so(each) for each in _chain(error))


def remedies(task: Task) -> tuple[str, ...]:
    """What the worker tries, one after the other, before it gives a task back.

    A plate's window is not made smaller here: its frames are part of the artifact's key, so that is
    for the one who plans. UR-Net's tile is no part of it, since its pixels do not depend on it.
    """
    return (FREED, TILE) if isinstance(task, UpscaleTask) else (FREED,)


def shortage(task: Task, remedy: str, message: str) -> Shortage:
    """Memory ran out in a task."""
    stage, frames = _what(task)
    return Shortage(stage=stage, frames=frames, remedy=remedy, message=message)


def advice(task: Task) -> str:
    """What the user can do about it when the worker cannot."""
    match task:
        case PlateTask():
            return "render with fewer --window-frames or a smaller --working-size"
        case UpscaleTask():
            return "enlarge with --ur-net embedded"
        case TrackTask():
            return "choose a smaller model with --p-mask"
        case EncodeTask() | PictureTask():
            return "leave the machine more room"


def figures(error: BaseException) -> str:
    """What was asked for, and what there is."""
    asked = next((found[1] for e in _chain(error) if (found := _ASKED.search(str(e)))), "")
    parts = [f"asked for {asked}" if asked else type(error).__name__]
    parts += [f"{free} of {total} free {where}" for where, free, total in _free()]
    return ", ".join(parts)


def _says_so(error: BaseException) -> bool:
    if isinstance(error, MemoryError | OutOfDeviceMemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    known = isinstance(error, RuntimeError | cv2.error)
    return known and any(phrase in str(error) for phrase in _PHRASES)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__


def _what(task: Task) -> tuple[str, tuple[int, int]]:
    match task:
        case PlateTask():
            return "plate", (task.window.core.start, task.window.core.end)
        case UpscaleTask():
            return "upscale", (task.core.start, task.core.end)
        case EncodeTask():
            return "encode", (task.frame_range.start, task.frame_range.end)
        case PictureTask():
            return "pictures", (task.frame_range.start, task.frame_range.end)
        case TrackTask():
            starts, ends = zip(*((t.frames.start, t.frames.end) for t in task.targets), strict=True)
            return "masks", (min(starts), max(ends))


def _free() -> Iterator[tuple[str, str, str]]:
    """Where, how much is free, and of how much; nothing where the system does not say."""
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        lines = (line.split() for line in meminfo.read_text(encoding="ascii").splitlines())
        kib = {words[0].rstrip(":"): int(words[1]) for words in lines}
        yield "in the host", _size(kib["MemAvailable"] * 1024), _size(kib["MemTotal"] * 1024)
    elif hasattr(os, "sysconf") and "SC_AVPHYS_PAGES" in os.sysconf_names:
        page = os.sysconf("SC_PAGE_SIZE")
        free, total = os.sysconf("SC_AVPHYS_PAGES"), os.sysconf("SC_PHYS_PAGES")
        yield "in the host", _size(free * page), _size(total * page)
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        for k in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(k)
            yield f"on cuda:{k}", _size(free), _size(total)


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"
