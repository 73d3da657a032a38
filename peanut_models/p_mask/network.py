"""P-MASK's network for text: SAMWISE, for a clip and frame by frame, in the paper's order.

Stages can be called one by one, so that several targets share what does not depend on them.

Source: Cuttano et al., "SAMWISE: Infusing Wisdom in SAM2 for Text-Driven Video Segmentation",
CVPR 2025.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from peanut_models.errors import InvalidInputError
from peanut_models.p_mask.adapters import CmtAdapter
from peanut_models.p_mask.backbone import STAGES, ImageFeatures, Sam2
from peanut_models.p_mask.clip_text import ClipTextEncoder
from peanut_models.p_mask.cme import (
    CmeSchedule,
    ConditionalMemoryEncoder,
    switched_logits,
    switches,
)
from peanut_models.p_mask.config import NetworkConfig
from peanut_models.p_mask.heads import Decoded, EncodedPrompts
from peanut_models.p_mask.memory import Memory, MemoryBank, Recalled
from peanut_models.p_mask.prompts import TextPrompts
from peanut_models.p_mask.text import TextEncoder, Tokens


class ClipStart(NamedTuple):
    """Stages 1 and 2 of the image encoder, before any text; every target shares them."""

    stage1: Float[Tensor, "t h4 w4 c1"]
    stage2: Float[Tensor, "t h8 w8 c2"]


class ClipFeatures(NamedTuple):
    """A clip as one text makes it.

    Attributes:
        images: per frame.
        text: the text encoder's final state; it depends on the frames.
    """

    images: ImageFeatures
    text: Float[Tensor, "1 l d"]


class CmeAnswer(NamedTuple):
    """What the conditional memory encoder said about a frame.

    Attributes:
        logits: of keeping and of switching.
        switched: its decision.
        memoryless: the prediction without memory that it compared with.
    """

    logits: Float[Tensor, "1 2"]
    switched: bool
    memoryless: Decoded


class FrameResult(NamedTuple):
    """One frame of one target.

    Attributes:
        decoded: the frame's mask; a switch does not change it.
        cme: None where it was not asked.
    """

    decoded: Decoded
    cme: CmeAnswer | None


class TextTrack:
    """What is carried from frame to frame for one target that a text names."""

    def __init__(self, config: NetworkConfig) -> None:
        self._config = config
        self.backward = False
        self.reset()

    def reset(self) -> None:
        """As before the first frame of a video."""
        self.bank = MemoryBank(masks=self._config.memory_frames)
        self.schedule = CmeSchedule(self._config.cme)
        self.step = 0
        self.place = 0
        self._opening: dict[int, Memory] = {}

    def turned(self) -> TextTrack:
        """The track towards the frames before the first one, from what the first clip left.

        To be asked for after the first clip and before the second.
        """
        other = TextTrack(self._config)
        # The nearest last: the bank keeps what it was given last.
        for place, memory in sorted(self._opening.items(), reverse=True):
            other.bank.push(place, memory)
        other.backward, other.place, other.step = True, -1, self.step
        other.schedule = self.schedule.copy()
        return other

    def recall(self) -> Recalled:
        """What the frame at hand reads."""
        return self.bank.recall(self.place, backward=self.backward)

    def remember(self, memory: Memory) -> None:
        """Keep what the frame at hand leaves, and go on to the next."""
        self.bank.push(self.place, memory)
        if not self.backward and self.place < self._config.clip_window:
            self._opening[self.place] = memory
        else:
            self._opening.clear()
        self.place += -1 if self.backward else 1
        self.step += 1

    def forget_last(self) -> None:
        """Drop what the frame before left."""
        last = self.place + (1 if self.backward else -1)
        self.bank.forget(last)
        self._opening.pop(last, None)


class PMaskNetwork(nn.Module):
    """SAM 2 and RoBERTa, both frozen, with CMT adapters between them, and the CME."""

    def __init__(self, config: NetworkConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or NetworkConfig()
        self.sam = Sam2(config.sam)
        self.text = (
            TextEncoder(config.text)
            if config.text.encoder == "roberta"
            else ClipTextEncoder(config.text)
        )
        windows = config.hsa_windows if config.hsa else (0, 0, 0)
        self.adapters = nn.ModuleList(
            CmtAdapter(width, config.text.width, window)
            for width, window in zip(config.sam.hiera.widths[1:], windows, strict=True)
        )
        self.prompts = TextPrompts(config.text.width, motion=config.motion_prompt)
        self.cme = ConditionalMemoryEncoder()

    def forward(
        self,
        frames: Float[Tensor, "t 3 h w"],
        tokens: Tokens,
        track: TextTrack,
        *,
        verbs: Sequence[int] = (),
        parity: bool = False,
    ) -> Iterator[FrameResult]:
        """The next clip of a video, frame by frame.

        Args:
            frames: normalised and padded by `preprocess`; consecutive, `clip_window` of them or
                fewer.
            tokens: one text.
            track: of the clips before; it is moved on.
            verbs: see `TextPrompts`.
            parity: do as the published code with a clip of one frame: forget the video so far.
        """
        if parity and len(frames) == 1:
            track.reset()
        clip = self.clip_features(frames, tokens)
        prompts, plain = self.encode_text(clip.text, verbs), self.encode_text(clip.text)
        for k in range(len(frames)):
            yield self.track_frame(clip.images.frame(k), prompts, track, memoryless_prompts=plain)

    def encode_image(self, frames: Float[Tensor, "t 3 h w"]) -> ImageFeatures:
        """Features without text, for clicks, boxes and masks; any number of targets share them."""
        return self.sam.encode_image(frames)

    def clip_start(self, frames: Float[Tensor, "t 3 h w"]) -> ClipStart:
        """What all texts of a clip share."""
        stage1 = self.sam.image.stage(0, self.sam.image.start(frames))
        return ClipStart(stage1, self.sam.image.stage(1, stage1))

    def clip_features(
        self, frames: Float[Tensor, "t 3 h w"] | ClipStart, tokens: Tokens
    ) -> ClipFeatures:
        """The clip and the text through both encoders, with an adapter after stages 2, 3 and 4.

        Args:
            frames: the clip, or what `clip_start` gave for it.
            tokens: one text.

        Raises:
            InvalidInputError: several texts; each changes the frames' features, so each needs its
                own call.
        """
        if len(tokens.ids) != 1:
            raise InvalidInputError(
                f"{len(tokens.ids)} texts for one clip: call clip_features once per text, with "
                "the same clip_start"
            )
        start = frames if isinstance(frames, ClipStart) else self.clip_start(frames)
        hidden, stages = start.stage2, [start.stage1]
        text = self.text.stage(0, self.text.start(tokens), tokens)
        for k in range(1, STAGES):
            if k > 1:
                hidden = self.sam.image.stage(k, hidden)
            text = self.text.stage(k, text, tokens)
            added = self.adapters[k - 1](hidden.permute(0, 3, 1, 2), text)
            hidden, text = hidden + added.vision.permute(0, 2, 3, 1), text + added.text
            stages.append(hidden)
        return ClipFeatures(self.sam.features(stages), self.text.finish(text, tokens))

    def encode_text(
        self, text: Float[Tensor, "1 l d"], verbs: Sequence[int] = ()
    ) -> EncodedPrompts:
        """The contextual prompt, and the motion prompt where verbs are given."""
        return self.sam.heads.encode_prompts(tokens=self.prompts(text, verbs))

    def track_frame(
        self,
        features: ImageFeatures,
        prompts: EncodedPrompts,
        track: TextTrack,
        *,
        memoryless_prompts: EncodedPrompts | None = None,
    ) -> FrameResult:
        """One frame: read the memory, decode, ask the CME, write the memory.

        Args:
            features: of one frame.
            prompts: of one target.
            track: of the frames before; it is moved on.
            memoryless_prompts: for the CME's own prediction, which never sees the motion prompt;
                default: `prompts`.
        """
        decoded = self.sam.decode(features, prompts, track.recall())
        answer, logits = None, decoded.logits
        if track.schedule.is_due(track.step):
            memoryless = self.sam.decode(features, memoryless_prompts or prompts)
            answer = self._compared(decoded, memoryless)
            if answer.switched:
                track.schedule.switched(track.step)
                logits = switched_logits(logits, memoryless.logits, self.config.cme.mode)
        track.remember(self.sam.encode_memory(features, decoded, logits=logits))
        return FrameResult(decoded, answer)

    def _compared(self, decoded: Decoded, memoryless: Decoded) -> CmeAnswer:
        logits = self.cme(decoded.pointer, memoryless.early_token)
        return CmeAnswer(logits, switches(logits)[0], memoryless)
