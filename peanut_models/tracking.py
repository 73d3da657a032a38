"""Tracking many targets, anew or only where something was corrected."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray

from peanut_models.errors import InvalidInputError, WeightsMissingError
from peanut_models.ranges import FrameRange
from peanut_models.stages import FrameReader, MaskPrompt, PointPrompt, Prompt, TrackedMask

SETTLED_FRAMES = 8
"""After so many frames in a row that a correction left as they were, it is taken not to reach
farther: one or two may be equal by chance, as when the target is hidden."""

SAME_IOU = 0.995
"""Overlap above which two masks are the same: what is left is single pixels of the outline."""

Mask = Bool[ndarray, "h w"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPrompts:
    """What is to be tracked of one target.

    Attributes:
        target_id: which.
        frames: the run to compute; no frame outside is looked at for it.
        prompts: what was said on frames of the run, and masks of the frames that are held.
        text: what was said of the whole range; empty if nothing.
        held: frames of the run whose masks are given and stay as they are.
        before: the mask that a frame had; None where it had none. With it, the tracking ends
            where a correction changes nothing any more.
    """

    target_id: str
    frames: FrameRange
    prompts: Sequence[Prompt]
    text: str = ""
    held: frozenset[int] = frozenset()
    before: Callable[[int], Mask | None] = field(default=lambda frame_index: None)

    def anchors(self) -> tuple[int, ...]:
        """Frames on which the prompts alone say where the target is, in order."""
        return tuple(sorted({p.frame_index for p in self.prompts if is_positive(p)}))


def is_positive(prompt: Prompt) -> bool:
    """Whether a prompt says where the target is, not only where it is not."""
    return not isinstance(prompt, PointPrompt) or prompt.positive


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetMask:
    """The mask of one target on one frame.

    Attributes:
        target_id: which.
        tracked: the mask.
        doubt: why the frame should be looked at, in words; empty where there is no reason.
    """

    target_id: str
    tracked: TrackedMask
    doubt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Frames of a target that a correction does not reach: they keep the masks they have."""

    target_id: str
    frames: FrameRange


@runtime_checkable
class MaskTracker(Protocol):
    """P-MASK: prompts and frames to the masks of all targets in one pass."""

    def track(
        self,
        frames: FrameReader,
        targets: Sequence[TargetPrompts],
        *,
        playhead: int | None = None,
    ) -> Iterator[TargetMask | Settled]:
        """Yield a mask for every frame of every target's run that is not held or settled.

        Prompted frames first, then outwards, what is nearest the playhead before the rest. The
        caller cancels by closing the iterator. Memory does not grow with the range.

        Raises:
            InvalidInputError: no positive prompt, or one outside the picture or the range.
            WeightsMissingError: a text, and nothing that understands it.
        """
        ...


class OneTargetTracker(Protocol):
    """A tracker that knows one target at a time, from prompts on frames."""

    def track(self, frames: FrameReader, prompts: Sequence[Prompt]) -> Iterator[TrackedMask]:
        """One mask for each frame of the range, prompted frames first, then outwards."""
        ...


class OneByOne:
    """Makes a `MaskTracker` of a `OneTargetTracker`: target by target, side by side of an anchor.

    Args:
        tracker: of one target.
    """

    def __init__(self, tracker: OneTargetTracker) -> None:
        self._tracker = tracker

    def track(
        self,
        frames: FrameReader,
        targets: Sequence[TargetPrompts],
        *,
        playhead: int | None = None,
    ) -> Iterator[TargetMask | Settled]:
        """See `MaskTracker`."""
        for target in targets:
            if target.text:
                raise WeightsMissingError(
                    f"the text {target.text[:40]!r} needs a model that understands it, which this "
                    "profile has not: use clicks, or a profile with one (peanut models list) "
                    "after peanut models add MODEL FILE"
                )
            if not target.anchors():
                raise InvalidInputError(
                    f"target {target.target_id!r} has no prompt that says where it is in "
                    f"{target.frames}: give a point on it, a box around it or a mask"
                )
        for target in targets:
            yield from self._one(frames, target, playhead)

    def _one(
        self, frames: FrameReader, target: TargetPrompts, playhead: int | None
    ) -> Iterator[TargetMask | Settled]:
        given = set(target.held)
        for part in parts_of(target, playhead):
            prompts = [p for p in target.prompts if p.frame_index in part]
            settling = Settling(target, part)
            for tracked in self._tracker.track(_Part(frames, part), prompts):
                index = tracked.frame_index
                if index in given:
                    continue
                given.add(index)
                yield TargetMask(target_id=target.target_id, tracked=tracked)
                rest = settling.see(index, tracked.mask)
                if rest is not None:
                    yield Settled(target_id=target.target_id, frames=rest)
                    break


