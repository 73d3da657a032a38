"""How much memory a run takes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch

from peanut_models.ur_net.config import (
    BRANCHES,
    DEFORM_GROUPS,
    FINE_CHANNELS,
    SCALE,
    NetworkConfig,
    Precision,
)
from peanut_models.ur_net.network import UrNetNetwork
from peanut_models.ur_net.tiles import MARGIN_STEP_PX, Halos, tiles_of

TYPICAL_FLOW_PX = 32
"""Motion per frame that a plan allows for, in feature pixels; more of it costs a little more."""

SPYNET_CHANNELS = 128 + 72
"""At the finest level: the widest layer before and after its ReLU, and images, flow, positions."""

OFFSET_CHANNELS = 27 * DEFORM_GROUPS
"""Two residues and a modulation for every tap of every group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What a run keeps of the frames that wait, and where.

    Attributes:
        window_frames: as in `PredictorConfig`.
        lookahead_frames: likewise.
        spill: features live in host memory.
        halve: features are kept in float16, whatever the precision.
        hold_extracted: extracted features are kept; otherwise each branch extracts them again.
    """

    window_frames: int
    lookahead_frames: int
    spill: bool = False
    halve: bool = False
    hold_extracted: bool = True

    @property
    def frames(self) -> int:
        """The most frames in memory: a window, its lookahead, and one that says that it ended."""
        return self.window_frames + 2 * self.lookahead_frames + 1

    @property
    def maps(self) -> int:
        """The most feature maps of whole frames; see `windows`.

        It is reached before the last branch of a window: extracted features of all that was read,
        the first two branches of what is settled, the third of what is finished, and two frames
        each that the forward branches carry on.
        """
        settled = self.window_frames + self.lookahead_frames
        extracted = self.frames if self.hold_extracted else 1
        return extracted + 2 * settled + self.window_frames + 2 * 2 + 1


def held_bytes(
    config: NetworkConfig, height: int, width: int, holding: Holding, precision: Precision
) -> int:
    """Of feature maps and flows, wherever they live.

    Args:
        config: the network.
        height: of the features, in their pixels: the frame's, or a quarter of it.
        width: likewise.
        holding: what is kept.
        precision: see `PredictorConfig`.
    """
    element = 2 if holding.halve else _element(precision)
    return (holding.maps * config.channels * element + holding.frames * 2 * 2 * 4) * height * width


@lru_cache(maxsize=256)
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
    holding: Holding,
    *,
    tile_px: int | None,
    precision: Precision,
    max_flow_px: int = TYPICAL_FLOW_PX,
) -> int:
    """The most device memory that a run takes: weights, maps, and the largest step.

    Args:
        config: the network.
        height: of the frames, in pixels.
        width: likewise.
        holding: what is kept, and where.
        tile_px: see `PredictorConfig`.
        precision: likewise.
        max_flow_px: largest motion between neighbours, in feature pixels.
    """
    height, width = feature_side(config, height), feature_side(config, width)
    held = 0 if holding.spill else held_bytes(config, height, width, holding, precision)
    working = working_bytes(
        config, height, width, tile_px=tile_px, precision=precision, max_flow_px=max_flow_px
    )
    return weight_bytes(config) + working + held


@lru_cache
def weight_bytes(config: NetworkConfig) -> int:
    """Of the network itself, which stays float32."""
    with torch.device("meta"):
        network = UrNetNetwork(config)
    count: int = sum(tensor.numel() for tensor in network.state_dict().values())
    return 4 * count


def feature_side(config: NetworkConfig, side_px: int) -> int:
    """Of a frame's side, in feature pixels."""
    return -(-side_px // config.stride_px)


def _element(precision: Precision) -> int:
    return 4 if precision == "float32" else 2
