"""The network's steps on whole frames, computed tile by tile.

Only a single step is cut into tiles, never the recurrence: each tile reads its neighbourhood from
the finished maps of whole frames. So a tile needs no more surroundings than the convolutions of
one step reach, whatever the motion, and the result is that of the whole frame up to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float
from torch import Tensor

from peanut_models.ur_net.config import (
    EXTRACT_BLOCKS,
    RECONSTRUCT_BLOCKS,
    NetworkConfig,
    Precision,
)
from peanut_models.ur_net.network import UrNetNetwork
from peanut_models.ur_net.propagation import State, second_order

MARGIN_STEP_PX = 8
"""Margins come in these steps, so that few sizes occur and kernels are chosen once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle in feature pixels, half-open."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def area_px(self) -> int:
        """Feature pixels inside."""
        return (self.bottom - self.top) * (self.right - self.left)

    def grown(self, by: int, height: int, width: int) -> Box:
        """This box with `by` more on every side, as far as the frame goes."""
        return Box(
            top=max(0, self.top - by),
            left=max(0, self.left - by),
            bottom=min(height, self.bottom + by),
            right=min(width, self.right + by),
        )

    def within(self, outer: Box, scale: int = 1) -> tuple[slice, slice]:
        """Where this box lies in an array that shows `outer`, `scale` pixels to a feature's."""
        rows = slice((self.top - outer.top) * scale, (self.bottom - outer.top) * scale)
        columns = slice((self.left - outer.left) * scale, (self.right - outer.left) * scale)
        return rows, columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Halos:
    """How far around a tile each step's convolutions look, in feature pixels."""

    extract: int
    advance: int
    reconstruct: int

    @classmethod
    def of(cls, config: NetworkConfig) -> Halos:
        """One per 3x3 convolution in a row, at the size it works at."""
        return cls(
            # Same-size input: two strided convolutions see one feature pixel further.
            extract=1 + 2 * EXTRACT_BLOCKS + (0 if config.low_res_input else 1),
            # Four of the offsets, then the body.
            advance=4 + 1 + 2 * config.blocks,
            # One at the features' size, one at half of it; the last two and the base see less.
            reconstruct=1 + 2 * RECONSTRUCT_BLOCKS + 2,
        )


def tiles_of(height: int, width: int, tile_px: int | None) -> tuple[Box, ...]:
    """Cut a frame into about equal tiles of at most `tile_px`; None leaves it whole."""
    rows, columns = _cuts(height, tile_px), _cuts(width, tile_px)
    return tuple(
        Box(top=top, left=left, bottom=bottom, right=right)
        for top, bottom in rows
        for left, right in columns
    )


