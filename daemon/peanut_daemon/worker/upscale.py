"""Repaired frames to a committed window of frames four times their size."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from peanut_daemon.deliverable import RenderStage
from peanut_daemon.media import ClipInfo, ClipReader, ClipWriter, OutputFormat
from peanut_daemon.worker.backends import Backends
from peanut_daemon.worker.messages import Committed, Event, UpscaleTask
from peanut_daemon.worker.plate import check_unchanged
from peanut_daemon.worker.store import ArtifactStore, facts_of
from peanut_models.stages import UPSCALE, Frames

# Frames upscaled at a time: at 16 times the pixels, a whole window would not fit in memory.
CHUNK_FRAMES = 4


def upscale(
    task: UpscaleTask,
    backends: Backends,
    store: ArtifactStore,
    checkpoint: Callable[[float], None],
) -> Iterator[Event]:
    """Upscale one window, commit it as a lossless segment."""
    check_unchanged(task.clip)
    upscaler = backends.upscaler(task.upscaler)
    plate = store.get_plate(task.plate_key)

    def upscaled() -> Iterator[Frames]:
        with ClipReader(task.clip.path) as reader:
            frames = reader.frames(task.core)
            for start in range(task.core.start, task.core.end, CHUNK_FRAMES):
                count = min(CHUNK_FRAMES, task.core.end - start)
                chunk = [plate.repaired(next(frames).to_rgb(), start + k) for k in range(count)]
                yield upscaler.upscale(np.stack(chunk))
                checkpoint(start + count - task.core.start)

    path = store.prepared(task.key, RenderStage.UPSCALE)
    with ClipWriter(path, "ffv1", segment_format(task.clip), overwrite=True) as segment:
        for chunk in upscaled():
            for frame in chunk:
                segment.write(frame)
    yield Committed(task.key, *facts_of(path))


def segment_format(clip: ClipInfo) -> OutputFormat:
    """Lossless RGB at four times the clip's size, deep enough for its code values."""
    return OutputFormat(
        width=clip.width * UPSCALE,
        height=clip.height * UPSCALE,
        rate=clip.rate,
        pixel_format="rgb24" if clip.bit_depth == 8 else "rgb48le",
    )
