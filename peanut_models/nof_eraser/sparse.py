"""Sparse mode: key frames through the network, the frames between by warping what is finished.

Source: the PEANUT paper's sparse mode of NOF-Eraser; which frames fall back, and the checks, are
this engine's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from peanut_models.nof_eraser.config import PredictorConfig
from peanut_models.nof_eraser.images import SomeFrames
from peanut_models.nof_eraser.motion import Measure
from peanut_models.nof_eraser.schedule import (
    COVERAGE_GRID_PX,
    WindowPlan,
    streaming_windows,
    useful_references,
)
from peanut_models.nof_eraser.warping import warped_frames
from peanut_models.ranges import FrameRange
from peanut_models.stages import Frames

MAX_HOLE_SHARE = 0.8
"""A hole over more of the frame leaves too little to tell the motion from: a key frame at once."""


@runtime_checkable
class Fill(Protocol):
    """Fills windows of a clip; `filling.WindowFiller` is one."""

    def __call__(
        self,
        frames: Frames,
        holes: Bool[ndarray, "t h w"],
        core: FrameRange,
        windows: Sequence[WindowPlan],
        report: Callable[[float], None] = ...,
    ) -> SomeFrames:
        """The core frames with the holes filled that the windows fill."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseCounts:
    """How the frames with holes were made.

    Attributes:
        key_frames: went through the network by plan.
        warped: came from finished frames on both sides.
        fell_back: should have, but the warp was not consistent, so went through the network.
    """

    key_frames: int = 0
    warped: int = 0
    fell_back: int = 0


def gaps_between_keys(
    holes: Bool[ndarray, "t h w"], core: FrameRange, stride: int
) -> tuple[FrameRange, ...]:
    """The gaps between neighbouring key frames, both key frames included.

    In every run of core frames with holes the first is a key frame, then every `stride`-th, and
    the last; frames whose hole leaves no surroundings are, too.

    Returns:
        Ranges `[key, next key + 1)` in ascending order, of one frame where a run has only one.
    """
    area = holes[core.start : core.end].mean(axis=(1, 2))
    gaps: list[FrameRange] = []
    first: int | None = None
    for k, share in zip(core, area, strict=True):
        if share == 0:
            first = None
            continue
        runs_on = k + 1 in core and area[k + 1 - core.start] > 0
        if first is None:
            first = k
            if not runs_on:
                gaps.append(FrameRange(k, k + 1))
        elif not runs_on or k - first == stride or share > MAX_HOLE_SHARE:
            gaps.append(FrameRange(first, k + 1))
            first = k
    return tuple(gaps)


def fill_sparsely(
    frames: Frames,
    holes: Bool[ndarray, "t h w"],
    core: FrameRange,
    config: PredictorConfig,
    fill: Fill,
    measure: Measure,
    report: Callable[[float], None] = lambda _: None,
) -> tuple[SomeFrames, SparseCounts]:
    """Fill the holes of the core, most of them by warping.

    First the key frames pass the network, as a clip of their own. Then the frames between are
    warped; one whose warp is bad on more than `config.sparse_bad_share` of its hole is left, and
    at the end goes through the network between its finished neighbours.

    Args:
        frames: RGB, core and context.
        holes: True where pixels are wanted.
        core: the frames to fill.
        config: `sparse_stride`, `sparse_bad_share`, and what windows are made of.
        fill: the network over windows.
        measure: gives the flow of one picture to another.
        report: called often with the share done so far, 0 to 1; whatever it raises ends the call.

    Returns:
        The core frames, and how they were made.
    """
    gaps = gaps_between_keys(holes, core, config.sparse_stride)
    keys = sorted({k for gap in gaps for k in (gap.start, gap.end - 1)})
    wanted = np.count_nonzero(holes[core.start : core.end].any(axis=(1, 2)))
    if not keys:
        return frames[core.start : core.end].copy(), SparseCounts()
    finished, left = frames.copy(), holes.copy()
    _fill_keys(finished, left, core, keys, config, fill, lambda x: report(x * len(keys) / wanted))
    done = len(keys)

    def step() -> None:
        report(done / wanted)

    for gap in gaps:
        for warped in warped_frames(finished, frames, holes, gap, measure, step):
            if warped.bad_share > config.sparse_bad_share:
                continue
            at = (warped.frame_index, *warped.box)
            top = np.iinfo(frames.dtype).max
            pixels = np.clip(np.rint(warped.pixels), 0, top).astype(frames.dtype)
            finished[at] = np.where(left[at][..., None], pixels, finished[at])
            left[warped.frame_index] = False
            done += 1
            step()
    windows = _left_windows(left, gaps, config)
    result = finished[core.start : core.end]
    if windows:
        result = fill(
            finished, left, core, windows, lambda x: report((done + x * (wanted - done)) / wanted)
        )
    counts = SparseCounts(
        key_frames=len(keys), warped=done - len(keys), fell_back=int(wanted) - done
    )
    return result, counts


def _fill_keys(
    finished: Frames,
    left: Bool[ndarray, "t h w"],
    core: FrameRange,
    keys: Sequence[int],
    config: PredictorConfig,
    fill: Fill,
    report: Callable[[float], None],
) -> None:
    """Fill the key frames in place, as a clip of their own with thinned-out context."""
    stride = config.sparse_stride
    has_hole = np.asarray(left[core.start : core.end].any(axis=(1, 2)))
    context = [
        *range(core.start - 1, -1, -stride),
        *(k for k in core if not has_hole[k - core.start] and (k - core.start) % stride == 0),
        *range(core.end, len(left), stride),
    ]
    clip = sorted({*keys, *context})
    inside = [at for at, k in enumerate(clip) if k in core]
    clip_core = FrameRange(inside[0], inside[-1] + 1)
    frames, holes = finished[clip], left[clip]
    # A frame of this clip stands for several: references lie as far apart in time as before.
    thinned = len(left) / len(clip)
    own = replace(
        config,
        step=max(1, round(config.step / thinned)),
        reference_reach_frames=round(config.reference_reach_frames / thinned),
    )
    windows = streaming_windows(holes, clip_core, own)
    filled = fill(frames, holes, clip_core, windows, report)
    for at, k in zip(inside, (clip[at] for at in inside), strict=True):
        finished[k] = filled[at - clip_core.start]
        left[k] = False


def _left_windows(
    left: Bool[ndarray, "t h w"],
    gaps: Sequence[FrameRange],
    config: PredictorConfig,
) -> tuple[WindowPlan, ...]:
    """One window for each gap in which warping failed: from the last finished frame to the next."""
    coarse = left[:, ::COVERAGE_GRID_PX, ::COVERAGE_GRID_PX]
    windows = []
    for gap in gaps:
        failed = [k for k in gap if left[k].any()]
        if not failed:
            continue
        local = FrameRange(failed[0] - 1, failed[-1] + 2)
        centre = (failed[0] + failed[-1]) // 2
        windows.append(
            WindowPlan(
                centre=centre,
                local=local,
                references=useful_references(coarse, local, centre, config),
                fills=FrameRange(failed[0], failed[-1] + 1),
            )
        )
    return tuple(windows)
