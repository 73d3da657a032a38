"""Repaired frames to a committed window of frames four times their size."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from peanut_daemon.deliverable import RenderStage
from peanut_daemon.media import ClipInfo, ClipReader, ClipWriter, OutputFormat
from peanut_daemon.worker import timing
from peanut_daemon.worker.backends import Backends
from peanut_daemon.worker.grain import grained
from peanut_daemon.worker.messages import Committed, Event, UpscaleTask
from peanut_daemon.worker.plate import check_unchanged
from peanut_daemon.worker.store import ArtifactStore, facts_of
from peanut_models.cascade import RepairedFrame, enlarge_window
from peanut_models.ranges import FrameRange, Window
from peanut_models.shots import shots_of
from peanut_models.stages import UPSCALE


def upscale(
    task: UpscaleTask,
    backends: Backends,
    store: ArtifactStore,
    checkpoint: Callable[[float], None],
    *,
    tight: bool = False,
) -> Iterator[Event]:
    """Upscale one window, commit it as a lossless segment; `tight` with half the tile."""
    check_unchanged(task.clip)
    upscaler = backends.upscaler(task.upscaler, tight=tight)
    around = FrameRange(task.plates[0][0].start, task.plates[-1][0].end)
    span = task.core.grown(upscaler.context_frames, within=around)
    path = store.prepared(task.key, RenderStage.UPSCALE)
    with ClipWriter(path, "ffv1", segment_format(task.clip), overwrite=True) as segment:
        for part in shots_of(Window(index=0, core=task.core, span=span), _cuts(task, store)):

            def report(done: float, before: int = part.core.start - task.core.start) -> None:
                checkpoint(before + done)

            frames = enlarge_window(
                upscaler,
                part,
                timing.timed("decode", _repaired(task, store, part.span)),
                seams=backends.seam_remover(task.seam),
                reuse_flows=task.reuse_flows,
                on_progress=report,
            )
            for frame in timing.timed("upscale", frames):
                with timing.step("store"):
                    segment.write(frame)
    with timing.step("store"):
        facts = facts_of(path)
    yield Committed(task.key, *facts)


def _cuts(task: UpscaleTask, store: ArtifactStore) -> set[int]:
    return {cut for _, key in task.plates for cut in store.get_plate(key).cuts}


def _repaired(task: UpscaleTask, store: ArtifactStore, span: FrameRange) -> Iterator[RepairedFrame]:
    """The span's frames with the plates in place, one plate in memory at a time."""
    with ClipReader.of(task.clip) as reader:
        for core, key in task.plates:
            part = core.overlap(span)
            if part is None:
                continue
            plate = store.get_plate(key)
            for source in reader.frames(part):
                k, rgb = source.frame_index, source.to_rgb()
                picture = grained(plate, rgb, k) if task.grain else None
                yield RepairedFrame(
                    image=plate.repaired(rgb, k, picture),
                    matte=plate.whole_alpha(k, source.height, source.width),
                    flows=plate.flow(k),
                )


def segment_format(clip: ClipInfo) -> OutputFormat:
    """Lossless RGB at four times the clip's size, deep enough for its code values."""
    return OutputFormat(
        width=clip.width * UPSCALE,
        height=clip.height * UPSCALE,
        rate=clip.rate,
        pixel_format="rgb24" if clip.bit_depth == 8 and clip.transform is None else "rgb48le",
    )
