"""What P-MASK's networks are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from peanut_models.errors import InvalidInputError

Size = Literal["tiny", "small", "base_plus", "large"]
Version = Literal["2.0", "2.1"]
TextEncoderName = Literal["roberta", "clip"]
SwitchMode = Literal["reweight", "all_mask", "avg"]

IMAGE_SIZE_PX = 1024
"""Side of SAM 2's square input."""

CHANNELS = 256
"""Width of everything behind the image encoder: pyramid, prompts, adapters, object pointers."""

MEMORY_CHANNELS = 64
"""Width of a mask memory; an object pointer is read as four tokens of it."""

HEADS = 8
"""Attention heads of the adapters and of the conditional memory encoder."""

MASK_MEMORIES = 6
"""Frames whose mask memory is read."""

POINTERS = 15
"""Frames before the current one whose object pointer is read."""

NO_OBJECT_LOGIT = -1024.0
"""Every mask logit of a frame on which SAM 2 finds no object."""

SIZE_MULTIPLE_PX = 64
"""The adapters' windows tile the stages only at multiples of this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HieraConfig:
    """One of SAM 2's image encoders (Ryali et al., "Hiera", ICML 2023).

    Raises:
        InvalidInputError: not four stages, or a stage without blocks.
    """

    width: int = 112
    """Channels of the first stage; each further stage has twice as many."""

    heads: int = 2
    """Attention heads of the first stage; each further stage has twice as many."""

    blocks: tuple[int, ...] = (2, 3, 16, 3)
    """Blocks per stage."""

    global_blocks: tuple[int, ...] = (12, 16, 20)
    """Blocks, counted over all stages, that attend to the whole image."""

    windows: tuple[int, ...] = (8, 4, 14, 7)
    """Side of an attention window, in cells, per stage."""

    background: tuple[int, int] = (14, 14)
    """Cells of the position table that is stretched over the whole image."""

    def __post_init__(self) -> None:
        if len(self.blocks) != 4 or len(self.windows) != 4 or min(self.blocks) < 1:
            raise InvalidInputError(
                f"Hiera has blocks {self.blocks} and windows {self.windows}: four stages are "
                "needed, each with one block or more"
            )

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each stage."""
        return tuple(self.width << k for k in range(4))


