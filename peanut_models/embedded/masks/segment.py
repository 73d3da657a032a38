"""The mask of one frame from a box: colours and motions that the outside does not explain."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray

from peanut_models.embedded.masks.appearance import to_lab
from peanut_models.embedded.masks.cut import cut, edge_weights
from peanut_models.embedded.masks.evidence import (
    COLOUR_WIDTH,
    colour_evidence,
    grab_cut,
    motion_evidence,
    moves_along,
)
from peanut_models.embedded.masks.geodesic import click_distance
from peanut_models.embedded.masks.region import Region, region_around

Box = tuple[float, float, float, float]

MARGIN = 0.5
"""Surroundings looked at, in box sides: enough to meet each colour that may show inside."""

OUTSIDE = -8.0
"""Log odds outside the box: the user drew it around the object."""

BIAS = -0.4
"""Doubt against the object in a box, where both cues are silent."""

ROUNDS = 2
"""Of colour and motion learning from each other's labels; labels have settled by then."""

REFITS = 2
"""Of the colour mixtures in each round."""

FIRST_SHARE = 0.35
"""What the first evidence, which used no labels, still weighs after the mixtures were fitted:
without it an early mistake confirms itself."""

MIXTURE_WEIGHT = 1.5
"""Log odds of the mixtures' answer."""

MOVES_AGAINST = 3.0
"""Log odds against what moves like the surroundings: half of what tracking gives it, since the
labels it is judged by are guesses here."""

SMOOTHNESS = 3.0
"""Price of a pixel of outline on flat ground, in log odds."""

SURE = 8.0
"""Log odds of what the user said of single pixels."""

CLAIM = 5.0
"""Log odds against pixels that a negative click reaches at half the price of a positive one."""

CLICK_RADIUS_PX = 3.0
"""A click means a spot of this radius in the picture: nobody aims at a pixel."""

GUIDE_RADIUS = 4
"""Radius of the guided filter that sharpens outlines found at reduced size, per unit of scale."""

GUIDE_NOISE = 2e-4
"""Variance of luma (0..1) below which the guided filter sees no edge."""


def box_inside(region: Region, box_xyxy_px: Box) -> Bool[ndarray, "rh rw"]:
    """Which pixels of the region have their centre in the box."""
    x0, y0 = region.point(box_xyxy_px[0], box_xyxy_px[1])
    x1, y1 = region.point(box_xyxy_px[2], box_xyxy_px[3])
    x = np.arange(region.width) + 0.5
    y = np.arange(region.height) + 0.5
    return np.asarray(((y > y0) & (y < y1))[:, None] & ((x > x0) & (x < x1))[None])


def box_mask(box_xyxy_px: Box, shape: tuple[int, int]) -> Bool[ndarray, "h w"]:
    """The mask of a whole box."""
    x0, y0, x1, y1 = box_xyxy_px
    mask = np.zeros(shape, np.bool_)
    mask[int(y0) : max(int(y0) + 1, round(y1)), int(x0) : max(int(x0) + 1, round(x1))] = True
    return mask


def click_evidence(
    region: Region, clicks: Sequence[tuple[float, float, bool]]
) -> Float32[ndarray, "rh rw"]:
    """`SURE` around positive clicks (x, y, True), `-SURE` around negative ones, 0 elsewhere."""
    evidence = np.zeros((region.height, region.width), np.float32)
    radius = max(1, round(CLICK_RADIUS_PX * region.scale))
    for x_px, y_px, positive in clicks:
        x, y = region.point(x_px, y_px)
        cv2.circle(evidence, (int(x), int(y)), radius, SURE if positive else -SURE, -1)
    return evidence


