"""What NOF-Eraser is trained with.

Videos are `b t 3 h w` in [-1, 1]; masks are `b t 1 h w`, 1 in the hole. Sources: the paper's
section 3.3.4 (reconstruction, adversarial, spatio-temporal smoothness) and E2FGVI eq. 2 (flow).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float
from torch import Tensor, nn
from torchvision.models import vgg19

from peanut_models.checkpoints import check_tensor, read_checkpoint
from peanut_models.errors import InvalidInputError
from peanut_models.flow.estimator import FlowEstimator
from peanut_models.flow.spynet import IMAGE_MEAN, IMAGE_STD, warp

Video = Float[Tensor, "b t 3 h w"]
VideoMask = Float[Tensor, "b t 1 h w"]
FlowVideo = Float[Tensor, "b p 2 h w"]

ADVERSARIAL_WEIGHT = 0.01
"""Of the adversarial loss beside the others, as published."""

SHARE_FLOOR = 1e-6
"""Least share of hole (or valid) pixels a loss is divided by: a video without holes loses 0."""

VGG_LAYERS = (1, 6, 11, 20, 29)
"""Places in torchvision's VGG-19 of the first ReLU of each of its five stages: relu1_1 to relu5_1,
at full, half, ... and a sixteenth of the size."""

VGG_LEAST_SIDE_PX = 16
"""Four poolings precede the last layer; a smaller image would vanish."""

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
            layers, normalised inside; frozen: `load_vgg19_features`.

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


class Vgg19Features(nn.Module):
    """The feature maps that the perceptual loss compares: VGG-19 after `VGG_LAYERS`.

    Without weights until they are loaded; see `load_vgg19_features`.

    Source: Simonyan and Zisserman, ICLR 2015, configuration E; layers as in Gatys et al. 2016.
    """

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        # Of its 144 million parameters 124 are the classifier's; meta tensors cost nothing.
        with torch.device("meta"):
            self.features = nn.Sequential(*vgg19(weights=None).features[: VGG_LAYERS[-1] + 1])
        for layer in self.features:
            if isinstance(layer, nn.ReLU):
                # In place it would overwrite maps that gradients and callers still need.
                layer.inplace = False
        self.register_buffer("mean", torch.tensor(IMAGE_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGE_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> list[Tensor]:
        """Five feature maps.

        Args:
            images: RGB in [-1, 1]; both sides 16 px or more.

        Raises:
            InvalidInputError: smaller images.
        """
        if min(images.shape[-2:]) < VGG_LEAST_SIDE_PX:
            raise InvalidInputError(
                f"images of {images.shape[-2]}x{images.shape[-1]} are too small for VGG-19: both "
                f"sides must be {VGG_LEAST_SIDE_PX} px or more"
            )
        out = ((images + 1) / 2 - self.mean) / self.std
        maps = []
        for k, layer in enumerate(self.features):
            out = layer(out)
            if k in VGG_LAYERS:
                maps.append(out)
        return maps


def load_vgg19_features(path: Path) -> Vgg19Features:
    """VGG-19's feature maps with torchvision's weights, from a file; frozen, on the CPU.

    Args:
        path: a state dict of torchvision's `vgg19` (`vgg19-dcbb9e9d.pth`), or of its convolutions
            alone. The classifier and the layers behind the last map are ignored.

    Raises:
        WeightsMissingError: there is no such file.
        InvalidInputError: it is no state dict of this network, or holds values that are not
            finite.
    """
    given = read_checkpoint(path, "torchvision's vgg19 weights")
    network = Vgg19Features()
    expected = network.state_dict()
    missing = sorted(expected.keys() - given.keys())
    if missing:
        raise InvalidInputError(
            f"{path} is no VGG-19 of torchvision: {len(missing)} of {len(expected)} tensors are "
            f"missing, first {missing[0]!r}; give the file of vgg19, not of vgg19_bn or others"
        )
    for name, tensor in expected.items():
        check_tensor(name, given[name], tensor)
    state = {name: given[name].to(torch.float32) for name in expected}
    network.load_state_dict(state, strict=True, assign=True)
    network.requires_grad_(False)
    network.eval()
    return network


def _check_same(a: Tensor, b: Tensor) -> None:
    if a.shape != b.shape:
        raise InvalidInputError(
            f"shapes differ: {tuple(a.shape)} and {tuple(b.shape)}; a loss compares like with like"
        )
