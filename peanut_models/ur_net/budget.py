"""How much memory a run takes, and how to run within what there is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import torch

from peanut_models.errors import OutOfDeviceMemoryError
from peanut_models.ur_net.config import (
    BRANCHES,
    DEFORM_GROUPS,
    FINE_CHANNELS,
    SCALE,
    NetworkConfig,
    Precision,
    PredictorConfig,
)
from peanut_models.ur_net.network import UrNetNetwork
from peanut_models.ur_net.tiles import MARGIN_STEP_PX, Halos, tiles_of

USABLE_SHARE = 0.8
"""Of a budget. The rest is for what convolution libraries need to work in and for gaps between
allocations, which nothing here can foresee."""

TYPICAL_FLOW_PX = 32
"""Motion per frame that a plan allows for, in feature pixels; more of it costs a little more."""

FRAME_BYTES_PER_PX = 3 * 4
"""Of a frame as the network takes it, which it is kept as until it is reconstructed."""

MIN_WINDOW_FRAMES = 4
MIN_TILE_PX = 64
"""Smaller ones compute more surroundings than results; then it is better to refuse."""

SPYNET_CHANNELS = 128 + 72
"""At the finest level: the widest layer before and after its ReLU, and images, flow, positions."""

OFFSET_CHANNELS = 27 * DEFORM_GROUPS
"""Two residues and a modulation for every tap of every group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A way to run that fits.

    Attributes:
        window_frames: as in `PredictorConfig`.
        tile_px: likewise.
        spill: whether features live in host memory.
        device_bytes: predicted peak, without what libraries add.
        host_bytes: of the frames that wait in host memory, and of features where they live there.
    """

    window_frames: int
    tile_px: int | None
    spill: bool
    device_bytes: int
    host_bytes: int


def maps_held(window_frames: int, lookahead_frames: int) -> int:
    """The most feature maps of whole frames that a run holds; see `windows`.

    It is reached before the last branch of a window: extracted features of all that was read, the
    first two branches of what is settled, the third of what is finished, and two frames each that
    the forward branches carry on.
    """
    read, settled = window_frames + 2 * lookahead_frames + 1, window_frames + lookahead_frames
    return read + 2 * settled + window_frames + 2 * 2 + 1


def held_bytes(
    config: NetworkConfig,
    height: int,
    width: int,
    *,
    window_frames: int,
    lookahead_frames: int,
    precision: Precision,
) -> int:
    """Of feature maps and flows, wherever they live.

    Args:
        config: the network.
        height: of the features, in their pixels: the frame's, or a quarter of it.
        width: likewise.
        window_frames: see `PredictorConfig`.
        lookahead_frames: likewise.
        precision: likewise.
    """
    maps = maps_held(window_frames, lookahead_frames) * config.channels * _element(precision)
    pairs = (window_frames + 2 * lookahead_frames + 2) * 2 * 2 * 4
    return (maps + pairs) * height * width


def working_bytes(
    config: NetworkConfig,
    height: int,
    width: int,
    *,
    tile_px: int | None,
    precision: Precision,
    max_flow_px: int = TYPICAL_FLOW_PX,
) -> int:
    """Of the largest single step, apart from the maps it reads.

    Args:
        config: the network.
        height: of the features, in their pixels.
        width: likewise.
        tile_px: see `PredictorConfig`.
        precision: likewise.
        max_flow_px: largest motion between neighbours, in feature pixels.
    """
    halos, tiles = Halos.of(config), tiles_of(height, width, tile_px)
    whole = len(tiles) == 1
    reach = max_flow_px + int(config.max_residue_px) + 2 + MARGIN_STEP_PX

    def largest(halo: int) -> int:
        return max(tile.grown(0 if whole else halo, height, width).area_px for tile in tiles)

    # Margins go beyond the frame's border, as zeros.
    sides = max(
        (box.bottom - box.top + 2 * reach) * (box.right - box.left + 2 * reach)
        for box in (tile.grown(halos.advance, height, width) for tile in tiles)
    )
    around = height * width if whole else sides
    c, e = config.channels, _element(precision)
    copies = 0 if whole else len(BRANCHES) * c * e
    widened = 0 if precision == "float32" else OFFSET_CHANNELS * e
    advance = largest(halos.advance) * (
        # The inputs, the condition with and without flows, what the offset network gives, the
        # offsets, the modulation, the operator's columns and its result.
        copies
        + (6 * c + 4) * e
        + widened
        + 4 * (OFFSET_CHANNELS + 18 * DEFORM_GROUPS + 9 * DEFORM_GROUPS)
        + 4 * (2 * 9 * c + c)
    )
    advance += around * (4 * 2 * c + (0 if whole else 2 * c * e))
    fine = SCALE * SCALE * FINE_CHANNELS
    reconstruct = largest(halos.reconstruct) * (
        # All features (twice where they are parts of larger maps), the map at twice the size, and
        # three at the output's size: a convolution's input and output, and one it works in.
        ((1 if whole else 2) * (1 + len(BRANCHES)) + SCALE) * c * e
        + 3 * fine * e
        + 3 * SCALE * SCALE * (e + 4)
    )
    flows = height * width * 4 * SPYNET_CHANNELS
    return max(advance, reconstruct, flows)


def peak_bytes(
    config: NetworkConfig,
    height: int,
    width: int,
    *,
    window_frames: int,
    lookahead_frames: int,
    tile_px: int | None,
    precision: Precision,
    spill: bool = False,
    max_flow_px: int = TYPICAL_FLOW_PX,
) -> int:
    """The most device memory that a run takes: weights, maps, and the largest step.

    Args:
        config: the network.
        height: of the frames, in pixels.
        width: likewise.
        window_frames: see `PredictorConfig`.
        lookahead_frames: likewise.
        tile_px: likewise.
        precision: likewise.
        spill: whether maps live in host memory.
        max_flow_px: largest motion between neighbours, in feature pixels.
    """
    height, width = _feature_side(config, height), _feature_side(config, width)
    held = held_bytes(
        config,
        height,
        width,
        window_frames=window_frames,
        lookahead_frames=lookahead_frames,
        precision=precision,
    )
    working = working_bytes(
        config, height, width, tile_px=tile_px, precision=precision, max_flow_px=max_flow_px
    )
    return weight_bytes(config) + working + (0 if spill else held)


@lru_cache
def weight_bytes(config: NetworkConfig) -> int:
    """Of the network itself, which stays float32."""
    with torch.device("meta"):
        network = UrNetNetwork(config)
    count: int = sum(tensor.numel() for tensor in network.state_dict().values())
    return 4 * count


def plan(
    config: NetworkConfig,
    height: int,
    width: int,
    predictor: PredictorConfig,
    *,
    budget_bytes: int,
    host_bytes: int | None = None,
) -> Plan:
    """The cheapest way to run that stays within `budget_bytes` on the device.

    Args:
        config: the network.
        height: of the frames, in pixels.
        width: likewise.
        predictor: its window and tile are the largest that are considered; its `spill` is kept
            where it is not None.
        budget_bytes: device memory; a fifth of it is left to libraries.
        host_bytes: host memory for frames and features; None for no limit.

    Raises:
        OutOfDeviceMemoryError: nothing fits.
    """
    ways = [
        _way(config, height, width, predictor, window, tile, spill)
        for window, tile, spill in _choices(predictor)
    ]
    fitting = [
        way
        for way in ways
        if way.device_bytes <= budget_bytes * USABLE_SHARE
        and (host_bytes is None or way.host_bytes <= host_bytes)
    ]
    if fitting:
        return min(fitting, key=lambda way: _cost(config, height, width, predictor, way))
    least = min(ways, key=lambda way: (way.device_bytes, way.host_bytes))
    raise OutOfDeviceMemoryError(
        f"frames of {height}x{width} need {_gib(least.device_bytes / USABLE_SHARE)} of device "
        f"memory and {_gib(least.host_bytes)} of host memory at the least "
        f"({least.window_frames} frames at a time, tiles of {least.tile_px} px), but "
        f"{_gib(budget_bytes)} and {'any' if host_bytes is None else _gib(host_bytes)} may be "
        "used: work on a smaller region or frame, in float16, or allow more memory"
    )


def _choices(predictor: PredictorConfig) -> Iterator[tuple[int, int | None, bool]]:
    windows = [predictor.window_frames]
    while windows[-1] // 2 >= MIN_WINDOW_FRAMES:
        windows.append(windows[-1] // 2)
    tiles: list[int | None] = [predictor.tile_px]
    tile = predictor.tile_px or 2048
    while tile // 2 >= MIN_TILE_PX:
        tile //= 2
        tiles.append(tile)
    spills = (False, True) if predictor.spill is None else (predictor.spill,)
    for window in windows:
        for size in tiles:
            for spill in spills:
                yield window, size, spill


def _way(
    config: NetworkConfig,
    height: int,
    width: int,
    predictor: PredictorConfig,
    window: int,
    tile: int | None,
    spill: bool,
) -> Plan:
    device = peak_bytes(
        config,
        height,
        width,
        window_frames=window,
        lookahead_frames=predictor.lookahead_frames,
        tile_px=tile,
        precision=predictor.precision,
        spill=spill,
    )
    maps = held_bytes(
        config,
        _feature_side(config, height),
        _feature_side(config, width),
        window_frames=window,
        lookahead_frames=predictor.lookahead_frames,
        precision=predictor.precision,
    )
    frames = (window + 2 * predictor.lookahead_frames + 1) * FRAME_BYTES_PER_PX * height * width
    return Plan(
        window_frames=window,
        tile_px=tile,
        spill=spill,
        device_bytes=device,
        host_bytes=frames + (maps if spill else 0),
    )


def _cost(
    config: NetworkConfig, height: int, width: int, predictor: PredictorConfig, found: Plan
) -> float:
    """Work relative to the plain network, roughly: halos, lookahead, copies."""
    height, width = _feature_side(config, height), _feature_side(config, width)
    tiles = tiles_of(height, width, found.tile_px)
    halo = 0 if len(tiles) == 1 else Halos.of(config).advance
    area = sum(tile.grown(halo, height, width).area_px for tile in tiles) / (height * width)
    # Two branches look ahead, and a branch is about a sixth of the work.
    ahead = 1 + predictor.lookahead_frames / found.window_frames / 3
    return area * ahead * (1.2 if found.spill else 1.0)


def _feature_side(config: NetworkConfig, side_px: int) -> int:
    return -(-side_px // config.stride_px)


def _element(precision: Precision) -> int:
    return 4 if precision == "float32" else 2


def _gib(count: float) -> str:
    return f"{count / 2**30:.1f} GiB"
