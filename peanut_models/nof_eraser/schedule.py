"""Which frames the network sees together: the published windows, and leaner ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from peanut_models.errors import InvalidInputError
from peanut_models.nof_eraser.config import ALL_REFERENCES, PredictorConfig
from peanut_models.ranges import FrameRange

LEAD_FRAMES = 2
"""Finished frames before the core that a first window starts with: what second-order propagation
looks back on."""

COVERAGE_GRID_PX = 4
"""Pixels between samples when references are weighed by what they show: a feature cell."""

UNSEEN_WEIGHT = 4
"""How much more a pixel counts that no local frame shows than one that some do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPlan:
    """One run of the network.

    Attributes:
        centre: the frame the window is built around.
        local: consecutive frames, propagated into each other and filled.
        references: frames from further away that are only looked at, in ascending order.
        fills: the local frames whose prediction is used.
    """

    centre: int
    local: FrameRange
    references: tuple[int, ...]
    fills: FrameRange


def published_windows(
    length: int, *, neighbor_stride: int = 5, step: int = 10, reference_frames: int = ALL_REFERENCES
) -> tuple[WindowPlan, ...]:
    """The published test procedure's windows over a clip of `length` frames.

    Args:
        length: frames in the clip.
        neighbor_stride: frames between centres, and how far locals reach on both sides.
        step: frames between references.
        reference_frames: -1 for the whole clip's; else about how many around the centre.

    Raises:
        InvalidInputError: a number below its least.

    parity: with a bound, one reference more than the bound can be taken.
    The published bound can also reach one frame past the clip, where that code fails; not here.
    """
    if length < 1 or neighbor_stride < 1 or step < 1 or reference_frames < ALL_REFERENCES:
        raise InvalidInputError(
            f"no windows over {length} frames with neighbor_stride {neighbor_stride}, step {step}, "
            f"reference_frames {reference_frames}: the first three must be 1 or more, the last -1 "
            "(all) or more"
        )
    plans = []
    for centre in range(0, length, neighbor_stride):
        local = FrameRange(
            max(0, centre - neighbor_stride), min(length, centre + neighbor_stride + 1)
        )
        plans.append(
            WindowPlan(
                centre=centre,
                local=local,
                references=_references(length, centre, local, step, reference_frames),
                fills=local,
            )
        )
    return tuple(plans)


def _references(
    length: int, centre: int, local: FrameRange, step: int, reference_frames: int
) -> tuple[int, ...]:
    if reference_frames == ALL_REFERENCES:
        return tuple(k for k in range(0, length, step) if k not in local)
    reach = step * (reference_frames // 2)
    taken: list[int] = []
    for k in range(max(0, centre - reach), min(length, centre + reach) + 1, step):
        if k in local:
            continue
        if len(taken) > reference_frames:
            break
        if k < length:
            taken.append(k)
    return tuple(taken)


def streaming_windows(
    holes: Bool[ndarray, "t h w"], core: FrameRange, config: PredictorConfig
) -> tuple[WindowPlan, ...]:
    """The windows that fill the holes of `core`, with references chosen for what they show.

    Args:
        holes: True where pixels are wanted; of core and context.
        core: the frames to fill.
        config: see there.

    Returns:
        Windows in ascending order; those that would fill nothing are left out.
    """
    length, stride = len(holes), config.neighbor_stride
    if config.overlap == "published":
        plans = published_windows(length, neighbor_stride=stride, step=config.step)
        spans = [(plan.centre, plan.local, plan.local) for plan in plans]
    else:
        spans = _side_by_side(length, core, stride)
    wanted: Bool[ndarray, " t"] = np.asarray(holes.any(axis=(1, 2)))
    coarse = holes[:, ::COVERAGE_GRID_PX, ::COVERAGE_GRID_PX]
    windows = []
    for centre, local, fills in spans:
        start, end = max(fills.start, core.start), min(fills.end, core.end)
        if start >= end or not wanted[start:end].any():
            continue
        windows.append(
            WindowPlan(
                centre=centre,
                local=local,
                references=useful_references(coarse, local, centre, config),
                fills=FrameRange(start, end),
            )
        )
    return tuple(windows)


def _side_by_side(
    length: int, core: FrameRange, stride: int
) -> list[tuple[int, FrameRange, FrameRange]]:
    """Centre, locals and filled frames of windows that share one frame with the next.

    They are every second of the published windows; the shared frame is averaged, which softens
    the step from one window to the next. The last window reaches back, so that it is not short.
    """
    spans = []
    start = max(0, core.start - LEAD_FRAMES)
    while True:
        end = min(length, start + 2 * stride + 1)
        local = FrameRange(max(0, end - 2 * stride - 1), end)
        spans.append((start + stride, local, FrameRange(start, end)))
        if end >= core.end:
            return spans
        start = end - 1


def useful_references(
    coarse_holes: Bool[ndarray, "t h w"], local: FrameRange, centre: int, config: PredictorConfig
) -> tuple[int, ...]:
    """The references that show most of what the window's holes hide.

    Greedy: each choice counts what it shows of the holes, more so what nothing chosen so far and
    no local frame shows; of equals, the nearest. The picture is taken as standing still, which is
    enough to tell a frame whose object has moved away from one where it still covers the spot.

    Args:
        coarse_holes: holes of every frame, at any scale.
        local: the window's own frames.
        centre: its middle.
        config: `step`, `reference_frames`, `reference_reach_frames`.
    """
    reach = FrameRange(
        max(0, centre - config.reference_reach_frames),
        max(centre, min(len(coarse_holes), centre + config.reference_reach_frames + 1)) + 1,
    )
    candidates = [
        k for k in range(0, len(coarse_holes), config.step) if k in reach and k not in local
    ]
    if config.reference_frames == ALL_REFERENCES:
        return tuple(candidates)
    own = coarse_holes[local.start : local.end]
    hidden, unseen = np.asarray(own.any(axis=0)), np.asarray(own.all(axis=0))
    chosen: list[int] = []
    while candidates and len(chosen) < config.reference_frames:
        best = max(
            candidates,
            key=lambda k: (_shown(coarse_holes[k], hidden, unseen), -abs(k - centre), k),
        )
        chosen.append(best)
        candidates.remove(best)
        unseen = unseen & coarse_holes[best]
    return tuple(sorted(chosen))


def _shown(
    hole: Bool[ndarray, "h w"], hidden: Bool[ndarray, "h w"], unseen: Bool[ndarray, "h w"]
) -> int:
    """What a frame with this hole shows of the window's holes."""
    visible = ~hole
    return int(np.count_nonzero(hidden & visible)) + UNSEEN_WEIGHT * int(
        np.count_nonzero(unseen & visible)
    )
