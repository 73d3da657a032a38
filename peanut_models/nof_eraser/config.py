"""What NOF-Eraser's network is made of, and how the predictor runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from peanut_models.errors import InvalidInputError

Variant = Literal["base", "hq"]
Precision = Literal["float32", "float16", "bfloat16"]
Procedure = Literal["streaming", "reference"]
Overlap = Literal["once", "published"]

ALL_REFERENCES = -1
"""`reference_frames` of the published default: every `step`-th frame of the whole clip."""

FEATURE_STRIDE_PX = 4
"""The encoder's output is a quarter of the frame, across and down."""

FEATURE_CHANNELS = 128
"""Channels of the encoder's output and of everything that propagates."""

PATCH = 7
PATCH_STRIDE = 3
PATCH_PADDING = 3
"""Soft split and composite: 7x7 patches of the feature map every 3 cells, 3 cells of border."""

TOKEN_CHANNELS = 512
"""C_e in eq. 7."""

HEADS = 4
"""Attention heads of 128 channels."""

WINDOW = (5, 9)
"""Rows and columns of tokens in one attention window: s_h, s_w. s_t is every frame."""

REACH = (WINDOW[0] // 2, WINDOW[1] // 2)
"""How many tokens beyond its window an attention window still sees one by one."""

BLOCKS = 8
"""Temporal focal transformer blocks: N."""

F3N_CHANNELS = 40
"""Channels of the folded map inside the feed-forward network: 1960 = 40 * 7 * 7."""

DEFORM_GROUPS = 16
"""Deformable groups: eight for the neighbour one step away, eight for the one two steps away."""

MAX_RESIDUE_PX = 10.0
"""Largest offset, in feature pixels, that the network may add to the flow."""

SIZE_MULTIPLE_PX = (
    FEATURE_STRIDE_PX * PATCH_STRIDE * WINDOW[0],
    FEATURE_STRIDE_PX * PATCH_STRIDE * WINDOW[1],
)
"""Height and width must be multiples of these (60, 108), so that windows tile the tokens."""

PUBLISHED_DILATION_PX = 4
"""How far the published test procedure grows every mask: four times by a 3x3 cross."""

MAX_SPARSE_STRIDE = 10
"""Frames between key frames at most: with one more, a gap is as long as a published window."""

BASE_SIZE = (240, 432)
"""The one height and width of the base variant: its composite bias is a map of that size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """Which of the two published networks, and how faithful to its quirks.

    Raises:
        InvalidInputError: no variant has that name.
    """

    variant: Variant = "hq"
    """`base` works at 240x432 only; `hq` at any multiple of 60x108."""

    backward_flow_index: Literal["published", "aligned"] = "published"
    """The published backward pass reads the flows in forward order, and its weights were trained
    with that; `aligned` reads the flow of the frame at hand, for weights trained with it."""

    overlap_keys: Literal["published", "once"] = "published"
    """12 of a window's 120 neighbour tokens count twice in the published attention; `once` counts
    every token once, for weights trained with it."""

    def __post_init__(self) -> None:
        if self.variant not in ("base", "hq"):
            raise InvalidInputError(f"no variant is called {self.variant!r}: use base or hq")
        if self.backward_flow_index not in ("published", "aligned"):
            raise InvalidInputError(
                f"backward_flow_index is {self.backward_flow_index!r}: use published or aligned"
            )
        if self.overlap_keys not in ("published", "once"):
            raise InvalidInputError(f"overlap_keys is {self.overlap_keys!r}: use published or once")


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictorConfig:
    """How the network is run over a clip.

    Raises:
        InvalidInputError: a value outside its range.
    """

    procedure: Procedure = "streaming"
    """`reference` is the published test procedure, for comparison; `streaming` computes each
    frame's and each pair's share once, on the region of the matte only."""

    neighbor_stride: int = 5
    """Frames on each side of a window's centre that propagate into it; 5 as published."""

    step: int = 10
    """Frames between candidates for references; 10 as published."""

    reference_frames: int = 3
    """References per window; -1 takes all within reach (`streaming`) or of the clip (`reference`),
    as published. Three keep a window's attention at about three quarters of the published cost
    at 80 frames, and independent of the clip's length."""

    reference_reach_frames: int = 60
    """References lie at most this far from a window (`streaming`), which bounds the cache."""

    overlap: Overlap = "once"
    """`published`: windows at every `neighbor_stride`, so that each frame is predicted about
    twice and the predictions averaged; `once`: windows side by side that share one frame. Only
    `streaming`; `reference` always overlaps."""

    sparse_stride: int = 1
    """1: every frame passes the network. n: only every n-th one does, and the frames between are
    warped from the finished ones on both sides where that can be trusted (`sparse`); only
    `streaming`, 10 at most, beyond which a gap is longer than a published window."""

    sparse_bad_share: float = 0.2
    """Largest share of a hole's pixels that a warp may contradict itself on; frames above it pass
    the network. On clips with a known background, frames warped at 30 dB and more had 0.16 at
    most, those at 20 dB 0.2 and more."""

    context_px: int = 24
    """Least distance from a hole to the border of its region; the encoder sees 29 px far."""

    context_share: float = 0.25
    """The same as a share of the hole's own side, for large holes."""

    dilation_px: int = 0
    """How far holes grow before anything is done; the published scripts use 4. Mattes come grown
    already, so 0."""

    precision: Precision = "float32"
    """Of convolutions and products; the halves are for accelerators."""

    encode_batch: int = 4
    """Frames encoded at once; bounds memory."""

    def __post_init__(self) -> None:
        if self.procedure not in ("streaming", "reference"):
            raise InvalidInputError(
                f"no procedure is called {self.procedure!r}: use streaming or reference"
            )
        if self.overlap not in ("once", "published"):
            raise InvalidInputError(f"overlap is {self.overlap!r}: use once or published")
        if self.precision not in ("float32", "float16", "bfloat16"):
            raise InvalidInputError(
                f"precision is {self.precision!r}: use float32, float16 or bfloat16"
            )
        for name, least in (
            ("neighbor_stride", 1),
            ("step", 1),
            ("reference_frames", ALL_REFERENCES),
            ("reference_reach_frames", 0),
            ("sparse_stride", 1),
            ("sparse_bad_share", 0),
            ("context_px", 0),
            ("context_share", 0),
            ("dilation_px", 0),
            ("encode_batch", 1),
        ):
            if getattr(self, name) < least:
                raise InvalidInputError(
                    f"{name} is {getattr(self, name)}: it must be {least} or more"
                )
        self._check_sparse()

    def _check_sparse(self) -> None:
        if self.sparse_stride > MAX_SPARSE_STRIDE:
            raise InvalidInputError(
                f"sparse_stride is {self.sparse_stride}: it must be {MAX_SPARSE_STRIDE} or less"
            )
        if self.sparse_stride > 1 and self.procedure != "streaming":
            raise InvalidInputError(
                f"sparse_stride is {self.sparse_stride} with procedure {self.procedure}: only "
                "streaming leaves frames out; use it, or sparse_stride 1"
            )


PUBLISHED = PredictorConfig(
    procedure="reference",
    reference_frames=ALL_REFERENCES,
    overlap="published",
    dilation_px=PUBLISHED_DILATION_PX,
)
"""The published test procedure with its defaults."""
