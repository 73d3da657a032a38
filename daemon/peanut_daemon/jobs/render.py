"""A render on its way: its plan, what is left of it, and the worker's task for each piece."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from peanut_daemon.deliverable import ChosenModel, RenderSettings, RenderStage
from peanut_daemon.edits.model import Edit, FrozenMask
from peanut_daemon.edits.store import EditStore
from peanut_daemon.jobs.model import Job, Progress
from peanut_daemon.jobs.plan import Piece, RenderPlan, plan_render, windows_of
from peanut_daemon.jobs.store import JobStore
from peanut_daemon.media.atomic import leftover_of
from peanut_daemon.worker.messages import Committed, EncodeTask, PlateTask, Task, UpscaleTask
from peanut_daemon.worker.store import ArtifactStore
from peanut_models.ranges import FrameRange
from peanut_models.zoo import card as named_card
from peanut_models.zoo import profile


@dataclass(slots=True)
class RenderWork:
    """A running render.

    Attributes:
        left: what is not done yet, in order; shrinks as pieces are committed.
        running: of these, the pieces that workers have, and how many frames of each are done.
        seconds: where the time went so far, by step.
        tried: it ran before and was cut off, so what lies under its outputs' names may be its own.
        had_turn: it does not wait for its first turn any more.
    """

    job: Job
    edit: Edit
    plan: RenderPlan
    matte: Mapping[int, list[FrozenMask]]
    left: list[Piece] = field(default_factory=list)
    running: dict[Piece, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    tried: bool = False
    had_turn: bool = False

    @classmethod
    def of(cls, job: Job, edits: EditStore) -> RenderWork:
        """Plan a job; everything it needs is in the journal."""
        edit = edits.get(job.edit_id)
        matte = edits.matte(job.settings.matte_hash, edit.frame_range)
        plan = plan_render(edit, job.settings, matte)
        return cls(
            job=job,
            edit=edit,
            plan=plan,
            matte=matte,
            left=list(plan.pieces),
            seconds=dict(job.seconds),
            tried=job.started_at is not None,
        )

    def keys(self) -> frozenset[str]:
        """What it needs of the store."""
        return frozenset(piece.key for piece in self.plan.pieces if piece.key)

    def next_piece(self) -> Piece | None:
        """The first piece that could be done now: nobody has it, and what it builds on is done."""
        waited_for = {piece.key for piece in self.left if piece.key}
        for piece in self.left:
            if piece not in self.running and not waited_for & self._needs(piece):
                return piece
        return None

    def take(self) -> Piece | None:
        """The next piece, which is under way from now on."""
        piece = self.next_piece()
        if piece is not None:
            self.running[piece] = 0
        return piece

    def halved(self, piece: Piece) -> RenderSettings | None:
        """Settings that cut a plate's window in two; None where that is done or not possible."""
        settings, core = self.job.settings, piece.window.core
        if piece.stage is not RenderStage.PLATE or len(core) < 2:
            return None
        whole = replace(settings, halved_windows=())
        if core not in [window.core for window in windows_of(self.edit.frame_range, whole)]:
            return None
        return replace(settings, halved_windows=(*settings.halved_windows, core.start))

    def replan(self, job: Job) -> None:
        """Go on with other settings; what is done and still part of the plan stays done."""
        done = {piece.key for piece in self.plan.pieces} - {piece.key for piece in self.left}
        self.job = job
        self.plan = plan_render(self.edit, job.settings, self.matte)
        self.left = [piece for piece in self.plan.pieces if piece.key not in done]

    def done(self, piece: Piece) -> None:
        """A piece is committed; one that a new plan has left out meanwhile was done in vain."""
        self.running.pop(piece, None)
        if piece in self.left:
            self.left.remove(piece)

    def spend(self, seconds: Mapping[str, float]) -> None:
        """Add to where the time went."""
        for step, spent in seconds.items():
            self.seconds[step] = self.seconds.get(step, 0.0) + spent

    def progress(self) -> Progress:
        """How far the render is now."""
        stage = self.left[0].stage if self.left else RenderStage.ENCODE
        total = self.plan.frames_total
        left = sum(piece.frames for piece in self.left) - sum(self.running.values())
        return Progress(stage=stage, done=total - left, total=total)

    def _needs(self, piece: Piece) -> set[str]:
        """Keys of the artifacts that a piece reads."""
        match piece.stage:
            case RenderStage.PLATE:
                return {piece.after_key}
            case RenderStage.UPSCALE:
                return {key for _, key in _plates_around(self.plan, piece.window.core)}
            case RenderStage.ENCODE:
                return set(self.keys())