HIERA: dict[Size, HieraConfig] = {
    "tiny": HieraConfig(
        width=96, heads=1, blocks=(1, 2, 7, 2), global_blocks=(5, 7, 9), background=(7, 7)
    ),
    "small": HieraConfig(
        width=96, heads=1, blocks=(1, 2, 11, 2), global_blocks=(7, 10, 13), background=(7, 7)
    ),
    "base_plus": HieraConfig(),
    "large": HieraConfig(
        width=144,
        heads=2,
        blocks=(2, 6, 36, 4),
        global_blocks=(23, 33, 43),
        windows=(8, 4, 16, 8),
        background=(7, 7),
    ),
}
"""SAM 2's released image encoders that P-MASK's settings name; SAMWISE's weights sit on base+."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sam2Config:
    """SAM 2: its image encoder, and which release it behaves like.

    Raises:
        InvalidInputError: no release or an image size that windows do not tile.
    """

    hiera: HieraConfig = field(default_factory=HieraConfig)
    """The image encoder; `HIERA` holds the released ones. SAMWISE's is base+."""

    version: Version = "2.0"
    """`2.1` adds time codes of object pointers and a code for absent objects to the memory;
    SAMWISE's weights need `2.0`."""

    stability_fallback: bool = False
    """Where one mask is asked for and is unstable, take the best of three instead. SAM 2's own
    tracker does; SAMWISE does not."""

    image_size_px: int = IMAGE_SIZE_PX
    """Side of the input; the released weights are for 1024."""

    encode_batch: int = 1
    """Frames that go through a Hiera stage at once; bounds memory. 1 is fastest on a CPU."""

    def __post_init__(self) -> None:
        if self.version not in ("2.0", "2.1"):
            raise InvalidInputError(f"no SAM 2 release is {self.version!r}: use 2.0 or 2.1")
        if self.image_size_px < SIZE_MULTIPLE_PX or self.image_size_px % SIZE_MULTIPLE_PX:
            raise InvalidInputError(
                f"image_size_px is {self.image_size_px}: it must be a multiple of "
                f"{SIZE_MULTIPLE_PX}; released weights are for {IMAGE_SIZE_PX}"
            )
        if self.encode_batch < 1:
            raise InvalidInputError(f"encode_batch is {self.encode_batch}: it must be 1 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextConfig:
    """The text encoder, RoBERTa-base by default (Liu et al. 2019).

    Raises:
        InvalidInputError: the layers are not split over the four stages of the image encoder.
    """

    encoder: TextEncoderName = "roberta"
    """`roberta` as published, or `clip`, the paper's other choice (see `CLIP_TEXT`)."""

    layers_per_stage: tuple[int, ...] = (1, 3, 4, 4)
    """Layers beside each stage of the image encoder; an adapter follows all but the first."""

    width: int = 768
    """Channels of a token."""

    heads: int = 12
    """Attention heads."""

    feed_forward: int = 3072
    """Channels inside the feed-forward layers."""

    vocabulary: int = 50265
    """Rows of the token table."""

    max_tokens: int = 512
    """Longest text in tokens, `<s>` and `</s>` included; the position table ends there."""

    def __post_init__(self) -> None:
        if self.encoder not in ("roberta", "clip"):
            raise InvalidInputError(
                f"no text encoder is called {self.encoder!r}: use roberta or clip"
            )
        if len(self.layers_per_stage) != 4 or min(self.layers_per_stage) < 1:
            raise InvalidInputError(
                f"layers_per_stage is {self.layers_per_stage}: four stages are needed, each with "
                "one layer or more"
            )


CLIP_TEXT = TextConfig(
    encoder="clip", width=512, heads=8, feed_forward=2048, vocabulary=49408, max_tokens=77
)
"""CLIP-B's text encoder (Radford et al. 2021)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CmeConfig:
    """When the conditional memory encoder is asked, and what a switch does.

    Raises:
        InvalidInputError: an unknown mode or a window below 2.
    """

    enabled: bool = True
    """The published benchmark scripts use it; the published demo does not."""

    window: int = 4
    """Frames: asked first on frame `window` + 1, and again `window` - 1 frames after a switch."""

    mode: SwitchMode = "reweight"
    """How a switch changes the mask that goes into memory; see `switched_logits`."""

    def __post_init__(self) -> None:
        if self.mode not in ("reweight", "all_mask", "avg"):
            raise InvalidInputError(
                f"no switch mode is called {self.mode!r}: use reweight, all_mask or avg"
            )
        if self.window < 2:
            raise InvalidInputError(f"CME window is {self.window} frames: it must be 2 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """SAMWISE as published: SAM 2.0 base+, RoBERTa-base, HSA and CME, no motion prompt.

    Raises:
        InvalidInputError: not three windows, or a length outside its range.
    """

    sam: Sam2Config = field(default_factory=Sam2Config)
    text: TextConfig = field(default_factory=TextConfig)
    cme: CmeConfig = field(default_factory=CmeConfig)

    hsa: bool = True
    """Hierarchical Selective Attention over the clip; the image pre-training has none."""

    hsa_windows: tuple[int, ...] = (8, 4, 2)
    """Side of an HSA window, in cells, after stages 2, 3 and 4: 16 windows across a 1024 input."""

    motion_prompt: bool = False
    """A second prompt token from the verbs; no published weights use it."""

    clip_window: int = 8
    """Frames per clip: 4, 8 or 16 in the paper, 8 as published. Time codes depend on it."""

    memory_frames: int = MASK_MEMORIES
    """Frames whose mask memory a frame reads: 6 as published, and at most."""

    def __post_init__(self) -> None:
        if not 1 <= self.memory_frames <= MASK_MEMORIES:
            raise InvalidInputError(
                f"memory_frames is {self.memory_frames}: it must be 1 to {MASK_MEMORIES}"
            )
        if len(self.hsa_windows) != 3:
            raise InvalidInputError(
                f"hsa_windows is {self.hsa_windows}: three are needed, for stages 2, 3 and 4"
            )
        if self.clip_window < 1:
            raise InvalidInputError(f"clip_window is {self.clip_window}: it must be 1 or more")
