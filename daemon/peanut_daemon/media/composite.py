"""Putting the plate into the source, without touching anything outside the matte.

The rule, per component and sample:

* luma (and R, G, B): `out = round(source + alpha * (plate - source))` in code values;
* chroma: the same, where alpha is the mean over the luma pixels that the sample covers and the
  plate's chroma is the alpha-weighted mean over them. So a chroma sample is touched only if at
  least one of its pixels has alpha above 0, and plate pixels outside the matte never matter;
* where alpha is 0 the source's code value is kept as it is, and the alpha component always is.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8
from numpy import ndarray

from peanut_daemon.errors import InvalidRequestError, MaskSizeError
from peanut_daemon.media.convert import (
    CodeScale,
    Rgb,
    block_mean,
    luma_chroma_from_rgb,
    native_from_working,
    rgb_dtype,
    rounded_codes,
    white_of,
)
from peanut_daemon.media.frame import SourceFrame
from peanut_daemon.media.layout import Layout, frame_from_components

Matte = UInt8[ndarray, "h w"] | Float[ndarray, "h w"]
"""Soft matte at source size: uint8 0 (keep) to 255 (plate), or float 0 to 1."""


def composite(source: SourceFrame, plate_rgb: Rgb, matte: Matte) -> SourceFrame:
    """The source frame with the plate inside the matte, in the source's own code values.

    Args:
        source: the decoded frame; it is not changed.
        plate_rgb: at source size, of the type that `source.to_rgb()` has.
        matte: at source size; values outside its range are clipped.

    Returns:
        A frame of the same pixel format, number, time and tags. Outside the matte (alpha 0) every
        code value equals the source's.

    Raises:
        MaskSizeError: the matte's size is not the source's.
        InvalidRequestError: the plate's size or type is not the source's.
        UnsupportedMediaError: a pixel format or matrix that is not handled.
    """
    layout, scale = source.layout, source.scale
    _check_plate(source, plate_rgb)
    alpha = _alpha(matte, source.width, source.height)
    components = [part.copy() for part in source.components()]
    box = _touched_box(alpha, layout.subsampling)
    if box is not None:
        top, bottom, left, right = box
        plate, inside = plate_rgb[top:bottom, left:right], alpha[top:bottom, left:right]
        native = native_from_working(plate, source.transform)
        weighted = _weighted_plate(native, inside, layout, scale)
        for index, (plate_part, alpha_part) in enumerate(weighted):
            across, down = layout.subsampling if index in (1, 2) else (1, 1)
            part = components[index][
                top // down : -(-bottom // down), left // across : -(-right // across)
            ]
            # Where the plate covers all, nothing of the source may count: it can be infinite.
            kept = np.where(alpha_part < 1, part, 0) if layout.floating else part
            blended = kept * (1 - alpha_part) + plate_part
            np.copyto(part, rounded_codes(blended, layout), where=alpha_part > 0)
    frame = frame_from_components(components, source.pixel_format, source.width, source.height)
    return replace(source, frame=frame)


def patch_frame(plate_rgb: Rgb, matte: Matte) -> ndarray:
    """The plate as a picture with straight alpha, for laying over the source.

    Colours are extended under the feather and one kernel beyond, so that a host that interpolates
    or premultiplies sees no dark fringe.

    Args:
        plate_rgb: uint8 or uint16 RGB.
        matte: of the same size.

    Returns:
        RGBA of the plate's type; wholly transparent pixels far from the matte are all 0.

    Raises:
        MaskSizeError: the matte's size is not the plate's.
    """
    height, width = plate_rgb.shape[:2]
    alpha = _alpha(matte, width, height)
    white = float(np.iinfo(plate_rgb.dtype).max)
    near = cv2.dilate((alpha > 0).astype(np.uint8), np.ones((9, 9), np.uint8))
    rgba = np.zeros((height, width, 4), plate_rgb.dtype)
    np.copyto(rgba[..., :3], plate_rgb, where=near[..., None] > 0)
    rgba[..., 3] = np.rint(alpha * np.float32(white)).astype(plate_rgb.dtype)
    return rgba


def _check_plate(source: SourceFrame, plate_rgb: Rgb) -> None:
    wanted = (source.height, source.width, 3)
    dtype = np.dtype(rgb_dtype(source.layout, source.transform))
    if plate_rgb.shape != wanted or plate_rgb.dtype != dtype:
        raise InvalidRequestError(
            f"the plate of frame {source.frame_index} is {plate_rgb.dtype} of shape "
            f"{plate_rgb.shape}: it must be {dtype} of shape "
            f"{wanted}, as the {source.pixel_format} source's own RGB"
        )


def _alpha(matte: Matte, width: int, height: int) -> Float32[ndarray, "h w"]:
    if matte.shape != (height, width):
        raise MaskSizeError(
            f"the matte is {'x'.join(str(n) for n in matte.shape[::-1])} pixels and the picture "
            f"{width}x{height}: scale the matte to the picture's size first"
        )
    if matte.dtype == np.bool_:
        return matte.astype(np.float32)
    if np.issubdtype(matte.dtype, np.integer):
        return matte.astype(np.float32) / np.float32(np.iinfo(matte.dtype).max)
    return np.clip(np.nan_to_num(matte.astype(np.float32)), 0, 1)


def _touched_box(
    alpha: Float32[ndarray, "h w"], subsampling: tuple[int, int]
) -> tuple[int, int, int, int] | None:
    """Top, bottom, left and right of all touched pixels, on the borders of chroma samples."""
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    if not rows.size:
        return None
    height, width = alpha.shape
    across, down = subsampling
    top, left = int(rows[0]) // down * down, int(columns[0]) // across * across
    bottom = min(height, -(-(int(rows[-1]) + 1) // down) * down)
    right = min(width, -(-(int(columns[-1]) + 1) // across) * across)
    return top, bottom, left, right


def _weighted_plate(
    plate_rgb: ndarray, alpha: Float32[ndarray, "h w"], layout: Layout, scale: CodeScale
) -> list[tuple[ndarray, ndarray]]:
    """Per component, at its resolution: alpha times the plate's unrounded codes, and alpha."""
    if layout.family == "rgb":
        gain = np.float32(layout.maximum / white_of(plate_rgb))
        return [(plate_rgb[..., k] * gain * alpha, alpha) for k in range(3)]
    luma, u, v = luma_chroma_from_rgb(plate_rgb, scale)
    weighted = [(luma * alpha, alpha)]
    if layout.family == "yuv":
        chroma_alpha = block_mean(alpha, layout.subsampling)
        weighted += [
            (block_mean(part * alpha, layout.subsampling), chroma_alpha) for part in (u, v)
        ]
    return weighted
