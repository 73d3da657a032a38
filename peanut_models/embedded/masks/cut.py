"""The binary labelling that fits the evidence and follows the picture's edges."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

EDGE_FLOOR = 0.05
"""Least price of a border, relative to one on flat ground: stops strong texture from being free."""


def edge_weights(
    image_lab: Float32[ndarray, "h w 3"],
) -> tuple[Float32[ndarray, "h w"], Float32[ndarray, "h w"]]:
    """The price of a border to the right of and below each pixel, `EDGE_FLOOR`..1.

    Contrast counts relative to the picture's mean, as in Boykov and Jolly 2001 and GrabCut.
    """
    right = np.zeros(image_lab.shape[:2], np.float32)
    below = np.zeros_like(right)
    right[:, :-1] = ((image_lab[:, 1:] - image_lab[:, :-1]) ** 2).sum(2)
    below[:-1] = ((image_lab[1:] - image_lab[:-1]) ** 2).sum(2)
    mean = max(1e-6, float(right.mean() + below.mean()) / 2)
    return tuple(EDGE_FLOOR + (1 - EDGE_FLOOR) * np.exp(-d / (2 * mean)) for d in (right, below))


def cut(
    evidence: Float32[ndarray, "h w"],
    weights: tuple[Float32[ndarray, "h w"], Float32[ndarray, "h w"]],
    *,
    smoothness: float,
    iterations: int = 60,
) -> Float32[ndarray, "h w"]:
    """Minimise `-sum(evidence * u) + smoothness * sum(weight * |grad u|)` over `0 <= u <= 1`.

    The convex form of the graph cut: thresholding the minimiser at any level gives a best binary
    labelling, and stopping early leaves `u` between 0 and 1 where the matter is open.

    Args:
        evidence: log odds of the object; any range, no infinities.
        weights: from `edge_weights`.
        smoothness: price of one pixel of border on flat ground, in log odds.
        iterations: of the solver; the start is already close, so few are enough.

    Returns:
        `u`, 0..1.

    Source: Chan, Esedoglu and Nikolova 2006 (the relaxation); Chambolle and Pock 2011, algorithm 1
    (the solver); the anisotropic gradient makes it the graph cut of Boykov and Jolly 2001.
    """
    limit_x, limit_y = smoothness * weights[0], smoothness * weights[1]
    # Steps satisfy tau * sigma * 8 <= 1 (8 bounds the squared norm of the gradient).
    tau, sigma = np.float32(0.25), np.float32(0.5)
    u = np.asarray(1 / (1 + np.exp(-np.clip(evidence, -20, 20))), np.float32)
    ahead = u.copy()
    px, py = np.zeros_like(u), np.zeros_like(u)
    push = tau * evidence
    for _ in range(iterations):
        px[:, :-1] += sigma * (ahead[:, 1:] - ahead[:, :-1])
        py[:-1] += sigma * (ahead[1:] - ahead[:-1])
        np.clip(px, -limit_x, limit_x, out=px)
        np.clip(py, -limit_y, limit_y, out=py)
        new = u + push
        new += tau * px
        new += tau * py
        new[:, 1:] -= tau * px[:, :-1]
        new[1:] -= tau * py[:-1]
        np.clip(new, 0, 1, out=new)
        ahead = 2 * new - u
        u = new
    return u
