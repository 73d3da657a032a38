"""Dense flow by Dense Inverse Search, as OpenCV ships it: no weights, milliseconds on a CPU.

Source: Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016, with the
variational refinement of its section 2.4.
"""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from peanut_models.errors import InvalidInputError
from peanut_models.flow.warp import Flow

Preset = Literal["ultrafast", "fast", "medium"]

PRESETS: dict[str, int] = {
    "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}

MIN_SIDE_PX = 32
"""Smaller images leave DIS without a pyramid level for its 8 px patches; they are padded."""


def luma8(image: ndarray[Any, Any]) -> UInt8[ndarray, "h w"]:
    """The 8-bit luma of an RGB frame; grey images only change their depth.

    Args:
        image: `h w 3` or `h w`; uint8 or uint16, full scale.

    Raises:
        InvalidInputError: another type or shape.
    """
    if image.dtype not in (np.uint8, np.uint16) or image.ndim not in (2, 3):
        raise InvalidInputError(
            f"flow needs an image of shape (h, w) or (h, w, 3), uint8 or uint16; "
            f"got {image.shape} {image.dtype}: convert it first"
        )
    # 65535 / 257 = 255 exactly: the same scale that makes 8 bits of 16 everywhere else.
    eight = image if image.dtype == np.uint8 else np.round(image / 257.0).astype(np.uint8)
    return eight if eight.ndim == 2 else np.asarray(cv2.cvtColor(eight, cv2.COLOR_RGB2GRAY))


class DisFlow:
    """Dense flow between two frames.

    The result depends on OpenCV's thread count (DIS searches in as many stripes), so it repeats
    bit for bit only as long as `cv2.setNumThreads` is left alone.

    Args:
        preset: `medium` for quality (24 ms for 640x360 on two cores), `fast` and `ultrafast` for
            a third and a fifth of that.

    Raises:
        InvalidInputError: no preset has that name.
    """

    def __init__(self, preset: Preset = "medium") -> None:
        if preset not in PRESETS:
            raise InvalidInputError(
                f"no DIS preset is called {preset!r}: use one of {', '.join(PRESETS)}"
            )
        self._dis = cv2.DISOpticalFlow.create(PRESETS[preset])

    def __call__(
        self,
        source: ndarray[Any, Any],
        target: ndarray[Any, Any],
        *,
        initial: Flow | None = None,
    ) -> Float32[ndarray, "h w 2"]:
        """The flow of `source` to `target`.

        Args:
            source: `h w` or `h w 3` (RGB), uint8 or uint16, full scale.
            target: the same shape.
            initial: a flow to start from.

        Raises:
            InvalidInputError: the sizes differ, or see `luma8`.
        """
        if source.shape[:2] != target.shape[:2]:
            raise InvalidInputError(
                f"flow between frames of different size: source {source.shape[:2]}, target "
                f"{target.shape[:2]}: bring both to one size first"
            )
        height, width = source.shape[:2]
        below, right = max(0, MIN_SIDE_PX - height), max(0, MIN_SIDE_PX - width)
        first, second = luma8(source), luma8(target)
        if below or right:
            first, second = (
                cv2.copyMakeBorder(x, 0, below, 0, right, cv2.BORDER_REPLICATE)
                for x in (first, second)
            )
            if initial is not None:
                initial = np.pad(initial, ((0, below), (0, right), (0, 0)), mode="edge")
        # DIS starts from what the output array holds, and overwrites it.
        start = np.zeros((*first.shape, 2), np.float32)
        if initial is not None:
            start[...] = initial
        flow = self._dis.calc(np.ascontiguousarray(first), np.ascontiguousarray(second), start)
        return np.ascontiguousarray(flow[:height, :width], np.float32)


def dense_flow(
    source: ndarray[Any, Any], target: ndarray[Any, Any], preset: Preset = "medium"
) -> Float32[ndarray, "h w 2"]:
    """The flow of `source` to `target` in one call; see `DisFlow`."""
    return DisFlow(preset)(source, target)
