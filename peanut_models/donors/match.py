"""Finding a picture's view in another: features, one homography."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64
from numpy import ndarray

from peanut_models.flow.dis import luma8
from peanut_models.flow.registration import fit_homography

FEATURES = 1500
"""Enough that a tenth of the picture still holds some dozens."""

MATCH_LONG_SIDE_PX = 960
"""Features are looked for at this size: finer detail seldom survives another take's focus."""

NEAREST_SHARE = 0.75
"""A match must be this much nearer than the second best one. Source: Lowe 2004, section 7.1."""

INLIER_PX = 2.0
"""Largest distance to the homography, at the size features are looked for."""


@dataclass(frozen=True, slots=True)
class Features:
    """Where a picture can be recognised.

    Attributes:
        points: `(x, y)` in pixels of the full-size picture.
        descriptors: SIFT's.
        scale: pixels of the full-size picture per pixel of the one that was searched.
    """

    points: Float32[ndarray, "n 2"]
    descriptors: Float32[ndarray, "n 128"]
    scale: float


def features(image: ndarray[Any, Any], ignored: Bool[ndarray, "h w"] | None = None) -> Features:
    """The features of a picture, without those on what is to be ignored.

    Args:
        image: RGB or grey, uint8 or uint16.
        ignored: True where nothing of the background shows.

    Source: Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 2004.
    """
    luma = luma8(image)
    scale = max(1.0, max(luma.shape) / MATCH_LONG_SIDE_PX)
    size = (round(luma.shape[1] / scale), round(luma.shape[0] / scale))
    small = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
    seen = None
    if ignored is not None:
        hidden = cv2.resize(ignored.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        seen = (hidden == 0).astype(np.uint8)
    found, descriptors = cv2.SIFT.create(FEATURES).detectAndCompute(small, seen)
    if descriptors is None or not len(found):
        return Features(np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32), scale)
    points = np.array([point.pt for point in found], np.float32) * np.float32(scale)
    return Features(points, np.asarray(descriptors, np.float32), scale)


def find_view(of: Features, within: Features) -> Float64[ndarray, "3 3"] | None:
    """The map of one picture's pixels to another's, or None where too little agrees.

    Exact for a plane or a camera that only turned; parallax is left to the flow.
    """
    if len(of.points) < 2 or len(within.points) < 2:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(of.descriptors, within.descriptors, k=2)
    good = [best for best, second in pairs if best.distance < NEAREST_SHARE * second.distance]
    if not good:
        return None
    ours = of.points[[match.queryIdx for match in good]]
    theirs = within.points[[match.trainIdx for match in good]]
    tolerance = INLIER_PX * max(of.scale, within.scale)
    return fit_homography(ours, theirs, inlier_px=tolerance)
