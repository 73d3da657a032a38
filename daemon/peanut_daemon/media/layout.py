"""Pixel formats: where the components of a picture lie in its planes.

Everything above works on *components* (Y, U, V or R, G, B or Y, each with alpha last if there is
one), as arrays of code values at the component's own resolution. This is the one place that knows
planar, semi-planar and packed storage apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import av
import numpy as np
from numpy import ndarray

from peanut_daemon.errors import UnsupportedMediaError

Family = Literal["yuv", "rgb", "gray"]

_PLANAR_YUV = re.compile(r"yuv(a|j)?(420|422|440|444)p(9|10|12|14|16)?(le)?")
_PLANAR_RGB = re.compile(r"gbr(a)?p(9|10|12|14|16)?(le)?")
_GRAY = re.compile(r"gray(9|10|12|14|16)?(le)?")
_SUBSAMPLING = {"420": (2, 2), "422": (2, 1), "440": (1, 2), "444": (1, 1)}

# Packed formats: bits, alpha, samples per pixel, and the place of R, G, B (and A) among them.
_PACKED: dict[str, tuple[int, bool, int, tuple[int, ...]]] = {
    "rgb24": (8, False, 3, (0, 1, 2)),
    "bgr24": (8, False, 3, (2, 1, 0)),
    "rgb0": (8, False, 4, (0, 1, 2)),
    "bgr0": (8, False, 4, (2, 1, 0)),
    "rgba": (8, True, 4, (0, 1, 2, 3)),
    "bgra": (8, True, 4, (2, 1, 0, 3)),
    "argb": (8, True, 4, (1, 2, 3, 0)),
    "abgr": (8, True, 4, (3, 2, 1, 0)),
    "rgb48le": (16, False, 3, (0, 1, 2)),
    "rgba64le": (16, True, 4, (0, 1, 2, 3)),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """How one pixel format stores a picture.

    Attributes:
        name: the pixel format's name.
        family: what the components are.
        bits: significant bits per component.
        alpha: whether the last component is alpha.
        subsampling: luma pixels per chroma sample, across and down; (1, 1) without subsampling.
        full_range: the name itself says full range (yuvj, RGB).
        places: per component, its plane, its first sample there and the step to the next.
    """

    name: str
    family: Family
    bits: int
    alpha: bool
    subsampling: tuple[int, int]
    full_range: bool
    places: tuple[tuple[int, int, int], ...]

    @property
    def dtype(self) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
        """Of the components: uint8 up to 8 bits, else uint16."""
        return np.dtype(np.uint8) if self.bits <= 8 else np.dtype(np.uint16)

    @property
    def maximum(self) -> int:
        """The largest code value."""
        return (1 << self.bits) - 1

    def component_size(self, index: int, width: int, height: int) -> tuple[int, int]:
        """Width and height of component `index` of a picture of that size."""
        if self.family != "yuv" or index not in (1, 2):
            return width, height
        across, down = self.subsampling
        return -(-width // across), -(-height // down)


@lru_cache(maxsize=64)
def layout_of(pixel_format: str) -> Layout:
    """The layout of a pixel format.

    Raises:
        UnsupportedMediaError: a format that is not handled.
    """
    if (match := _PLANAR_YUV.fullmatch(pixel_format)) is not None:
        return _planar(pixel_format, "yuv", match[3], match[1] == "a", _SUBSAMPLING[match[2]])
    if (match := _PLANAR_RGB.fullmatch(pixel_format)) is not None:
        return _planar(pixel_format, "rgb", match[2], match[1] == "a", (1, 1))
    if (match := _GRAY.fullmatch(pixel_format)) is not None:
        return _planar(pixel_format, "gray", match[1], False, (1, 1))
    if pixel_format == "nv12":
        places = ((0, 0, 1), (1, 0, 2), (1, 1, 2))
        return Layout("nv12", "yuv", 8, False, (2, 2), False, places)
    if pixel_format in _PACKED:
        bits, alpha, step, order = _PACKED[pixel_format]
        packed = tuple((0, first, step) for first in order)
        return Layout(pixel_format, "rgb", bits, alpha, (1, 1), True, packed)
    raise UnsupportedMediaError(
        f"pixel format {pixel_format} is not supported: convert the clip to ProRes 422 HQ or 4444, "
        "FFV1, or H.264 first (planar YUV, RGB and gray of 8 to 16 bits are supported)"
    )


def _planar(
    name: str, family: Family, bits: str | None, alpha: bool, subsampling: tuple[int, int]
) -> Layout:
    # gbrp keeps green, blue, red in planes 0, 1, 2; components are always in the order R, G, B.
    order = {"yuv": (0, 1, 2), "rgb": (2, 0, 1), "gray": (0,)}[family]
    planes = (*order, len(order)) if alpha else order
    full_range = family == "rgb" or name.startswith("yuvj")
    places = tuple((plane, 0, 1) for plane in planes)
    return Layout(name, family, int(bits or 8), alpha, subsampling, full_range, places)


def components_of(frame: av.VideoFrame) -> list[ndarray]:
    """The components of a frame, as read-only views into its planes where they are stored apart.

    Raises:
        UnsupportedMediaError: the pixel format is not handled.
    """
    layout = layout_of(frame.format.name)
    views = []
    for index, (plane_index, first, step) in enumerate(layout.places):
        width, height = layout.component_size(index, frame.width, frame.height)
        rows = _plane_rows(frame.planes[plane_index], layout.dtype, height)
        view = rows[:, first : first + step * (width - 1) + 1 : step]
        view.flags.writeable = False
        views.append(view)
    return views


def frame_from_components(
    components: Sequence[ndarray], pixel_format: str, width: int, height: int
) -> av.VideoFrame:
    """A new frame that holds these code values; padding and unused samples are 0."""
    layout = layout_of(pixel_format)
    frame = av.VideoFrame(width, height, pixel_format)
    for plane in frame.planes:
        np.frombuffer(memoryview(plane), np.uint8)[:] = 0
    for index, (plane_index, first, step) in enumerate(layout.places):
        across, down = layout.component_size(index, width, height)
        rows = _plane_rows(frame.planes[plane_index], layout.dtype, down)
        rows[:, first : first + step * (across - 1) + 1 : step] = components[index]
    return frame


def _plane_rows(
    plane: av.video.plane.VideoPlane, dtype: np.dtype[np.uint8] | np.dtype[np.uint16], height: int
) -> ndarray:
    """The plane's buffer as rows, padding included.

    A line size is a multiple of the sample size in every format above.
    """
    if plane.line_size < 0:
        raise UnsupportedMediaError(
            "the picture is stored bottom row first, which is not supported: convert the clip to "
            "ProRes, FFV1 or H.264 first"
        )
    samples: ndarray = np.frombuffer(memoryview(plane), dtype)
    stride = plane.line_size // dtype.itemsize
    return samples[: stride * height].reshape(height, stride)
