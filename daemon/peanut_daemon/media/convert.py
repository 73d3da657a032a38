"""Code values to RGB and back.

Chroma is repeated over the luma pixels that it covers, and averaged over them on the way back. So
a picture that nobody touched returns to its own code values: exactly for limited range in 8 bits,
within one code value for full range; smoother interpolation would soften chroma on every pass.
Colours that RGB cannot hold (super-white, out of gamut) are clipped in RGB.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float32, UInt8, UInt16
from numpy import ndarray

from peanut_daemon.media.colour import (
    RANGE_FULL,
    RANGE_LIMITED,
    ColourTags,
    luma_weights,
    matrix_for,
)
from peanut_daemon.media.layout import Layout
from peanut_daemon.media.working import WorkingTransform

Rgb = UInt8[ndarray, "h w 3"] | UInt16[ndarray, "h w 3"]


@dataclass(frozen=True, slots=True)
class CodeScale:
    """What the code values of one stream mean: `value = (code - offset) / span`.

    Attributes:
        luma_offset, luma_span: black and the distance to white (value 0 to 1).
        chroma_offset, chroma_span: no colour, and the distance from -0.5 to +0.5.
        weights: of R, G and B in luma.
    """

    luma_offset: float
    luma_span: float
    chroma_offset: float
    chroma_span: float
    weights: tuple[float, float, float]


def code_scale(layout: Layout, tags: ColourTags, height: int) -> CodeScale:
    """The meaning of code values; unspecified range is limited for YUV, full for RGB and gray.

    Raises:
        UnsupportedMediaError: a colour matrix that is not handled.
    """
    weights = luma_weights(matrix_for(tags, height))
    chroma_offset = float(1 << (layout.bits - 1))
    full = layout.full_range or layout.floating or tags.range == RANGE_FULL
    if layout.family == "gray" and tags.range != RANGE_LIMITED:
        full = True
    if full:
        maximum = float(layout.maximum)
        return CodeScale(0.0, maximum, chroma_offset, maximum, weights)
    unit = float(1 << (layout.bits - 8))
    return CodeScale(16 * unit, 219 * unit, chroma_offset, 224 * unit, weights)


def rgb_dtype(
    layout: Layout, transform: WorkingTransform | None = None
) -> type[np.uint8] | type[np.uint16]:
    """The integer type of RGB: uint8 for 8-bit sources that are shown as they are, else uint16."""
    return np.uint8 if layout.bits <= 8 and transform is None else np.uint16


def rgb_from_components(
    components: Sequence[ndarray],
    layout: Layout,
    scale: CodeScale,
    *,
    transform: WorkingTransform | None = None,
    eight_bit: bool = False,
) -> Rgb:
    """RGB, full scale of its type: uint8 from 8-bit components or if asked for, else uint16."""
    dtype = np.uint8 if eight_bit else rgb_dtype(layout, transform)
    white = float(np.iinfo(dtype).max)
    if transform is not None:
        native = _native_rgb(components, layout, scale)
        return _saturated(transform.to_working(native) * np.float32(white), dtype)
    if layout.family == "rgb":
        channels = [_rescaled(part, white / layout.maximum, dtype) for part in components[:3]]
        return cv2.merge(channels)
    gain = white / scale.luma_span
    luma = components[0].astype(np.float32)
    luma -= np.float32(scale.luma_offset)
    luma *= np.float32(gain)
    if layout.family == "gray":
        only = _saturated(luma, dtype)
        return cv2.merge([only, only, only])
    red, green, blue = _chroma_offsets(components[1], components[2], scale, white)
    size = (luma.shape[1], luma.shape[0])
    parts = [
        _saturated(luma + _repeated(offset, size, layout.subsampling), dtype)
        for offset in (red, green, blue)
    ]
    return cv2.merge(parts)


def _native_rgb(
    components: Sequence[ndarray], layout: Layout, scale: CodeScale
) -> Float32[ndarray, "h w 3"]:
    """RGB before any transform, black 0 and white 1."""
    if layout.floating:
        parts = components[:3] if layout.family == "rgb" else [components[0]] * 3
        return np.stack([part.astype(np.float32) for part in parts], axis=-1)
    rgb = rgb_from_components(components, layout, scale)
    return rgb.astype(np.float32) / np.float32(np.iinfo(rgb.dtype).max)


def native_from_working(
    rgb: Rgb, transform: WorkingTransform | None
) -> Float32[ndarray, "h w 3"] | Rgb:
    """The way back of a picture: floating point, white 1; just the picture without a transform."""
    if transform is None:
        return rgb
    return transform.to_native(rgb.astype(np.float32) / np.float32(np.iinfo(rgb.dtype).max))


def white_of(rgb: ndarray) -> float:
    """What white is: 1 in floating point, else the largest value of the type."""
    return float(np.iinfo(rgb.dtype).max) if rgb.dtype.kind == "u" else 1.0


def luma_chroma_from_rgb(
    rgb: ndarray, scale: CodeScale
) -> tuple[Float32[ndarray, "h w"], Float32[ndarray, "h w"], Float32[ndarray, "h w"]]:
    """Y, U and V as unrounded code values, all at the size of the picture."""
    white = white_of(rgb)
    kr, kg, kb = scale.weights
    luma_gain = scale.luma_span / white
    u_gain = scale.chroma_span / white / (2 * (1 - kb))
    v_gain = scale.chroma_span / white / (2 * (1 - kr))
    matrix = np.array(
        [
            [kr * luma_gain, kg * luma_gain, kb * luma_gain, scale.luma_offset],
            [-kr * u_gain, -kg * u_gain, (1 - kb) * u_gain, scale.chroma_offset],
            [(1 - kr) * v_gain, -kg * v_gain, -kb * v_gain, scale.chroma_offset],
        ],
        dtype=np.float32,
    )
    yuv = cv2.transform(rgb.astype(np.float32), matrix)
    return yuv[..., 0], yuv[..., 1], yuv[..., 2]


def components_from_rgb(rgb: ndarray, layout: Layout, scale: CodeScale) -> list[ndarray]:
    """Code values of a whole RGB picture, integers or floating point with white 1; no alpha."""
    white = white_of(rgb)
    if layout.family == "rgb":
        gain = layout.maximum / white
        return [_rescaled(rgb[..., k], gain, layout.dtype) for k in range(3)]
    luma, u, v = luma_chroma_from_rgb(rgb, scale)
    parts = [luma]
    if layout.family == "yuv":
        parts += [block_mean(u, layout.subsampling), block_mean(v, layout.subsampling)]
    return [rounded_codes(part, layout) for part in parts]


def block_mean(
    values: Float32[ndarray, "h w"], subsampling: tuple[int, int]
) -> Float32[ndarray, "ch cw"]:
    """The mean over the pixels of each chroma sample; fewer at the right and lower edge."""
    across, down = subsampling
    if subsampling == (1, 1):
        return values
    height, width = values.shape
    values = cv2.copyMakeBorder(values, 0, -height % down, 0, -width % across, cv2.BORDER_REPLICATE)
    corners = [(y, x) for y in range(down) for x in range(across)]
    parts = [values[y::down, x::across] for y, x in corners]
    return np.asarray(sum(parts[1:], start=parts[0]) / np.float32(len(parts)))


def rounded_codes(values: Float32[ndarray, "h w"], layout: Layout) -> ndarray:
    """The nearest code values, clipped to those that exist; floating point is left open."""
    if layout.floating:
        return np.asarray(values, layout.dtype)
    return np.asarray(np.clip(np.rint(values), 0, layout.maximum), layout.dtype)


def _chroma_offsets(
    u: ndarray, v: ndarray, scale: CodeScale, white: float
) -> tuple[ndarray, ndarray, ndarray]:
    """What chroma adds to luma to make R, G and B, at the resolution of chroma."""
    kr, kg, kb = scale.weights
    gain = white / scale.chroma_span
    cb = (u.astype(np.float32) - np.float32(scale.chroma_offset)) * np.float32(gain)
    cr = (v.astype(np.float32) - np.float32(scale.chroma_offset)) * np.float32(gain)
    red = cr * np.float32(2 * (1 - kr))
    blue = cb * np.float32(2 * (1 - kb))
    green = cb * np.float32(-2 * kb * (1 - kb) / kg) + cr * np.float32(-2 * kr * (1 - kr) / kg)
    return red, green, blue


def _repeated(values: ndarray, size: tuple[int, int], subsampling: tuple[int, int]) -> ndarray:
    across, down = subsampling
    if subsampling == (1, 1):
        return values
    return values.repeat(down, axis=0).repeat(across, axis=1)[: size[1], : size[0]]


def _rescaled(values: ndarray, gain: float, dtype: np.dtype[Any] | type[Any]) -> ndarray:
    if gain == 1.0 and values.dtype == dtype:
        return np.ascontiguousarray(values)
    scaled = values.astype(np.float32) * np.float32(gain)
    return scaled.astype(dtype) if np.dtype(dtype).kind == "f" else _saturated(scaled, dtype)


def _saturated(values: ndarray, dtype: np.dtype[Any] | type[Any]) -> ndarray:
    return np.asarray(np.clip(np.rint(values), 0, np.iinfo(dtype).max), dtype)


def requantised(
    components: Sequence[ndarray], layout: Layout, scale: CodeScale, to: Layout, to_scale: CodeScale
) -> list[ndarray]:
    """YUV code values in another depth, subsampling or range of YUV, without passing through RGB.

    So super-white and out-of-gamut colours live on. Alpha is kept if `to` has it, and opaque there
    if only `to` has it.
    """
    height, width = components[0].shape
    offsets = (scale.luma_offset, scale.chroma_offset, scale.chroma_offset)
    to_offsets = (to_scale.luma_offset, to_scale.chroma_offset, to_scale.chroma_offset)
    luma_gain = to_scale.luma_span / scale.luma_span
    chroma_gain = to_scale.chroma_span / scale.chroma_span
    result = []
    for index, gain in enumerate((luma_gain, chroma_gain, chroma_gain)):
        values = components[index].astype(np.float32)
        values = (values - np.float32(offsets[index])) * np.float32(gain)
        if index:
            values = _resampled_chroma(values, layout.subsampling, to, (width, height))
        result.append(rounded_codes(values + np.float32(to_offsets[index]), to))
    if to.alpha:
        result.append(alpha_codes(components, layout, to))
    return result


def alpha_codes(components: Sequence[ndarray], layout: Layout, to: Layout) -> ndarray:
    """The alpha of a picture in another layout; opaque where it has none."""
    if layout.alpha:
        return _rescaled(components[-1], to.maximum / layout.maximum, to.dtype)
    return np.full(components[0].shape, to.maximum, to.dtype)


def _resampled_chroma(
    values: ndarray, subsampling: tuple[int, int], to: Layout, size: tuple[int, int]
) -> ndarray:
    across, down = (max(1, b // a) for a, b in zip(subsampling, to.subsampling, strict=True))
    reduced = block_mean(values, (across, down))
    wanted = to.component_size(1, *size)
    if (reduced.shape[1], reduced.shape[0]) == wanted:
        return reduced
    return cv2.resize(reduced, wanted, interpolation=cv2.INTER_LINEAR)