def pieces_left(
    work: RenderWork, artifacts: ArtifactStore, committed: Mapping[str, str]
) -> list[Piece]:
    """The pieces whose artifact is not committed, or is no longer what was committed.

    Args:
        work: the render.
        artifacts: where the files are.
        committed: SHA-256 by key, from the journal.
    """
    return [piece for piece in work.plan.pieces if not _is_there(piece, artifacts, committed)]


def _is_there(piece: Piece, artifacts: ArtifactStore, committed: Mapping[str, str]) -> bool:
    if piece.key not in committed:
        return False
    return artifacts.matches(artifacts.path(piece.key, piece.stage), committed[piece.key])


def commit(jobs: JobStore, event: Committed) -> None:
    """Write into the journal that an artifact is complete on disk."""
    jobs.commit_artifact(event.key, event.size_bytes, event.sha256)


def remove_leftovers(job: Job, *, tried: bool) -> None:
    """Remove what killed workers left of the outputs of a job that ended without success.

    Args:
        job: the job.
        tried: it was cut off, so files under its outputs' names, where there were none when it
            was checked, are its own: a matte without its deliverable, in the way of the next try.
    """
    ours = [leftover_of(path) for path in job.outputs.paths()]
    if tried and not job.settings.overwrite:
        ours += job.outputs.paths()
    for path in ours:
        # A disk that is gone keeps them; then the next attempt says what is in its way.
        with contextlib.suppress(OSError):
            if path.is_file():
                path.unlink()


def task_for(work: RenderWork, piece: Piece, committed: Mapping[str, str]) -> Task:
    """What the worker is told to do for one piece; `committed` is SHA-256 by key."""
    settings, clip = work.job.settings, work.edit.clip
    match piece.stage:
        case RenderStage.PLATE:
            return PlateTask(
                clip=clip,
                window=piece.window,
                masks={k: work.matte.get(k, []) for k in piece.window.span},
                shape=settings.matte_shape,
                eraser=settings.eraser,
                upscaler=settings.upscaler,
                working_scale=settings.working_scale,
                sparse_stride=settings.sparse_stride,
                donors=tuple(donor.path for donor in settings.donors),
                donor_confidence=settings.donor_confidence,
                key=piece.key,
                before_key=piece.after_key,
                keep_flows=settings.reuse_flows,
                cuts=settings.cuts,
            )
        case RenderStage.UPSCALE:
            return UpscaleTask(
                clip=clip,
                core=piece.window.core,
                upscaler=settings.upscaler,
                key=piece.key,
                plates=_plates_around(work.plan, piece.window.core),
                reuse_flows=settings.reuse_flows,
                seam=settings.seam,
                grain=settings.grain,
            )
        case RenderStage.ENCODE:
            return EncodeTask(
                clip=clip,
                frame_range=work.edit.frame_range,
                settings=replace(settings, overwrite=settings.overwrite or work.tried),
                plates=keys_of(work.plan, RenderStage.PLATE),
                upscales=keys_of(work.plan, RenderStage.UPSCALE),
                hashes=dict(committed),
                otio=work.edit.otio,
                facts=_facts(work),
            )


def _plates_around(plan: RenderPlan, core: FrameRange) -> tuple[tuple[FrameRange, str], ...]:
    """The plates of a stretch, and one more on each side."""
    plates = keys_of(plan, RenderStage.PLATE)
    inside = [k for k, (frames, _) in enumerate(plates) if core.covers(frames)]
    return plates[max(0, inside[0] - 1) : inside[-1] + 2]


def keys_of(plan: RenderPlan, stage: RenderStage) -> tuple[tuple[FrameRange, str], ...]:
    """Cores and artifact keys of one stage, in order of frames."""
    return tuple((piece.window.core, piece.key) for piece in plan.of_stage(stage))


def _facts(work: RenderWork) -> dict[str, Any]:
    settings = work.job.settings
    tracker = ChosenModel(profile(settings.profile).p_mask)
    return {
        "job_id": work.job.id,
        "estimate": work.job.estimate.to_dict() if work.job.estimate else None,
        "shortages": [asdict(shortage) for shortage in work.job.shortages],
        "edit_id": work.edit.id,
        "matte_hash": work.job.settings.matte_hash,
        "seconds": work.seconds,
        "windows": [
            [p.window.core.start, p.window.core.end] for p in work.plan.of_stage(RenderStage.PLATE)
        ],
        "models": [
            {
                "name": card.name,
                "stage": card.stage.value,
                "description": card.description,
                "licence": card.licence,
                "commercial_use": card.commercial_use,
                "terms": card.terms,
                "weights_sha256": model.weights,
            }
            for model in (tracker, settings.eraser, settings.upscaler)
            for card in [named_card(model.name)]
        ],
    }
