"""Log odds of the object from what little a prompt says: some pixels surely lie outside."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray

from peanut_models.embedded.masks.appearance import Basis, Classifier

SAMPLES = 2000
"""Pixels drawn per side: enough to fit `BASIS` weights."""

SEED = 7
"""Of every draw: the same prompt gives the same mask."""

COLOUR_WIDTH = 0.08
"""Difference of Lab (L scaled to 0..1) that counts as another colour."""

OBJECT_SHARE = 0.5
"""Expected share of a box that its object fills; people fill less, cars more."""

CLIP = 2.5
"""Most that one cue may say, in log odds: no cue is right more often than 12 times in 13."""

MOTION_FLOOR_PX = 0.5
"""Flow is not better than this, so smaller differences of motion mean nothing."""

MOTION_FOR = 0.6
"""Most that motion may say for the object: flow spreads an object's motion over a margin around
it, so it is a better witness of what does not belong."""

MOVES_WITH = 1.0
"""Log odds of a pixel that moves just like the object: flow spreads its motion around it."""

LEAST_PIXELS = 50
"""Ten for each Gaussian of a GrabCut mixture."""


def density_ratio(
    basis: Basis, features: Float32[ndarray, "h w i"], inside: Bool[ndarray, "h w"]
) -> Float32[ndarray, "h w"]:
    """`(p_in - p_out) / (p_in + p_out)` of each pixel's features, -1..1.

    A least-squares classifier of balanced samples estimates exactly this; nothing is assumed about
    what lies inside. Source: Kanamori, Hido and Sugiyama 2009 (least-squares density ratios).
    """
    rng = np.random.default_rng(SEED)
    flat = features.reshape(-1, features.shape[-1])
    inner = rng.permutation(np.flatnonzero(inside))[:SAMPLES]
    outer = rng.permutation(np.flatnonzero(~inside))[:SAMPLES]
    if not inner.size or not outer.size:
        return np.zeros(inside.shape, np.float32)
    picked = np.concatenate([inner, outer])
    targets = np.where(np.arange(picked.size) < inner.size, 1, -1).astype(np.float32)
    weights = np.where(targets > 0, 0.5 / inner.size, 0.5 / outer.size).astype(np.float32)
    classifier = Classifier(basis)
    classifier.learn(flat[picked], targets, weights)
    return np.asarray(np.clip(classifier.score(features), -0.98, 0.98))


def unexplained(ratio: Float32[ndarray, "h w"]) -> Float32[ndarray, "h w"]:
    """Log odds that a pixel is not one of the surroundings' kind, relative to `OBJECT_SHARE`.

    Inside the prompt lie object and surroundings, outside only surroundings: what is as common
    inside as the surroundings' share allows needs no object to explain it.
    Source: Elkan and Noto 2008 (learning from positive and unlabelled examples).
    """
    ground = (1 - OBJECT_SHARE) * (1 - ratio) / (1 + ratio)
    odds = np.clip(1 - ground, 0.01, 0.99)
    prior = np.log(OBJECT_SHARE / (1 - OBJECT_SHARE))
    return np.asarray(np.clip(np.log(odds / (1 - odds)) - prior, -CLIP, CLIP), np.float32)


def colour_evidence(
    lab: Float32[ndarray, "h w 3"], inside: Bool[ndarray, "h w"]
) -> Float32[ndarray, "h w"]:
    """How badly the colours outside explain each pixel, -`CLIP`..`CLIP`."""
    smooth = cv2.GaussianBlur(lab, (0, 0), 1.0)
    return unexplained(density_ratio(Basis(3, width=1.0), smooth / COLOUR_WIDTH, inside))


def motion_features(
    residual: Float32[ndarray, "h w 2"], outside: Bool[ndarray, "h w"]
) -> Float32[ndarray, "h w 2"]:
    """Motion relative to the surroundings, in units of its noise, large values compressed.

    Args:
        residual: flow minus the camera's, in pixels.
        outside: True on surroundings, which set zero and unit.
    """
    around = residual[outside]
    if not len(around):
        return np.zeros_like(residual)
    centre = np.median(around, axis=0)
    noise = np.maximum(MOTION_FLOOR_PX, 1.5 * np.median(np.abs(around - centre), axis=0))
    scaled = np.clip((residual - centre) / (1.5 * noise), -6, 6)
    return np.asarray(1.5 * np.sign(scaled) * np.log1p(np.abs(scaled)), np.float32)


def motion_evidence(
    residuals: Sequence[Float32[ndarray, "h w 2"]], inside: Bool[ndarray, "h w"]
) -> Float32[ndarray, "h w"]:
    """How badly the motion outside explains each pixel, -`CLIP`..`MOTION_FOR`.

    Args:
        residuals: flow to some neighbouring frames minus the camera's, in pixels; may be empty.
        inside: True where the object may be.
    """
    total = np.zeros(inside.shape, np.float32)
    for residual in residuals:
        features = motion_features(residual, ~inside)
        total += unexplained(density_ratio(Basis(2, width=1.0), features, inside)) / len(residuals)
    return np.minimum(total, MOTION_FOR)


def moves_along(
    residuals: Sequence[Float32[ndarray, "h w 2"]],
    mask: Bool[ndarray, "h w"],
    *,
    against: float,
    trusts: Sequence[Float32[ndarray, "h w"]] | None = None,
) -> Float32[ndarray, "h w"]:
    """Log odds: moves like what the mask holds or like its surroundings, if they differ at all.

    Args:
        residuals: flow to some neighbouring frames minus the camera's, in pixels; may be empty.
        mask: a guess of the object.
        against: log odds against a pixel that moves just like the surroundings, where the object
            does not: the best witness there is against surroundings that crept into the mask.
        trusts: what each flow is worth at each pixel, 0..1; a pixel that one neighbour hides is
            judged by the other. Default: all the same.

    Returns:
        -`against`..`MOVES_WITH`.
    """
    total, worth = np.zeros(mask.shape, np.float32), np.full(mask.shape, 1e-3, np.float32)
    if not residuals or not mask.any() or mask.all():
        return total
    weights = trusts if trusts is not None else [np.ones(mask.shape, np.float32)] * len(residuals)
    for residual, trust in zip(residuals, weights, strict=True):
        ratio = density_ratio(Basis(2, width=1.0), motion_features(residual, ~mask), mask)
        total += np.where(ratio > 0, MOVES_WITH, against) * ratio * trust**2
        worth += trust
    return np.asarray(total / worth, np.float32)


def grab_cut(
    image: UInt8[ndarray, "h w 3"],
    soft: Float32[ndarray, "h w"],
    allowed: Bool[ndarray, "h w"],
    rounds: int,
) -> Bool[ndarray, "h w"]:
    """A first labelling refined by mixtures of Gaussians over colour.

    Args:
        image: RGB.
        soft: the labelling, 0..1.
        allowed: where the object may be.
        rounds: of refitting and cutting.

    Returns:
        The refined labelling; the first one if either side is too small to fit a mixture to.

    Source: Rother, Kolmogorov and Blake, "GrabCut", 2004, in OpenCV's implementation.
    """
    labels = np.where(soft > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[~allowed] = cv2.GC_BGD
    count = int((labels == cv2.GC_PR_FGD).sum())
    if min(count, labels.size - count) < LEAST_PIXELS:
        return np.asarray(soft > 0.5)
    ground, target = np.zeros((1, 65)), np.zeros((1, 65))
    # The mixtures start from k-means, which draws from OpenCV's global generator.
    cv2.setRNGSeed(SEED)
    bgr = np.ascontiguousarray(image[..., ::-1])
    cv2.grabCut(bgr, labels, (0, 0, 1, 1), ground, target, rounds, cv2.GC_INIT_WITH_MASK)
    return np.asarray((labels == cv2.GC_PR_FGD) | (labels == cv2.GC_FGD))
