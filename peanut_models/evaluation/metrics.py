"""Measures of masks and plates against a known truth."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray

WHITE = 255.0


def mask_iou(found: Bool[ndarray, "h w"], truth: Bool[ndarray, "h w"]) -> float:
    """Intersection over union, 0 to 1; two empty masks agree, so they score 1."""
    union = np.count_nonzero(found | truth)
    return 1.0 if union == 0 else np.count_nonzero(found & truth) / union


class SquaredError:
    """Squared error pooled over many frames, as a PSNR."""

    def __init__(self) -> None:
        self._total = 0.0
        self._count = 0

    def add(
        self,
        result: UInt8[ndarray, "h w 3"],
        truth: UInt8[ndarray, "h w 3"],
        where: Bool[ndarray, "h w"],
    ) -> None:
        """Count the pixels of one frame that lie in `where`."""
        difference = result[where].astype(np.float64) - truth[where]
        self._total += float(np.sum(difference**2))
        self._count += difference.size

    def psnr_db(self) -> float:
        """10 log10(255^2 / MSE); infinite for equal pictures, NaN where nothing was counted."""
        if self._count == 0:
            return float("nan")
        if self._total == 0:
            return float("inf")
        return float(10 * np.log10(WHITE**2 * self._count / self._total))


def mean(values: Iterable[float]) -> float:
    """Arithmetic mean; NaN of nothing."""
    listed = list(values)
    return sum(listed) / len(listed) if listed else float("nan")
