"""SAMWISE's network as what reads a stream needs it: clips of a few frames, each with the text.

Source: Cuttano et al., SAMWISE, CVPR 2025.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray

from peanut_models.errors import InvalidInputError
from peanut_models.p_mask.backbone import ImageFeatures
from peanut_models.p_mask.network import ClipStart, PMaskNetwork, TextTrack
from peanut_models.p_mask.preprocess import Placement, placement, prepared
from peanut_models.p_mask.segmenter import Seen, described, running, seen_of
from peanut_models.p_mask.settings import Precision
from peanut_models.p_mask.text import Tokens

Image = UInt8[ndarray, "h w 3"]
Mask = Bool[ndarray, "h w"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSeen:
    """One frame of a clip, for one text.

    Attributes:
        seen: the mask.
        features: for `ClipSegmenter.describe`.
        switched_to: logits of the object that later frames may follow instead; None where the
            target stays.
    """

    seen: Seen
    features: Any
    switched_to: Float32[ndarray, "h w"] | None = None


class ClipSegmenter(Protocol):
    """A network that reads clips with a text, and remembers from clip to clip."""

    @property
    def clip_window(self) -> int:
        """Frames per clip."""
        ...

    def check(self, text: str) -> None:
        """Refuse a text that cannot be read."""
        ...

    def begin(self, text: str) -> Any:
        """What is carried from frame to frame for one text."""
        ...

    def start(self, images: Sequence[Image]) -> Any:
        """What all texts share of a clip."""
        ...

    def follow(self, clip: Any, carried: Any) -> Iterator[ClipSeen]:
        """The frames of the clip; each is remembered before it is given.

        In order, or from the last to the first with what `turned` gave.
        """
        ...

    def turned(self, carried: Any) -> Any:
        """What is carried towards the first frame, after the first clip and before the second."""
        ...

    def forget(self, carried: Any) -> None:
        """Drop the memory of the frame that was given last."""
        ...

    def describe(self, features: Any, mask: Mask) -> Float32[ndarray, " c"] | None:
        """See `Segmenter.describe`."""
        ...


class Started(NamedTuple):
    """A clip before any text."""

    stages: ClipStart
    where: Placement


@dataclass(slots=True)
class Carried:
    """One text and what it has seen."""

    tokens: Tokens
    track: TextTrack


class SamwiseSegmenter:
    """SAMWISE's network as a `ClipSegmenter`.

    Args:
        network: ready for inference, on its device.
        tokenizer: text to tokens.
        precision: of convolutions and products; the halves are for accelerators.
        parity: do as the published code with a last clip of one frame: forget the video so far.
    """

    def __init__(
        self,
        network: PMaskNetwork,
        tokenizer: Callable[[str], Tokens],
        *,
        precision: Precision = "float32",
        parity: bool = False,
    ) -> None:
        self._network = network
        self._tokenizer = tokenizer
        self._precision = precision
        self._parity = parity
        self._device = next(network.parameters()).device

    @property
    def clip_window(self) -> int:
        """See `ClipSegmenter`."""
        return self._network.config.clip_window

    def check(self, text: str) -> None:
        """See `ClipSegmenter`.

        Raises:
            InvalidInputError: more tokens than the text encoder takes.
        """
        count, most = self._tokenizer(text).ids.shape[1], self._network.config.text.max_tokens
        if count > most:
            raise InvalidInputError(
                f"the text has {count} tokens: at most {most} are possible; say it shorter"
            )

    def begin(self, text: str) -> Carried:
        """See `ClipSegmenter`."""
        ids, valid = self._tokenizer(text)
        tokens = Tokens(ids.to(self._device), valid.to(self._device))
        return Carried(tokens, TextTrack(self._network.config))

    def start(self, images: Sequence[Image]) -> Started:
        """See `ClipSegmenter`."""
        side = self._network.config.sam.image_size_px
        frames = prepared(np.stack(images), image_size_px=side)
        where = placement(*images[0].shape[:2], image_size_px=side)
        with running(self._device, self._precision):
            return Started(self._network.clip_start(frames.to(self._device)), where)

    def follow(self, clip: Started, carried: Carried) -> Iterator[ClipSeen]:
        """See `ClipSegmenter`."""
        network, count = self._network, len(clip.stages.stage1)
        if self._parity and count == 1:
            carried.track.reset()
        with running(self._device, self._precision):
            features = network.clip_features(clip.stages, carried.tokens)
            prompts = network.encode_text(features.text)
        for k in reversed(range(count)) if carried.track.backward else range(count):
            image = features.images.frame(k)
            # Entered anew for each frame: it must not reach into the code between two frames.
            with running(self._device, self._precision):
                result = network.track_frame(image, prompts, carried.track)
                seen, other = seen_of(result.decoded, clip.where), None
                if result.cme is not None and result.cme.switched:
                    logits = clip.where.to_source(result.cme.memoryless.logits.float())
                    other = logits[0, 0].cpu().numpy()
            yield ClipSeen(seen=seen, features=(image, clip.where), switched_to=other)

    def turned(self, carried: Carried) -> Carried:
        """See `ClipSegmenter`."""
        return Carried(carried.tokens, carried.track.turned())

    def forget(self, carried: Carried) -> None:
        """See `ClipSegmenter`."""
        carried.track.forget_last()

    def describe(
        self, features: tuple[ImageFeatures, Placement], mask: Mask
    ) -> Float32[ndarray, " c"] | None:
        """See `ClipSegmenter`."""
        with torch.inference_mode():
            return described(features[0].stride16, mask, features[1])
