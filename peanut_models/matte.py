"""From masks to a matte: union, refinement, growth, feather, holdouts, at source size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray

from peanut_models.errors import InvalidInputError
from peanut_models.guided import refined_mask
from peanut_models.stages import Image

EFFECT_FEATHER_PX = 12
"""Over how many source pixels the matte of shadows and reflections fades out, unless said."""


class TargetKind(StrEnum):
    """What a target's mask means for the matte."""

    OBJECT = "object"
    EFFECT = "effect"
    """A shadow or reflection: goes too, but its edge is soft."""
    HOLDOUT = "holdout"
    """Something in front: never touched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatteShape:
    """How masks become a matte; all in source pixels.

    Attributes:
        grow_px, feather_px, refine_px, effect_feather_px: see `matte_of`.
    """

    grow_px: int
    feather_px: int
    refine_px: int = 0
    effect_feather_px: int = EFFECT_FEATHER_PX

    def __post_init__(self) -> None:
        sizes = (self.grow_px, self.feather_px, self.refine_px, self.effect_feather_px)
        if min(sizes) < 0:
            raise InvalidInputError(
                f"a matte cannot be grown by {self.grow_px} px, feathered over {self.feather_px} "
                f"px (effects: {self.effect_feather_px} px) and refined by {self.refine_px} px: "
                "all must be 0 or more"
            )


def matte_of(
    masks: Sequence[Bool[ndarray, "_ _"]],
    *,
    size: tuple[int, int],
    grow_px: int,
    feather_px: int,
    refine_px: int = 0,
    effect_feather_px: int = EFFECT_FEATHER_PX,
    effects: Sequence[Bool[ndarray, "_ _"]] = (),
    holdouts: Sequence[Bool[ndarray, "_ _"]] = (),
    guide: Image | None = None,
) -> UInt8[ndarray, "h w"]:
    """The matte of one frame: what is to be replaced, and how much of it.

    Args:
        masks: one per object, at any size of the source's shape; their union counts.
        size: (height, width) of the source.
        grow_px: source pixels by which the union is grown on all sides: a soft or motion-blurred
            edge and the codec's ringing lie outside a tight mask and would stay as a halo.
        feather_px: source pixels over which the matte falls off at its outer edge. It takes them
            from the growth, so that nothing beyond `grow_px` changes; never from the mask itself,
            so a feather wider than the growth reaches out that far instead.
        refine_px: source pixels by which the outlines of objects and holdouts may move to the
            picture's edges before anything is grown.
        effect_feather_px: source pixels over which the matte falls off outside the effects.
        effects: masks of shadows and reflections; they extend the matte.
        holdouts: masks of what must stay; the matte is 0 there.
        guide: the frame, which refining needs.

    Returns:
        0 (source) to 255 (plate).

    Raises:
        InvalidInputError: a setting is negative, or refining has no frame of the source's size.
    """
    MatteShape(
        grow_px=grow_px,
        feather_px=feather_px,
        refine_px=refine_px,
        effect_feather_px=effect_feather_px,
    )
    if refine_px and (guide is None or guide.shape[:2] != size):
        raise InvalidInputError(
            f"refining by {refine_px} px needs the frame at the source's size {size}, and "
            f"{'there is none' if guide is None else f'it is {guide.shape}'}: give it as guide"
        )

    def solid(parts: Sequence[Bool[ndarray, "_ _"]]) -> Bool[ndarray, "h w"]:
        union = _union(parts, size)
        return union if guide is None else refined_mask(union, guide, radius_px=refine_px)

    outer, inner = max(grow_px, feather_px), max(0, grow_px - feather_px)
    share = _falling(solid(masks), inner, outer)
    if effects:
        share = np.maximum(share, _falling(_union(effects, size), 0, effect_feather_px))
    matte = np.asarray(np.rint(255 * share), np.uint8)
    if holdouts:
        matte[solid(holdouts)] = 0
    return matte


def _union(masks: Sequence[Bool[ndarray, "_ _"]], size: tuple[int, int]) -> Bool[ndarray, "h w"]:
    union = np.zeros(size, np.bool_)
    for mask in masks:
        union |= _at_size(mask, *size)
    return union


def _falling(mask: Bool[ndarray, "h w"], inner: int, outer: int) -> Float32[ndarray, "h w"]:
    """1 up to `inner` pixels from the mask, then falling linearly, and exactly 0 beyond `outer`."""
    if not mask.any():
        return np.zeros(mask.shape, np.float32)
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    share = np.clip((outer + 1 - distance) / (outer + 1 - inner), 0.0, 1.0)
    return np.where(distance <= outer, share, np.float32(0))


def _at_size(mask: Bool[ndarray, "_ _"], height: int, width: int) -> Bool[ndarray, "h w"]:
    if mask.shape == (height, width):
        return mask
    # Interpolated and cut at one half: the outline of a proxy mask becomes smooth, not blocky.
    soft = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(soft >= 0.5)
