"""Which connected parts of a mask are the object's."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float32
from numpy import ndarray

MOVER_PX = 1.5
"""Motion apart from the camera, in pixels per frame, from which on an object counts as moving:
three times what dense flow gets wrong."""

STILL = 0.3
"""Share of its motion below which a part of a moving object stands still."""


def keep_parts(mask: Bool[ndarray, "h w"], expected: Bool[ndarray, "h w"]) -> Bool[ndarray, "h w"]:
    """Without the parts that no expected pixel touches."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    if count <= 2:
        return mask
    keep = np.zeros(count, np.bool_)
    keep[np.unique(labels[expected & mask])] = True
    keep[0] = False
    return np.asarray(keep[labels])


def without_still_parts(
    mask: Bool[ndarray, "h w"],
    residual: Float32[ndarray, "h w 2"],
    drift: Float32[ndarray, " c"],
) -> Bool[ndarray, "h w"]:
    """Without the parts that move with the camera, if the object did not.

    For an object that is nearly out of sight: what stays in its place then is ground
    that had crept into the mask.

    Args:
        mask: may be empty.
        residual: flow minus the camera's, in pixels.
        drift: how the object moved before, as `residual`.
    """
    speed = float(np.hypot(*drift))
    if speed < MOVER_PX or not mask.any():
        return mask
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    kept = mask.copy()
    for k in range(1, int(labels.max()) + 1):
        part = labels == k
        if float(np.hypot(*np.median(residual[part], axis=0))) < STILL * speed:
            kept &= ~part
    return kept
