"""Clicks, boxes and painted masks to masks of all targets, by SAM 2 or whatever segments like it.

Source: Ravi et al., "SAM 2: Segment Anything in Images and Videos", 2024 (prompts, memory); the
confusion check is the project's paper's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from peanut_models.errors import WeightsMissingError
from peanut_models.flow.dis import DisFlow
from peanut_models.p_mask.clicks import Said, said_of
from peanut_models.p_mask.features import Counts, FrameCache
from peanut_models.p_mask.paths import Anchor, Path, Sweep
from peanut_models.p_mask.segmenter import Seen, Segmenter
from peanut_models.p_mask.settings import TrackSettings
from peanut_models.p_mask.walks import Walk, joined, nearest, walks_of
from peanut_models.stages import FrameReader, TrackedMask
from peanut_models.tracking import Settled, TargetMask, TargetPrompts

Mask = Bool[ndarray, "h w"]

NOTHING_THERE = "nothing is found at this prompt: add a point, or draw a box"


class Sam2Tracker:
    """`MaskTracker` for prompts on frames: all targets in one pass over the frames.

    It holds the features of a few frames, one memory bank for each walk under way, and what each
    prompted frame leaves (1 MB at 1024 px); nothing grows with the length of the clip.

    Args:
        segmenter: the network.
        settings: see there.
    """

    def __init__(self, segmenter: Segmenter, settings: TrackSettings | None = None) -> None:
        self._segmenter = segmenter
        self._settings = settings or TrackSettings()
        self.counts = Counts()
        """Of the last call of `track`."""

    def track(
        self,
        frames: FrameReader,
        targets: Sequence[TargetPrompts],
        *,
        playhead: int | None = None,
    ) -> Iterator[TargetMask | Settled]:
        """See `MaskTracker`; what can be wrong is raised by the call itself.

        Raises:
            InvalidInputError: see `clicks.said_of`.
            WeightsMissingError: a target with a text, which this tracker does not understand.
        """
        self.counts = Counts()
        if not targets:
            return iter(())
        for target in targets:
            if target.text:
                raise no_text_model(target.text)
        cache = FrameCache(frames, self._segmenter, self._settings.cached_frames, self.counts)
        shape = cache.image(_first_frame(targets[0], frames)).shape[:2]
        said = [said_of(target, frames.frame_range, shape) for target in targets]
        return Run(self._segmenter, self._settings, cache, said, playhead, self.counts).all()


class Run:
    """One call of `Sam2Tracker.track`."""

    def __init__(
        self,
        segmenter: Segmenter,
        settings: TrackSettings,
        cache: FrameCache,
        said: Sequence[Said],
        playhead: int | None,
        counts: Counts,
    ) -> None:
        self._segmenter = segmenter
        self._settings = settings
        self._cache = cache
        self._said = said
        self._near = min(said[0].anchors) if playhead is None else playhead
        self._counts = counts
        self._flow = DisFlow("fast")
        self._anchors: list[dict[int, Anchor]] = [{} for _ in said]

    def all(self) -> Iterator[TargetMask | Settled]:
        """Everything, in the order of `MaskTracker.track`."""
        yield from self._prompted()
        walks = [
            (k, walk)
            for k, said in enumerate(self._said)
            for walk in walks_of(said.target, self._near)
        ]
        sweeps = [
            Sweep([self._path(k, walk) for k, walk in sweep], self._segmenter, self._cache)
            for sweep in joined(walks)
        ]
        while sweeps:
            sweep = sweeps[nearest([sweep.span() for sweep in sweeps], self._near)]
            for _ in range(self._settings.turn_frames):
                yield from sweep.step()
                held = sum(path.memories for each in sweeps for path in each.paths)
                self._counts.most_memories = max(self._counts.most_memories, held)
                if sweep.is_done:
                    sweeps.remove(sweep)
                    break

    def _prompted(self) -> Iterator[TargetMask]:
        """The anchors of all targets, frame by frame: what is to be found before what is locked."""
        wanted = [(k, frame) for k, said in enumerate(self._said) for frame in said.anchors]

        def order(item: tuple[int, int]) -> tuple[bool, int, int, int]:
            k, frame = item
            return frame in self._said[k].target.held, abs(frame - self._near), frame, k

        for k, frame in sorted(wanted, key=order):
            said = self._said[k]
            seen, mask, doubt = self._found(said, frame)
            features = self._cache.features(frame)
            self._anchors[k][frame] = Anchor(
                memory=self._segmenter.remember(features, [seen], prompted=True)[0],
                bits=np.packbits(mask),
                feature=self._segmenter.describe(features, mask),
            )
            if frame not in said.target.held:
                painted = said.anchors[frame].mask is not None
                confidence = 1.0 if painted else seen.confidence
                tracked = TrackedMask(frame_index=frame, mask=mask, confidence=confidence)
                yield TargetMask(target_id=said.target.target_id, tracked=tracked, doubt=doubt)

    def _found(self, said: Said, frame: int) -> tuple[Seen, Mask, str]:
        features, painted = self._cache.features(frame), said.anchors[frame].mask
        self._counts.frames_decoded += 1
        if painted is not None:
            return self._segmenter.given(features, painted), painted, ""
        seen = self._segmenter.prompted(features, said.clicks(frame))
        mask = np.asarray(seen.logits > self._settings.logit_threshold)
        if not mask.any():
            return seen, mask, NOTHING_THERE
        low = seen.confidence < self._settings.doubtful_score
        return seen, mask, f"low score: {seen.confidence:.2f}" if low else ""

    def _path(self, k: int, walk: Walk) -> Path:
        return Path(
            self._segmenter,
            self._settings,
            self._cache,
            self._flow,
            self._said[k],
            walk,
            self._anchors[k],
            self._counts,
        )


def no_text_model(text: str) -> WeightsMissingError:
    """The error for a text that nothing understands."""
    return WeightsMissingError(
        f"the text {text[:40]!r} needs a model that understands it, and none is loaded: use "
        "clicks, or install one with peanut models add MODEL FILE (peanut models list names them)"
    )


def _first_frame(target: TargetPrompts, frames: FrameReader) -> int:
    anchors = [k for k in target.anchors() if k in frames.frame_range]
    return anchors[0] if anchors else frames.frame_range.start
