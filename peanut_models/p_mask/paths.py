"""Walks under way: one target's memory, its confusion check, and the mask before; and sweeps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray

from peanut_models.flow.dis import DisFlow
from peanut_models.p_mask.clicks import Said
from peanut_models.p_mask.confusion import ConfusionCheck, Decision, Feature, Verdict, carry
from peanut_models.p_mask.doubt import reasons
from peanut_models.p_mask.features import Counts, FrameCache
from peanut_models.p_mask.memory import Memory, MemoryBank, Recalled
from peanut_models.p_mask.segmenter import Seen, Segmenter
from peanut_models.p_mask.settings import TrackSettings
from peanut_models.p_mask.walks import Walk
from peanut_models.stages import TrackedMask
from peanut_models.tracking import Settled, Settling, TargetMask

Mask = Bool[ndarray, "h w"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A prompted or locked frame of one target.

    Attributes:
        memory: what it leaves for other frames.
        bits: its mask at one bit per pixel.
        feature: what the target looks like there; None where it is absent.
    """

    memory: Memory
    bits: UInt8[ndarray, " n"]
    feature: Feature | None


class Path:
    """A walk under way: its memory, its check, and the mask before."""

    def __init__(
        self,
        segmenter: Segmenter,
        settings: TrackSettings,
        cache: FrameCache,
        flow: DisFlow,
        said: Said,
        walk: Walk,
        anchors: dict[int, Anchor],
        counts: Counts,
    ) -> None:
        self._segmenter = segmenter
        self._settings = settings
        self._cache = cache
        self._flow = flow
        self._said = said
        self.walk = walk
        self._anchors = anchors
        self._counts = counts
        self._settling = Settling(said.target, walk.part)
        self._done = 0
        self._bank: MemoryBank | None = None
        self._check = ConfusionCheck(settings.confusion)
        self._before: tuple[int, UInt8[ndarray, " n"], int] = (walk.origin, np.zeros(0, "u1"), 0)

    @property
    def left(self) -> range:
        """The frames still to visit."""
        return self.walk.indices[self._done :]

    @property
    def memories(self) -> int:
        """Frames that have left something which is still kept."""
        return 0 if self._bank is None else len(self._bank)

    def recall(self) -> Recalled:
        """What the next frame reads from memory."""
        bank = self._bank or self._begun()
        return bank.recall(self.left[0], backward=self.walk.backward)

    def judge(self, recalled: Recalled, seen: Seen) -> tuple[Seen, Decision]:
        """What was said and what the confusion check thinks of the next frame.

        Args:
            recalled: from `recall`.
            seen: what the network makes of it.

        Returns:
            What was seen after the user's clicks, and the decision about it.
        """
        index = self.left[0]
        features, clicks = self._cache.features(index), self._said.refined.get(index)
        self._counts.frames_decoded += 1
        if clicks is not None:
            seen = self._segmenter.refine(features, recalled, seen, clicks)
        mask = np.asarray(seen.logits > self._settings.logit_threshold)
        return seen, self._judged(index, mask, seen, clicked=clicks is not None)

    def step(
        self, seen: Seen, decision: Decision, memory: Memory | None
    ) -> Iterator[TargetMask | Settled]:
        """Move on to the frame after the next.

        Args:
            seen: the next frame, as judged.
            decision: about it.
            memory: what it leaves; None where it is not to be remembered.
        """
        index = self.left[0]
        if memory is not None and self._bank is not None:
            self._bank.push(index, memory)
        self._done += 1
        yield (found := self._told(index, seen, decision))
        rest = self._settling.see(index, found.tracked.mask)
        if rest is not None:
            yield Settled(target_id=found.target_id, frames=rest)
            self._done = len(self.walk.indices)
        if not self.left:
            self._bank = None

    def _begun(self) -> MemoryBank:
        settings, origin = self._settings, self.walk.origin
        self._bank = bank = MemoryBank(
            masks=settings.memory_frames, prompted=settings.prompted_memories
        )
        # The nearest last: the bank keeps what is near what it was given last.
        order = sorted(self._anchors, key=lambda k: -abs(k - origin))[-settings.prompted_memories :]
        for k in order:
            bank.push(k, self._anchors[k].memory, prompted=True)
        features = [self._anchors[k].feature for k in order]
        self._check = ConfusionCheck(settings.confusion, [f for f in features if f is not None])
        bits = self._anchors[origin].bits
        self._before = origin, bits, _area(bits)
        return bank

    def _told(self, index: int, seen: Seen, decision: Decision) -> TargetMask:
        confidence = confidence_of(seen, decision)
        doubt = reasons(
            decision,
            confidence=confidence,
            area_before=self._before[2],
            settings=self._settings,
        )
        bits = np.packbits(decision.mask)
        self._before = index, bits, _area(bits)
        return TargetMask(
            target_id=self._said.target.target_id,
            tracked=TrackedMask(frame_index=index, mask=decision.mask, confidence=confidence),
            doubt=doubt,
        )

    def _judged(self, index: int, mask: Mask, seen: Seen, *, clicked: bool) -> Decision:
        if clicked:
            # The user has just said what is right here.
            return Decision(verdict=Verdict.UNSEEN, mask=mask, similarity=np.nan, threshold=np.nan)
        features = self._cache.features(index)
        return self._check.decide(
            mask,
            lambda area: self._segmenter.describe(features, area),
            lambda: self._carried(index, mask.shape),
            sure=seen.confidence >= self._settings.doubtful_score,
        )

    def _carried(self, index: int, shape: tuple[int, ...]) -> Mask | None:
        before, bits, area = self._before
        if not area:
            return None
        count = shape[0] * shape[1]
        earlier = np.unpackbits(bits, count=count).reshape(shape).astype(np.bool_)
        return carry(earlier, self._cache.image(before), self._cache.image(index), self._flow)


class Sweep:
    """Walks in one direction that share frames, moved on together."""

    def __init__(self, paths: Sequence[Path], segmenter: Segmenter, cache: FrameCache) -> None:
        self.paths = list(paths)
        self._segmenter = segmenter
        self._cache = cache

    @property
    def is_done(self) -> bool:
        """Whether no walk has a frame left."""
        return not self.paths

    def span(self) -> tuple[int, int]:
        """The lowest and the highest frame that is left."""
        ends = [end for path in self.paths for end in (path.left[0], path.left[-1])]
        return min(ends), max(ends)

    def step(self) -> Iterator[TargetMask | Settled]:
        """The next frame, for all walks that it concerns: in one pass of the network."""
        heads = [path.left[0] for path in self.paths]
        index = max(heads) if self.paths[0].walk.backward else min(heads)
        concerned = [path for path in self.paths if path.left[0] == index]
        recalled, features = [path.recall() for path in concerned], self._cache.features(index)
        followed = self._segmenter.follow(features, recalled)
        judged = [
            path.judge(*pair)
            for path, pair in zip(concerned, zip(recalled, followed, strict=True), strict=True)
        ]
        kept = [seen for seen, decision in judged if decision.remembered]
        left = iter(self._segmenter.remember(features, kept, prompted=False) if kept else ())
        for path, (seen, decision) in zip(concerned, judged, strict=True):
            yield from path.step(seen, decision, next(left) if decision.remembered else None)
        self.paths = [path for path in self.paths if path.left]


def confidence_of(seen: Seen, decision: Decision) -> float:
    """The network's own, less where the mask is not believed."""
    if decision.remembered:
        return seen.confidence
    return seen.confidence * min(max(decision.similarity, 0.0), 1.0)


def _area(bits: UInt8[ndarray, " n"]) -> int:
    return int(np.bitwise_count(bits).sum())
