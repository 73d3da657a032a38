"""What runs in the process that decodes for the page.

A process of its own, and not the worker: a page that plays must not wait for a tracking pass, and
a tracking pass not for a page. A decoder that dies on a broken file takes nothing else along.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from peanut_daemon.edits.matte import frozen_matte
from peanut_daemon.edits.model import FrozenMask
from peanut_daemon.media import ClipInfo, screen_bgr, working_size
from peanut_daemon.media.open_clips import OpenClips
from peanut_models.matte import MatteShape

# Clips that stay open: the source and the results that are compared with it.
_OPEN_READERS = 3
_JPEG_QUALITY = 88

_open = OpenClips(_OPEN_READERS)


def jpeg(
    path: Path,
    frame_index: int,
    long_side_px: int,
    colourspace: str = "",
    deinterlace: bool = False,
) -> bytes:
    """A frame as JPEG, read as the edit wants it.

    Raises:
        MediaError: the clip cannot be read.
        FrameRangeError: it has no such frame.
    """
    reader = _open.reader(path, colourspace=colourspace, deinterlace=deinterlace)
    picture = screen_bgr(reader.read(frame_index), long_side_px)
    return _encoded(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])


def patch_png(path: Path, frame_index: int, long_side_px: int) -> bytes:
    """A frame of a clip with alpha, as PNG with straight alpha; clear where it is transparent."""
    frame = _open.reader(path).read(frame_index)
    rgb = frame.working_rgb(long_side_px)
    height, width = rgb.shape[:2]
    alpha = frame.components()[-1].astype(np.float32) * (255 / frame.layout.maximum)
    small = cv2.resize(alpha, (width, height), interpolation=cv2.INTER_AREA)
    opacity = np.asarray(np.rint(small), np.uint8)
    bgra = np.dstack([rgb[..., ::-1], opacity])
    bgra[opacity == 0] = 0
    return _encoded(".png", bgra, [cv2.IMWRITE_PNG_COMPRESSION, 1])


def matte_png(
    clip: ClipInfo,
    frame_index: int,
    masks: Sequence[FrozenMask],
    shape: MatteShape,
    long_side_px: int,
) -> bytes:
    """The matte that approving these masks would give, as a gray PNG at the size of the page.

    Args:
        clip: at whose size the matte is made.
        frame_index: in the clip.
        masks: of that frame.
        shape: how they become the matte.
        long_side_px: of the page's pictures.

    Raises:
        MediaUnreadableError: a mask is no PNG.
        MediaError: the clip cannot be read, where refining needs it.
    """

    def picture() -> ndarray:
        reader = _open.reader(clip.path, colourspace=clip.colourspace, deinterlace=clip.deinterlace)
        return reader.read(frame_index).to_rgb()

    matte = frozen_matte(
        masks,
        shape,
        (clip.height, clip.width),
        picture,
    )
    small = working_size(clip.width, clip.height, long_side_px)
    if small != (clip.width, clip.height):
        matte = np.asarray(cv2.resize(matte, small, interpolation=cv2.INTER_AREA))
    return _encoded(".png", matte, [cv2.IMWRITE_PNG_COMPRESSION, 1])


def _encoded(kind: str, picture: UInt8[ndarray, ...], options: list[int]) -> bytes:
    _, encoded = cv2.imencode(kind, np.ascontiguousarray(picture), options)
    return encoded.tobytes()
