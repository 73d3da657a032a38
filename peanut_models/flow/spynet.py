"""SPyNet: optical flow from a spatial pyramid of small networks, as a PyTorch module.

Two published networks carry it inside, with the same 60 convolutions and one difference that stays
below rounding (see `SpyNet`): E2FGVI under `update_spynet.`, BasicVSR++ under `generator.spynet.`.
It is also published alone, without the two constants. `convert_spynet` reads all three.

Source: Ranjan and Black, "Optical Flow Estimation using a Spatial Pyramid Network", CVPR 2017.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float
from torch import Tensor, nn

from peanut_models.errors import InvalidInputError
from peanut_models.flow.estimator import check_pair

Order = Literal["resize_then_normalise", "normalise_then_resize"]

LEVELS = 6
"""Pyramid levels; the coarsest is 1/32 of the finest."""

SIZE_MULTIPLE_PX = 32
"""Images are resized up to a multiple of this, so that every level halves evenly."""

LEVEL_CHANNELS = (8, 32, 64, 32, 16, 2)
"""In: reference (3), warped neighbour (3), flow so far (2). Out: the flow's residue."""

IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)
"""ImageNet's RGB statistics in [0, 1], which the published weights were trained with."""

_PUBLISHED = re.compile(r"basic_module\.(\d)\.basic_module\.(\d)\.conv\.(weight|bias)")
_OURS = re.compile(r"levels\.(\d)\.(\d)\.(weight|bias)")


def warp(
    image: Float[Tensor, "n c h w"],
    flow: Float[Tensor, "n 2 h w"],
    *,
    outside: Literal["zeros", "border"] = "zeros",
) -> Float[Tensor, "n c h w"]:
    """Sample `image` at `x + flow(x)`, bilinearly.

    Args:
        image: any channels, any range; flows may be warped too.
        flow: displacement in pixels of `image`; channel 0 is x (right), 1 is y (down).
        outside: what lies outside the image: zeros, or its nearest edge pixel.

    Convention: pixel centres at integers, `align_corners=True`.
    Source: Jaderberg et al. 2015, eq. 5.
    """
    height, width = image.shape[-2:]
    flow = flow.to(torch.promote_types(flow.dtype, torch.float32))
    x = torch.arange(width, dtype=flow.dtype, device=flow.device) + flow[:, 0]
    y = torch.arange(height, dtype=flow.dtype, device=flow.device)[:, None] + flow[:, 1]
    # A side of one pixel has no extent: any coordinate there means that pixel.
    grid = torch.stack(
        (2.0 * x / max(width - 1, 1) - 1.0, 2.0 * y / max(height - 1, 1) - 1.0), dim=-1
    )
    # Half precision cannot hold positions: eight bits of 480 are two pixels.
    exact = torch.promote_types(image.dtype, grid.dtype)
    sampled = F.grid_sample(
        image.to(exact),
        grid.to(exact),
        mode="bilinear",
        padding_mode=outside,
        align_corners=True,
    )
    return sampled.to(image.dtype)


