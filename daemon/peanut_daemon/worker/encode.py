"""Committed windows to the deliverable and the files beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from peanut_daemon.deliverable import Deliverable, Outputs, RenderStage
from peanut_daemon.edits.timeline import Replacement, build_result
from peanut_daemon.media import (
    AudioRange,
    ClipReader,
    ClipWriter,
    ColourTags,
    OutputFormat,
    SourceFrame,
    composite,
    patch_frame,
    write_atomically,
)
from peanut_daemon.worker.messages import Advanced, EncodeTask, Event
from peanut_daemon.worker.plate import check_unchanged, png_from_rgb
from peanut_daemon.worker.report import ContactSheet, ProvenanceCount, report
from peanut_daemon.worker.store import ArtifactStore, PlateArtifact
from peanut_models.stages import UPSCALE

Picture = SourceFrame | ndarray
Painter = Callable[[SourceFrame, PlateArtifact, UInt8[ndarray, "h w"]], Picture]
"""Makes the deliverable's frame from a source frame, its plate window and its matte."""


def encode(task: EncodeTask, store: ArtifactStore) -> Iterator[Event]:
    """Write all outputs; each appears under its name whole, the deliverable last, or none does."""
    check_unchanged(task.clip)
    outputs = Outputs.beside(task.settings.output_path)
    overwrite = task.settings.overwrite
    with (
        _side_files_undone_on_failure(outputs, overwrite),
        _deliverable_writer(task) as deliverable,
    ):
        sheet, count = ContactSheet(task.frame_range), ProvenanceCount()
        paint = _painter(task, store)
        with _matte_writer(task, outputs.matte) as matte:
            for done, (source, plate) in enumerate(_frames(task, store), start=1):
                alpha = plate.whole_alpha(source.frame_index, source.height, source.width)
                deliverable.write(paint(source, plate, alpha), time=source.time)
                matte.write(np.repeat(alpha[..., None], 3, axis=2), time=source.time)
                count.add(plate, source.frame_index, source.height * source.width)
                sheet.add(source, plate, alpha)
                yield Advanced(done)
        write_atomically(outputs.contact_sheet, png_from_rgb(sheet.picture()), overwrite=overwrite)
        text = json.dumps(report(task, count), indent=2) + "\n"
        write_atomically(outputs.report, text.encode(), overwrite=overwrite)
        _write_timeline(task, outputs)


@contextmanager
def _side_files_undone_on_failure(outputs: Outputs, overwrite: bool) -> Iterator[None]:
    """Without the deliverable, the files beside it mean nothing; take away those made here."""
    there_before = {path for path in outputs.paths() if path.exists()}
    try:
        yield
    except BaseException:
        # A file that was there before was either replaced whole or not touched: it stays.
        for path in set(outputs.paths()) - there_before:
            path.unlink(missing_ok=True)
        raise


def _deliverable_writer(task: EncodeTask) -> ClipWriter:
    settings = task.settings
    is_patch = settings.deliverable is Deliverable.PATCH
    output = OutputFormat.of(
        task.clip,
        first_frame=task.frame_range.start,
        alpha=is_patch,
        scale=UPSCALE if settings.deliverable is Deliverable.UPSCALED else 1,
    )
    # A patch lies above the original, whose sound goes on playing.
    has_sound = task.clip.has_audio and not is_patch
    return ClipWriter(
        settings.output_path,
        settings.codec.value,
        output,
        audio=AudioRange.of(task.clip.path, task.frame_range) if has_sound else None,
        overwrite=settings.overwrite,
    )


def _matte_writer(task: EncodeTask, target: Path) -> ClipWriter:
    of_source = OutputFormat.of(task.clip, first_frame=task.frame_range.start)
    output = replace(of_source, pixel_format="gray", colour=ColourTags())
    return ClipWriter(target, "ffv1", output, overwrite=task.settings.overwrite)


def _frames(task: EncodeTask, store: ArtifactStore) -> Iterator[tuple[SourceFrame, PlateArtifact]]:
    """Each source frame with the plate window it belongs to; one window in memory at a time."""
    with ClipReader(task.clip.path) as reader:
        for core, key in task.plates:
            plate = store.get_plate(key)
            for source in reader.frames(core):
                yield source, plate


def _painter(task: EncodeTask, store: ArtifactStore) -> Painter:
    match task.settings.deliverable:
        case Deliverable.FULL:
            return lambda source, plate, alpha: composite(source, _pasted(source, plate), alpha)
        case Deliverable.PATCH:
            return lambda source, plate, alpha: patch_frame(_pasted(source, plate), alpha)
        case Deliverable.UPSCALED:
            upscaled = _upscaled_frames(task, store)
            return lambda source, plate, alpha: next(upscaled)


def _pasted(source: SourceFrame, plate: PlateArtifact) -> ndarray:
    return plate.paste(source.to_rgb(), source.frame_index)


def _upscaled_frames(task: EncodeTask, store: ArtifactStore) -> Iterator[ndarray]:
    for _, key in task.upscales:
        with ClipReader(store.path(key, RenderStage.UPSCALE)) as segment:
            for frame in segment.frames(segment.frame_range):
                yield frame.to_rgb()


def _write_timeline(task: EncodeTask, outputs: Outputs) -> None:
    settings = task.settings
    replacement = Replacement(
        path=outputs.deliverable,
        frame_range=task.frame_range,
        matte_path=outputs.matte,
        facts={
            "job_id": task.facts["job_id"],
            "deliverable": settings.deliverable.value,
            "matte_hash": settings.matte_hash,
        },
    )
    build_result(
        outputs.otio,
        task.clip,
        replacement,
        request=task.otio or None,
        overwrite=settings.overwrite,
    )
