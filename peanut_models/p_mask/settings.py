"""How P-MASK tracks: what may be set without touching the networks."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from peanut_models.errors import InvalidInputError
from peanut_models.p_mask.config import MASK_MEMORIES

Precision = Literal["float32", "float16", "bfloat16"]

THRESHOLDS = (0.3, 0.7)
"""Lowest and highest mask threshold that the paper swept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfusionSettings:
    """When a frame's mask is taken to lie on another object.

    Raises:
        InvalidInputError: a value outside its range.
    """

    enabled: bool = True
    """Off, every mask is believed and remembered, as SAM 2 and SAMWISE themselves do."""

    base: float = 0.5
    """Cosine that a mask must exceed until enough of the target has been seen; also the least
    threshold ever. Features are taken relative to their frame's mean, so unlike objects are
    around 0."""

    warm_up: int = 4
    """Accepted frames after which the threshold follows what the target's own looks like."""

    deviations: float = 3.0
    """The threshold lies so many standard deviations below the mean of accepted cosines. Of 81
    scripted crossings 3 save 66 and 2 save 72, but 2 doubt a third more frames that are right
    (`benchmarks/bench_confusion.py`)."""

    least_deviation: float = 0.02
    """A target that stands still has no spread of its own; it still may turn a little. At 0.05,
    36 of the 81 crossings were saved, and hardly fewer frames doubted."""

    history: int = 32
    """Accepted cosines that the threshold is made of."""

    prototypes: int = 16
    """Features of accepted frames in the bank, besides those of prompted frames."""

    sharpness: float = 10.0
    """Of the attention that reads the bank: at 10, a prototype that is 0.2 closer counts 7 times
    as much."""

    same_place_iou: float = 0.5
    """A mask that overlaps so much with where motion carries the one before is the same object,
    whatever it looks like now."""

    most_carried: int = 8
    """Frames in a row that a mask is carried by motion: flow drifts, and after these the tracker's
    own mask is shown again, still without being remembered."""

    def __post_init__(self) -> None:
        for name, least, most in (
            ("base", -1.0, 1.0),
            ("deviations", 0.0, math.inf),
            ("least_deviation", 0.0, 1.0),
            ("sharpness", 0.0, math.inf),
            ("same_place_iou", 0.0, 1.0),
            ("warm_up", 1, math.inf),
            ("history", 1, math.inf),
            ("prototypes", 1, math.inf),
            ("most_carried", 0, math.inf),
        ):
            _check(f"confusion {name}", getattr(self, name), least, most)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackSettings:
    """How masks are made and carried.

    Raises:
        InvalidInputError: a value outside its range.
    """

    threshold: float = 0.5
    """A pixel belongs to the target from this probability on; 0.3 to 0.7 in the paper."""

    memory_frames: int = MASK_MEMORIES
    """Frames whose mask memory is read: 6 in the paper, and at most."""

    prompted_memories: int = 8
    """Prompted and locked frames, the nearest, whose memory is read besides."""

    cached_frames: int = 4
    """Frames whose features are kept for all targets; 16 MB each at 1024 px in float32."""

    turn_frames: int = 8
    """Frames in one direction before the other one's turn: seeking in a film costs more than
    decoding the next frame."""

    doubtful_score: float = 0.5
    """Below this confidence a frame is worth a look."""

    sudden_growth: float = 2.0
    """So many times larger or smaller than on the frame before is worth a look."""

    confusion: ConfusionSettings = field(default_factory=ConfusionSettings)
    """The paper's check against drifting to a similar object."""

    def __post_init__(self) -> None:
        _check("threshold", self.threshold, *THRESHOLDS)
        _check("memory_frames", self.memory_frames, 1, MASK_MEMORIES)
        _check("prompted_memories", self.prompted_memories, 1, math.inf)
        # A flow needs the frame before beside the present one.
        _check("cached_frames", self.cached_frames, 2, math.inf)
        _check("turn_frames", self.turn_frames, 1, math.inf)
        _check("doubtful_score", self.doubtful_score, 0.0, 1.0)
        _check("sudden_growth", self.sudden_growth, 1.0, math.inf)

    @property
    def logit_threshold(self) -> float:
        """`threshold` before the sigmoid."""
        return math.log(self.threshold / (1 - self.threshold))


def _check(name: str, value: float, least: float, most: float) -> None:
    # NaN fails the comparison.
    if not least <= value <= most:
        span = f"{least} or more" if math.isinf(most) else f"{least} to {most}"
        raise InvalidInputError(f"{name} is {value}: it must be {span}")
