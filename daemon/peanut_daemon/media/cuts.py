"""Where one shot ends and the next begins, by PySceneDetect."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from peanut_daemon.media.convert import Rgb

CUT_REACH_FRAMES = 2
"""A frame is judged by so many before and after it."""

_THUMB_LONG_SIDE_PX = 256


def cut_thumbnail(rgb: Rgb) -> UInt8[ndarray, "h w 3"]:
    """What of a frame `find_cuts` looks at: small, 8 bit, BGR."""
    height, width = rgb.shape[:2]
    scale = min(1.0, _THUMB_LONG_SIDE_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    eight_bit = small if small.dtype == np.uint8 else (small // 256).astype(np.uint8)
    return np.ascontiguousarray(eight_bit[..., ::-1])


def find_cuts(thumbnails: Iterable[UInt8[ndarray, "h w 3"]], first: int) -> tuple[int, ...]:
    """The first frame of each new shot.

    The measure is the change of hue, saturation and lightness from the frame before; it has to be
    large, and three times what it is on the frames around, so that fast pans and flicker are none.

    Args:
        thumbnails: of consecutive frames.
        first: number of the first of them.

    Returns:
        Frame numbers in order. Fades and dissolves are not found, and neither are cuts on the
        first and last `CUT_REACH_FRAMES` frames.

    Source: AdaptiveDetector of PySceneDetect with its own settings.
    """
    # Here and not at the top: it brings a command line and its own readers, and only workers look.
    from scenedetect.common import FrameTimecode
    from scenedetect.detectors import AdaptiveDetector

    detector = AdaptiveDetector(min_scene_len=1)
    found: list[int] = []
    for k, thumbnail in enumerate(thumbnails):
        # The detector counts in time; the rate is of no account.
        cuts = detector.process_frame(FrameTimecode(k, fps=25.0), thumbnail)
        found += [first + cut.frame_num for cut in cuts]
    return tuple(found)
