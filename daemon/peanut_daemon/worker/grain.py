"""The source's grain for a plate when it is shown; the stored plate stays without.

Grain is new in every frame, so the next window must not carry it on, and a render without grain
uses the same windows.
"""

from __future__ import annotations

import numpy as np

from peanut_daemon.worker.store import PlateArtifact, matte_box
from peanut_models.grain import BLOCK_PX, add_missing_grain
from peanut_models.stages import SOURCE, Image


def grained(plate: PlateArtifact, rgb: Image, frame_index: int) -> Image:
    """The plate's picture of one frame, in its box, with the grain that it lacks.

    The same window and frame give the same grain, bit for bit.

    Args:
        plate: the window.
        rgb: the source frame.
        frame_index: of it.
    """
    k = frame_index - plate.core.start
    own: Image = plate.frames[k]
    inside = (plate.alpha[k] > 0) & (plate.provenance[k] != SOURCE)
    if plate.grain is None or not inside.any():
        return own
    filled = np.zeros(rgb.shape[:2], np.bool_)
    top, bottom, left, right = plate.box
    filled[top:bottom, left:right] = inside
    # Only as much as is needed: the window's box holds all places where the object has been.
    above, below, before, behind = matte_box(filled[None])
    near = (
        slice(max(0, above - BLOCK_PX), below + BLOCK_PX),
        slice(max(0, before - BLOCK_PX), behind + BLOCK_PX),
    )
    whole = plate.paste(rgb, frame_index)
    seed = f"{plate.key} {frame_index}"
    whole[near] = add_missing_grain(whole[near], filled[near], plate.grain, seed)
    return np.where(inside[..., None], whole[top:bottom, left:right], own)