def parts_of(target: TargetPrompts, playhead: int | None) -> list[FrameRange]:
    """The stretches between a target's anchors, each with its anchors, nearest playhead first.

    What lies between two anchors follows from these two alone, so a stretch is computed once and
    a correction reaches the next anchor at most. Without earlier masks, all is one stretch.
    """
    anchors = target.anchors()
    if not target.held and all(target.before(k) is None for k in anchors):
        return [target.frames]
    borders = sorted({target.frames.start, *anchors, target.frames.end - 1})
    parts = [
        FrameRange(a, b + 1) for a, b in pairwise(borders) if any(k in (a, b) for k in anchors)
    ] or [target.frames]
    near = anchors[0] if playhead is None else playhead
    return sorted(parts, key=lambda part: (_distance(part, near), part.start))


def _distance(part: FrameRange, frame_index: int) -> int:
    return max(part.start - frame_index, frame_index - (part.end - 1), 0)


class Settling:
    """Notices that a correction changes nothing any more.

    Args:
        target: with the masks from before.
        part: the stretch that is tracked, with a corrected anchor at one end or both.
    """

    def __init__(self, target: TargetPrompts, part: FrameRange) -> None:
        fresh = [
            k for k in (part.start, part.end - 1) if k in target.anchors() and k not in target.held
        ]
        # Corrected at both ends, the middle may change from either side: all of it is computed.
        self._from = fresh[0] if len(fresh) == 1 else None
        self._clicked = {p.frame_index for p in target.prompts} - {*target.anchors()}
        self._before = target.before
        self._part = part
        self._unchanged: set[int] = set()

    def see(self, frame_index: int, mask: Mask) -> FrameRange | None:
        """Take a new mask into account; the frames beyond, once the correction has died out."""
        if self._from is None or frame_index == self._from:
            return None
        old = self._before(frame_index)
        if old is None or not same(old, mask):
            return None
        self._unchanged.add(frame_index)
        step = 1 if self._from == self._part.start else -1
        last = [frame_index - step * k for k in range(SETTLED_FRAMES)]
        if not all(k in self._unchanged for k in last):
            return None
        ahead = (frame_index + 1, self._part.end) if step > 0 else (self._part.start, frame_index)
        # A click that is still to come may change what lies beyond.
        if ahead[0] >= ahead[1] or any(ahead[0] <= k < ahead[1] for k in self._clicked):
            return None
        return FrameRange(*ahead)


def same(a: Mask, b: Mask) -> bool:
    """Whether two masks are the same but for single pixels of the outline."""
    if a.shape != b.shape:
        return False
    either = np.count_nonzero(a | b)
    return bool(np.count_nonzero(a & b) >= SAME_IOU * either)


class _Part:
    """A `FrameReader` of a stretch."""

    def __init__(self, frames: FrameReader, part: FrameRange) -> None:
        self._frames = frames
        self._part = part

    @property
    def frame_range(self) -> FrameRange:
        return self._part

    def read(self, frame_index: int) -> UInt8[ndarray, "h w 3"]:
        return self._frames.read(frame_index)


def held_mask(frame_index: int, mask: Mask) -> MaskPrompt:
    """The prompt that stands for a frame whose mask is given."""
    return MaskPrompt(frame_index=frame_index, mask=mask)
