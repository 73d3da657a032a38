"""The guided filter: a mask that follows the edges of a picture."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float32
from numpy import ndarray

from peanut_models.stages import Image, dtype_scale

EDGE_CONTRAST = 0.02
"""Of full scale: colours that differ by less than this are one surface, whose noise is no edge."""


def guided_filter(
    guide: Float32[ndarray, "h w 3"],
    values: Float32[ndarray, "h w"],
    *,
    radius_px: int,
    contrast: float = EDGE_CONTRAST,
) -> Float32[ndarray, "h w"]:
    """`values` smoothed, except where the guide has an edge: there they get an edge too.

    In each square of `2 * radius_px + 1`, a linear function of the colours is fitted to the values.

    Args:
        guide: colours, 0 to 1.
        values: any range; the result may overshoot it a little.
        radius_px: half the side of the squares; at least 1.
        contrast: of full scale, what counts as an edge.

    Source: He, Sun, Tang, "Guided Image Filtering", 2013, equations 14 to 16 (colour guide).
    """
    size = (2 * radius_px + 1, 2 * radius_px + 1)

    def mean(picture: ndarray) -> Float32[ndarray, "h w *channels"]:
        return np.asarray(cv2.boxFilter(picture, cv2.CV_32F, size, borderType=cv2.BORDER_REFLECT))

    colour, value = mean(guide), mean(values)
    covariance = mean(guide * values[..., None]) - colour * value[..., None]
    red, green, blue = (
        mean(guide * guide[..., k : k + 1]) - colour * colour[..., k : k + 1] for k in range(3)
    )
    # The columns of the colours' covariance matrix; solved by its adjugate, far faster than a
    # general solver at millions of 3x3 systems.
    for k, column in enumerate((red, green, blue)):
        column[..., k] += contrast**2
    rows = [np.cross(green, blue), np.cross(blue, red), np.cross(red, green)]
    determinant = np.sum(red * rows[0], axis=2)
    slope = np.stack([np.sum(row * covariance, axis=2) / determinant for row in rows], axis=2)
    offset = value - np.sum(slope * colour, axis=2)
    fitted = np.sum(mean(slope) * guide, axis=2) + mean(offset)
    return np.asarray(fitted, np.float32)


def refined_mask(
    mask: Bool[ndarray, "h w"],
    guide: Image,
    *,
    radius_px: int,
) -> Bool[ndarray, "h w"]:
    """The mask with its outline moved to the picture's edge, where there is one in reach.

    Args:
        mask: at the size of the guide.
        guide: the frame.
        radius_px: how far the outline may move; 0 leaves the mask as it is. Pixels further inside
            or outside keep what they have.
    """
    if radius_px < 1 or not mask.any() or mask.all():
        return mask
    height, width = mask.shape
    left, top, across, down = cv2.boundingRect(mask.astype(np.uint8))
    # The filter sees two radii; beyond that nothing changes.
    margin = 3 * radius_px
    box = (
        slice(max(0, top - margin), min(height, top + down + margin)),
        slice(max(0, left - margin), min(width, left + across + margin)),
    )
    inside = mask[box]
    colours = guide[box].astype(np.float32) / np.float32(dtype_scale(guide))
    soft = guided_filter(colours, inside.astype(np.float32), radius_px=radius_px)
    # Single pixels that have the object's colour by chance are noise, and would flicker.
    follows = cv2.medianBlur((soft >= 0.5).astype(np.uint8), 5) > 0
    refined = mask.copy()
    refined[box] = np.where(_near_outline(inside, radius_px), follows, inside)
    return refined


def _near_outline(mask: Bool[ndarray, "h w"], reach_px: int) -> Bool[ndarray, "h w"]:
    def distance(zeros: ndarray) -> ndarray:
        return np.asarray(
            cv2.distanceTransform(zeros.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        )

    return np.where(mask, distance(mask), distance(~mask)) <= reach_px
