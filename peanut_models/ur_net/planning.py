"""How to run within the memory there is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from peanut_models.errors import OutOfDeviceMemoryError
from peanut_models.ur_net.budget import Holding, feature_side, held_bytes, peak_bytes
from peanut_models.ur_net.config import NetworkConfig, PredictorConfig
from peanut_models.ur_net.tiles import Halos, tiles_of

USABLE_SHARE = 0.8
"""Of a budget. The rest is for what convolution libraries need to work in and for gaps between
allocations, which nothing here can foresee."""

FRAME_BYTES_PER_PX = 3 * 4
"""Of a frame as the network takes it, which it is kept as until it is reconstructed."""

MIN_WINDOW_FRAMES = 4
MIN_TILE_PX = 64
"""Smaller ones compute more surroundings than results; then it is better to refuse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A way to run that fits.

    Attributes:
        holding: what is kept, and where.
        tile_px: as in `PredictorConfig`.
        device_bytes: predicted peak, without what libraries add.
        host_bytes: of the frames that wait in host memory, and of features where they live there.
    """

    holding: Holding
    tile_px: int | None
    device_bytes: int
    host_bytes: int


def plan(
    config: NetworkConfig,
    height: int,
    width: int,
    predictor: PredictorConfig,
    *,
    budget_bytes: int,
    host_bytes: int | None = None,
) -> Plan:
    """The cheapest way to run that stays within what there is.

    Args:
        config: the network.
        height: of the frames, in pixels.
        width: likewise.
        predictor: its window and tile are the largest that are considered; its lookahead and, where
            it is not None, its `spill` are kept.
        budget_bytes: device memory; a fifth of it is left to libraries.
        host_bytes: host memory for frames and features; None for no limit.

    Raises:
        OutOfDeviceMemoryError: nothing fits.
    """
    ways = [
        _way(config, height, width, predictor, holding, tile)
        for tile in _tile_choices(predictor)
        for holding in _holdings(predictor)
    ]
    fitting = [
        way
        for way in ways
        if way.device_bytes <= budget_bytes * USABLE_SHARE
        and (host_bytes is None or way.host_bytes <= host_bytes)
    ]
    if fitting:
        return min(fitting, key=lambda way: _cost(config, height, width, way))
    least = min(ways, key=lambda way: (way.device_bytes, way.host_bytes))
    raise OutOfDeviceMemoryError(
        f"frames of {height}x{width} need {_gib(least.device_bytes / USABLE_SHARE)} of device "
        f"memory and {_gib(least.host_bytes)} of host memory at the least "
        f"({least.holding.window_frames} frames at a time, tiles of {least.tile_px} px), but "
        f"{_gib(budget_bytes)} and {'any' if host_bytes is None else _gib(host_bytes)} may be "
        "used: work on a smaller region or frame, in float16, or allow more memory"
    )


def _tile_choices(predictor: PredictorConfig) -> list[int | None]:
    tiles: list[int | None] = [predictor.tile_px]
    tile = predictor.tile_px or 2048
    while tile // 2 >= MIN_TILE_PX:
        tile //= 2
        tiles.append(tile)
    return tiles


def _holdings(predictor: PredictorConfig) -> list[Holding]:
    windows = [predictor.window_frames]
    # In steps of a quarter: twice the window costs as much memory as it saves work.
    while windows[-1] * 3 // 4 >= MIN_WINDOW_FRAMES:
        windows.append(windows[-1] * 3 // 4)
    return [
        Holding(
            window_frames=window,
            lookahead_frames=predictor.lookahead_frames,
            spill=spill,
            halve=halve,
            hold_extracted=hold_extracted,
        )
        for window in windows
        for spill in ((False, True) if predictor.spill is None else (predictor.spill,))
        for halve in ((False, True) if predictor.precision == "float32" else (False,))
        for hold_extracted in (True, False)
    ]


def _way(
    config: NetworkConfig,
    height: int,
    width: int,
    predictor: PredictorConfig,
    holding: Holding,
    tile: int | None,
) -> Plan:
    sides = feature_side(config, height), feature_side(config, width)
    device = peak_bytes(config, height, width, holding, tile_px=tile, precision=predictor.precision)
    spilled = held_bytes(config, *sides, holding, predictor.precision) if holding.spill else 0
    frames = holding.frames * FRAME_BYTES_PER_PX * height * width
    return Plan(holding=holding, tile_px=tile, device_bytes=device, host_bytes=frames + spilled)


def _cost(config: NetworkConfig, height: int, width: int, found: Plan) -> float:
    """Work relative to the plain network, roughly: halos, lookahead, copies, extractions."""
    area = _tiled_area(config, *(feature_side(config, x) for x in (height, width)), found.tile_px)
    holding = found.holding
    # Two branches look ahead; a branch is a seventh of the work, and extraction a twentieth.
    again = holding.lookahead_frames / holding.window_frames
    cost = area * (1 + 2 * again / 7)
    if not holding.hold_extracted:
        cost += area * (3 + 2 * again) / 20
    if holding.spill:
        cost *= 1.2
    # Half precision costs no work but some of the result, so it has to save something.
    return cost * 1.05 if holding.halve else cost


@lru_cache(maxsize=256)
def _tiled_area(config: NetworkConfig, height: int, width: int, tile_px: int | None) -> float:
    """Feature pixels computed in a step of a branch, relative to the frame's."""
    tiles = tiles_of(height, width, tile_px)
    halo = 0 if len(tiles) == 1 else Halos.of(config).advance
    return sum(tile.grown(halo, height, width).area_px for tile in tiles) / (height * width)


def _gib(count: float) -> str:
    return f"{count / 2**30:.1f} GiB"
