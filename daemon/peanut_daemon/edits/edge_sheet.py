"""A picture of the matte's edge, large enough to judge it pixel by pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from peanut_daemon.edits.matte import frozen_matte
from peanut_daemon.edits.model import FrozenMask
from peanut_daemon.media import ClipInfo, ClipReader
from peanut_models.matte import MatteShape
from peanut_models.stages import Image

ENLARGED = 4
CELL_PX = (96, 72)
"""Width and height of what a cell shows, in source pixels."""
GAP_PX, TITLE_PX = 8, 24
MASK_COLOUR, MATTE_COLOUR = (255, 220, 0), (255, 40, 40)

Picture = UInt8[ndarray, "h w 3"]


def edge_sheet(
    clip: ClipInfo, frames: Mapping[int, Sequence[FrozenMask]], shape: MatteShape
) -> bytes:
    """Source, outlines and matte of each frame at 400 %, where the edge is longest; a PNG.

    Yellow is the outline of the masks as they were found, red that of all that changes.

    Args:
        clip: the source.
        frames: the masks by frame.
        shape: how they become the matte.

    Raises:
        MediaError: the clip cannot be read, or a mask is no PNG.
    """
    with ClipReader.of(clip) as reader:
        rows = [_row(k, reader.read(k).to_rgb(), masks, shape) for k, masks in frames.items()]
    _, encoded = cv2.imencode(".png", np.concatenate(rows)[..., ::-1])
    return encoded.tobytes()


def _row(index: int, rgb: Image, masks: Sequence[FrozenMask], shape: MatteShape) -> Picture:
    size = rgb.shape[:2]
    bare = replace(shape, grow_px=0, feather_px=0, refine_px=0, effect_feather_px=0)
    found = frozen_matte(masks, bare, size, lambda: rgb) > 0
    matte = frozen_matte(masks, shape, size, lambda: rgb)
    place = longest_edge(matte, CELL_PX)
    source = _enlarged(_eight_bit(rgb)[place])
    outlined = source.copy()
    for area, colour in ((found, MASK_COLOUR), (matte > 0, MATTE_COLOUR)):
        large = _enlarged(area[place].astype(np.uint8))
        contours, _ = cv2.findContours(large, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(outlined, contours, -1, colour, 1)
    gray = _enlarged(np.repeat(matte[place][..., None], 3, axis=2))
    return titled(
        f"frame {index}: source, outlines (mask, matte), matte; 400 %", [source, outlined, gray]
    )


def longest_edge(matte: UInt8[ndarray, "h w"], cell_px: tuple[int, int]) -> tuple[slice, slice]:
    """The place of that width and height with most of the matte's edge in it."""
    height, width = matte.shape
    across, down = min(cell_px[0], width), min(cell_px[1], height)
    solid = (matte > 127).astype(np.uint8)
    edge = cv2.morphologyEx(solid, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    count = cv2.boxFilter(
        edge.astype(np.float32), -1, (across, down), borderType=cv2.BORDER_CONSTANT
    )
    y, x = np.unravel_index(int(count.argmax()), count.shape)
    top = int(np.clip(y - down // 2, 0, height - down))
    left = int(np.clip(x - across // 2, 0, width - across))
    return slice(top, top + down), slice(left, left + across)


def titled(title: str, cells: Sequence[Picture]) -> Picture:
    """Cells beside each other under a line of text."""
    gap = np.full((cells[0].shape[0], GAP_PX, 3), 24, np.uint8)
    row = np.concatenate([part for cell in cells for part in (gap, cell)][1:], axis=1)
    head = np.full((TITLE_PX, row.shape[1], 3), 24, np.uint8)
    place, font = (6, TITLE_PX - 8), cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(head, title, place, font, 0.45, (230, 230, 230), 1, cv2.LINE_AA)
    return np.concatenate([head, row])


def _enlarged(picture: ndarray) -> ndarray:
    return picture.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)


def _eight_bit(rgb: Image) -> Picture:
    return rgb if rgb.dtype == np.uint8 else (rgb >> 8).astype(np.uint8)
