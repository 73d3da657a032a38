"""Frame ranges and the windows that a long range is cut into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from peanut_models.errors import FrameRangeError, InvalidInputError


@dataclass(frozen=True, slots=True, order=True)
class FrameRange:
    """Half-open run of frame indices `[start, end)`; never empty.

    Raises:
        FrameRangeError: `start` is negative or `end` does not exceed `start`.
    """

    start: int
    end: int

    def __post_init__(self) -> None:
        if self.start < 0:
            raise FrameRangeError(
                f"frame range [{self.start}, {self.end}) starts before the clip: "
                "start_frame must be 0 or more"
            )
        if self.end <= self.start:
            raise FrameRangeError(
                f"frame range [{self.start}, {self.end}) is empty: "
                "end_frame must exceed start_frame"
            )

    def __len__(self) -> int:
        return self.end - self.start

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.end))

    def __contains__(self, frame_index: object) -> bool:
        return isinstance(frame_index, int) and self.start <= frame_index < self.end

    def __str__(self) -> str:
        return f"[{self.start}, {self.end})"

    def covers(self, other: FrameRange) -> bool:
        """Whether every frame of `other` is in this range."""
        return self.start <= other.start and other.end <= self.end

    def overlap(self, other: FrameRange) -> FrameRange | None:
        """The frames that are in both ranges; None if there are none."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return FrameRange(start, end) if start < end else None

    def grown(self, frames: int, within: FrameRange) -> FrameRange:
        """This range with `frames` more on each side, clipped to `within`."""
        return FrameRange(
            max(within.start, self.start - frames), min(within.end, self.end + frames)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The run of frames that a stage holds at once.

    `core` is what the window commits; `span` adds the context around it that the stage may look
    at. Cores tile the range without gap or overlap; spans overlap.
    """

    index: int
    core: FrameRange
    span: FrameRange


def plan_windows(whole: FrameRange, *, core_frames: int, context_frames: int) -> tuple[Window, ...]:
    """Cut `whole` into windows of about equal cores, none longer than `core_frames`.

    Equal cores avoid a last window of one or two frames, which would have nothing to propagate.
    """
    if core_frames < 1 or context_frames < 0:
        raise InvalidInputError(
            f"cannot plan windows of {core_frames} frames with {context_frames} of context: "
            "core_frames must be 1 or more and context_frames 0 or more"
        )
    count = -(-len(whole) // core_frames)
    borders = [whole.start + len(whole) * k // count for k in range(count + 1)]
    cores = [FrameRange(a, b) for a, b in pairwise(borders)]
    return tuple(
        Window(index=k, core=core, span=core.grown(context_frames, whole))
        for k, core in enumerate(cores)
    )
