"""A text followed through time: clip by clip, with the confusion check on top.

Source: Cuttano et al., SAMWISE, CVPR 2025 (clips); the confusion check is the project's paper's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
    """`MaskReader` by a `ClipSegmenter`: every frame's mask, a clip at a time.

    The run is cut into clips from its first frame on, as in the paper. The clip under the playhead
    comes first; from there memory goes forward and backward, a clip at a time in turns. Without a
    playhead, or with one on the first clip, this is the paper's procedure. Targets with the same
    run share what does not depend on the text.

    Args:
        segmenter: the network.
        settings: see there.
        from_start: forward from the first clip on, whatever the playhead, as published.
    """

    def __init__(
        self,
        segmenter: ClipSegmenter,
        settings: TrackSettings | None = None,
        *,
        from_start: bool = False,
    ) -> None:
        self._segmenter = segmenter
        self._settings = settings or TrackSettings()
        self._from_start = from_start

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

    def stream(
        self,
        frames: FrameReader,
        targets: Sequence[TargetPrompts],
        *,
        playhead: int | None = None,
    ) -> Iterator[TargetMask]:
        """See `MaskReader`."""
        near = None if self._from_start else playhead
        groups: dict[FrameRange, list[TargetPrompts]] = {}
        for target in targets:
            groups.setdefault(target.frames, []).append(target)
        for run, group in groups.items():
            yield from self._run(frames, run, group, near)

    def _run(
        self,
        frames: FrameReader,
        run: FrameRange,
        targets: Sequence[TargetPrompts],
        playhead: int | None,
    ) -> Iterator[TargetMask]:
        forward = [Reading.begun(self._segmenter, self._settings, target) for target in targets]
        backward: list[Reading] = []
        for clip, is_forward in outwards(run, self._segmenter.clip_window, playhead):
            images = [frames.read(k) for k in clip]
            started = self._segmenter.start(images)
            for reading in forward if is_forward else backward:
                yield from reading.clip(started, clip.start, images)
            if not backward:
                # From what the first clip has left, before later ones replace it.
                backward = [reading.turned() for reading in forward]


def outwards(
    run: FrameRange, window: int, playhead: int | None
) -> Iterator[tuple[FrameRange, bool]]:
    """Clips of a run, the one under the playhead first, and whether each lies forward from it.

    Args:
        run: what is cut, from its first frame on; only the last clip may be shorter.
        window: frames per clip.
        playhead: any frame; None: the run's first.
    """
    clips = [FrameRange(k, min(k + window, run.end)) for k in range(run.start, run.end, window)]
    near = run.start if playhead is None else min(max(playhead, run.start), run.end - 1)
    first = (near - run.start) // window
    for away in range(max(first + 1, len(clips) - first)):
        if first + away < len(clips):
            yield clips[first + away], True
        if 0 < away <= first:
            yield clips[first - away], False


@dataclass(frozen=True, slots=True)
class Last:
    """The frame before: its picture and what was found there."""

    image: Image
    mask: Mask


class Reading:
    """One text followed one way through a run.

    Args:
        segmenter: the network.
        settings: see `TrackSettings`.
        target: whose text.
        carried: the network's state.
        check: the confusion check's.
        last: the frame before; None at the start.
        backward: towards the run's first frame.
    """

    def __init__(
        self,
        segmenter: ClipSegmenter,
        settings: TrackSettings,
        target: TargetPrompts,
        carried: Any,
        check: ConfusionCheck,
        last: Last | None = None,
        *,
        backward: bool = False,
    ) -> None:
        self._segmenter = segmenter
        self._settings = settings
        self._target = target
        self._carried = carried
        self._check = check
        self._flow = DisFlow("fast")
        self._last = last
        self._first = last
        self._backward = backward

    @classmethod
    def begun(
        cls, segmenter: ClipSegmenter, settings: TrackSettings, target: TargetPrompts
    ) -> Reading:
        """From a frame that has none before it."""
        carried = segmenter.begin(target.text)
        return cls(segmenter, settings, target, carried, ConfusionCheck(settings.confusion))

    def turned(self) -> Reading:
        """The other way, from the first frame; to be asked for after the first clip."""
        return Reading(
            self._segmenter,
            self._settings,
            self._target,
            self._segmenter.turned(self._carried),
            self._check.copy(),
            self._first,
            backward=True,
        )

    def clip(self, clip: Any, start: int, images: Sequence[Image]) -> Iterator[TargetMask]:
        """The clip's frames, in the reading's direction.

        Args:
            clip: what the segmenter started.
            start: index of its first frame.
            images: its frames.
        """
        places = range(len(images))
        order = reversed(places) if self._backward else places
        for k, at in zip(order, self._segmenter.follow(clip, self._carried), strict=True):
            yield self._frame(start + k, at, images[k])

    def _frame(self, index: int, at: ClipSeen, image: Image) -> TargetMask:
        settings, seen = self._settings, at.seen
        mask = np.asarray(seen.logits > settings.logit_threshold)
        sure = seen.confidence >= settings.doubtful_score
        decision = self._check.decide(
            mask,
            lambda area: self._segmenter.describe(at.features, area),
            lambda: self._moved(image),
            sure=sure,
        )
        if at.switched_to is not None:
            # Memory holds the other object now, on purpose: that is what to look for.
            meant = np.asarray(at.switched_to > settings.logit_threshold)
            self._check.restart(self._segmenter.describe(at.features, meant))
        elif not decision.remembered:
            self._segmenter.forget(self._carried)
        told = self._told(index, decision, seen, switched=at.switched_to is not None)
        self._last = Last(image, decision.mask)
        self._first = self._first or self._last
        return told

    def _told(self, index: int, decision: Decision, seen: Seen, *, switched: bool) -> TargetMask:
        confidence = confidence_of(seen, decision)
        area = 0 if self._last is None else int(self._last.mask.sum())
        doubt = reasons(decision, confidence=confidence, area_before=area, settings=self._settings)
        if switched:
            doubt = f"{SWITCHED}; {doubt}" if doubt else SWITCHED
        return TargetMask(
            target_id=self._target.target_id,
            tracked=TrackedMask(frame_index=index, mask=decision.mask, confidence=confidence),
            doubt=doubt,
        )

    def _moved(self, image: Image) -> Mask | None:
        last = self._last
        if last is None or not last.mask.any():
            return None
        return carry(last.mask, last.image, image, self._flow)