def _cuts(length: int, tile_px: int | None) -> list[tuple[int, int]]:
    count = 1 if tile_px is None else -(-length // tile_px)
    borders = [length * k // count for k in range(count + 1)]
    return list(pairwise(borders))


class TiledSteps:
    """One network's steps for frames of one size.

    Maps of whole frames live on the device, or in host memory when `spill` is set; then only a
    tile's share of them is on the device at a time.

    Args:
        network: in evaluation mode, on its device.
        height: of the features, in their pixels.
        width: likewise.
        tile_px: longest side of a tile in feature pixels; None computes whole frames.
        precision: of convolutions; maps are kept in it too. Flow and sampling stay float32.
        spill: keep maps in host memory.
        halve: keep maps in float16, whatever the precision.
    """

    def __init__(
        self,
        network: UrNetNetwork,
        height: int,
        width: int,
        *,
        tile_px: int | None = None,
        precision: Precision = "float32",
        spill: bool = False,
        halve: bool = False,
    ) -> None:
        self._network = network
        self._config = network.config
        self._size = (height, width)
        self._tiles = tiles_of(height, width, tile_px)
        self._halos = Halos.of(network.config)
        self._precision = precision
        self._dtype: torch.dtype = getattr(torch, precision)
        self._kept_dtype = torch.float16 if halve else self._dtype
        self._device = next(network.parameters()).device
        self._store = torch.device("cpu") if spill else self._device
        # Pinned memory lets copies to the device run beside its work.
        self._pin = self._store.type == "cpu" and self._device.type == "cuda"

    def extract(self, frame: Float[Tensor, "1 3 h_in w_in"]) -> Float[Tensor, "1 c h w"]:
        """Features of one frame, RGB in [0, 1], in host memory or on the device."""

        def one(outer: Box) -> Tensor:
            part = self._part(frame, outer, scale=self._config.stride_px)
            return _as_tensor(self._network.extraction(part))

        return self._tiled(one, self._halos.extract)

    def flows(
        self, first: Float[Tensor, "1 3 h_in w_in"], second: Float[Tensor, "1 3 h_in w_in"]
    ) -> tuple[Float[Tensor, "1 2 h w"], Float[Tensor, "1 2 h w"]]:
        """The flow of `first` to `second` and back; of whole frames, since SPyNet sees it all."""
        small = [self._network.flow_input(x.to(self._device)) for x in (first, second)]
        # One after the other: SPyNet's layers on a whole frame are large.
        there, back = self._network.flow(*small), self._network.flow(*small[::-1])
        return self._kept(there), self._kept(back)

    def advance(
        self,
        name: str,
        inputs: Sequence[Float[Tensor, "1 c h w"]],
        state: State,
        flow: Float[Tensor, "1 2 h w"] | None,
    ) -> Float[Tensor, "1 c h w"]:
        """One frame of one branch; see `propagation.Branch`."""
        branch = self._network.branch(name)
        if state.one_back is None or flow is None:
            return self._tiled(
                lambda outer: branch([self._part(x, outer) for x in inputs], State(), None),
                self._halos.advance,
            )
        flow, one_back, two_back = flow.to(self._device), state.one_back, state.two_back
        flow_two = torch.zeros_like(flow)
        if two_back is not None and state.flow_back is not None:
            flow_two = second_order(State(flow, flow, state.flow_back.to(self._device)), flow)[1]

        def one(outer: Box) -> Tensor:
            parts = [self._part(x, outer) for x in inputs]
            near, far = self._part(flow, outer), self._part(flow_two, outer)
            margin = self._margin(near, far)
            before = self._part(one_back, outer, margin)
            earlier = torch.zeros_like(before)
            if two_back is not None:
                earlier = self._part(two_back, outer, margin)
            return branch.merge(parts, branch.align(parts[0], before, earlier, near, far, margin))

        return self._tiled(one, self._halos.advance)

    def reconstruct(
        self,
        frame: Float[Tensor, "1 3 h_in w_in"],
        maps: Sequence[Float[Tensor, "1 c h w"]],
        take: Callable[[Box, Float[Tensor, "1 3 h_tile w_tile"]], None],
    ) -> None:
        """The enlarged frame, handed over tile by tile, so that it is never whole on the device.

        Args:
            frame: RGB in [0, 1].
            maps: extracted, then of every branch in order.
            take: is given each tile's box, in feature pixels, and its pixels, not clamped.
        """
        for tile in self._tiles:
            outer = tile.grown(self._halos.reconstruct, *self._size)
            with self._autocast():
                part = self._part(frame, outer, scale=self._config.stride_px)
                out = self._network.reconstruct(part, [self._part(x, outer) for x in maps])
            rows, columns = tile.within(outer, 4)
            take(tile, out[..., rows, columns])

    def _tiled(self, compute: Callable[[Box], Tensor], halo: int) -> Tensor:
        """A map of the whole frame, from what `compute` gives for each tile with its halo."""
        if len(self._tiles) == 1:
            with self._autocast():
                return self._kept(compute(self._tiles[0]).to(self._kept_dtype))
        whole = torch.empty(
            (1, self._config.channels, *self._size),
            dtype=self._kept_dtype,
            device=self._store,
            pin_memory=self._pin,
        )
        for tile in self._tiles:
            outer = tile.grown(halo, *self._size)
            with self._autocast():
                part = compute(outer)
            rows, columns = tile.within(outer)
            whole[..., tile.top : tile.bottom, tile.left : tile.right] = part[..., rows, columns]
        return whole

    def _part(self, whole: Tensor, box: Box, margin: int = 0, scale: int = 1) -> Tensor:
        """A box of a map on the device, `margin` more on each side; zeros outside the frame."""
        height, width = self._size
        inside = box.grown(margin, height, width)
        rows, columns = inside.within(Box(top=0, left=0, bottom=height, right=width), scale)
        part = whole[..., rows, columns].to(self._device, non_blocking=self._pin)
        # Frames and flows are float32 whatever the rest is; maps that were halved widen again.
        if part.dtype != torch.float32:
            part = part.to(self._dtype)
        beyond = (
            inside.left - (box.left - margin),
            box.right + margin - inside.right,
            inside.top - (box.top - margin),
            box.bottom + margin - inside.bottom,
        )
        return F.pad(part, beyond) if any(beyond) else part

    def _margin(self, *flows: Tensor) -> int:
        """How far around a tile its samples lie; 0 where the tile is the whole frame."""
        if len(self._tiles) == 1:
            return 0
        furthest = max(float(flow.abs().amax()) for flow in flows)
        # The kernel's own tap, and one more for the bilinear neighbour.
        reach = math.ceil(furthest + self._config.max_residue_px) + 2
        # Beyond the frame there are zeros only, so no margin has to be larger than the frame.
        return min(-(-reach // MARGIN_STEP_PX) * MARGIN_STEP_PX, max(self._size))

    def _kept(self, x: Tensor) -> Tensor:
        return x.to(self._store)

    def _autocast(self) -> AbstractContextManager[object]:
        if self._precision == "float32":
            return nullcontext()
        return torch.autocast(self._device.type, dtype=self._dtype)


def _as_tensor(x: object) -> Tensor:
    assert isinstance(x, Tensor)
    return x
