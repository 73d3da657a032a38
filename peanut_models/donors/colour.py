"""Fitting one take's colours to another's."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32
from numpy import ndarray

ROUNDS = 3
"""Fits, each without the pixels that the one before could not explain."""

KEPT_SHARE = 0.8
"""Share of the pixels that a round keeps: the rest may be what moved between the takes."""

STEADY_LEVELS2 = 25.0
"""Variance (levels^2) below which contrast is not told from noise; pulls the gain towards 1."""


def matched_colours(
    true: Float32[ndarray, "h w 3"],
    colour: Float32[ndarray, "h w 3"],
    shown: Bool[ndarray, "h w"],
) -> Float32[ndarray, "h w 3"]:
    """`colour` with gain and offset per channel that fit it to `true` where both are shown.

    A gain is exposure and white balance, an offset is flare and black level.

    Args:
        true: what it must fit, 0..255.
        colour: 0..255.
        shown: where the two show the same; unchanged if nowhere.
    """
    if not shown.any():
        return colour
    seen, wanted = colour[shown], true[shown]
    for _ in range(ROUNDS):
        gain, offset = _fit(seen, wanted)
        miss = np.abs(seen * gain + offset - wanted).sum(axis=1)
        kept = miss <= np.quantile(miss, KEPT_SHARE)
        seen, wanted = seen[kept], wanted[kept]
    return np.asarray(colour * gain + offset, np.float32)


def _fit(
    seen: Float32[ndarray, "n rgb"], wanted: Float32[ndarray, "n rgb"]
) -> tuple[Float32[ndarray, " rgb"], Float32[ndarray, " rgb"]]:
    """Least squares, with the gain held near 1 where there is no contrast to tell it from."""
    mean_seen, mean_wanted = seen.mean(axis=0), wanted.mean(axis=0)
    spread, aim = seen - mean_seen, wanted - mean_wanted
    gain = ((spread * aim).mean(axis=0) + STEADY_LEVELS2) / (
        (spread * spread).mean(axis=0) + STEADY_LEVELS2
    )
    gain = np.maximum(gain, 0).astype(np.float32)
    return gain, np.asarray(mean_wanted - gain * mean_seen, np.float32)