class SpyNet(nn.Module):
    """The flow between two images, coarse to fine.

    Args:
        order: when the ImageNet constants are applied. E2FGVI resizes to the multiple of 32 first,
            BasicVSR++ normalises first. Bilinear resizing keeps means, so both give the same flow
            up to float32 rounding; the option keeps each network's own order of operations.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, order: Order = "resize_then_normalise") -> None:
        super().__init__()
        if order not in ("resize_then_normalise", "normalise_then_resize"):
            raise InvalidInputError(
                f"no SPyNet order is called {order!r}: use resize_then_normalise (E2FGVI) or "
                "normalise_then_resize (BasicVSR++)"
            )
        self.order = order
        self.levels = nn.ModuleList(_level() for _ in range(LEVELS))
        self.register_buffer("mean", torch.tensor(IMAGE_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGE_STD).view(1, 3, 1, 1))

    def forward(
        self, source: Float[Tensor, "n 3 h w"], target: Float[Tensor, "n 3 h w"]
    ) -> Float[Tensor, "n 2 h w"]:
        """The flow of `source` to `target`.

        Args:
            source: RGB in [0, 1], any size.
            target: the same shape.

        Returns:
            Displacement in pixels of `source`; channel 0 is x (right), 1 is y (down).

        Raises:
            InvalidInputError: the shapes differ or are not `n 3 h w`.
        """
        check_pair(source, target)
        height, width = source.shape[-2:]
        size = (_up_to_multiple(height), _up_to_multiple(width))
        flow = self._pyramid(self._prepared(source, size), self._prepared(target, size))
        scale = flow.new_tensor((width / size[1], height / size[0])).view(1, 2, 1, 1)
        return F.interpolate(flow, (height, width), mode="bilinear", align_corners=False) * scale

    def _prepared(self, image: Tensor, size: tuple[int, int]) -> Tensor:
        """Resized and normalised, in the chosen order."""
        if self.order == "normalise_then_resize":
            image = (image - self.mean) / self.std
        image = F.interpolate(image, size, mode="bilinear", align_corners=False)
        if self.order == "resize_then_normalise":
            image = (image - self.mean) / self.std
        return image

    def _pyramid(
        self, source: Float[Tensor, "n 3 h w"], target: Float[Tensor, "n 3 h w"]
    ) -> Float[Tensor, "n 2 h w"]:
        """Flow from the coarsest level to the finest (Ranjan and Black, eq. 3 to 5)."""
        sources, targets = [source], [target]
        for _ in range(LEVELS - 1):
            sources.append(F.avg_pool2d(sources[-1], 2))
            targets.append(F.avg_pool2d(targets[-1], 2))
        n, _, height, width = sources[-1].shape
        flow = source.new_zeros(n, 2, height, width)
        for k, level in enumerate(self.levels):
            near, far = sources[LEVELS - 1 - k], targets[LEVELS - 1 - k]
            if k:
                # Twice the pixels: twice the displacement.
                flow = 2.0 * F.interpolate(
                    flow, scale_factor=2, mode="bilinear", align_corners=True
                )
            moved = warp(far, flow, outside="border")
            flow = flow + level(torch.cat((near, moved, flow), dim=1))
        return flow


def _level() -> nn.Sequential:
    """Five 7x7 convolutions with ReLU between; index 0, 2, 4, 6, 8 are the convolutions."""
    layers: list[nn.Module] = []
    for k, (before, after) in enumerate(pairwise(LEVEL_CHANNELS)):
        if k:
            layers.append(nn.ReLU())
        layers.append(nn.Conv2d(before, after, 7, padding=3))
    return nn.Sequential(*layers)


def _up_to_multiple(length_px: int) -> int:
    return -(-length_px // SIZE_MULTIPLE_PX) * SIZE_MULTIPLE_PX


def our_name(published: str) -> str:
    """Our name for one published SPyNet tensor (without its network's prefix).

    Raises:
        InvalidInputError: SPyNet has no such tensor.
    """
    if published in ("mean", "std"):
        return published
    match = _PUBLISHED.fullmatch(published)
    if match is None:
        raise InvalidInputError(
            f"{published!r} is no tensor of SPyNet: expected mean, std or "
            "basic_module.L.basic_module.N.conv.weight or .bias"
        )
    level, layer, kind = match.groups()
    return f"levels.{level}.{2 * int(layer)}.{kind}"


def published_name(ours: str) -> str:
    """The published name for one of our SPyNet tensors (without a prefix)."""
    match = _OURS.fullmatch(ours)
    if match is None:
        return ours
    level, layer, kind = match.groups()
    return f"basic_module.{level}.basic_module.{int(layer) // 2}.conv.{kind}"


def convert_spynet(published: Mapping[str, Tensor], prefix: str = "") -> dict[str, Tensor]:
    """A published checkpoint's SPyNet as a state dict for `SpyNet`.

    Args:
        published: tensors by published name; other networks' tensors may be among them when a
            `prefix` tells ours apart.
        prefix: what the network puts in front: `""` (SPyNet alone), `update_spynet.` (E2FGVI),
            `generator.spynet.` (BasicVSR++).

    Returns:
        All 62 tensors; `mean` and `std` are the constants where the file has none.

    Raises:
        InvalidInputError: a tensor is missing, unknown, or has the wrong shape.
    """
    expected = SpyNet().state_dict()
    found = {"mean": expected["mean"], "std": expected["std"]}
    for name, tensor in published.items():
        if name.startswith(prefix):
            found[our_name(name.removeprefix(prefix))] = tensor
    missing = sorted(expected.keys() - found.keys())
    if missing:
        raise InvalidInputError(
            f"not a SPyNet checkpoint: {len(missing)} of {len(expected)} tensors are missing under "
            f"prefix {prefix!r}, first {published_name(missing[0])!r}"
        )
    for name, tensor in found.items():
        want = tuple(expected[name].shape) if name in expected else None
        if want != tuple(tensor.shape):
            raise InvalidInputError(
                f"SPyNet tensor {published_name(name)!r} has shape {tuple(tensor.shape)}, "
                f"expected {want}"
            )
    return found
