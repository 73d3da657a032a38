"""From frozen masks to the matte of a frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from peanut_daemon.edits.model import FrozenMask
from peanut_daemon.media import mask_from_png
from peanut_models.matte import MatteShape, TargetKind, matte_of
from peanut_models.stages import Image


def frozen_matte(
    masks: Sequence[FrozenMask],
    shape: MatteShape,
    size: tuple[int, int],
    frame: Callable[[], Image],
) -> UInt8[ndarray, "h w"]:
    """The matte of one frame, 0 (source) to 255 (plate).

    Args:
        masks: of that frame.
        shape: how they become a matte.
        size: (height, width) of the source.
        frame: gives the frame; asked only where refining needs it.

    Raises:
        MediaUnreadableError: a mask is no PNG.
    """
    if not masks:
        return np.zeros(size, np.uint8)

    def of_kind(kind: TargetKind) -> list[ndarray]:
        return [mask_from_png(mask.png) for mask in masks if mask.kind is kind]

    return matte_of(
        of_kind(TargetKind.OBJECT),
        size=size,
        effects=of_kind(TargetKind.EFFECT),
        holdouts=of_kind(TargetKind.HOLDOUT),
        guide=frame() if shape.refine_px else None,
        **asdict(shape),
    )
