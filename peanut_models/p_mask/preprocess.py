"""Frames to the network's square input, and its logits back to frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray
from torch import Tensor
from torchvision.transforms.functional import InterpolationMode, resize, to_pil_image

from peanut_models.errors import InvalidInputError
from peanut_models.p_mask.config import IMAGE_SIZE_PX

Fit = Literal["pad", "stretch"]

IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)

SHORT_SIDE_SHARE = 1020 / 1024
"""SAMWISE brings the short side to 1020 px of 1024, unless the long side would exceed 1024."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a frame lies in the network's input: at the top left, scaled.

    Attributes:
        source_hw: height and width of the frame.
        placed_hw: the same in the network's input; the rest is padding.
        image_size_px: side of the network's input.
    """

    source_hw: tuple[int, int]
    placed_hw: tuple[int, int]
    image_size_px: int

    def to_input_xy(self, xy_px: Float[Tensor, "... 2"]) -> Float[Tensor, "... 2"]:
        """Points of the frame in pixels of the network's input."""
        (height, width), (placed_height, placed_width) = self.source_hw, self.placed_hw
        return xy_px * xy_px.new_tensor((placed_width / width, placed_height / height))

    def to_input_mask(self, mask: Bool[Tensor, "n 1 h w"]) -> Bool[Tensor, "n 1 s s"]:
        """Masks of the frame at the network's input size; padding is outside."""
        if tuple(mask.shape[-2:]) != self.source_hw:
            raise InvalidInputError(
                f"the mask is {mask.shape[-2]}x{mask.shape[-1]}, the frame "
                f"{self.source_hw[0]}x{self.source_hw[1]}: give it at the frame's size"
            )
        size = self.placed_hw
        inside = F.interpolate(
            mask.to(torch.float32), size, mode="bilinear", align_corners=False, antialias=True
        )
        return _padded(inside, self.image_size_px) > 0.5

    def to_source(self, logits: Float[Tensor, "n 1 s s"]) -> Float[Tensor, "n 1 h w"]:
        """The network's logits at the frame's size, padding cut away."""
        height, width = self.placed_hw
        inside = logits[..., :height, :width]
        if self.placed_hw == self.source_hw:
            return inside
        return F.interpolate(inside, self.source_hw, mode="bilinear", align_corners=False)


def placement(
    height: int, width: int, *, fit: Fit = "pad", image_size_px: int = IMAGE_SIZE_PX
) -> Placement:
    """How frames of a size are placed.

    Args:
        height: of the frames in pixels.
        width: of the frames in pixels.
        fit: `pad` keeps the aspect, as SAMWISE does; `stretch` fills the square, as SAM 2's own
            tracker does.
        image_size_px: side of the network's input.

    Raises:
        InvalidInputError: no pixels, a picture too narrow to be placed, or an unknown fit.
    """
    if fit not in ("pad", "stretch"):
        raise InvalidInputError(f"no fit is called {fit!r}: use pad or stretch")
    if height < 1 or width < 1:
        raise InvalidInputError(f"frames are {height}x{width}: they must have pixels")
    placed = (image_size_px, image_size_px)
    if fit == "pad":
        placed = _aspect_kept(height, width, image_size_px)
    if min(placed) < 1:
        raise InvalidInputError(
            f"frames are {height}x{width}: too narrow for an input of {image_size_px} px"
        )
    return Placement(source_hw=(height, width), placed_hw=placed, image_size_px=image_size_px)


def _aspect_kept(height: int, width: int, side: int) -> tuple[int, int]:
    """Short side to 1020 / 1024 of the input, at most the whole input for the long one."""
    limit = round(side * SHORT_SIDE_SHARE)
    short, long = min(height, width), max(height, width)
    new_short, new_long = limit, limit * long // short
    if new_long > side:
        # The second rounding starts from the first one's result, as the published rule does.
        new_short, new_long = side * new_short // new_long, side
    return (new_short, new_long) if height <= width else (new_long, new_short)


def prepared(
    frames: UInt8[ndarray, "t h w 3"], *, fit: Fit = "pad", image_size_px: int = IMAGE_SIZE_PX
) -> Float[Tensor, "t 3 s s"]:
    """Frames as the network takes them: resized, ImageNet-normalised, then padded with 0.

    Args:
        frames: RGB, 8 bits, display-referred.
        fit: see `placement`.
        image_size_px: side of the network's input.

    Raises:
        InvalidInputError: not `t h w 3` in 8 bits; see also `placement`.
    """
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8:
        raise InvalidInputError(
            f"frames are {frames.dtype} of shape {frames.shape}: expected uint8, t x h x w x 3"
        )
    where = placement(frames.shape[1], frames.shape[2], fit=fit, image_size_px=image_size_px)
    if where.placed_hw != where.source_hw:
        frames = np.stack([_resized(frame, where.placed_hw) for frame in frames])
    images = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGE_MEAN, IMAGE_STD))
    return _padded((images.to(torch.float32) / 255 - mean) / std, image_size_px)


def _resized(frame: UInt8[ndarray, "h w 3"], size: tuple[int, int]) -> UInt8[ndarray, "h2 w2 3"]:
    # Pillow's filter, in 8 bits: PyTorch's own differs by one level on some pixels.
    image = resize(to_pil_image(frame), list(size), InterpolationMode.BILINEAR, antialias=True)
    return np.asarray(image)


def _padded(image: Tensor, side: int) -> Tensor:
    return F.pad(image, (0, side - image.shape[-1], 0, side - image.shape[-2]))
