"""Blending in the gradient domain: the fill keeps its gradients and meets the frame's colours."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float32
from numpy import ndarray

from peanut_models.flow.completion import membrane

BAND_PX = 6
"""Width of the ring on which fill and frame are compared: one line would copy its noise inwards."""

BAND_SIGMA_PX = 4.0
"""Differences are averaged along the ring with this sigma, so misfit texture cancels out."""

MIN_SHARE = 1e-3
"""Keeps the weighted mean finite far from the ring."""


def seam_correction(
    true: Float32[ndarray, "h w 3"],
    fill: Float32[ndarray, "h w 3"],
    band: Bool[ndarray, "h w"],
) -> Float32[ndarray, "h w 3"]:
    """What must be added to the fill so that no step shows at the hole's edge.

    The smooth surface through the differences on the ring is the solution of Poisson's equation
    with the fill's own gradients as the guide.

    Args:
        true: the frame.
        fill: the estimate, also on the ring.
        band: the ring's pixels, outside the hole, where both hold.

    Source: Perez, Gangnet, Blake, "Poisson Image Editing", SIGGRAPH 2003, eq. 4-6.
    """
    if not band.any():
        return np.zeros_like(true)
    weight = band.astype(np.float32)
    difference = (true - fill) * weight[..., None]
    share = cv2.GaussianBlur(weight, (0, 0), BAND_SIGMA_PX)
    mean = cv2.GaussianBlur(difference, (0, 0), BAND_SIGMA_PX)
    mean = mean / np.maximum(share, MIN_SHARE)[..., None]
    return np.asarray(membrane(mean, band), np.float32)
