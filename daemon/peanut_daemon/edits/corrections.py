"""Which frames a change of prompts can affect; everything else keeps its masks.

A frame with a prompt that says where the target is, is an anchor: its mask follows from its own
prompts. What lies between two anchors follows from these two. So a changed anchor reaches the next
anchor on each side and no farther.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from peanut_daemon.edits.model import Point, Prompt, Text
from peanut_models.ranges import FrameRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A stretch to track.

    Attributes:
        frames: with the anchors at its ends.
        held: anchors in it whose masks stay as they are.
    """

    frames: FrameRange
    held: frozenset[int]


def anchors(prompts: Iterable[Prompt]) -> dict[int, tuple[Prompt, ...]]:
    """Frames that say by themselves where the target is, with all that was said on them."""
    said = _by_frame(prompts)
    return {
        frame: all_of
        for frame, all_of in said.items()
        if any(not isinstance(p, Point) or p.positive for p in all_of)
    }


def affected(
    frame_range: FrameRange, before: Sequence[Prompt], after: Sequence[Prompt]
) -> frozenset[int]:
    """The frames whose masks follow from what changed between two sets of prompts."""
    old, new = anchors(before), anchors(after)
    if text_of(before) != text_of(after):
        return frozenset(frame_range) - {k for k in new if new[k] == old.get(k)}
    said_before, said_after = _by_frame(before), _by_frame(after)
    changed = {
        k for k in said_before.keys() | said_after.keys() if said_before.get(k) != said_after.get(k)
    }
    frames: set[int] = set()
    for stretch in stretches(frame_range, new):
        if any(k in changed for k in stretch):
            frames.update(k for k in stretch if k not in new or k in changed)
    return frozenset(frames)


def runs(
    frame_range: FrameRange, prompts: Sequence[Prompt], pending: frozenset[int]
) -> tuple[Run, ...]:
    """The stretches that hold frames to be computed, joined where they touch."""
    fixed = anchors(prompts)
    wanted = [s for s in stretches(frame_range, fixed) if any(k in pending for k in s)]
    joined: list[FrameRange] = []
    for stretch in wanted:
        if joined and stretch.start < joined[-1].end:
            joined[-1] = FrameRange(joined[-1].start, stretch.end)
        else:
            joined.append(stretch)
    return tuple(
        Run(frames=run, held=frozenset(k for k in fixed if k in run and k not in pending))
        for run in joined
    )


def stretches(frame_range: FrameRange, fixed: Iterable[int]) -> list[FrameRange]:
    """The range cut at its anchors; neighbours share the anchor between them."""
    inside = sorted(k for k in fixed if k in frame_range)
    borders = sorted({frame_range.start, *inside, frame_range.end - 1})
    if len(borders) < 2:
        return [frame_range]
    return [FrameRange(a, b + 1) for a, b in pairwise(borders)]


def text_of(prompts: Iterable[Prompt]) -> str:
    """What was said of the whole range; empty if nothing."""
    return " ".join(p.text for p in prompts if isinstance(p, Text))


def _by_frame(prompts: Iterable[Prompt]) -> dict[int, tuple[Prompt, ...]]:
    said: dict[int, tuple[Prompt, ...]] = {}
    for prompt in prompts:
        if not isinstance(prompt, Text):
            said[prompt.frame_index] = (*said.get(prompt.frame_index, ()), prompt)
    return said
