"""What NOF-Eraser is trained with.

Videos are `b t 3 h w` in [-1, 1]; masks are `b t 1 h w`, 1 in the hole. Sources: the paper's
section 3.3.4 (reconstruction, adversarial, spatio-temporal smoothness) and E2FGVI eq. 2 (flow).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float
from torch import Tensor

from peanut_models.errors import InvalidInputError
from peanut_models.flow.estimator import FlowEstimator
from peanut_models.flow.spynet import warp

Video = Float[Tensor, "b t 3 h w"]
VideoMask = Float[Tensor, "b t 1 h w"]
FlowVideo = Float[Tensor, "b p 2 h w"]

ADVERSARIAL_WEIGHT = 0.01
"""Of the adversarial loss beside the others, as published."""

SHARE_FLOOR = 1e-6
"""Least share of hole (or valid) pixels a loss is divided by: a video without holes loses 0."""

RELATIVE_ERROR = 0.01
ABSOLUTE_ERROR_PX2 = 0.5
"""Of the forward-backward check: Sundaram, Brox, Keutzer 2010, eq. 5."""


def hole_loss(filled: Video, truth: Video, mask: VideoMask) -> Float[Tensor, ""]:
    """L1 inside the holes, per hole pixel: the mean of all pixels over the share of holes."""
    return _masked_l1(filled, truth, mask)


def valid_loss(filled: Video, truth: Video, mask: VideoMask) -> Float[Tensor, ""]:
    """L1 outside the holes, per valid pixel."""
    return _masked_l1(filled, truth, 1 - mask)


def _masked_l1(filled: Video, truth: Video, weight: VideoMask) -> Float[Tensor, ""]:
    _check_same(filled, truth)
    share = weight.mean().clamp(min=SHARE_FLOOR)
    return ((filled - truth).abs() * weight).mean() / share


def discriminator_hinge_loss(real: Tensor, fake: Tensor) -> Float[Tensor, ""]:
    """Hinge loss of the discriminator: real patches above 1, filled ones below -1.

    Source: the paper's L_D, E[ReLU(1 - D(real))] + E[ReLU(1 + D(filled))].
    """
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def adversarial_loss(fake: Tensor) -> Float[Tensor, ""]:
    """What the generator is told: filled patches should look real."""
    return -fake.mean()


def flow_loss(
    completed: tuple[FlowVideo, FlowVideo], truth: tuple[FlowVideo, FlowVideo]
) -> Float[Tensor, ""]:
    """L1 of completed flow, forward and backward, to the flow of the uncorrupted video (eq. 2).

    Args:
        completed: forward (t to t + 1) and backward flow from the frames with holes.
        truth: the same from the uncorrupted frames; see `true_flows`.
    """
    for ours, theirs in zip(completed, truth, strict=True):
        _check_same(ours, theirs)
    return F.l1_loss(completed[0], truth[0]) + F.l1_loss(completed[1], truth[1])


def true_flows(
    frames: Float[Tensor, "b t 3 h w"], estimator: FlowEstimator
) -> tuple[FlowVideo, FlowVideo]:
    """Forward and backward flow of an uncorrupted video, without gradients.

    Args:
        frames: RGB in [0, 1], at the size the flow is wanted at.
        estimator: frozen, for example a SPyNet with its published weights.
    """
    b, t = frames.shape[:2]
    if t < 2:
        raise InvalidInputError(f"flow needs two frames or more, got {t}")
    first, second = frames[:, :-1].flatten(0, 1), frames[:, 1:].flatten(0, 1)
    with torch.no_grad():
        forward, backward = estimator(first, second), estimator(second, first)
    shape = (b, t - 1, *forward.shape[1:])
    return forward.reshape(shape), backward.reshape(shape)


def smoothness_loss(
    filled: Video, flow_fwd: FlowVideo, flow_bwd: FlowVideo, mask: VideoMask | None = None
) -> Float[Tensor, ""]:
    """Spatio-temporal smoothness: each frame against the next one brought back along the flow.

    Only where the flows agree with each other (no occlusion, inside the frame), and only inside
    the holes where a mask is given. 0 where no pixel qualifies.

    Args:
        filled: the network's output, or the composed video.
        flow_fwd: t to t + 1, in pixels of `filled`.
        flow_bwd: t + 1 to t.
        mask: 1 in the hole.

    Source: Lai et al., "Learning Blind Video Temporal Consistency", ECCV 2018, eq. 3, with the
    check of Sundaram et al. 2010, eq. 5, in place of a brightness threshold.
    """
    if filled.shape[1] < 2:
        return filled.sum() * 0
    forward, backward = flow_fwd.flatten(0, 1), flow_bwd.flatten(0, 1)
    here, after = filled[:, :-1].flatten(0, 1), filled[:, 1:].flatten(0, 1)
    if forward.shape[-2:] != here.shape[-2:] or len(forward) != len(here):
        raise InvalidInputError(
            f"flows are {tuple(flow_fwd.shape)} for a video of {tuple(filled.shape)}: give one per "
            "pair, of the video's size"
        )
    weight = consistency(forward, backward)
    if mask is not None:
        weight = weight * mask[:, :-1].flatten(0, 1)
    difference = (here - warp(after, forward, outside="border")).abs().mean(dim=1, keepdim=True)
    return (difference * weight).sum() / weight.sum().clamp(min=1)


def consistency(
    flow_fwd: Float[Tensor, "n 2 h w"], flow_bwd: Float[Tensor, "n 2 h w"]
) -> Float[Tensor, "n 1 h w"]:
    """1 where the forward flow leads to a pixel whose backward flow leads back, else 0."""
    with torch.no_grad():
        back = warp(flow_bwd, flow_fwd, outside="border")
        error = (flow_fwd + back).square().sum(dim=1, keepdim=True)
        motion = (flow_fwd.square() + back.square()).sum(dim=1, keepdim=True)
        reached = warp(torch.ones_like(flow_fwd[:, :1]), flow_fwd) > 1 - SHARE_FLOOR
        return ((error <= RELATIVE_ERROR * motion + ABSOLUTE_ERROR_PX2) & reached).to(motion.dtype)


def perceptual_loss(
    filled: Video,
    truth: Video,
    features: Callable[[Float[Tensor, "n 3 h w"]], Sequence[Tensor]],
) -> Float[Tensor, ""]:
    """L1 between feature maps of both videos, summed over layers.

    Args:
        filled: RGB in [-1, 1].
        truth: the same shape.
        features: gives feature maps of images in [-1, 1], for example VGG-19's after five of its
            layers, normalised inside; frozen.

    Source: Johnson, Alahi, Fei-Fei, ECCV 2016, section 3.1, with L1 in place of L2.
    """
    _check_same(filled, truth)
    ours = features(filled.flatten(0, 1))
    with torch.no_grad():
        theirs = features(truth.flatten(0, 1))
    if not ours:
        raise InvalidInputError(
            "the feature extractor gave no feature maps: give one layer or more"
        )
    total = filled.new_zeros(())
    for a, b in zip(ours, theirs, strict=True):
        total = total + F.l1_loss(a, b)
    return total


def _check_same(a: Tensor, b: Tensor) -> None:
    if a.shape != b.shape:
        raise InvalidInputError(
            f"shapes differ: {tuple(a.shape)} and {tuple(b.shape)}; a loss compares like with like"
        )
