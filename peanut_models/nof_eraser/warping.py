"""Frames between two finished ones, carried over along the background's motion, and checked.

Motion is measured between neighbours and chained. Measuring it directly from each frame to its two
finished frames takes twice as many flows and was hardly better: on five clips with a known
background, true frames warped over gaps of 3 and 5 came out within 0.9 dB of each other either way
(19 to 37 dB), the chained flow ahead in four cases of ten.

It is measured at full size, by DIS or by the estimator that the predictor was given. The network's
own flow has a quarter of the detail; how it compares is not measured, for want of its weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float32
from numpy import ndarray

from peanut_models.flow.consistency import consistent
from peanut_models.flow.warp import (
    Flow,
    backward_warp,
    compose_flows,
    identity_flow,
    warp_mask,
)
from peanut_models.nof_eraser.images import grown
from peanut_models.nof_eraser.motion import SPILL_PX, Measure, background_motion
from peanut_models.ranges import FrameRange
from peanut_models.stages import Frames, Image, dtype_scale

MARGIN_PX = 64
"""Surroundings of the holes in which motion is measured; what comes from beyond is not known."""

RING_PX = 8
"""Width of the ring around a hole, where a warp is compared with the frame itself."""

MIN_RING_PIXELS = 16
"""A smaller ring says nothing: a hole without surroundings cannot be checked."""

DIFFERENT = 24 / 255
"""Two colours that differ by more, as a share of white in any channel, are not the same thing."""

SHIFTED = 4 / 255
"""Largest median difference on the ring, as a share of white: beyond it the light has changed."""

RING_SHARE = 0.1
"""Largest share of the ring that may differ: 0.01 on a road whose frames warped at 30 dB and more,
mostly 0.1 to 0.5 on the worse side in a busy scene whose frames warped at 20 dB."""

DOUBT = 1e-3
"""Weight of a pixel whose flow contradicts itself: it counts only where nothing better is there."""

Box = tuple[slice, slice]


@dataclass(frozen=True, slots=True, kw_only=True)
class WarpedFrame:
    """What one frame's hole looks like from the finished frames on both sides.

    Attributes:
        frame_index: which frame.
        box: rows and columns of the frame that `pixels` are.
        pixels: on the scale of the frames, not rounded; of use inside the hole.
        bad_share: share of the hole's pixels where the warp contradicts itself; 1 where a side
            does not fit what surrounds the hole.
    """

    frame_index: int
    box: Box
    pixels: Float32[ndarray, "h2 w2 3"]
    bad_share: float


def warped_frames(
    finished: Frames,
    frames: Frames,
    holes: Bool[ndarray, "t h w"],
    gap: FrameRange,
    measure: Measure,
    on_step: Callable[[], None] = lambda: None,
) -> Iterator[WarpedFrame]:
    """The frames inside a gap, from its first and its last frame.

    Where a finished frame's flow leads there and back, it counts by its nearness in time. A pixel
    is bad where the two sides show different colours and their flows do not say which is right:
    both lead back, or neither does. A frame is bad altogether where a side's picture differs from
    its own around the hole: another shot, other light, or a motion that was not found. One side
    alone is not enough then, because nothing would be left to check it against inside the hole.

    Args:
        finished: the first and the last frame of the gap have no hole left here.
        frames: as shot.
        holes: True on the object, in `frames`.
        gap: from one finished frame to another, both included; every frame has a hole.
        measure: gives the flow of one picture to another.
        on_step: called after each pair of neighbours; whatever it raises ends the call.
    """
    if len(gap) < 3:
        return
    inside = slice(gap.start, gap.end)
    box = _box(holes[inside])
    part, part_holes = frames[(inside, *box)], holes[(inside, *box)]
    ahead: list[Flow] = []
    back: list[Flow] = []
    for k, _ in pairwise(range(len(gap))):
        there, again = background_motion(part[k : k + 2], part_holes[k : k + 2], measure)
        ahead.append(there)
        back.append(again)
        on_step()
    last = len(gap) - 1
    before = _chained(back, ahead)
    after = _chained(ahead[::-1], back[::-1])[::-1]
    for k in range(1, last):
        one, other = (
            _side(finished[(gap.start + key, *box)], part_holes[key], flows, part[k], part_holes[k])
            for key, flows in ((0, before[k]), (last, after[k]))
        )
        pixels, bad_share = _blended(
            (one, other), (last - k, k), part_holes[k], dtype_scale(frames)
        )
        yield WarpedFrame(frame_index=gap.start + k, box=box, pixels=pixels, bad_share=bad_share)


def _box(holes: Bool[ndarray, "t h w"]) -> Box:
    """The rectangle of all holes with its margin."""
    anywhere = np.asarray(holes.any(axis=0))
    spans = []
    for axis in (1, 0):
        at = np.flatnonzero(anywhere.any(axis=axis))
        spans.append(slice(max(0, int(at[0]) - MARGIN_PX), int(at[-1]) + 1 + MARGIN_PX))
    return spans[0], spans[1]


def _chained(to_former: Sequence[Flow], to_next: Sequence[Flow]) -> list[tuple[Flow, Flow]]:
    """For every frame of a walk the flow to its first frame, and from there to it."""
    still = identity_flow(*to_former[0].shape[:2])
    chain = [(still, still)]
    for back, ahead in zip(to_former, to_next, strict=True):
        to_first, from_first = chain[-1]
        chain.append((compose_flows(back, to_first), compose_flows(from_first, ahead)))
    return chain


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One finished frame as seen from another: where its flow holds, and whether it fits at all."""

    pixels: Float32[ndarray, "h w 3"]
    sure: Bool[ndarray, "h w"]
    fits: bool


def _side(
    key: Image,
    key_hole: Bool[ndarray, "h w"],
    flows: tuple[Flow, Flow],
    frame: Image,
    hole: Bool[ndarray, "h w"],
) -> _Side:
    to_key, from_key = flows
    pixels = backward_warp(key.astype(np.float32), to_key)
    sure = consistent(to_key, from_key)
    near, far = grown(hole[None], SPILL_PX)[0], grown(hole[None], SPILL_PX + RING_PX)[0]
    # What the key frame shows there must be shot, not filled: a fill may differ from the truth.
    ring = far & ~near & ~warp_mask(grown(key_hole[None], SPILL_PX)[0], to_key)
    if np.count_nonzero(ring) < MIN_RING_PIXELS:
        return _Side(pixels=pixels, sure=sure, fits=False)
    difference = (pixels[ring] - frame[ring]) / np.float32(dtype_scale(frame))
    differs = float((np.abs(difference).max(axis=1) > DIFFERENT).mean())
    shift = float(np.abs(np.median(difference, axis=0)).max())
    return _Side(pixels=pixels, sure=sure, fits=differs <= RING_SHARE and shift <= SHIFTED)


def _blended(
    sides: tuple[_Side, _Side],
    nearness: tuple[int, int],
    hole: Bool[ndarray, "h w"],
    white: float,
) -> tuple[Float32[ndarray, "h w 3"], float]:
    """Both sides by nearness where their flows hold, and the share of the hole that is bad."""
    one, other = sides
    weight = nearness[0] * np.where(one.sure, 1, DOUBT)
    share = (weight / (weight + nearness[1] * np.where(other.sure, 1, DOUBT))).astype(np.float32)
    pixels = other.pixels + (one.pixels - other.pixels) * share[..., None]
    if not (one.fits and other.fits):
        return pixels, 1.0
    apart = np.abs(one.pixels - other.pixels).max(axis=2) > DIFFERENT * white
    return pixels, float((apart & (one.sure == other.sure))[hole].mean())
