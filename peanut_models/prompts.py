"""Prompts checked and sorted by frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from peanut_models.errors import InvalidInputError
from peanut_models.ranges import FrameRange
from peanut_models.stages import BoxPrompt, MaskPrompt, PointPrompt, Prompt

Box = tuple[float, float, float, float]


@dataclass(slots=True)
class FramePrompts:
    """All that was said about one frame; of several masks or boxes the last one counts."""

    clicks: list[tuple[float, float, bool]] = field(default_factory=list)
    box: Box | None = None
    mask: Bool[ndarray, "h w"] | None = None

    @property
    def positive(self) -> bool:
        """Whether it says where the object is, and not only where it is not."""
        return (
            self.box is not None or self.mask is not None or any(click[2] for click in self.clicks)
        )


def by_frame(
    prompts: Sequence[Prompt], frame_range: FrameRange, shape: tuple[int, int]
) -> dict[int, FramePrompts]:
    """Sort prompts by frame.

    Args:
        prompts: any order.
        frame_range: the frames there are.
        shape: height and width of the working image.

    Raises:
        InvalidInputError: no positive prompt, or a prompt outside the picture or the range.
    """
    sorted_prompts: dict[int, FramePrompts] = {}
    for prompt in prompts:
        if prompt.frame_index not in frame_range:
            raise InvalidInputError(
                f"{type(prompt).__name__} on frame {prompt.frame_index} lies outside the range "
                f"{frame_range}: prompt a frame of the range"
            )
        add_prompt(sorted_prompts.setdefault(prompt.frame_index, FramePrompts()), prompt, shape)
    if not any(p.positive and (p.mask is None or p.mask.any()) for p in sorted_prompts.values()):
        raise InvalidInputError(
            f"none of the {len(prompts)} prompts says where the object is: give at least one "
            "positive point, a box, or a painted mask that is not empty"
        )
    return dict(sorted(sorted_prompts.items()))


def add_prompt(frame: FramePrompts, prompt: Prompt, shape: tuple[int, int]) -> None:
    """Check one prompt against the picture and add it to its frame's."""
    height, width = shape
    where = f"on frame {prompt.frame_index}"
    if isinstance(prompt, PointPrompt):
        # NaN fails both comparisons.
        if not (0 <= prompt.x_px < width and 0 <= prompt.y_px < height):
            raise InvalidInputError(
                f"point ({prompt.x_px}, {prompt.y_px}) {where} lies outside the {width}x{height} "
                f"picture: x must be in [0, {width}) and y in [0, {height})"
            )
        frame.clicks.append((prompt.x_px, prompt.y_px, prompt.positive))
    elif isinstance(prompt, BoxPrompt):
        frame.box = checked_box(prompt.box_xyxy_px, shape, where)
    elif isinstance(prompt, MaskPrompt):
        if prompt.mask.shape != shape or prompt.mask.dtype != np.bool_:
            raise InvalidInputError(
                f"painted mask {where} is {prompt.mask.dtype} of shape {prompt.mask.shape}: it "
                f"must be bool of the working image's shape {shape}"
            )
        frame.mask = prompt.mask.copy()


def checked_box(box: Box, shape: tuple[int, int], where: str) -> Box:
    """The box clipped to the picture."""
    x0, y0, x1, y1 = box
    if not (x1 > x0 and y1 > y0):
        raise InvalidInputError(
            f"box {box} {where} is empty: x1 must exceed x0 and y1 must exceed y0"
        )
    height, width = shape
    clipped = max(0.0, x0), max(0.0, y0), min(float(width), x1), min(float(height), y1)
    if clipped[2] - clipped[0] < 1 or clipped[3] - clipped[1] < 1:
        raise InvalidInputError(
            f"box {box} {where} lies outside the {width}x{height} picture or within a pixel of "
            "its edge: draw it over the object"
        )
    return clipped
