"""UR-Net's place in the embedded profile until trained weights ship: a classical upscaler."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from peanut_models.errors import InvalidInputError
from peanut_models.ranges import FrameRange
from peanut_models.stages import (
    UPSCALE,
    Frames,
    Image,
    PairFlow,
    UpscaledFrames,
    dtype_scale,
)

# Each round moves the result closer to "shrinks back to the input"; after three the rest is noise.
ROUNDS = 3
# Less than the full error per round, since the shrink is not the interpolation's exact inverse.
STEP = 0.8

# Input pixels enlarged at once: the arrays in between take 1.3 KB for each.
BAND_PX = 1 << 17
# Rows computed around a band and thrown away: how far the interpolation and all rounds reach.
HALO_ROWS = 4 + 2 * ROUNDS + 2


class LanczosUpscaler:
    """Lanczos interpolation with iterative back-projection, frame by frame.

    Back-projection returns the contrast that interpolation loses: the enlarged frame is shrunk,
    compared with the input, and the difference is enlarged and added. The result is held between
    the darkest and brightest input pixel nearby, so that edges do not ring.

    Works through a frame in bands of rows, so that memory grows with the frame alone, not with the
    arrays in between; the result is that of the whole frame, bit for bit.

    Source: Irani and Peleg 1991, "Improving resolution by image registration", eq. 4.

    Args:
        band_px: input pixels enlarged at once.
    """

    name = "embedded/lanczos"
    context_frames = 0

    def __init__(self, band_px: int = BAND_PX) -> None:
        self._band_px = band_px

    def upscale(self, frames: Frames) -> UpscaledFrames:
        """`t h w 3` to `t 4h 4w 3`, same type and range.

        Raises:
            InvalidInputError: `frames` is not a run of RGB frames.
        """
        if frames.ndim != 4 or frames.shape[-1] != 3:
            raise InvalidInputError(
                f"frames to upscale have the shape {frames.shape}: give an array of t, h, w, 3"
            )
        return np.stack(list(self.stream(frames)))

    def stream(
        self,
        frames: Iterable[Image],
        *,
        flows: Iterable[PairFlow | None] | None = None,
        core: FrameRange | None = None,
        on_progress: Callable[[float], None] | None = None,
    ) -> Iterator[Image]:
        """Frame by frame; see `upscale` and `stages.Upscaler.stream`."""
        del flows  # No frame looks at another.
        for k, frame in enumerate(frames):
            if on_progress is not None:
                on_progress(k)
            if core is not None and k not in core:
                continue
            height, width = frame.shape[:2]
            large = np.empty((height * UPSCALE, width * UPSCALE, 3), frame.dtype)
            rows = max(HALO_ROWS, self._band_px // width)
            for top in range(0, height, rows):
                bottom = min(height, top + rows)
                large[top * UPSCALE : bottom * UPSCALE] = _band(frame, top, bottom)
            yield large


def _band(frame: Image, top: int, bottom: int) -> Image:
    """Rows `[top, bottom)` enlarged, as they are in the whole frame."""
    first = max(0, top - HALO_ROWS)
    part = frame[first : bottom + HALO_ROWS].astype(np.float32)
    large = np.clip(_upscaled(part), 0, dtype_scale(frame))
    wanted = large[(top - first) * UPSCALE : (bottom - first) * UPSCALE]
    return np.asarray(np.rint(wanted).astype(frame.dtype))


def _upscaled(image: Float32[ndarray, "h w 3"]) -> Float32[ndarray, "4*h 4*w 3"]:
    height, width = image.shape[:2]
    size = (width * UPSCALE, height * UPSCALE)
    lowest = cv2.resize(cv2.erode(image, np.ones((3, 3))), size, interpolation=cv2.INTER_LINEAR)
    highest = cv2.resize(cv2.dilate(image, np.ones((3, 3))), size, interpolation=cv2.INTER_LINEAR)
    large = cv2.resize(image, size, interpolation=cv2.INTER_LANCZOS4)
    for _ in range(ROUNDS):
        shrunk = cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA)
        error = cv2.resize(image - shrunk, size, interpolation=cv2.INTER_CUBIC)
        large = np.clip(large + STEP * error, lowest, highest)
    return np.asarray(large, np.float32)
