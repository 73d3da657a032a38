"""The paper's confusion check: is the object under the mask still the one that was meant?

The target's features on the frames that were believed form a bank of prototypes. A new mask's
feature is compared with what the bank holds; below a threshold that follows the target's own
variation, the mask is replaced by the one before, carried along by motion, and the frame leaves
nothing in any memory.

Source: the project's paper, section 3.2.2 (confusion check); the threshold and the comparison with
motion are ours, since the paper gives neither.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray

from peanut_models.flow.dis import DisFlow
from peanut_models.flow.warp import backward_warp
from peanut_models.p_mask.settings import ConfusionSettings

Feature = Float32[ndarray, " c"]
"""What an object looks like, as one vector of any length."""

Mask = Bool[ndarray, "h w"]

Describe = Callable[[Mask], Feature | None]
"""The feature of what lies under a mask of the frame at hand; None where nothing does."""


class Verdict(Enum):
    """What was done with a frame's mask."""

    BELIEVED = "believed"
    """It looks like the target."""

    CHANGED = "changed"
    """It looks different, but lies where motion carries the target: believed."""

    CARRIED = "carried"
    """Replaced by the mask before, moved by flow; not remembered."""

    DISTRUSTED = "distrusted"
    """Motion leads nowhere better: kept, but not remembered."""

    UNSEEN = "unseen"
    """There is nothing to compare: no object, or no prototype yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One frame's outcome.

    Attributes:
        verdict: what was done.
        mask: the frame's mask after it.
        similarity: cosine with the bank, -1 to 1; NaN where unseen.
        threshold: what it had to exceed; NaN where unseen.
    """

    verdict: Verdict
    mask: Mask
    similarity: float
    threshold: float

    @property
    def remembered(self) -> bool:
        """Whether the frame may go into the tracker's memory."""
        return self.verdict not in (Verdict.CARRIED, Verdict.DISTRUSTED)


class ConfusionCheck:
    """The bank of one target in one direction of time.

    Args:
        settings: see there.
        prompted: features of the target on prompted frames; they never leave the bank.
    """

    def __init__(self, settings: ConfusionSettings, prompted: Sequence[Feature] = ()) -> None:
        self._settings = settings
        self._prompted = list(prompted)
        self._seen: deque[Feature] = deque(maxlen=settings.prototypes)
        self._cosines: deque[float] = deque(maxlen=settings.history)
        self._carried = 0
        self._astray = False

    def copy(self) -> ConfusionCheck:
        """One that goes its own way from here."""
        other = ConfusionCheck(self._settings, self._prompted)
        other._seen.extend(self._seen)
        other._cosines.extend(self._cosines)
        return other

    def restart(self, feature: Feature | None) -> None:
        """Another object is meant from now on."""
        self._prompted = [] if feature is None else [feature]
        self._seen.clear()
        self._cosines.clear()
        self._carried = 0
        self._astray = False

    def threshold(self) -> float:
        """The cosine that a mask must exceed now."""
        settings, cosines = self._settings, self._cosines
        if len(cosines) < settings.warm_up:
            return settings.base
        spread = max(float(np.std(cosines)), settings.least_deviation)
        return max(settings.base, float(np.mean(cosines)) - settings.deviations * spread)

    def similarity(self, feature: Feature) -> float:
        """Cosine with what the bank holds, read with attention to the closest prototypes."""
        bank = np.stack([*self._prompted, *self._seen])
        close = bank @ feature
        weight = np.exp(self._settings.sharpness * (close - close.max()))
        read = (weight / weight.sum()) @ bank
        return float(read @ feature / max(float(np.linalg.norm(read)), 1e-9))

    def decide(
        self,
        mask: Mask,
        describe: Describe,
        carried: Callable[[], Mask | None],
        *,
        sure: bool = True,
    ) -> Decision:
        """Judge a frame's mask, and learn from it if it is believed.

        Args:
            mask: the tracker's.
            describe: the feature under a mask of this frame.
            carried: the mask of the frame before, moved to this one; only called in doubt; None
                where there is none.
            sure: whether the tracker itself trusts its mask; nothing is learnt from others.
        """
        decision = self._decide(mask, describe, carried, sure=sure)
        if decision.verdict is Verdict.CARRIED:
            self._carried += 1
        elif decision.verdict is Verdict.DISTRUSTED:
            # Motion from a mask that is not believed would only confirm the mistake.
            self._astray = True
        elif decision.verdict is not Verdict.UNSEEN:
            self._carried, self._astray = 0, False
        return decision

    def _decide(
        self,
        mask: Mask,
        describe: Describe,
        carried: Callable[[], Mask | None],
        *,
        sure: bool,
    ) -> Decision:
        feature = describe(mask) if self._settings.enabled and mask.any() else None
        if feature is None:
            return _decided(Verdict.UNSEEN, mask)
        if not self._prompted and not self._seen:
            if sure:
                self._seen.append(feature)
            return _decided(Verdict.UNSEEN, mask)
        similarity, threshold = self.similarity(feature), self.threshold()
        if similarity > threshold:
            if sure:
                self._learn(feature, similarity)
            return _decided(Verdict.BELIEVED, mask, similarity, threshold)
        moved = None if self._astray else carried()
        return self._doubted(mask, feature, similarity, describe, moved)

    def _doubted(
        self,
        mask: Mask,
        feature: Feature,
        similarity: float,
        describe: Describe,
        moved: Mask | None,
    ) -> Decision:
        threshold = self.threshold()
        if moved is None or not moved.any():
            return _decided(Verdict.DISTRUSTED, mask, similarity, threshold)
        if iou(mask, moved) >= self._settings.same_place_iou:
            # The light changed, or the object turned: it did not jump. One such cosine would
            # loosen the threshold for long, so only the prototype is kept.
            self._seen.append(feature)
            return _decided(Verdict.CHANGED, mask, similarity, threshold)
        instead = describe(moved) if self._carried < self._settings.most_carried else None
        if instead is None or self.similarity(instead) < similarity:
            return _decided(Verdict.DISTRUSTED, mask, similarity, threshold)
        return _decided(Verdict.CARRIED, moved, similarity, threshold)

    def _learn(self, feature: Feature, similarity: float) -> None:
        self._seen.append(feature)
        self._cosines.append(similarity)


def _decided(
    verdict: Verdict, mask: Mask, similarity: float = np.nan, threshold: float = np.nan
) -> Decision:
    return Decision(verdict=verdict, mask=mask, similarity=similarity, threshold=threshold)


def carry(
    mask: Mask, before: UInt8[ndarray, "h w 3"], now: UInt8[ndarray, "h w 3"], flow: DisFlow
) -> Mask:
    """A mask of the frame before, moved to where its pixels are now."""
    moved = backward_warp(mask.astype(np.float32), flow(now, before), border=cv2.BORDER_CONSTANT)
    return np.asarray(moved > 0.5)


def iou(a: Mask, b: Mask) -> float:
    """Intersection over union; 1 for two empty masks."""
    either = np.count_nonzero(a | b)
    return float(np.count_nonzero(a & b) / either) if either else 1.0
