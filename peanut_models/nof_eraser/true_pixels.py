"""True pixels first: propagation shrinks the holes, the network fills what no frame shows.

True pixels always come from the source at its own size. The network may work at a fraction of it;
UR-Net leads what it filled back to the source's size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt16
from numpy import ndarray

from peanut_models.embedded.eraser import PropagationEraser
from peanut_models.embedded.eraser.geometry import box_around
from peanut_models.embedded.eraser.motion import Motion
from peanut_models.errors import InvalidInputError
from peanut_models.ranges import FrameRange
from peanut_models.stages import UPSCALE, Eraser, Upscaler

LEVEL = 257
"""Steps of 16 bits per 8-bit level: plates go to the network without losing their fractions."""

SCALES = (1, 2, 4)
"""By how much the network's frames may be smaller than the source's; UR-Net leads back from 4."""

CONTEXT_PX = 32
"""How much around the gaps UR-Net sees, in the network's pixels."""


def true_pixels_first(
    network: Eraser, *, scale: int = 1, upscaler: Upscaler | None = None
) -> Eraser:
    """The propagation of true pixels with a network for the rest.

    Provenance says which pixel came from where: propagated ones name their frame, the network's
    are `GENERATED`.

    Args:
        network: fills holes.
        scale: the network works at this fraction of the source's size: 1, 2 or 4.
        upscaler: leads its pixels back; needed unless `scale` is 1.

    Raises:
        InvalidInputError: no such scale, or nothing to lead back with.
    """
    return PropagationEraser(rest=NetworkRest(network, scale=scale, upscaler=upscaler))


class NetworkRest:
    """A network as the filler of what true pixels could not reach; a `RestFiller`.

    It sees the frames with true pixels already in place, so it has more to go by and less to do.
    See `true_pixels_first`.
    """

    def __init__(
        self, network: Eraser, *, scale: int = 1, upscaler: Upscaler | None = None
    ) -> None:
        if scale not in SCALES:
            raise InvalidInputError(
                f"the network cannot work at 1/{scale} of the size: use 1, 2 or 4"
            )
        if scale > 1 and upscaler is None:
            raise InvalidInputError(f"working at 1/{scale} of the size needs an upscaler to return")
        self._network = network
        self._scale = scale
        self._upscaler = upscaler

    def __call__(
        self,
        plates: Float32[ndarray, "t h w 3"],
        unseen: Mapping[int, Bool[ndarray, "h w"]],
        forbidden: Bool[ndarray, "t h w"],
        motion: Motion,
        given: int | None,
        on_progress: Callable[[float], None],
    ) -> None:
        """Fill what is left, in place; see `fill_unseen`."""
        del motion, given  # The network finds its own, and sees the frames filled earlier.
        wanted = [k for k, gap in unseen.items() if gap.any()]
        if not wanted:
            return
        holes = forbidden.copy()
        for k, gap in unseen.items():
            holes[k] = gap
        core = FrameRange(min(wanted), max(wanted) + 1)
        frames = np.rint(np.clip(plates, 0, 255) * LEVEL).astype(np.uint16)
        small, small_holes = _shrunk(frames, holes, self._scale)
        filled = self._network.erase(
            small, small_holes, core=core, on_progress=lambda done: on_progress(done / len(core))
        ).frames
        part = _part(small_holes[core.start : core.end], plates.shape[1:3], self._scale)
        enlarged = self._enlarged(filled[:, part.small[0], part.small[1]], part.size)
        for k in wanted:
            gap = unseen[k]
            plates[k][part.full][gap[part.full]] = enlarged[k - core.start][
                gap[part.full]
            ] / np.float32(LEVEL)
            gap[:] = False

    def _enlarged(
        self, frames: UInt16[ndarray, "t h w 3"], size: tuple[int, int]
    ) -> UInt16[ndarray, "t h2 w2 3"]:
        """The network's frames at the source's size."""
        if self._upscaler is None or self._scale == 1:
            return frames
        larger = self._upscaler.upscale(frames)
        if self._scale != UPSCALE:
            wide = (frames.shape[2] * self._scale, frames.shape[1] * self._scale)
            larger = np.stack([cv2.resize(f, wide, interpolation=cv2.INTER_AREA) for f in larger])
        return np.asarray(larger[:, : size[0], : size[1]])


@dataclass(frozen=True, slots=True)
class _Part:
    """The same rectangle in the network's frames and in the source's; `size` is the latter's."""

    small: tuple[slice, slice]
    full: tuple[slice, slice]
    size: tuple[int, int]


def _part(small_holes: Bool[ndarray, "t h w"], size: tuple[int, int], scale: int) -> _Part:
    """The rectangle around all gaps."""
    small = box_around(np.asarray(small_holes.any(axis=0)), CONTEXT_PX).slices
    full = (
        slice(small[0].start * scale, min(size[0], small[0].stop * scale)),
        slice(small[1].start * scale, min(size[1], small[1].stop * scale)),
    )
    return _Part(small, full, (full[0].stop - full[0].start, full[1].stop - full[1].start))


def _shrunk(
    frames: UInt16[ndarray, "t h w 3"], holes: Bool[ndarray, "t h w"], scale: int
) -> tuple[UInt16[ndarray, "t h2 w2 3"], Bool[ndarray, "t h2 w2"]]:
    """Frames and holes at the network's size; a cell is hole if any part of it is."""
    if scale == 1:
        return frames, holes
    height, width = frames.shape[1:3]
    edges = ((0, 0), (0, -height % scale), (0, -width % scale))
    frames = np.pad(frames, (*edges, (0, 0)), mode="edge")
    holes = np.pad(holes, edges, mode="edge")
    size = (frames.shape[2] // scale, frames.shape[1] // scale)
    small = np.stack([cv2.resize(f, size, interpolation=cv2.INTER_AREA) for f in frames])
    cells = holes.reshape(len(holes), size[1], scale, size[0], scale)
    return small, np.asarray(cells.any(axis=(2, 4)))
