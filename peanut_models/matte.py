"""From masks to a matte: union, growth, feather, at source size."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray

from peanut_models.errors import InvalidInputError


def matte_of(
    masks: Sequence[Bool[ndarray, "_ _"]],
    *,
    size: tuple[int, int],
    grow_px: int,
    feather_px: int,
) -> UInt8[ndarray, "h w"]:
    """The matte of one frame: what is to be replaced, and how much of it.

    Args:
        masks: one per target, at any size of the source's shape; their union counts.
        size: (height, width) of the source.
        grow_px: source pixels by which the union is grown on all sides: a soft or motion-blurred
            edge and the codec's ringing lie outside a tight mask and would stay as a halo.
        feather_px: source pixels over which the matte falls off at its outer edge. It takes them
            from the growth, so that nothing beyond `grow_px` changes; never from the mask itself,
            so a feather wider than the growth reaches out that far instead.

    Returns:
        0 (source) to 255 (plate).

    Raises:
        InvalidInputError: growing or feathering is negative.
    """
    if grow_px < 0 or feather_px < 0:
        raise InvalidInputError(
            f"a matte cannot be grown by {grow_px} px and feathered over {feather_px} px: "
            "both must be 0 or more"
        )
    height, width = size
    union = np.zeros((height, width), np.bool_)
    for mask in masks:
        union |= _at_size(mask, height, width)
    if not union.any():
        return np.zeros((height, width), np.uint8)
    distance = cv2.distanceTransform((~union).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    outer, inner = max(grow_px, feather_px), max(0, grow_px - feather_px)
    # Wholly replaced up to `inner`, then falling linearly, and exactly 0 beyond `outer`.
    share = np.clip((outer + 1 - distance) / (outer + 1 - inner), 0.0, 1.0)
    return np.asarray(np.rint(255 * np.where(distance <= outer, share, 0.0)), np.uint8)


def _at_size(mask: Bool[ndarray, "_ _"], height: int, width: int) -> Bool[ndarray, "h w"]:
    if mask.shape == (height, width):
        return mask
    # Interpolated and cut at one half: the outline of a proxy mask becomes smooth, not blocky.
    soft = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(soft >= 0.5)
