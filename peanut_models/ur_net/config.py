"""What UR-Net's network is made of, and how the predictor runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from peanut_models.errors import InvalidInputError

Precision = Literal["float32", "float16", "bfloat16"]

BRANCHES = ("backward_1", "forward_1", "backward_2", "forward_2")
"""The propagation branches in the order they run; each sees the features of those before it."""

SCALE = 4
"""Features are a quarter of the output, across and down."""

DEFORM_GROUPS = 16
"""Deformable groups: eight for the neighbour one step away, eight for the one two steps away."""

EXTRACT_BLOCKS = 5
RECONSTRUCT_BLOCKS = 5
"""Residual blocks before and after propagation; the same in every published variant."""

FINE_CHANNELS = 64
"""Channels at the output's size, whatever the width of the rest."""

MIN_FLOW_SIDE_PX = 64
"""Least height and width of the frames that flow is estimated on: two cells at SPyNet's coarsest
level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """Which network. The published ones differ in width, depth and the size of their input.

    Raises:
        InvalidInputError: a value outside its range.
    """

    channels: int = 64
    """Of every feature map; 64 in all published 4x models. A multiple of 8, for the groups."""

    blocks: int = 7
    """Residual blocks per branch; 7 in the published 4x models, 15 and 25 in larger ones."""

    low_res_input: bool = True
    """True: the output is four times the input. False: restoration at the same size; features are
    a quarter of the input and sides must be multiples of 4."""

    max_residue_px: float = 10.0
    """Largest offset, in feature pixels, that the network may add to the flow. Not in the
    checkpoint; 10 as published."""

    def __post_init__(self) -> None:
        if self.channels < 8 or self.channels % (DEFORM_GROUPS // 2):
            raise InvalidInputError(
                f"channels is {self.channels}: it must be a positive multiple of "
                f"{DEFORM_GROUPS // 2}"
            )
        if self.blocks < 1:
            raise InvalidInputError(f"blocks is {self.blocks}: it must be 1 or more")
        if not self.max_residue_px > 0:
            raise InvalidInputError(
                f"max_residue_px is {self.max_residue_px}: it must be more than 0"
            )

    @property
    def enlarges(self) -> int:
        """The output's side in input pixels: 4 or 1."""
        return SCALE if self.low_res_input else 1

    @property
    def stride_px(self) -> int:
        """Input pixels per feature pixel: 1 or 4."""
        return SCALE // self.enlarges


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictorConfig:
    """How the network is run over a clip.

    Raises:
        InvalidInputError: a value outside its range.
    """

    window_frames: int = 192
    """Most frames finished at a time; fewer where memory is short. Two of the four branches cost
    (window + lookahead) / window of the plain network, and memory grows with the window. At 192
    that is a fortieth more for an endless clip, and nothing for one of up to 224 frames, which is
    as long as a piece of a render with its context is."""

    lookahead_frames: int = 16
    """Frames beyond a window from which its backward branches start. What is lost falls with
    every one of them, how fast is up to the weights: with noise in the published size, eight give
    57 dB against the whole clip at once, and twelve hold every pixel within one grey level; with
    noise in a smaller network, thirteen still leave five levels at the worst pixel
    (`benchmarks/results/ur_net.md`)."""

    tile_px: int | None = 512
    """Longest side, in feature pixels, of what is computed at once; None for whole frames. Tiles
    give the same pixels up to rounding; their halos cost a seventh at this size."""

    region_halo_px: int = 64
    """Feature pixels around a region that are computed with it; tiles need no such guess."""

    precision: Precision = "float32"
    """Of convolutions and stored features; the halves are for accelerators."""

    spill: bool | None = None
    """Keep features in host memory between uses; None decides by `memory_bytes`."""

    memory_bytes: int | None = None
    """Device memory that may be used; smaller windows and tiles, then host memory, are taken to
    stay within it. None: what is free on an accelerator, half of the machine's on a CPU."""

    host_bytes: int | None = None
    """Host memory that waiting frames and spilled features may take; smaller windows, features in
    half precision, then features extracted again are taken to stay within it. None: half of what
    the machine has."""

    def __post_init__(self) -> None:
        if self.precision not in ("float32", "float16", "bfloat16"):
            raise InvalidInputError(
                f"precision is {self.precision!r}: use float32, float16 or bfloat16"
            )
        for name, least in (
            ("window_frames", 1),
            ("lookahead_frames", 1),
            ("tile_px", 16),
            ("region_halo_px", 0),
            ("memory_bytes", 1),
            ("host_bytes", 1),
        ):
            value = getattr(self, name)
            if value is not None and value < least:
                raise InvalidInputError(f"{name} is {value}: it must be {least} or more")
