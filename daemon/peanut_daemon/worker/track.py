"""Prompts to masks: decodes a proxy, runs P-MASK, packs each mask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import cv2
import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray

from peanut_daemon.edits.model import Box, MaskFrame, PaintedMask, Point, Prompt
from peanut_daemon.media import ClipInfo, ClipReader, mask_from_png, png_from_mask, working_size
from peanut_daemon.worker import timing
from peanut_daemon.worker.backends import Backends
from peanut_daemon.worker.messages import (
    Event,
    FramesSettled,
    MaskReady,
    TrackedTarget,
    TrackTask,
)
from peanut_daemon.worker.plate import check_unchanged
from peanut_models import stages
from peanut_models.ranges import FrameRange
from peanut_models.tracking import Settled, TargetPrompts, held_mask

Size = tuple[int, int]
"""Width and height."""


class ProxyReader:
    """The frames of a range at working size, decoded when they are asked for."""

    def __init__(self, reader: ClipReader, frame_range: FrameRange, long_side_px: int) -> None:
        self._reader = reader
        self._frame_range = frame_range
        self._long_side_px = long_side_px

    @property
    def frame_range(self) -> FrameRange:
        """The frames that can be read."""
        return self._frame_range

    def read(self, frame_index: int) -> UInt8[ndarray, "h w 3"]:
        """One frame, 8-bit RGB."""
        with timing.step("decode"):
            return self._reader.read(frame_index).working_rgb(self._long_side_px)


def track(task: TrackTask, backends: Backends) -> Iterator[Event]:
    """Yield the masks of all targets, painted ones first."""
    given: set[tuple[str, int]] = set()
    for target in task.targets:
        for prompt in target.prompts:
            if isinstance(prompt, PaintedMask) and prompt.frame_index in target.frames:
                # Kept at the source's size: the editor drew every pixel of it.
                mask = mask_from_png(prompt.png)
                yield _ready(target.target_id, prompt.frame_index, mask, 1.0)
                given.add((target.target_id, prompt.frame_index))
    left = [t for t in task.targets if not _all_given(t, given)]
    if not left:
        return
    check_unchanged(task.clip)
    size = working_size(task.clip.width, task.clip.height, task.working_long_side_px)
    whole = FrameRange(min(t.frames.start for t in left), max(t.frames.end for t in left))
    with ClipReader.of(task.clip) as reader:
        frames = ProxyReader(reader, whole, task.working_long_side_px)
        targets = [_prompts_of(target, task, size) for target in left]
        tracker = backends.tracker(task.tracker)
        for event in timing.timed("track", tracker.track(frames, targets, playhead=task.playhead)):
            if isinstance(event, Settled):
                yield FramesSettled(event.target_id, event.frames)
            elif (event.target_id, event.tracked.frame_index) not in given:
                tracked = event.tracked
                yield _ready(
                    event.target_id,
                    tracked.frame_index,
                    tracked.mask,
                    tracked.confidence,
                    event.doubt,
                )


def _all_given(target: TrackedTarget, given: set[tuple[str, int]]) -> bool:
    return all(k in target.held or (target.target_id, k) in given for k in target.frames)


def _prompts_of(target: TrackedTarget, task: TrackTask, size: Size) -> TargetPrompts:
    prompts = at_working_size(target.prompts, task.clip, task.working_long_side_px)
    prompts += [held_mask(k, _at_size(png, size)) for k, png in target.held.items()]
    return TargetPrompts(
        target_id=target.target_id,
        frames=target.frames,
        prompts=prompts,
        text=target.text,
        held=frozenset(target.held),
        before=_Earlier(target.before, size),
    )


class _Earlier:
    """The masks that frames had, unpacked when asked for."""

    def __init__(self, pngs: Mapping[int, bytes], size: Size) -> None:
        self._pngs = pngs
        self._size = size

    def __call__(self, frame_index: int) -> Bool[ndarray, "h w"] | None:
        png = self._pngs.get(frame_index)
        return None if png is None else _at_size(png, self._size)


def _at_size(png: bytes, size: Size) -> Bool[ndarray, "h w"]:
    """A stored mask at working size."""
    mask = mask_from_png(png)
    if mask.shape[::-1] == size:
        return mask
    small = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(small >= 0.5)


def _ready(
    target_id: str, frame_index: int, mask: Bool[ndarray, "h w"], confidence: float, doubt: str = ""
) -> MaskReady:
    return MaskReady(
        MaskFrame(
            target_id=target_id,
            frame_index=frame_index,
            png=png_from_mask(mask),
            confidence=confidence,
            doubt=doubt,
        )
    )


def at_working_size(
    prompts: Sequence[Prompt], clip: ClipInfo, long_side_px: int
) -> list[stages.Prompt]:
    """Prompts in source pixels as the tracker wants them: in pixels of the proxy.

    A text has no place in the picture and is left out.
    """
    width, height = size = working_size(clip.width, clip.height, long_side_px)
    across, down = width / clip.width, height / clip.height
    scaled: list[stages.Prompt] = []
    for prompt in prompts:
        match prompt:
            case Point():
                # Pixel centres are at integers, so the scaling is about the pixel's corner.
                x = min(max((prompt.x_px + 0.5) * across - 0.5, 0.0), width - 1.0)
                y = min(max((prompt.y_px + 0.5) * down - 0.5, 0.0), height - 1.0)
                scaled.append(
                    stages.PointPrompt(
                        frame_index=prompt.frame_index, x_px=x, y_px=y, positive=prompt.positive
                    )
                )
            case Box():
                box = (
                    prompt.x0_px * across,
                    prompt.y0_px * down,
                    prompt.x1_px * across,
                    prompt.y1_px * down,
                )
                scaled.append(stages.BoxPrompt(frame_index=prompt.frame_index, box_xyxy_px=box))
            case PaintedMask():
                mask = _at_size(prompt.png, size)
                scaled.append(stages.MaskPrompt(frame_index=prompt.frame_index, mask=mask))
    return scaled
