"""Modulated deformable convolution: one function, whichever library provides it.

torchvision's op is the default. mmcv's, which the published networks were trained with, is used
where it is installed: both compute the same numbers (docs/adr/0002).
"""

from __future__ import annotations

import importlib.util

import torch
from jaxtyping import Float
from torch import Tensor
from torchvision.ops import deform_conv2d


def mmcv_is_installed() -> bool:
    """Whether mmcv's compiled ops can be imported."""
    try:
        return importlib.util.find_spec("mmcv.ops") is not None
    except ModuleNotFoundError:
        return False


def modulated_deform_conv2d(
    image: Float[Tensor, "n c_in h w"],
    offset: Float[Tensor, "n offsets h_out w_out"],
    modulation: Float[Tensor, "n taps h_out w_out"],
    weight: Float[Tensor, "c_out c_in_per_group k_h k_w"],
    bias: Float[Tensor, " c_out"] | None = None,
    *,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    use_mmcv: bool | None = None,
) -> Float[Tensor, "n c_out h_out w_out"]:
    """Convolve `image`, each kernel tap sampled at its own offset and weighted by its modulation.

    Args:
        image: any channels, any range.
        offset: displacement of each tap in pixels of `image`, as (dy, dx) pairs; deformable groups
            outermost, then taps in row order: 2 * groups * k_h * k_w channels.
        modulation: weight of each tap, usually 0 to 1: groups * k_h * k_w channels.
        weight: kernels.
        bias: added to each output channel.
        stride: of the output grid, in pixels.
        padding: zeros around `image`; samples outside it are 0.
        dilation: distance between taps, in pixels.
        use_mmcv: force one of the two libraries; None takes mmcv's op where it is installed.

    Returns:
        The convolved image.

    Source: Zhu et al. 2019, "Deformable ConvNets v2", eq. 1.
    """
    if mmcv_is_installed() if use_mmcv is None else use_mmcv:
        from mmcv.ops import modulated_deform_conv2d as mmcv_op

        taps = weight.shape[2] * weight.shape[3]
        deform_groups = modulation.shape[1] // taps
        groups = image.shape[1] // weight.shape[1]
        result: Tensor = mmcv_op(
            image,
            offset,
            modulation,
            weight,
            bias,
            stride,
            padding,
            dilation,
            groups,
            deform_groups,
        )
        return result
    return torch.as_tensor(
        deform_conv2d(
            image,
            offset,
            weight,
            bias,
            stride=(stride, stride),
            padding=(padding, padding),
            dilation=(dilation, dilation),
            mask=modulation,
        )
    )
