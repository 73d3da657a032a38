"""Committed windows to the deliverable and the files beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

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
    Writer,
    composite,
    patch_frame,
    pattern_of,
    probe,
    write_atomically,
    writer_of,
)
from peanut_daemon.report.page import page
from peanut_daemon.verify.proof import Verification
from peanut_daemon.worker import timing
from peanut_daemon.worker.grain import grained
from peanut_daemon.worker.messages import Advanced, EncodeTask, Event
from peanut_daemon.worker.observe import Observations
from peanut_daemon.worker.plate import check_unchanged, png_from_rgb
from peanut_daemon.worker.report import report
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
        seen = Observations(task.frame_range)
        paint = _painter(task, store)
        with _matte_writer(task, outputs.matte) as matte:
            frames = timing.timed("decode", _frames(task, store))
            for done, (source, plate) in enumerate(frames, start=1):
                with timing.step("composite"):
                    alpha = plate.whole_alpha(source.frame_index, source.height, source.width)
                    picture = paint(source, plate, alpha)
                with timing.step("write"):
                    deliverable.write(picture, time=source.time)
                with timing.step("matte"):
                    matte.write(np.repeat(alpha[..., None], 3, axis=2), time=source.time)
                with timing.step("report"):
                    seen.add(source, plate, alpha, picture)
                yield Advanced(done)
        proof = yield from _proof(task, deliverable.finish(), outputs.matte)
        with timing.step("files"):
            png = png_from_rgb(seen.sheet.picture())
            write_atomically(outputs.contact_sheet, png, overwrite=overwrite)
            found = report(task, seen, store, proof)
            text = json.dumps(found, indent=2) + "\n"
            write_atomically(outputs.report, text.encode(), overwrite=overwrite)
            html = page(found, provenance=seen.provenance, doubtful=seen.doubtful.worst())
            write_atomically(outputs.report_page, html.encode(), overwrite=overwrite)
            _write_timeline(task, outputs)


def _proof(task: EncodeTask, written: Path, matte: Path) -> Generator[Event, None, dict[str, Any]]:
    """Read the deliverable back, before it gets its name, and compare it with the source."""
    settings = task.settings
    if not settings.proof:
        return {"left_out": "not asked for"}
    if settings.deliverable is Deliverable.UPSCALED:
        return {"left_out": "an enlarged picture has no code values of the source"}
    with timing.step("proof"):
        verification = Verification(
            task.clip,
            probe(written, rate=task.clip.rate if pattern_of(written) else None),
            task.frame_range,
            matte=matte,
            patch=settings.deliverable is Deliverable.PATCH,
        )
        for _ in verification.run():
            # Nothing more is done, but a cancelled job stops here too.
            yield Advanced(len(task.frame_range))
        proof = verification.proof()
    return proof.to_dict() | {"result": str(settings.output_path)}


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


def _deliverable_writer(task: EncodeTask) -> Writer:
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
    return writer_of(
        settings.output_path,
        settings.codec.value,
        output,
        audio=AudioRange.of(task.clip.path, task.frame_range) if has_sound else None,
        overwrite=settings.overwrite,
    )


def _matte_writer(task: EncodeTask, target: Path) -> ClipWriter:
    of_source = OutputFormat.of(task.clip, first_frame=task.frame_range.start)
    output = replace(of_source, pixel_format="gray", colour=ColourTags(), transform=None, hdr=None)
    return ClipWriter(target, "ffv1", output, overwrite=task.settings.overwrite)


def _frames(task: EncodeTask, store: ArtifactStore) -> Iterator[tuple[SourceFrame, PlateArtifact]]:
    """Each source frame with the plate window it belongs to; one window in memory at a time."""
    with ClipReader.of(task.clip) as reader:
        for core, key in task.plates:
            plate = store.get_plate(key)
            for source in reader.frames(core):
                yield source, plate


def _painter(task: EncodeTask, store: ArtifactStore) -> Painter:
    pasted = partial(_pasted, task)
    match task.settings.deliverable:
        case Deliverable.FULL:
            return lambda source, plate, alpha: composite(source, pasted(source, plate), alpha)
        case Deliverable.PATCH:
            return lambda source, plate, alpha: patch_frame(pasted(source, plate), alpha)
        case Deliverable.UPSCALED:
            upscaled = _upscaled_frames(task, store)
            return lambda source, plate, alpha: next(upscaled)


def _pasted(task: EncodeTask, source: SourceFrame, plate: PlateArtifact) -> ndarray:
    rgb, k = source.to_rgb(), source.frame_index
    return plate.paste(rgb, k, grained(plate, rgb, k) if task.settings.grain else None)


def _upscaled_frames(task: EncodeTask, store: ArtifactStore) -> Iterator[ndarray]:
    for _, key in task.upscales:
        # A decoder shows a damaged picture without a word, so the file is checked before.
        with ClipReader(store.checked(key, RenderStage.UPSCALE, task.hashes[key])) as segment:
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