def claims(
    lab: Float32[ndarray, "rh rw 3"],
    region: Region,
    clicks: Sequence[tuple[float, float, bool]],
    box_xyxy_px: Box,
) -> Float32[ndarray, "rh rw"]:
    """What clicks of both kinds say of the pixels around them: each goes to the cheaper path.

    Args:
        lab: of the region.
        region: the part of the picture.
        clicks: (x, y, belongs to the object) in pixels; at least one negative.
        box_xyxy_px: its centre stands in for a positive click where there is none.

    Returns:
        -`CLAIM`..0: a negative click takes away, it adds nothing.

    Source: Bai and Sapiro 2007 (geodesic segmentation).
    """
    x0, y0, x1, y1 = box_xyxy_px
    for_object = [c for c in clicks if c[2]] or [((x0 + x1) / 2, (y0 + y1) / 2, True)]
    against = [(x, y, True) for x, y, positive in clicks if not positive]
    features = cv2.GaussianBlur(lab, (0, 0), 1.0) / COLOUR_WIDTH
    near, far = (click_distance(features, region, group) for group in (for_object, against))
    share = (far - near) / np.maximum(far + near, 1e-6)
    return np.asarray(CLAIM * np.clip(2 * share, -1, 0), np.float32)


def segment_box(
    image: UInt8[ndarray, "h w 3"],
    box_xyxy_px: Box,
    residuals: Sequence[Float32[ndarray, "h w 2"]],
    clicks: Sequence[tuple[float, float, bool]] = (),
) -> Bool[ndarray, "h w"]:
    """The object in a box.

    Args:
        image: RGB.
        box_xyxy_px: `[x0, x1)` by `[y0, y1)`; must overlap the picture.
        residuals: flow to neighbouring frames minus the camera's, in pixels; may be empty.
        clicks: (x, y, belongs to the object) in pixels.

    Returns:
        The mask; nothing outside the box.

    Sources: Rother et al. 2004 (boxes as hard background); Boykov and Jolly 2001 (the cut).
    """
    region = region_around(box_xyxy_px, image.shape[:2], margin=MARGIN)
    part = region.crop(image)
    lab = to_lab(part)
    inside = box_inside(region, box_xyxy_px)
    weights = edge_weights(lab)
    said = click_evidence(region, clicks) + np.where(inside, 0, OUTSIDE).astype(np.float32)
    motion = motion_evidence([region.crop(r) for r in residuals], inside)
    first = colour_evidence(lab, inside) + motion + BIAS
    if any(not positive for *_, positive in clicks):
        said += claims(lab, region, clicks, box_xyxy_px)
    soft = cut(first + said, weights, smoothness=SMOOTHNESS)
    moving = [region.crop(r) for r in residuals]
    for _ in range(ROUNDS):
        mixtures = grab_cut(part, soft, inside & (said > -CLAIM / 2), REFITS)
        evidence = np.where(mixtures, MIXTURE_WEIGHT, -MIXTURE_WEIGHT) + FIRST_SHARE * first + said
        evidence += moves_along(moving, soft > 0.5, against=MOVES_AGAINST)
        soft = cut(evidence.astype(np.float32), weights, smoothness=SMOOTHNESS)
    return region.paste(sharpen(image, region, soft), image.shape[:2])


def sharpen(
    image: UInt8[ndarray, "h w 3"], region: Region, soft: Float32[ndarray, "rh rw"]
) -> Bool[ndarray, "ph pw"]:
    """The mask at the picture's size, its outline moved onto the picture's edges.

    Source: He, Sun and Tang, "Guided image filtering", 2010.
    """
    large = region.expand(soft)
    if region.scale == 1.0:
        return np.asarray(large > 0.5)
    part = image[region.y0 : region.y1, region.x0 : region.x1]
    luma = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    size = (2 * round(GUIDE_RADIUS / region.scale) + 1,) * 2
    mean_i, mean_p = cv2.blur(luma, size), cv2.blur(large, size)
    covariance = cv2.blur(luma * large, size) - mean_i * mean_p
    variance = cv2.blur(luma * luma, size) - mean_i * mean_i
    slope = covariance / (variance + GUIDE_NOISE)
    offset = mean_p - slope * mean_i
    guided = cv2.blur(slope, size) * luma + cv2.blur(offset, size)
    # Only the outline may move: the filter would bleed flat colours far into the object.
    rim = (large > 0.02) & (large < 0.98)
    return np.asarray(np.where(rim, 0.5 * (guided + large), large) > 0.5)
