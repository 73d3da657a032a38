"""Images and their features, once per frame for all targets."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from jaxtyping import UInt8
from numpy import ndarray

from peanut_models.p_mask.segmenter import Segmenter
from peanut_models.stages import FrameReader

Image = UInt8[ndarray, "h w 3"]


@dataclass(slots=True)
class Counts:
    """What one tracking has cost.

    Attributes:
        frames_encoded: runs of the image encoder.
        frames_decoded: masks predicted, over all targets.
        most_memories: frames that had left something in a memory, over all targets, at most.
        most_cached: frames whose features were held, at most.
    """

    frames_encoded: int = 0
    frames_decoded: int = 0
    most_memories: int = 0
    most_cached: int = 0


@dataclass(slots=True)
class Looked:
    """A frame that was read.

    Attributes:
        image: RGB.
        features: whatever the segmenter made of it; None until they are asked for.
    """

    image: Image
    features: Any = None


class FrameCache:
    """The last frames that were looked at.

    Args:
        frames: where images come from.
        segmenter: encodes them.
        size: frames that are kept.
        counts: are moved on.
    """

    def __init__(
        self, frames: FrameReader, segmenter: Segmenter, size: int, counts: Counts
    ) -> None:
        self._frames = frames
        self._segmenter = segmenter
        self._size = size
        self._counts = counts
        self._kept: OrderedDict[int, Looked] = OrderedDict()

    def image(self, frame_index: int) -> Image:
        """A frame, read if need be."""
        return self._look(frame_index).image

    def features(self, frame_index: int) -> Any:
        """A frame's features, encoded if need be."""
        looked = self._look(frame_index)
        if looked.features is None:
            looked.features = self._segmenter.encode(looked.image)
            self._counts.frames_encoded += 1
        return looked.features

    def _look(self, frame_index: int) -> Looked:
        looked = self._kept.pop(frame_index, None)
        if looked is None:
            looked = Looked(self._frames.read(frame_index))
        self._kept[frame_index] = looked
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)
        self._counts.most_cached = max(self._counts.most_cached, len(self._kept))
        return looked
