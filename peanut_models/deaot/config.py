"""What DeAOT's networks are made of, and how the tracker runs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from peanut_models.errors import InvalidInputError

Precision = Literal["float32", "float16", "bfloat16"]
Encoder = Literal["resnet50", "mobilenet_v2"]

IDS = 10
"""Targets that one identity bank tells apart; more make further groups."""

CHANNELS = 256
"""Of a token, in the visual stream and in that of identities alike."""

KEY_CHANNELS = 128
VALUE_CHANNELS = 512

RADIUS = 7
"""Of the window that the short-term attention sees, in tokens."""

WINDOW = 2 * RADIUS + 1

STRIDE_PX = 16
"""A token is this wide; sides of the input are multiples of it and one pixel more."""

LONG_EDGE_PX = 1040
"""Longest side that the network sees, as its own evaluation sets it (1.3 times 800)."""

ENCODED = {"resnet50": (256, 512, 1024, 1024), "mobilenet_v2": (24, 32, 96, 1280)}
"""Channels at a quarter, an eighth and a sixteenth, and of what becomes tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """Which network.

    Raises:
        InvalidInputError: a value outside its range.
    """

    encoder: Encoder = "resnet50"
    """`resnet50` in R50-DeAOT-L, `mobilenet_v2` in DeAOT-T, -S, -B and -L."""

    blocks: int = 3
    """Propagation blocks: 1 in DeAOT-T, 2 in -S, 3 in the others."""

    def __post_init__(self) -> None:
        if self.encoder not in ENCODED:
            raise InvalidInputError(f"encoder is {self.encoder!r}: use one of {', '.join(ENCODED)}")
        if self.blocks < 1:
            raise InvalidInputError(f"blocks is {self.blocks}: it must be 1 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictorConfig:
    """How the network is run over a clip.

    Raises:
        InvalidInputError: a value outside its range.
    """

    memory_gap: int = 5
    """Every so many frames one is kept in the long-term memory; 5 as published for the L sizes."""

    memory_frames: int = 8
    """Most frames in the long-term memory: what the user said stays, then the latest. The
    published engine keeps all. At 481x849 one takes 23 MB, and 6.5 GFLOP per block and frame."""

    long_edge_px: int = LONG_EDGE_PX
    """Frames with a longer side are shrunk to it."""

    doubtful: float = 0.6
    """Mean probability inside a mask under which it should be looked at."""

    precision: Precision = "float32"
    """Of convolutions and products; the halves are for accelerators."""

    def __post_init__(self) -> None:
        for name, least in (("memory_gap", 1), ("memory_frames", 1), ("long_edge_px", STRIDE_PX)):
            value = getattr(self, name)
            if value < least:
                raise InvalidInputError(f"{name} is {value}: it must be {least} or more")
        if not 0 <= self.doubtful <= 1:
            raise InvalidInputError(f"doubtful is {self.doubtful}: it must be in [0, 1]")
        if self.precision not in ("float32", "float16", "bfloat16"):
            raise InvalidInputError(
                f"precision is {self.precision!r}: use float32, float16 or bfloat16"
            )


def network_size(height: int, width: int, long_edge_px: int = LONG_EDGE_PX) -> tuple[int, int]:
    """The size at which the network sees a frame: each side 16 k + 1, the aspect nearly kept."""
    scale = min(1.0, long_edge_px / max(height, width))
    first, second = (_whole(int(scale * side)) for side in (height, width))
    return first, second


def _whole(side: int) -> int:
    # Halves go to the even neighbour, as in the published rule. One token is the least.
    return max(1, round((side - 1) / STRIDE_PX)) * STRIDE_PX + 1
