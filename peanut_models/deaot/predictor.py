"""Clicks, boxes and painted masks to masks of all targets, by DeAOT.

The first mask of a target comes from the embedded profile's segmentation, or is painted: the
network itself knows no clicks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from peanut_models.deaot.config import PredictorConfig
from peanut_models.deaot.network import DeaotNetwork
from peanut_models.deaot.sweep import Anchors, Way, sweep
from peanut_models.embedded.masks.motion import FlowField
from peanut_models.embedded.masks.tracker import PackedMask, make_anchor
from peanut_models.errors import WeightsMissingError
from peanut_models.p_mask.clicks import Said, said_of
from peanut_models.p_mask.walks import joined, nearest, walks_of
from peanut_models.stages import FrameReader, TrackedMask
from peanut_models.tracking import Settled, TargetMask, TargetPrompts


class DeaotTracker:
    """`MaskTracker` for prompts on frames: all targets of a sweep in one pass of the network.

    Each pixel belongs to one target at most, so where targets overlap the more certain one has
    it. One frame's features are held at a time, and as many in memory as the settings allow;
    nothing grows with the length of the clip but a bit per pixel of each prompted frame.

    Args:
        network: ready for inference, on its device.
        config: see there.
    """

    def __init__(self, network: DeaotNetwork, config: PredictorConfig | None = None) -> None:
        self._network = network
        self._config = config or PredictorConfig()

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
        if not targets:
            return iter(())
        for target in targets:
            if target.text:
                raise WeightsMissingError(
                    f"the text {target.text[:40]!r} needs a model that understands it, which DeAOT "
                    "does not: use clicks, or another model (peanut models list)"
                )
        first = min((k for t in targets for k in t.anchors() if k in frames.frame_range), default=0)
        start = first if first in frames.frame_range else frames.frame_range.start
        height, width = frames.read(start).shape[:2]
        said = [said_of(target, frames.frame_range, (height, width)) for target in targets]
        return self._run(frames, said, playhead)

    def _run(
        self, frames: FrameReader, said: Sequence[Said], playhead: int | None
    ) -> Iterator[TargetMask | Settled]:
        near = min(k for one in said for k in one.anchors) if playhead is None else playhead
        anchors: list[Anchors] = [{} for _ in said]
        wanted = [(k, frame) for k, one in enumerate(said) for frame in one.anchors]
        for k, frame in sorted(wanted, key=lambda item: (abs(item[1] - near), item[1], item[0])):
            target, prompt = said[k].target, said[k].anchors[frame]
            image = frames.read(frame)
            anchor = make_anchor(frames, frame, image, prompt, FlowField())
            anchors[k][frame] = PackedMask.of(anchor.mask, anchor.confidence)
            if frame not in target.held:
                tracked = TrackedMask(
                    frame_index=frame, mask=anchor.mask.copy(), confidence=anchor.confidence
                )
                yield TargetMask(target_id=target.target_id, tracked=tracked)
        walks = [(k, walk) for k, one in enumerate(said) for walk in walks_of(one.target, near)]
        sweeps = joined(walks)
        while sweeps:
            spans = [
                (min(min(w.indices) for _, w in one), max(max(w.indices) for _, w in one))
                for one in sweeps
            ]
            ways = [
                Way(k, said[k], walk, anchors[k]) for k, walk in sweeps.pop(nearest(spans, near))
            ]
            yield from sweep(self._network, self._config, frames, ways)
