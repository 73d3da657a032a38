"""A job of the matrix, without a daemon: the plan's pieces, done one after the other here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from support.matrix.cells import Cell
from support.matrix.sources import square_mask

from peanut_daemon.deliverable import ChosenModel, Codec, Deliverable, Outputs, RenderSettings
from peanut_daemon.edits.model import Approval, Edit, FrozenMask
from peanut_daemon.jobs.model import Job, JobState
from peanut_daemon.jobs.plan import plan_render
from peanut_daemon.jobs.render import RenderWork, task_for
from peanut_daemon.media import CODECS, ClipInfo, checked_for_editing, png_from_mask, probe
from peanut_daemon.media.rate import Rate
from peanut_daemon.worker import encode, plate
from peanut_daemon.worker.backends import Backends
from peanut_daemon.worker.messages import EncodeTask, PlateTask
from peanut_daemon.worker.store import ArtifactStore
from peanut_models.ranges import FrameRange

GROW_PX, FEATHER_PX = 3, 2
# Not the first frame, so that timecode, numbers and sound have to move along.
FIRST_FRAME = 1


@dataclass(frozen=True, slots=True)
class Made:
    """What a job has left."""

    clip: ClipInfo
    frame_range: FrameRange
    outputs: Outputs


def run_job(cell: Cell, source: Path, folder: Path, *, leave_out: int = 0) -> Made:
    """From a source, without so many of its last frames, to all files of its deliverable."""
    rate = Rate.from_fraction(cell.rate) if cell.is_sequence else None
    clip = checked_for_editing(probe(source, rate=rate))
    frame_range = FrameRange(FIRST_FRAME, clip.frame_count - leave_out)
    codec = CODECS[cell.codec]
    number = ".%04d" if codec.is_sequence else ""
    settings = RenderSettings(
        profile="embedded",
        eraser=ChosenModel("embedded/propagation"),
        upscaler=ChosenModel("embedded/lanczos"),
        deliverable=Deliverable(cell.deliver),
        codec=Codec(cell.codec),
        output_path=folder / f"result{number}{cell.out or codec.suffix}",
        overwrite=False,
        matte_hash="m",
        grow_px=GROW_PX,
        feather_px=FEATHER_PX,
        window_frames=48,
        context_frames=4,
    )
    approval = Approval(matte_hash="m", grow_px=GROW_PX, feather_px=FEATHER_PX, approved_at=0)
    edit = Edit(
        id="e", clip=clip, frame_range=frame_range, targets=(), approval=approval, created_at=0
    )
    matte = {k: [FrozenMask(png_from_mask(square_mask(cell, k)))] for k in frame_range}
    job = Job(id="j", edit_id="e", state=JobState.RUNNING, settings=settings, created_at=0)
    work = RenderWork(job=job, edit=edit, plan=plan_render(edit, settings, matte), matte=matte)
    store = ArtifactStore(folder / "store")
    backends = Backends(folder / "models", "cpu", ())
    for piece in work.plan.pieces:
        task = task_for(work, piece, {})
        if isinstance(task, PlateTask):
            events = plate.fill(task, backends, store, lambda _: None)
        else:
            assert isinstance(task, EncodeTask)
            events = encode.encode(task, store)
        for _ in events:
            pass
    return Made(clip, frame_range, job.outputs)
