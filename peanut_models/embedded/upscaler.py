"""UR-Net's place in the embedded profile until trained weights ship: a classical upscaler."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from peanut_models.errors import InvalidInputError
from peanut_models.stages import UPSCALE, Frames, Image, UpscaledFrames, dtype_scale

# Each round moves the result closer to "shrinks back to the input"; after three the rest is noise.
ROUNDS = 3
# Less than the full error per round, since the shrink is not the interpolation's exact inverse.
STEP = 0.8


class LanczosUpscaler:
    """Lanczos interpolation with iterative back-projection, frame by frame.

    Back-projection returns the contrast that interpolation loses: the enlarged frame is shrunk,
    compared with the input, and the difference is enlarged and added. The result is held between
    the darkest and brightest input pixel nearby, so that edges do not ring.

    Source: Irani and Peleg 1991, "Improving resolution by image registration", eq. 4.
    """

    name = "embedded/lanczos"
    context_frames = 0

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

    def stream(self, frames: Iterable[Image]) -> Iterator[Image]:
        """Frame by frame; see `upscale`."""
        for frame in frames:
            large = np.clip(_upscaled(frame.astype(np.float32)), 0, dtype_scale(frame))
            yield np.rint(large).astype(frame.dtype)


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
