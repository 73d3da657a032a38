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
from typing import Any, Literal

import av
import numpy as np
from numpy import ndarray

from peanut_daemon.errors import UnsupportedMediaError

Family = Literal["yuv", "rgb", "gray"]

_PLANAR_YUV = re.compile(r"yuv(a|j)?(411|420|422|440|444)p(9|10|12|14|16)?(le|be)?")
_PLANAR_RGB = re.compile(r"gbr(a)?p(f)?(9|10|12|14|16|32)?(le|be)?")
_GRAY = re.compile(r"gray(f)?(9|10|12|14|16|32)?(le|be)?")
_SUBSAMPLING = {"411": (4, 1), "420": (2, 2), "422": (2, 1), "440": (1, 2), "444": (1, 1)}

# Semi-planar and packed YUV: places of Y, U and V.
_OTHER_YUV: dict[str, tuple[tuple[int, int], tuple[tuple[int, int, int], ...]]] = {
    "nv12": ((2, 2), ((0, 0, 1), (1, 0, 2), (1, 1, 2))),
    "nv21": ((2, 2), ((0, 0, 1), (1, 1, 2), (1, 0, 2))),
    "nv16": ((2, 1), ((0, 0, 1), (1, 0, 2), (1, 1, 2))),
    "uyvy422": ((2, 1), ((0, 1, 2), (0, 0, 4), (0, 2, 4))),
    "yuyv422": ((2, 1), ((0, 0, 2), (0, 1, 4), (0, 3, 4))),
}
# Packed RGB: bits, alpha, samples per pixel, and the place of R, G, B (and A) among them.
_PACKED: dict[str, tuple[int, bool, int, tuple[int, ...]]] = {
    "rgb24": (8, False, 3, (0, 1, 2)),
    "bgr24": (8, False, 3, (2, 1, 0)),
    "rgb0": (8, False, 4, (0, 1, 2)),
    "bgr0": (8, False, 4, (2, 1, 0)),
    "rgba": (8, True, 4, (0, 1, 2, 3)),
    "bgra": (8, True, 4, (2, 1, 0, 3)),
    "argb": (8, True, 4, (1, 2, 3, 0)),
    "abgr": (8, True, 4, (3, 2, 1, 0)),
    "rgb48": (16, False, 3, (0, 1, 2)),
    "rgba64": (16, True, 4, (0, 1, 2, 3)),
}
_GRAY_ALPHA = {"ya8": 8, "ya16": 16}


@dataclass(frozen=True, slots=True)
class Layout:
    """How one pixel format stores a picture.

    Attributes:
        name: the pixel format's name.
        family: what the components are.
        bits: significant bits per component; 16 (half) or 32 for floating point.
        alpha: whether the last component is alpha.
        subsampling: luma pixels per chroma sample, across and down; (1, 1) without subsampling.
        full_range: the name itself says full range (yuvj, RGB).
        places: per component, its plane, its first sample there and the step to the next.
        floating: values are floating point: black is 0, white 1, and both ends are open.
        big_endian: how samples of more than a byte are stored; components are always native.
    """

    name: str
    family: Family
    bits: int
    alpha: bool
    subsampling: tuple[int, int]
    full_range: bool
    places: tuple[tuple[int, int, int], ...]
    floating: bool = False
    big_endian: bool = False

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the components: uint8 up to 8 bits, else uint16; float16 or float32 if floating."""
        if self.floating:
            return np.dtype(np.float16) if self.bits == 16 else np.dtype(np.float32)
        return np.dtype(np.uint8) if self.bits <= 8 else np.dtype(np.uint16)

    @property
    def stored_dtype(self) -> np.dtype[Any]:
        """Of the samples in the planes."""
        return self.dtype.newbyteorder(">") if self.big_endian else self.dtype

    @property
    def maximum(self) -> int:
        """The largest code value; of floating point white, beyond which values go on."""
        return 1 if self.floating else (1 << self.bits) - 1

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
        return _planar(pixel_format, "rgb", match[3], match[1] == "a", (1, 1), bool(match[2]))
    if (match := _GRAY.fullmatch(pixel_format)) is not None:
        return _planar(pixel_format, "gray", match[2], False, (1, 1), bool(match[1]))
    if pixel_format in _OTHER_YUV:
        subsampling, places = _OTHER_YUV[pixel_format]
        return Layout(pixel_format, "yuv", 8, False, subsampling, False, places)
    base = pixel_format.removesuffix("le").removesuffix("be")
    big = pixel_format.endswith("be")
    if base in _PACKED:
        bits, alpha, step, order = _PACKED[base]
        packed = tuple((0, first, step) for first in order)
        return Layout(pixel_format, "rgb", bits, alpha, (1, 1), True, packed, big_endian=big)
    if base in _GRAY_ALPHA:
        places = ((0, 0, 2), (0, 1, 2))
        bits = _GRAY_ALPHA[base]
        return Layout(pixel_format, "gray", bits, True, (1, 1), False, places, big_endian=big)
    raise UnsupportedMediaError(
        f"pixel format {pixel_format} is not supported: convert the clip to ProRes 422 HQ or 4444, "
        "FFV1, or H.264 first (YUV, RGB and gray of 8 to 16 bits and floating point are supported)"
    )


def _planar(
    name: str,
    family: Family,
    bits: str | None,
    alpha: bool,
    subsampling: tuple[int, int],
    floating: bool = False,
) -> Layout:
    # gbrp keeps green, blue, red in planes 0, 1, 2; components are always in the order R, G, B.
    order = {"yuv": (0, 1, 2), "rgb": (2, 0, 1), "gray": (0,)}[family]
    planes = (*order, len(order)) if alpha else order
    full_range = family == "rgb" or name.startswith("yuvj")
    places = tuple((plane, 0, 1) for plane in planes)
    return Layout(
        name,
        family,
        int(bits or 8),
        alpha,
        subsampling,
        full_range,
        places,
        floating=floating,
        big_endian=name.endswith("be"),
    )


def components_of(frame: av.VideoFrame) -> list[ndarray]:
    """The components of a frame: read-only, and views into its planes but for big-endian samples.

    Raises:
        UnsupportedMediaError: the pixel format is not handled.
    """
    layout = layout_of(frame.format.name)
    views = []
    for index, (plane_index, first, step) in enumerate(layout.places):
        width, height = layout.component_size(index, frame.width, frame.height)
        rows = _plane_rows(frame.planes[plane_index], layout.stored_dtype, height)
        view = rows[:, first : first + step * (width - 1) + 1 : step].astype(
            layout.dtype, copy=False
        )
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
        rows = _plane_rows(frame.planes[plane_index], layout.stored_dtype, down)
        rows[:, first : first + step * (across - 1) + 1 : step] = components[index]
    return frame


def _plane_rows(plane: av.video.plane.VideoPlane, dtype: np.dtype[Any], height: int) -> ndarray:
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
