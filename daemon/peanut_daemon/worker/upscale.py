"""Repaired frames to a committed window of frames four times their size."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from peanut_daemon.deliverable import RenderStage
from peanut_daemon.media import ClipInfo, ClipReader, ClipWriter, OutputFormat
from peanut_daemon.worker.backends import Backends
from peanut_daemon.worker.messages import Committed, Event, UpscaleTask
from peanut_daemon.worker.plate import check_unchanged
from peanut_daemon.worker.store import ArtifactStore, facts_of
from peanut_models.ranges import FrameRange
from peanut_models.stages import UPSCALE, Image


def upscale(
    task: UpscaleTask,
    backends: Backends,
    store: ArtifactStore,
    checkpoint: Callable[[float], None],
) -> Iterator[Event]:
    """Upscale one window, commit it as a lossless segment."""
    check_unchanged(task.clip)
    upscaler = backends.upscaler(task.upscaler)
    around = FrameRange(task.plates[0][0].start, task.plates[-1][0].end)
    span = task.core.grown(upscaler.context_frames, within=around)
    path = store.prepared(task.key, RenderStage.UPSCALE)
    with ClipWriter(path, "ffv1", segment_format(task.clip), overwrite=True) as segment:
        for k, frame in zip(span, upscaler.stream(_repaired(task, store, span)), strict=True):
            if k in task.core:
                segment.write(frame)
            checkpoint(max(0, k + 1 - task.core.start))
    yield Committed(task.key, *facts_of(path))


def _repaired(task: UpscaleTask, store: ArtifactStore, span: FrameRange) -> Iterator[Image]:
    """The span's frames with the plates in place, one plate in memory at a time."""
    with ClipReader(task.clip.path) as reader:
        for core, key in task.plates:
            part = core.overlap(span)
            if part is None:
                continue
            plate = store.get_plate(key)
            for source in reader.frames(part):
                yield plate.repaired(source.to_rgb(), source.frame_index)


def segment_format(clip: ClipInfo) -> OutputFormat:
    """Lossless RGB at four times the clip's size, deep enough for its code values."""
    return OutputFormat(
        width=clip.width * UPSCALE,
        height=clip.height * UPSCALE,
        rate=clip.rate,
        pixel_format="rgb24" if clip.bit_depth == 8 else "rgb48le",
    )
