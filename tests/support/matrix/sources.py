"""Sources of the matrix: a square that crosses a textured ground under a panning camera."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from numpy import ndarray
from support.clips import make_clip
from support.matrix.cells import Cell

from peanut_daemon.media.colour import ColourTags
from peanut_daemon.media.convert import code_scale, components_from_rgb
from peanut_daemon.media.layout import frame_from_components, layout_of

FRAMES = 8
FIRST_NUMBER = 1001
SQUARE, TOP, LEFT, STEP = 10, 16, 6, 3


def make_source(cell: Cell, folder: Path) -> Path:
    """Write a cell's source; returns its path, of a sequence its pattern."""
    frames = [_frame(cell, k) for k in range(FRAMES)]
    if cell.is_sequence:
        for k, frame in enumerate(frames):
            path = folder / f"source.{FIRST_NUMBER + k}{cell.suffix}"
            path.write_bytes(_file(cell, frame))
        return folder / f"source.####{cell.suffix}"
    primaries, transfer, matrix = cell.tags
    context = {
        "color_primaries": primaries, "color_trc": transfer, "colorspace": matrix,
        "color_range": cell.range, "sample_aspect_ratio": cell.sample_aspect,
    }  # fmt: skip
    return make_clip(
        folder / f"source{cell.suffix}",
        codec=cell.encoder,
        pixel_format=cell.pixel_format,
        options=cell.options,
        rate=cell.rate,
        pictures=frames,
        timecode=cell.timecode[0] if cell.timecode else None,
        pts=cell.pts or None,
        time_base=1 / cell.rate if not cell.pts else type(cell.rate)(1, 1000),
        context=context,
        audio_codec=cell.audio,
    )


def square_mask(cell: Cell, frame_index: int) -> ndarray:
    """Where the square is."""
    mask = np.zeros((cell.size[1], cell.size[0]), np.bool_)
    left = LEFT + STEP * frame_index
    mask[TOP : TOP + SQUARE, left : left + SQUARE] = True
    return mask


def _scene(cell: Cell, frame_index: int) -> ndarray:
    """RGB, 0 to 1."""
    width, height = cell.size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x = x + frame_index
    ground = np.stack(
        [
            0.5 + 0.25 * np.sin(x * 0.31) * np.cos(y * 0.23),
            0.45 + 0.2 * np.sin(x * 0.17 + y * 0.29),
            0.5 + 0.25 * np.cos(y * 0.37 - x * 0.11),
        ],
        axis=-1,
    )
    ground[square_mask(cell, frame_index)] = (0.9, 0.15, 0.1)
    return ground


def _frame(cell: Cell, frame_index: int) -> av.VideoFrame:
    width, height = cell.size
    layout = layout_of(cell.pixel_format)
    tags = ColourTags(*cell.tags, cell.range)
    scene = _scene(cell, frame_index)
    # Away from the object lies every code value that there is, legal or not.
    generator = np.random.default_rng(frame_index)
    corner = (slice(-12, None), slice(-12, None))
    if layout.floating:
        values = [scene[..., k].astype(np.float32) * 2 for k in range(3)]
        for part in values:
            part[corner] = generator.normal(0, 30, (12, 12)).astype(np.float16)
    else:
        rgb = np.rint(scene * 65535).astype(np.uint16)
        values = components_from_rgb(rgb, layout, code_scale(layout, tags, height))
        for part in values:
            noise = generator.integers(0, layout.maximum + 1, part[corner].shape)
            part[corner] = noise.astype(part.dtype)
    if layout.alpha:
        ramp = np.linspace(0.5, 1, width, dtype=np.float32) * layout.maximum
        values.append(np.tile(ramp, (height, 1)).astype(layout.dtype))
    return frame_from_components(values, cell.pixel_format, width, height)


def _file(cell: Cell, frame: av.VideoFrame) -> bytes:
    context = av.CodecContext.create(cell.encoder, "w")
    context.width, context.height = frame.width, frame.height
    context.pix_fmt, context.time_base = cell.pixel_format, 1 / cell.rate
    context.framerate = cell.rate
    context.options = dict(cell.options)
    frame.pts, frame.time_base = 0, 1 / cell.rate
    return b"".join(bytes(p) for p in [*context.encode(frame), *context.encode(None)])
