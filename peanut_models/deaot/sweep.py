"""One pass over the frames, in one direction, for all targets that are under way there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Int64, UInt8
from numpy import ndarray
from torch import Tensor

from peanut_models.deaot.config import PredictorConfig
from peanut_models.deaot.engine import Predicted, Propagation, prepared
from peanut_models.deaot.network import DeaotNetwork, Encoded
from peanut_models.embedded.masks.segment import segment_box
from peanut_models.embedded.masks.tracker import PackedMask
from peanut_models.p_mask.clicks import Said
from peanut_models.p_mask.segmenter import Clicks, running
from peanut_models.p_mask.walks import Walk
from peanut_models.stages import FrameReader, TrackedMask
from peanut_models.tracking import Settled, Settling, TargetMask

Mask = Bool[ndarray, "h w"]
Anchors = dict[int, PackedMask]


class Way:
    """A walk under way.

    Args:
        owner: number of the target.
        said: its prompts.
        walk: the frames to visit.
        anchors: its masks where they are known.
    """

    def __init__(self, owner: int, said: Said, walk: Walk, anchors: Anchors) -> None:
        self.owner = owner
        self.said = said
        self.origin = walk.origin
        self.backward = walk.backward
        self.anchors = anchors
        self.left = walk.indices
        self._settling = Settling(said.target, walk.part)
        self._seen_before = True

    def told(
        self, index: int, mask: Mask, confidence: float, doubtful: float
    ) -> Iterator[TargetMask | Settled]:
        """Move on past a frame."""
        doubt = ""
        if not mask.any():
            # Said once: it may be out of the picture for long.
            doubt = "lost: nothing is found from this frame on" if self._seen_before else ""
        elif confidence < doubtful:
            doubt = f"low score: {confidence:.2f}, below {doubtful:.2f}"
        self._seen_before = bool(mask.any())
        self.left = self.left[1:]
        tracked = TrackedMask(frame_index=index, mask=mask, confidence=confidence)
        name = self.said.target.target_id
        yield TargetMask(target_id=name, tracked=tracked, doubt=doubt)
        rest = self._settling.see(index, mask)
        if rest is not None:
            yield Settled(target_id=name, frames=rest)
            self.left = self.left[:0]


def sweep(
    network: DeaotNetwork, config: PredictorConfig, frames: FrameReader, ways: Sequence[Way]
) -> Iterator[TargetMask | Settled]:
    """Masks of all frames of some ways of one direction.

    Args:
        network: ready for inference, on its device.
        config: see there.
        frames: read one at a time.
        ways: a target may have several.
    """
    step = -1 if ways[0].backward else 1
    stops = [way.left[-1] for way in ways]
    first = min((way.origin for way in ways), key=lambda k: k * step)
    last = max(stops, key=lambda k: k * step)
    passes = Pass(network, config, len({way.owner for way in ways}))
    for index in range(first, last + step, step):
        starting = [way for way in ways if way.origin == index]
        under_way = [way for way in ways if way.left and way.left[0] == index]
        if not starting and not under_way:
            # All have settled; what starts later knows nothing of what was.
            passes.forget()
            continue
        yield from passes.over(index, frames.read(index), starting, under_way)


class Pass:
    """The network's state during a sweep, and which label means which target."""

    def __init__(self, network: DeaotNetwork, config: PredictorConfig, targets: int) -> None:
        self._network = network
        self._config = config
        self._targets = targets
        self._device = next(network.parameters()).device
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self._labels: dict[int, int] = {}
        self._propagation = Propagation(self._network, self._config, self._targets)

    def over(
        self,
        index: int,
        image: UInt8[ndarray, "h w 3"],
        starting: Sequence[Way],
        under_way: Sequence[Way],
    ) -> Iterator[TargetMask | Settled]:
        """One frame.

        Args:
            index: of the frame.
            image: RGB.
            starting: ways that begin here: their masks are known.
            under_way: ways to find the mask of.
        """
        height, width = image.shape[:2]
        with running(self._device, self._config.precision):
            frame = self._network.encode(self._prepared(image))
            if self._labels:
                found = self._propagation.step(frame, (height, width))
                labels = found.labels.cpu().numpy()
            else:
                found, labels = None, np.zeros((height, width), np.int64)
        told: list[tuple[Way, Mask, float]] = []
        corrected = bool(starting)
        for way in under_way:
            assert found is not None
            label = self._labels[way.owner]
            mask = np.asarray(labels == label)
            clicks = way.said.refined.get(index)
            if clicks is not None:
                mask = without(image, mask, clicks)
                labels[labels == label] = 0
                labels[mask] = label
                corrected = True
            told.append((way, mask, self._confidence(found, label, mask)))
        for way in starting:
            label = self._labels.setdefault(way.owner, len(self._labels) + 1)
            labels[labels == label] = 0
            labels[way.anchors[index].unpack((height, width))] = label
        self._leave(frame, labels, given=corrected)
        for way, mask, confidence in told:
            yield from way.told(index, mask, confidence, self._config.doubtful)

    def _leave(self, frame: Encoded, labels: Int64[ndarray, "h w"], *, given: bool) -> None:
        with running(self._device, self._config.precision):
            decided = torch.from_numpy(labels).to(self._device)
            if given:
                self._propagation.refer(frame, decided, len(self._labels))
            else:
                self._propagation.remember(frame, decided)

    def _prepared(self, image: UInt8[ndarray, "h w 3"]) -> Tensor:
        return prepared(image, self._config.long_edge_px).to(self._device)

    def _confidence(self, found: Predicted, label: int, mask: Mask) -> float:
        """Mean probability inside the mask; 0 where there is none."""
        if not mask.any():
            return 0.0
        inside = torch.from_numpy(mask).to(self._device)
        with torch.inference_mode():
            return float(found.logits.float().softmax(dim=1)[0, label][inside].mean())


def without(image: UInt8[ndarray, "h w 3"], mask: Mask, clicks: Clicks) -> Mask:
    """What negative clicks leave of a mask, by the embedded profile's segmentation."""
    if not mask.any():
        return mask
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    box = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
    return np.asarray(mask & segment_box(image, box, [], list(clicks.points)))
