"""What was said of a target, checked and sorted by frame."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool
from numpy import ndarray

from peanut_models.errors import InvalidInputError
from peanut_models.p_mask.segmenter import Clicks
from peanut_models.prompts import FramePrompts, add_prompt
from peanut_models.ranges import FrameRange
from peanut_models.stages import PointPrompt
from peanut_models.tracking import TargetPrompts


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One target's prompts.

    Attributes:
        target: whose.
        anchors: frames that say where the target is, in order.
        refined: frames with nothing but negative clicks; they correct what tracking brings there.
    """

    target: TargetPrompts
    anchors: dict[int, FramePrompts]
    refined: dict[int, Clicks]

    def clicks(self, frame_index: int) -> Clicks:
        """The points and the box on an anchor.

        Points correct the mask that the frame had if one of them confirms it, by lying on it;
        otherwise they mean something else, and start from nothing.
        """
        said = self.anchors[frame_index]
        earlier = None if said.box is not None else self.target.before(frame_index)
        if earlier is not None and not any(
            positive and _lies_on(earlier, x, y) for x, y, positive in said.clicks
        ):
            earlier = None
        return Clicks(points=tuple(said.clicks), box=said.box, earlier=earlier)


def said_of(target: TargetPrompts, available: FrameRange, shape: tuple[int, int]) -> Said:
    """Check and sort a target's prompts.

    Args:
        target: whose.
        available: the frames that can be read.
        shape: height and width of the frames.

    Raises:
        InvalidInputError: frames or prompts that do not exist, prompts that contradict each
            other, or none that says where the target is.
    """
    check_frames(target, available)
    by_frame: dict[int, FramePrompts] = {}
    for prompt in target.prompts:
        add_prompt(by_frame.setdefault(prompt.frame_index, FramePrompts()), prompt, shape)
    _check_contradictions(target)
    anchors = target.anchors()
    if not anchors:
        raise InvalidInputError(
            f"target {target.target_id!r} has no prompt that says where it is in "
            f"{target.frames}: give a point on it, a box around it or a mask"
        )
    masks = [by_frame[k].mask for k in anchors]
    if not target.held and all(mask is not None and not mask.any() for mask in masks):
        raise InvalidInputError(
            f"all painted masks of target {target.target_id!r} are empty: one must show it"
        )
    return Said(
        target=target,
        anchors={k: by_frame[k] for k in anchors},
        refined={
            k: Clicks(points=tuple(said.clicks))
            for k, said in by_frame.items()
            if k not in anchors and said.clicks
        },
    )


def check_frames(target: TargetPrompts, available: FrameRange) -> None:
    """Refuse frames that do not exist and prompts outside the target's run.

    Raises:
        InvalidInputError: either.
    """
    if not available.covers(target.frames):
        raise InvalidInputError(
            f"target {target.target_id!r} is wanted on frames {target.frames}, but only "
            f"{available} can be read"
        )
    for prompt in target.prompts:
        if prompt.frame_index not in target.frames:
            raise InvalidInputError(
                f"{type(prompt).__name__} on frame {prompt.frame_index} lies outside the frames "
                f"{target.frames} of target {target.target_id!r}: prompt one of these"
            )


def _check_contradictions(target: TargetPrompts) -> None:
    points = [p for p in target.prompts if isinstance(p, PointPrompt)]
    placed = {(p.frame_index, p.x_px, p.y_px, p.positive) for p in points}
    for frame_index, x, y, positive in sorted(placed):
        if positive and (frame_index, x, y, False) in placed:
            raise InvalidInputError(
                f"point ({x}, {y}) on frame {frame_index} is said to be on target "
                f"{target.target_id!r} and off it: remove one of the two"
            )


def fresh(target: TargetPrompts) -> tuple[int, ...]:
    """Anchors whose masks are to be found, not given as locked."""
    return tuple(k for k in target.anchors() if k not in target.held)


def is_correction(target: TargetPrompts) -> bool:
    """Whether the target has masks already that its prompts correct."""
    return bool(target.held) or any(target.before(k) is not None for k in target.anchors())


def _lies_on(mask: Bool[ndarray, "h w"], x: float, y: float) -> bool:
    # Clicks lie in [0, w) by [0, h), and pixel centres at integers.
    row, column = min(round(y), mask.shape[0] - 1), min(round(x), mask.shape[1] - 1)
    return bool(mask[row, column])
