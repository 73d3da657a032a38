"""Where the stages meet: a long range, window by window."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int32, UInt8
from numpy import ndarray

from peanut_models.donors import DonorConfig, Donors, fill_from_donors
from peanut_models.errors import InvalidInputError
from peanut_models.ranges import FrameRange, Window
from peanut_models.stages import DONOR, Eraser, Frames, Image, PairFlow, Plate, Upscaler


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedFrames:
    """The last frames of the window before, already filled.

    Attributes:
        frame_range: which frames of the clip these are; ends where the next window's core starts.
        frames: filled.
        generated: True where the colour was made up.
    """

    frame_range: FrameRange
    frames: Frames
    generated: Bool[ndarray, "t h w"]


def fill_window(
    eraser: Eraser,
    window: Window,
    frames: Frames,
    holes: Bool[ndarray, "t h w"],
    before: FinishedFrames | None,
    on_progress: Callable[[float], None] | None = None,
    *,
    donors: Donors | None = None,
    donor_config: DonorConfig | None = None,
) -> Plate:
    """Fill the core of one window, carrying on from the window before.

    Handing the finished frames to the next window as if they had been shot that way is what keeps
    made-up background the same across the whole range, at the memory of one window. What donors
    show comes first, and counts as shot that way too; the eraser fills what is left.

    Args:
        eraser: the back end.
        window: which frames of the clip `frames` and `holes` are (its span), and which to fill.
        frames: the source frames of the span.
        holes: True where the plate must be found.
        before: the finished frames just before the core; None for the first window.
        on_progress: called now and then with the core frames done so far; may raise to cancel.
        donors: pictures of the background that the editor supplied.
        donor_config: how far they are trusted.

    Returns:
        The plate of the core; provenance counts frames of the clip.

    Raises:
        InvalidInputError: `before` does not end at the core, or sizes disagree.
    """
    if len(frames) != len(window.span) or holes.shape != frames.shape[:3]:
        raise InvalidInputError(
            f"window {window.span} has {len(window.span)} frames, but frames are {frames.shape} "
            f"and holes {holes.shape}: give one frame and one hole mask for each"
        )
    span = window.span
    generated = np.zeros(holes.shape, np.bool_)
    if before is not None:
        if before.frame_range.end != window.core.start:
            raise InvalidInputError(
                f"finished frames {before.frame_range} do not lead up to the core {window.core}: "
                "they must end where it starts"
            )
        span = FrameRange(max(span.start, before.frame_range.start), span.end)
        frames, holes, generated = _with_finished(window, span, frames, holes, before)
    core = FrameRange(window.core.start - span.start, window.core.end - span.start)
    given = np.zeros_like(holes)
    if donors is not None:
        frames, given = _from_donors(frames, holes, donors, donor_config, on_progress)
    plate = eraser.erase(
        frames, holes & ~given, core=core, generated=generated, on_progress=on_progress
    )
    provenance = _counted_from_clip(plate.provenance, span.start)
    provenance[given[core.start : core.end]] = DONOR
    return Plate(frames=plate.frames, provenance=provenance, flows=plate.flows)


def _from_donors(
    frames: Frames,
    holes: Bool[ndarray, "t h w"],
    donors: Donors,
    config: DonorConfig | None,
    on_progress: Callable[[float], None] | None,
) -> tuple[Frames, Bool[ndarray, "t h w"]]:
    def alive() -> None:
        # No frame is finished yet, but the caller may want to cancel.
        if on_progress is not None:
            on_progress(0)

    fill = fill_from_donors(frames, holes, donors, config, alive)
    return fill.frames, fill.used


def _with_finished(
    window: Window,
    span: FrameRange,
    frames: Frames,
    holes: Bool[ndarray, "t h w"],
    before: FinishedFrames,
) -> tuple[ndarray, Bool[ndarray, "t_kept h w"], Bool[ndarray, "t_kept h w"]]:
    """The span from the first finished frame on, with the finished frames in place."""
    skip = span.start - window.span.start
    lead = window.core.start - span.start
    frames, holes = frames[skip:].copy(), holes[skip:].copy()
    generated = np.zeros(holes.shape, np.bool_)
    if lead:
        frames[:lead] = before.frames[-lead:]
        generated[:lead] = before.generated[-lead:]
        holes[:lead] = False
    return frames, holes, generated


def _counted_from_clip(
    provenance: Int32[ndarray, "t h w"], first_frame: int
) -> Int32[ndarray, "t h w"]:
    propagated = provenance >= 0
    return np.where(propagated, provenance + np.int32(first_frame), provenance).astype(np.int32)


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairedFrame:
    """A frame with the plate in place, on its way to UR-Net.

    Attributes:
        image: the frame.
        matte: 0 where it is the source, 255 where it is the plate.
        flows: its motion to the next frame and back, where the eraser's is reused.
    """

    image: Image
    matte: UInt8[ndarray, "h w"]
    flows: PairFlow | None = None


SeamRemover = Callable[[Image, UInt8[ndarray, "h w"]], Image]
"""Removes from an enlarged frame what filling left at the matte's edge, given the matte at the size
before: `ur_net.seam.SeamSuppressor`."""


def enlarge_window(
    upscaler: Upscaler,
    window: Window,
    repaired: Iterable[RepairedFrame],
    *,
    seams: SeamRemover | None = None,
    reuse_flows: bool = False,
    on_progress: Callable[[float], None] | None = None,
) -> Iterator[Image]:
    """The core of one window at four times the size, frame by frame.

    Args:
        upscaler: the back end.
        window: which frames `repaired` are (its span), and which to give.
        repaired: the frames of the span, read as they are needed.
        seams: treats every enlarged frame; None leaves them as they are.
        reuse_flows: give the flows of `repaired` to the back end, which estimates those that are
            missing; otherwise it estimates all.
        on_progress: called now and then with the core frames done so far; may raise to cancel.
    """
    mattes: deque[UInt8[ndarray, "h w"]] = deque()
    flows: deque[PairFlow | None] = deque()

    def images() -> Iterator[Image]:
        for k, frame in zip(window.span, repaired, strict=True):
            if seams is not None and k in window.core:
                mattes.append(frame.matte)
            if reuse_flows:
                flows.append(frame.flows)
            yield frame.image

    def pairs() -> Iterator[PairFlow | None]:
        # Read after the second frame of each pair, so the first one's flow is always there.
        while flows:
            yield flows.popleft()

    def report(done: float) -> None:
        if on_progress is not None:
            on_progress(min(done / len(window.span), 1) * len(window.core))

    first = window.span.start
    core = FrameRange(window.core.start - first, window.core.end - first)
    given = pairs() if reuse_flows else None
    for large in upscaler.stream(images(), flows=given, core=core, on_progress=report):
        yield large if seams is None else seams(large, mattes.popleft())
