"""How far the object under a click reaches: regions at several levels, the best of them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray

from peanut_models.embedded.masks.appearance import to_lab
from peanut_models.embedded.masks.geodesic import click_distance
from peanut_models.embedded.masks.region import Region, mask_box, region_around

SIDE_PX = 192
"""Longest side of the picture while extents are weighed: a click needs no outline yet."""

MOTION_PX = 0.4
"""Difference of motion, in pixels of the picture, that parts two pixels as one colour step does."""

COLOUR_STEP = 0.08
"""Difference of Lab (L scaled to 0..1) that parts two pixels."""

MOVER_CONTRAST = 0.6
"""Contrast of motion alone across an outline above which it alone says what the object is: what
moves together belongs together, whatever its colours."""

LEAST_MOTION_PX = 0.3
"""Motion under the clicks below which they are not on something that moves: what dense flow gets
wrong on flat ground."""

LEAST_SHARE, MOST_SHARE = 0.0008, 0.3
"""Area of an object, as a share of the picture, that a click may mean."""

LEVELS = 24
"""Regions looked at between the two shares."""

RING = 2
"""Width in pixels of the band on each side of an outline whose difference is its contrast."""

SCALE_PRIOR = 0.06
"""Reward per doubling of the area: a whole object beats its parts at equal contrast."""

EDGE_PENALTY = 0.5
"""What an outline that runs along the picture's edge all the way would lose."""


def propose_extent(
    image: UInt8[ndarray, "h w 3"],
    clicks: Sequence[tuple[float, float, bool]],
    residuals: Sequence[Float32[ndarray, "h w 2"]],
) -> tuple[float, float, float, float]:
    """The box of the object under the positive clicks.

    Args:
        image: RGB.
        clicks: (x, y, belongs to the object) in pixels; at least one positive.
        residuals: flow to neighbouring frames minus the camera's, in pixels; may be empty.

    Returns:
        `[x0, x1)` by `[y0, y1)` in pixels.

    The regions are the level sets of the cheapest path from the clicks, where a step costs what
    colour and motion change along it (geodesic segmentation, Bai and Sapiro 2007); among them the
    one with the strongest outline wins (as in Matas et al. 2002, regions that outlast levels).
    """
    shape = image.shape[:2]
    whole = region_around((0.0, 0.0, shape[1], shape[0]), shape, margin=0.0, max_side_px=SIDE_PX)
    lab = cv2.GaussianBlur(to_lab(whole.crop(image)), (0, 0), 0.8)
    layers = [lab / COLOUR_STEP]
    motion = [cv2.GaussianBlur(whole.crop(r), (0, 0), 1.0) for r in residuals]
    layers += [np.clip(r / MOTION_PX, -4, 4) / len(motion) for r in motion]
    features = np.concatenate(layers, axis=2)
    region, _ = best_level(features, click_distance(features, whole, clicks))
    if motion and click_motion(whole, clicks, motion) > LEAST_MOTION_PX:
        moving = np.concatenate([np.clip(r / MOTION_PX, -8, 8) for r in motion], axis=2)
        moving /= len(motion)
        mover, contrast = best_level(moving, click_distance(moving, whole, clicks))
        if contrast > MOVER_CONTRAST:
            region = mover
    box = mask_box(region)
    assert box is not None
    x0, y0, x1, y1 = box
    # One pixel here is several there, and the outline may lie anywhere in it.
    pad = 1.5
    left, top = whole.x0 + (x0 - pad) / whole.scale, whole.y0 + (y0 - pad) / whole.scale
    right, bottom = whole.x0 + (x1 + pad) / whole.scale, whole.y0 + (y1 + pad) / whole.scale
    return max(0.0, left), max(0.0, top), min(float(shape[1]), right), min(float(shape[0]), bottom)


def click_motion(
    whole: Region,
    clicks: Sequence[tuple[float, float, bool]],
    motion: Sequence[Float32[ndarray, "h w 2"]],
) -> float:
    """Pixels that what lies under the positive clicks moves apart from the camera."""
    lengths = [np.linalg.norm(r, axis=2) for r in motion]
    height, width = lengths[0].shape
    found = []
    for x_px, y_px, positive in clicks:
        u, v = whole.point(x_px, y_px)
        x, y = min(width - 1, int(u)), min(height - 1, int(v))
        if positive:
            found.append(max(float(length[y, x]) for length in lengths))
    return float(np.median(found))


def best_level(
    features: Float32[ndarray, "h w f"], distance: Float32[ndarray, "h w"]
) -> tuple[Bool[ndarray, "h w"], float]:
    """The level set of `distance` whose outline has the strongest contrast for its size, and it."""
    ordered = np.sort(distance[np.isfinite(distance)])
    least = max(6, int(LEAST_SHARE * distance.size))
    most = max(least + 1, min(ordered.size - 1, int(MOST_SHARE * distance.size)))
    areas = np.unique(np.geomspace(least, most, LEVELS).astype(int).clip(0, ordered.size - 1))
    best, chosen, its_contrast = -np.inf, distance <= ordered[areas[0]], 0.0
    for area in areas:
        region = fill_holes(distance <= ordered[area])
        contrast = outline_contrast(features, region)
        value = contrast + SCALE_PRIOR * float(np.log2(max(1, region.sum()) / least))
        if value > best:
            best, chosen, its_contrast = value, region, contrast
    return chosen, its_contrast


def fill_holes(region: Bool[ndarray, "h w"]) -> Bool[ndarray, "h w"]:
    """With what the region encloses: a face on a body is part of it."""
    outer, _ = cv2.findContours(region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(region.shape, np.uint8)
    cv2.drawContours(filled, outer, -1, 1, -1)
    return np.asarray(filled > 0)


def outline_contrast(features: Float32[ndarray, "h w f"], region: Bool[ndarray, "h w"]) -> float:
    """Mean difference across the outline, saturating: 0 (none) to 1 (strong everywhere)."""
    size = (2 * RING + 1,) * 2
    inner = region.astype(np.float32)
    share_in = cv2.blur(inner, size)
    rim = (cv2.dilate(region.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0) & ~region
    if not rim.any():
        return 0.0
    difference = np.zeros(region.shape, np.float32)
    for k in range(features.shape[2]):
        layer = features[..., k]
        mean_in = cv2.blur(layer * inner, size) / np.maximum(share_in, 1e-3)
        mean_out = cv2.blur(layer * (1 - inner), size) / np.maximum(1 - share_in, 1e-3)
        difference += (mean_in - mean_out) ** 2
    contrast = float(1 - np.exp(-np.sqrt(difference[rim])).mean())
    border = int(region[0].sum() + region[-1].sum() + region[:, 0].sum() + region[:, -1].sum())
    return contrast - EDGE_PENALTY * border / max(1, border + int(rim.sum()))
