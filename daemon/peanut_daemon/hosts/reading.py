"""What runs in the process that reads deliverables for hosts: files that anybody may have replaced.

Functions for `peanut_daemon.guard.apart`; the files stay open in that process.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy import ndarray

from peanut_daemon.edits.matte import frozen_matte
from peanut_daemon.edits.model import FrozenMask
from peanut_daemon.errors import JobStateError, MediaNotFoundError
from peanut_daemon.media import ClipInfo, ClipReader, SourceFrame
from peanut_daemon.media.open_clips import OpenClips
from peanut_models.matte import MatteShape

# A host plays one result and its matte, and compares two at most.
_OPEN_READERS = 4

_open = OpenClips(_OPEN_READERS)


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
    try:
        return _open.reader(path).read(frame_index)
    except MediaNotFoundError as error:
        raise JobStateError(f"the deliverable is gone: {error}") from error
