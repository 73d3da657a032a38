"""Prompts to masks: decodes a proxy, runs P-MASK, packs each mask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray

from peanut_daemon.edits.model import Box, MaskFrame, PaintedMask, Point, Prompt
from peanut_daemon.media import ClipInfo, ClipReader, mask_from_png, png_from_mask, working_size
from peanut_daemon.worker.backends import Backends
from peanut_daemon.worker.messages import Event, MaskReady, TrackTask
from peanut_daemon.worker.plate import check_unchanged
from peanut_models import stages
from peanut_models.ranges import FrameRange


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
        return self._reader.read(frame_index).working_rgb(self._long_side_px)


def track(task: TrackTask, backends: Backends) -> Iterator[Event]:
    """Yield the target's masks, prompted frames first."""
    painted = {p.frame_index: p.png for p in task.prompts if isinstance(p, PaintedMask)}
    for frame_index, png in painted.items():
        # Kept at the source's size: the editor drew every pixel of it.
        yield _ready(task, frame_index, mask_from_png(png), 1.0)
    if len(painted) == len(task.frame_range):
        return
    check_unchanged(task.clip)
    with ClipReader(task.clip.path) as reader:
        frames = ProxyReader(reader, task.frame_range, task.working_long_side_px)
        prompts = at_working_size(task.prompts, task.clip, task.working_long_side_px)
        for tracked in backends.tracker(task.profile).track(frames, prompts):
            if tracked.frame_index not in painted:
                yield _ready(task, tracked.frame_index, tracked.mask, tracked.confidence)


def _ready(
    task: TrackTask, frame_index: int, mask: Bool[ndarray, "h w"], confidence: float
) -> MaskReady:
    return MaskReady(
        MaskFrame(
            target_id=task.target_id,
            frame_index=frame_index,
            png=png_from_mask(mask),
            confidence=confidence,
        )
    )


def at_working_size(
    prompts: Sequence[Prompt], clip: ClipInfo, long_side_px: int
) -> list[stages.Prompt]:
    """Prompts in source pixels as the tracker wants them: in pixels of the proxy."""
    width, height = working_size(clip.width, clip.height, long_side_px)
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
                mask = mask_from_png(prompt.png).astype(np.float32)
                small = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA) >= 0.5
                scaled.append(stages.MaskPrompt(frame_index=prompt.frame_index, mask=small))
    return scaled
