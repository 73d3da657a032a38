"""Frames and flows as the network takes them, and its output as pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float, Float32, UInt8, UInt16
from numpy import ndarray
from torch import Tensor

from peanut_models.errors import InvalidInputError
from peanut_models.nof_eraser.images import mirror_padded
from peanut_models.stages import dtype_scale
from peanut_models.ur_net.config import MIN_FLOW_SIDE_PX, NetworkConfig

Flow = Float[Tensor, "2 h w"] | Float32[ndarray, "2 h w"]
"""Displacement in pixels of its own grid, which covers the whole frame; (x, y)."""

FlowPair = tuple[Flow, Flow]
"""Of a frame to the next one, and of that one back."""


def check_image(frame: ndarray[Any, Any], like: ndarray[Any, Any] | None = None) -> None:
    """Refuse what is no frame, or not one of the clip that `like` is of.

    Raises:
        InvalidInputError: another shape or type.
    """
    if frame.ndim != 3 or frame.shape[-1] != 3 or frame.dtype not in (np.uint8, np.uint16):
        raise InvalidInputError(
            f"a frame is {frame.shape} {frame.dtype}: give (h, w, 3) RGB, uint8 or uint16"
        )
    if 0 in frame.shape:
        raise InvalidInputError(f"a frame is {frame.shape}: there is nothing to enlarge")
    if like is not None and (frame.shape, frame.dtype) != (like.shape, like.dtype):
        raise InvalidInputError(
            f"a frame is {frame.shape} {frame.dtype}, those before it were {like.shape} "
            f"{like.dtype}: all frames of a clip must be alike"
        )


def legal_side(config: NetworkConfig, side_px: int) -> int:
    """The next side that the network can take."""
    stride = config.stride_px
    return max(MIN_FLOW_SIDE_PX, -(-side_px // stride)) * stride


def network_input(
    frame: UInt8[ndarray, "h w 3"] | UInt16[ndarray, "h w 3"], size: tuple[int, int]
) -> Float32[Tensor, "1 3 h2 w2"]:
    """A frame in [0, 1], mirrored below and to the right up to `size`."""
    scaled = frame.astype(np.float32) / np.float32(dtype_scale(frame))
    image = torch.from_numpy(np.ascontiguousarray(scaled.transpose(2, 0, 1)))[None]
    return mirror_padded(image, size) if image.shape[-2:] != size else image


def pixels(
    predicted: Float[Tensor, "1 3 h w"], dtype: np.dtype[Any]
) -> UInt8[ndarray, "h w 3"] | UInt16[ndarray, "h w 3"]:
    """The network's output, clamped and rounded."""
    white = float(np.iinfo(dtype).max)
    scaled = predicted[0].float().clamp(0, 1).mul(white).round().permute(1, 2, 0)
    return np.asarray(scaled.cpu().numpy().astype(dtype))


def check_flow(flow: Flow) -> Float[Tensor, "1 2 h w"]:
    """A flow from outside as a tensor.

    Raises:
        InvalidInputError: another shape than (2, h, w), or values that are not finite.
    """
    given = torch.as_tensor(flow).detach().float()
    if given.ndim != 3 or given.shape[0] != 2 or 0 in given.shape:
        raise InvalidInputError(
            f"a flow has the shape {tuple(given.shape)}: give (2, h, w), x then y, in pixels of "
            "its own grid"
        )
    if not bool(torch.isfinite(given).all()):
        raise InvalidInputError(
            "a flow holds NaN or infinite values: leave the flows out to have them estimated"
        )
    return given[None]


def flow_at(flow: Float[Tensor, "1 2 h w"], size: tuple[int, int]) -> Float[Tensor, "1 2 h2 w2"]:
    """A flow of the whole frame on another grid: resized, and its values with it."""
    height, width = flow.shape[-2:]
    if (height, width) == size:
        return flow
    scale = flow.new_tensor((size[1] / width, size[0] / height)).view(1, 2, 1, 1)
    return F.interpolate(flow, size, mode="bilinear", align_corners=False) * scale
