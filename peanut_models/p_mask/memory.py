"""What a target leaves behind on each frame, how much of it is kept, and how frames read it.

Source: Ravi et al., "SAM 2", 2024, section 4 (memory attention, memory encoder, memory bank).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers.models.sam2_video.modeling_sam2_video import (
    Sam2VideoMemoryAttention,
    Sam2VideoMemoryEncoder,
)

from peanut_models.errors import InvalidInputError
from peanut_models.p_mask.attention import read_memory
from peanut_models.p_mask.config import CHANNELS, MASK_MEMORIES, MEMORY_CHANNELS, POINTERS

PROMPTED = 0
"""Temporal place of a prompted frame's mask memory; other frames count their distance, 1 to 6."""

MEMORY_SCALE, MEMORY_BIAS = 20.0, -10.0
"""Mask probabilities are stretched to -10..10 before the memory encoder."""

PERIOD = 10000
"""Longest period of the sine codes of time."""


class Memory(NamedTuple):
    """What one frame leaves for later ones.

    Attributes:
        features: the memory encoder's map.
        pointer: the object pointer.
    """

    features: Float[Tensor, "n 64 h16 w16"]
    pointer: Float[Tensor, "n 256"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """What one frame reads from the bank.

    Attributes:
        masks: temporal place (0 prompted, else distance in frames) and map, oldest first.
        pointers: signed distance in frames and pointer; prompted frames first, then nearest.
    """

    masks: tuple[tuple[int, Float[Tensor, "n 64 h16 w16"]], ...]
    pointers: tuple[tuple[int, Float[Tensor, "n 256"]], ...]

    @property
    def places(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Where in time masks and pointers lie; targets that agree in it can be read at once."""
        return tuple(place for place, _ in self.masks), tuple(d for d, _ in self.pointers)


def at_once(recalled: Sequence[Recalled]) -> Recalled:
    """What several targets read, as one; all have the same `places`."""
    return Recalled(
        masks=_joined([each.masks for each in recalled]),
        pointers=_joined([each.pointers for each in recalled]),
    )


def _joined(kept: Sequence[tuple[tuple[int, Tensor], ...]]) -> tuple[tuple[int, Tensor], ...]:
    """Entries of several targets, the same places in each, as entries of them all."""
    return tuple(
        (entries[0][0], torch.cat([tensor for _, tensor in entries]))
        for entries in zip(*kept, strict=True)
    )


class MemoryBank:
    """The last frames' memories in one direction of time, and those of prompted frames.

    SAMWISE has no prompted frames: its first frame is forgotten like any other. SAM 2's tracker
    keeps prompted frames for good; here at most `prompted` of them, the nearest, are read and
    the farthest are dropped, so the bank's size never depends on the length of the video.

    Args:
        masks: frames whose mask memory is kept.
        pointers: frames whose object pointer is kept.
        prompted: prompted frames that are kept.

    Raises:
        InvalidInputError: a count below 1, or more masks than pointers.
    """

    def __init__(
        self, *, masks: int = MASK_MEMORIES, pointers: int = POINTERS, prompted: int = 8
    ) -> None:
        if not 1 <= masks <= MASK_MEMORIES or pointers < masks or prompted < 1:
            raise InvalidInputError(
                f"a bank of {masks} masks, {pointers} pointers and {prompted} prompted frames: "
                f"masks must be 1 to {MASK_MEMORIES}, pointers as many or more, prompted 1 or more"
            )
        self._masks = masks
        self._pointers = pointers
        self._prompted_limit = prompted
        self._recent_masks: OrderedDict[int, Tensor] = OrderedDict()
        self._recent_pointers: OrderedDict[int, Tensor] = OrderedDict()
        self._prompted: OrderedDict[int, Memory] = OrderedDict()

    def __len__(self) -> int:
        """How many frames have left something that is still kept."""
        return len(self._recent_pointers.keys() | self._prompted.keys())

    @property
    def is_empty(self) -> bool:
        """Whether nothing was pushed since the start or the last `clear`."""
        return not self._recent_pointers and not self._prompted

    def clear(self) -> None:
        """Forget everything."""
        self._recent_masks.clear()
        self._recent_pointers.clear()
        self._prompted.clear()

    def push(self, frame_index: int, memory: Memory, *, prompted: bool = False) -> None:
        """Keep a frame's memory and drop what is too far away.

        A frame pushed again replaces what it left before.
        """
        self.forget(frame_index)
        if prompted:
            self._prompted[frame_index] = memory
            if len(self._prompted) > self._prompted_limit:
                del self._prompted[max(self._prompted, key=lambda k: abs(k - frame_index))]
            return
        self._recent_masks[frame_index] = memory.features
        self._recent_pointers[frame_index] = memory.pointer
        while len(self._recent_masks) > self._masks:
            self._recent_masks.popitem(last=False)
        while len(self._recent_pointers) > self._pointers:
            self._recent_pointers.popitem(last=False)

    def forget(self, frame_index: int) -> None:
        """Drop what a frame left, as if it had not been pushed."""
        self._recent_masks.pop(frame_index, None)
        self._recent_pointers.pop(frame_index, None)
        self._prompted.pop(frame_index, None)

    def recall(self, frame_index: int, *, backward: bool = False) -> Recalled:
        """What the frame reads.

        Args:
            frame_index: the frame at hand.
            backward: whether frames are walked from the last to the first.
        """
        sign = -1 if backward else 1
        masks = [(PROMPTED, memory.features) for memory in self._prompted.values()]
        for distance in range(self._masks, 0, -1):
            kept = self._recent_masks.get(frame_index - sign * distance)
            if kept is not None:
                masks.append((distance, kept))
        pointers = [
            (sign * (frame_index - k), memory.pointer)
            for k, memory in self._prompted.items()
            # A prompt ahead is read by its mask alone.
            if sign * (frame_index - k) >= 0
        ]
        for distance in range(1, self._pointers + 1):
            kept = self._recent_pointers.get(frame_index - sign * distance)
            if kept is not None:
                pointers.append((distance, kept))
        return Recalled(masks=tuple(masks), pointers=tuple(pointers))


class MemoryModules(nn.Module):
    """Memory attention, memory encoder and the codes of time."""

    def __init__(self, video_config: Any) -> None:
        super().__init__()
        is_later = video_config.enable_temporal_pos_encoding_for_object_pointers
        self.memory_attention = Sam2VideoMemoryAttention(video_config)
        self.memory_encoder = Sam2VideoMemoryEncoder(video_config)
        self.no_memory_embedding = nn.Parameter(torch.zeros(1, 1, CHANNELS))
        # In every checkpoint; read by no released configuration.
        self.no_memory_positional_encoding = nn.Parameter(torch.zeros(1, 1, CHANNELS))
        self.memory_temporal_positional_encoding = nn.Parameter(
            torch.zeros(MASK_MEMORIES + 1, 1, 1, MEMORY_CHANNELS)
        )
        self.temporal_positional_encoding_projection_layer = (
            nn.Linear(CHANNELS, MEMORY_CHANNELS) if is_later else None
        )
        self.occlusion_spatial_embedding_parameter = (
            nn.Parameter(torch.zeros(1, MEMORY_CHANNELS)) if is_later else None
        )

    def without(self, stride16: Float[Tensor, "n 256 h w"]) -> Float[Tensor, "n 256 h w"]:
        """Features of a frame that has no memory to read."""
        return stride16 + self.no_memory_embedding.reshape(1, CHANNELS, 1, 1)

    def attend(
        self,
        stride16: Float[Tensor, "f 256 h w"],
        position: Float[Tensor, "1 256 h w"],
        recalled: Recalled,
        *,
        most_pointers: int = POINTERS + 1,
    ) -> Float[Tensor, "n 256 h w"]:
        """Features of a frame after it has read the memory; `without` where there is none.

        Args:
            stride16: the frame's own features, shared by all targets (`f` = 1) or one each.
            position: their sine code.
            recalled: memories of `n` targets on the same frames.
            most_pointers: the smaller of 16 and the number of frames in the video; SAM 2.1's time
                codes of pointers are scaled by it.
        """
        if not recalled.masks:
            return self.without(stride16)
        height, width = stride16.shape[-2:]
        memory, codes = self._mask_tokens(recalled)
        pointers, pointer_codes = self._pointer_tokens(recalled, most_pointers)
        mixed = read_memory(
            self.memory_attention,
            _tokens(stride16),
            _tokens(position),
            torch.cat((memory, pointers), dim=1).to(stride16.dtype),
            torch.cat((codes, pointer_codes), dim=1).to(stride16.dtype),
            pointers=pointers.shape[1],
        )
        return mixed.transpose(1, 2).reshape(-1, CHANNELS, height, width)

    def _mask_tokens(self, recalled: Recalled) -> tuple[Tensor, Tensor]:
        """Mask memories as tokens, and their codes of place and time, which all targets share."""
        place = _tokens(self._place(recalled.masks[0][1][:1]))
        time = self.memory_temporal_positional_encoding
        # Index -1, the last, is the prompted frames'.
        codes = [place + time[distance - 1] for distance, _ in recalled.masks]
        maps = [_tokens(features) for _, features in recalled.masks]
        return torch.cat(maps, dim=1), torch.cat(codes, dim=1)

    def _place(self, features: Float[Tensor, "n 64 h w"]) -> Float[Tensor, "n 64 h w"]:
        encoding = self.memory_encoder.position_encoding
        code: Tensor = encoding(features.shape, features.device, features.dtype)
        return code

    def _pointer_tokens(self, recalled: Recalled, most_pointers: int) -> tuple[Tensor, Tensor]:
        """Pointers as four tokens each, and their codes, which all targets share.

        The codes are 0 in SAM 2.0, and tell the distance in 2.1.
        """
        like = recalled.masks[0][1]
        if not recalled.pointers:
            none = like.new_zeros(len(like), 0, MEMORY_CHANNELS)
            return none, none[:1]
        pointers = torch.stack([pointer for _, pointer in recalled.pointers], dim=1)
        parts = CHANNELS // MEMORY_CHANNELS
        tokens = pointers.reshape(len(like), -1, MEMORY_CHANNELS)
        project = self.temporal_positional_encoding_projection_layer
        if project is None:
            return tokens, torch.zeros_like(tokens[:1])
        distances = [float(distance) for distance, _ in recalled.pointers]
        turn = torch.tensor(distances, device=like.device) / max(most_pointers - 1, 1)
        codes: Tensor = project(_line_code(turn).to(pointers.dtype))
        return tokens, codes.repeat_interleave(parts, dim=0)[None]

    def encode(
        self,
        stride16: Float[Tensor, "f 256 h16 w16"],
        logits: Float[Tensor, "n 1 h w"],
        object_score: Float[Tensor, "n 1"],
        *,
        prompted: bool = False,
    ) -> Float[Tensor, "n 64 h16 w16"]:
        """The mask memory of a frame.

        Args:
            stride16: the frame's own features, before it read any memory.
            logits: the mask at the input's size.
            object_score: above 0 where the object is in the frame; only SAM 2.1 reads it.
            prompted: the mask comes from clicks or from the user, so it is made binary.
        """
        mask = (logits > 0).to(stride16.dtype) if prompted else torch.sigmoid(logits)
        features: Tensor = self.memory_encoder(
            stride16, (mask * MEMORY_SCALE + MEMORY_BIAS).to(stride16.dtype)
        )[0]
        absent_code = self.occlusion_spatial_embedding_parameter
        if absent_code is not None:
            absent = (object_score <= 0).to(features.dtype)[..., None, None]
            features = features + absent * absent_code[..., None, None]
        return features


def _tokens(image: Float[Tensor, "n c h w"]) -> Float[Tensor, "n hw c"]:
    return image.flatten(2).transpose(1, 2)


def _line_code(place: Float[Tensor, " n"]) -> Float[Tensor, "n 256"]:
    """Sines in the first half of the channels, cosines in the second."""
    half = CHANNELS // 2
    channel = torch.arange(half, dtype=torch.float32, device=place.device)
    period = PERIOD ** (2 * torch.div(channel, 2, rounding_mode="floor") / half)
    angle = place[:, None] / period
    return torch.cat((torch.sin(angle), torch.cos(angle)), dim=-1)
