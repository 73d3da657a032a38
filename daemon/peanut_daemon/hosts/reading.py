"""What runs in the process that reads deliverables for hosts: files that anybody may have replaced.

Functions for `peanut_daemon.guard.apart`; the files stay open in that process.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy import ndarray

from peanut_daemon.edits.matte import frozen_matte
from peanut_daemon.edits.model import FrozenMask
from peanut_daemon.errors import JobStateError
from peanut_daemon.media import ClipInfo, ClipReader, SourceFrame
from peanut_models.matte import MatteShape

# A host plays one result and its matte, and compares two at most.
_OPEN_READERS = 4

_readers: OrderedDict[tuple[Path, int], ClipReader] = OrderedDict()


def rgb(path: Path, frame_index: int) -> list[ndarray]:
    """Colours of a frame, `h w 3`.

    Raises:
        JobStateError: the file is gone.
        MediaError: it cannot be read.
    """
    return [_read(path, frame_index).to_rgb()]


def straight_rgba(path: Path, frame_index: int) -> list[ndarray]:
    """Colours and opacity of a patch's frame, `h w 3` and `h w 1`; raises as `rgb`.

    Alpha is the last component, in the code values of its layout.
    """
    frame = _read(path, frame_index)
    colours, alpha = frame.to_rgb(), frame.components()[-1]
    scale = np.iinfo(colours.dtype).max / frame.layout.maximum
    opacity = np.rint(alpha.astype(np.float32) * np.float32(scale)).astype(colours.dtype)
    return [colours, opacity[..., None]]


def gray(path: Path, frame_index: int) -> ndarray:
    """The first component of a frame, `h w 1`; raises as `rgb`."""
    return np.array(_read(path, frame_index).components()[0])[..., None]


def matte(
    clip: ClipInfo, frame_index: int, masks: Sequence[FrozenMask], shape: MatteShape
) -> ndarray:
    """The matte that masks of a frame make, `h w 1`.

    Raises:
        MediaError: the clip cannot be read, where refining needs it.
    """

    def frame() -> ndarray:
        with ClipReader.of(clip) as reader:
            return reader.read(frame_index).to_rgb()

    return frozen_matte(masks, shape, (clip.height, clip.width), frame)[..., None]


def _read(path: Path, frame_index: int) -> SourceFrame:
    """One frame; a file that was replaced is opened anew."""
    try:
        key = (path, path.stat().st_mtime_ns)
    except OSError as error:
        raise JobStateError(
            f"the deliverable {path} cannot be read ({error.strerror}): render again"
        ) from error
    reader = _readers.pop(key, None) or ClipReader(path)
    _readers[key] = reader
    while len(_readers) > _OPEN_READERS:
        _readers.popitem(last=False)[1].close()
    return reader.read(frame_index)
