"""A text followed through time: consecutive clips, with the confusion check on top.

Source: Cuttano et al., SAMWISE, CVPR 2025 (clips); the confusion check is the project's paper's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray

from peanut_models.flow.dis import DisFlow
from peanut_models.p_mask.confusion import ConfusionCheck, Decision, carry
from peanut_models.p_mask.doubt import reasons
from peanut_models.p_mask.paths import confidence_of
from peanut_models.p_mask.samwise import ClipSeen, ClipSegmenter
from peanut_models.p_mask.segmenter import Seen
from peanut_models.p_mask.settings import TrackSettings
from peanut_models.ranges import FrameRange
from peanut_models.stages import FrameReader, MaskPrompt, TrackedMask
from peanut_models.tracking import TargetMask, TargetPrompts

Image = UInt8[ndarray, "h w 3"]
Mask = Bool[ndarray, "h w"]

SWITCHED = "the text fits another object better: the target was switched"


class ClipStream:
    """`MaskReader` by a `ClipSegmenter`: every frame's mask, in order, a clip at a time.

    Targets with the same run share what does not depend on the text. The run's frames are read
    from its first on, whatever the playhead: a text is followed through time.

    Args:
        segmenter: the network.
        settings: see there.
    """

    def __init__(self, segmenter: ClipSegmenter, settings: TrackSettings | None = None) -> None:
        self._segmenter = segmenter
        self._settings = settings or TrackSettings()

    def check(self, text: str) -> None:
        """See `MaskReader`."""
        self._segmenter.check(text)

    def surest(self, frames: FrameReader, target: TargetPrompts) -> MaskPrompt | None:
        """See `MaskReader`."""
        said = {prompt.frame_index for prompt in target.prompts}
        best: tuple[tuple[bool, float], TrackedMask] | None = None
        for found in self.stream(frames, [target]):
            tracked = found.tracked
            if tracked.frame_index in said or not tracked.mask.any():
                continue
            rank = not found.doubt, tracked.confidence
            if best is None or rank > best[0]:
                best = rank, tracked
        if best is None:
            return None
        return MaskPrompt(frame_index=best[1].frame_index, mask=best[1].mask)

    def stream(self, frames: FrameReader, targets: Sequence[TargetPrompts]) -> Iterator[TargetMask]:
        """See `MaskReader`."""
        groups: dict[FrameRange, list[TargetPrompts]] = {}
        for target in targets:
            groups.setdefault(target.frames, []).append(target)
        for run, group in groups.items():
            yield from self._run(frames, run, group)

    def _run(
        self, frames: FrameReader, run: FrameRange, targets: Sequence[TargetPrompts]
    ) -> Iterator[TargetMask]:
        readings = [Reading(self._segmenter, self._settings, target) for target in targets]
        before: Image | None = None
        for start in range(run.start, run.end, self._segmenter.clip_window):
            end = min(start + self._segmenter.clip_window, run.end)
            images = [frames.read(k) for k in range(start, end)]
            clip = self._segmenter.start(images)
            for reading in readings:
                yield from reading.clip(clip, start, images, before)
            before = images[-1]


class Reading:
    """One text followed through a run."""

    def __init__(
        self, segmenter: ClipSegmenter, settings: TrackSettings, target: TargetPrompts
    ) -> None:
        self._segmenter = segmenter
        self._settings = settings
        self._target_id = target.target_id
        self._carried = segmenter.begin(target.text)
        self._check = ConfusionCheck(settings.confusion)
        self._flow = DisFlow("fast")
        self._before: Mask | None = None

    def clip(
        self, clip: Any, start: int, images: Sequence[Image], before: Image | None
    ) -> Iterator[TargetMask]:
        """The clip's frames.

        Args:
            clip: what the segmenter started.
            start: index of its first frame.
            images: its frames.
            before: the frame before; None at the run's start.
        """
        for k, at in enumerate(self._segmenter.follow(clip, self._carried)):
            yield self._frame(start + k, at, images[k], images[k - 1] if k else before)

    def _frame(self, index: int, at: ClipSeen, image: Image, before: Image | None) -> TargetMask:
        settings, seen = self._settings, at.seen
        mask = np.asarray(seen.logits > settings.logit_threshold)
        sure = seen.confidence >= settings.doubtful_score
        decision = self._check.decide(
            mask,
            lambda area: self._segmenter.describe(at.features, area),
            lambda: self._moved(image, before),
            sure=sure,
        )
        if at.switched_to is not None:
            # Memory holds the other object now, on purpose: that is what to look for.
            meant = np.asarray(at.switched_to > settings.logit_threshold)
            self._check.restart(self._segmenter.describe(at.features, meant))
        elif not decision.remembered:
            self._segmenter.forget(self._carried)
        return self._told(index, decision, seen, switched=at.switched_to is not None)

    def _told(self, index: int, decision: Decision, seen: Seen, *, switched: bool) -> TargetMask:
        confidence = confidence_of(seen, decision)
        area = 0 if self._before is None else int(self._before.sum())
        doubt = reasons(decision, confidence=confidence, area_before=area, settings=self._settings)
        self._before = decision.mask
        if switched:
            doubt = f"{SWITCHED}; {doubt}" if doubt else SWITCHED
        return TargetMask(
            target_id=self._target_id,
            tracked=TrackedMask(frame_index=index, mask=decision.mask, confidence=confidence),
            doubt=doubt,
        )

    def _moved(self, image: Image, before: Image | None) -> Mask | None:
        if self._before is None or before is None or not self._before.any():
            return None
        return carry(self._before, before, image, self._flow)
