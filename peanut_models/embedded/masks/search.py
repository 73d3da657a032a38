"""Finding an object again that was lost from sight."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray

from peanut_models.embedded.masks.appearance import pixel_features, to_lab
from peanut_models.embedded.masks.model import ObjectModel, place_features, pose_of
from peanut_models.embedded.masks.region import region_around

SEARCH_SIDE_PX = 200
"""Longest side of the picture while a lost object is looked for."""

FOUND_SCORE = 0.45
"""Mean appearance score of a place that is taken for the object again: high, since an empty mask
is an honest answer and a wrong one is not."""

FOUND_AREA = (0.15, 4.0)
"""Area of a find relative to when it was last seen: it may come in cut by the picture's edge."""


def find(
    model: ObjectModel, usual_area: float, image: UInt8[ndarray, "h w 3"]
) -> Bool[ndarray, "h w"] | None:
    """The most object-like part of the picture, or None.

    The object's parts are looked for with the place that they have on the object unknown: every
    candidate part is scored again as an object of its own.
    """
    shape = image.shape[:2]
    whole = region_around((0, 0, shape[1], shape[0]), shape, margin=0.0, max_side_px=SEARCH_SIDE_PX)
    lab = to_lab(whole.crop(image))
    appearance = pixel_features(lab)
    nowhere = np.zeros((*lab.shape[:2], 2), np.float32)
    score = model.vouched(np.concatenate([appearance, nowhere], axis=2))
    blob = (cv2.GaussianBlur(score, (0, 0), 1.0) > 0.2).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(blob, connectivity=8)
    best: tuple[float, Bool[ndarray, "h w"]] | None = None
    least, most = (share * usual_area * whole.scale**2 for share in FOUND_AREA)
    for k in range(1, count):
        if not max(3.0, least) <= stats[k, cv2.CC_STAT_AREA] <= most:
            continue
        part = labels == k
        mask = whole.paste(whole.expand(part.astype(np.float32)) > 0.5, shape)
        if not mask.any():
            continue
        place = place_features(whole, pose_of(mask))
        value = float(model.vouched(np.concatenate([appearance, place], axis=2))[part].mean())
        if value > FOUND_SCORE and (best is None or value > best[0]):
            best = value, mask
    return None if best is None else best[1]
