"""A frame and a hole in it to a frame without one, by LaMa."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy import ndarray
from torch import Tensor

from peanut_models.errors import InvalidInputError
from peanut_models.lama.config import MIN_SIDE_PX, STRIDE_PX
from peanut_models.lama.network import LamaNetwork
from peanut_models.stages import Image, dtype_scale


class LamaFiller:
    """Fills holes of single pictures; it knows no time.

    The network sees the whole picture at once, and so its cost and memory grow with it: 512x512
    take 440 GFLOP and about 5 s on a CPU core.

    Args:
        network: ready for inference, on its device.
    """

    def __init__(self, network: LamaNetwork) -> None:
        self._network = network
        self._device = next(network.parameters()).device

    def fill(self, frame: Image, hole: Bool[ndarray, "h w"]) -> Image:
        """The picture with the hole filled.

        Args:
            frame: any size; what lies under the hole is not looked at.
            hole: True where the picture must be made up.

        Returns:
            The same type; pixels outside the hole are the frame's own, bit for bit.

        Raises:
            InvalidInputError: no RGB picture of 8 or 16 bits, or a hole of another size or type.
        """
        check(frame, hole)
        if not hole.any():
            return frame.copy()
        image, mask = prepared(frame, hole)
        with torch.inference_mode():
            image, mask = image.to(self._device), mask.to(self._device)
            predicted = self._network(torch.cat([image * (1 - mask), mask], dim=1))
            whole = composed(predicted, image, mask)
        height, width = hole.shape
        pixels = whole[0, :, :height, :width].permute(1, 2, 0).cpu().numpy()
        scale = dtype_scale(frame)
        filled = frame.copy()
        # parity: truncated, not rounded, as the published tool does.
        filled[hole] = np.clip(pixels[hole] * np.float32(scale), 0, scale).astype(frame.dtype)
        return filled


def check(frame: Image, hole: Bool[ndarray, "h w"]) -> None:
    """Refuse what cannot be filled.

    Raises:
        InvalidInputError: see `LamaFiller.fill`.
    """
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype not in (np.uint8, np.uint16):
        raise InvalidInputError(
            f"the frame is {frame.dtype} of shape {frame.shape}: give (h, w, 3) RGB of uint8 or "
            "uint16"
        )
    if hole.dtype != np.bool_ or hole.shape != frame.shape[:2]:
        raise InvalidInputError(
            f"the hole is {hole.dtype} of shape {hole.shape}: it must be bool of the frame's "
            f"shape {frame.shape[:2]}"
        )


def prepared(
    frame: Image, hole: Bool[ndarray, "h w"]
) -> tuple[Float[Tensor, "1 3 h8 w8"], Float[Tensor, "1 1 h8 w8"]]:
    """Picture in [0, 1] and hole as 0 or 1, mirrored at the right and the bottom to whole cells."""
    edges = [(0, max(MIN_SIDE_PX, -(-side // STRIDE_PX) * STRIDE_PX) - side) for side in hole.shape]
    pixels = np.pad(frame, (*edges, (0, 0)), mode="symmetric").astype(np.float32)
    image = torch.from_numpy(pixels / np.float32(dtype_scale(frame))).permute(2, 0, 1)
    mask = torch.from_numpy(np.pad(hole, edges, mode="symmetric").astype(np.float32))
    return image[None], mask[None, None]


def composed(
    predicted: Float[Tensor, "1 3 h w"],
    image: Float[Tensor, "1 3 h w"],
    mask: Float[Tensor, "1 1 h w"],
) -> Float[Tensor, "1 3 h w"]:
    """The prediction in the hole, the picture around it."""
    return mask * predicted + (1 - mask) * image
