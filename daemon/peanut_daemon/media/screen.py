"""Frames for the screen: looked at, never computed with, so speed counts more than the last bit.

`SourceFrame.working_rgb` is exact and takes about 50 ms for HD; FFmpeg's scaler takes 5 and is at
most a few code values off.
"""

from __future__ import annotations

import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from jaxtyping import UInt8
from numpy import ndarray

from peanut_daemon.media.colour import RANGE_FULL, matrix_for
from peanut_daemon.media.frame import SourceFrame, working_size

# H.273's matrices by FFmpeg's scaler's own names.
_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
}


def screen_bgr(frame: SourceFrame, long_side: int) -> UInt8[ndarray, "h w 3"]:
    """Blue, green, red at a size whose longer side is at most `long_side`; never enlarged.

    Raises:
        UnsupportedMediaError: a pixel format or matrix that is not handled.
    """
    matrix = _MATRICES.get(matrix_for(frame.colour, frame.height))
    if frame.layout.family != "yuv" or frame.transform is not None or matrix is None:
        return np.asarray(cv2.cvtColor(frame.working_rgb(long_side), cv2.COLOR_RGB2BGR))
    width, height = working_size(frame.width, frame.height, long_side)
    full = frame.colour.range == RANGE_FULL or frame.pixel_format.startswith("yuvj")
    picture = frame.frame.reformat(
        width,
        height,
        "bgr24",
        src_colorspace=matrix,
        src_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=Interpolation.AREA,
    )
    return np.asarray(picture.to_ndarray(), np.uint8)
