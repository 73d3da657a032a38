"""A render on its way: its plan, what is left of it, and the worker's task for each piece."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from peanut_daemon.deliverable import ChosenModel, RenderStage
from peanut_daemon.edits.model import Edit
from peanut_daemon.edits.store import EditStore
from peanut_daemon.jobs.model import Job, Progress
from peanut_daemon.jobs.plan import Piece, RenderPlan, plan_render
from peanut_daemon.jobs.store import JobStore
from peanut_daemon.worker.messages import Committed, EncodeTask, PlateTask, Task, UpscaleTask
from peanut_daemon.worker.store import ArtifactStore
from peanut_models.ranges import FrameRange
from peanut_models.zoo import card as named_card
from peanut_models.zoo import profile


@dataclass(slots=True)
class RenderWork:
    """A running render.

    Attributes:
        left: shrinks from the front as pieces are committed.
        tried: it ran before and was cut off, so what lies under its outputs' names may be its own.
    """

    job: Job
    edit: Edit
    plan: RenderPlan
    matte: Mapping[int, list[bytes]]
    left: list[Piece] = field(default_factory=list)
    tried: bool = False

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
            tried=job.started_at is not None,
        )

    def frames_done(self) -> int:
        """Frames of the pieces that are done, over all stages."""
        return self.plan.frames_total - sum(piece.frames for piece in self.left)

    def progress(self) -> Progress:
        """How far the render is at a border between pieces."""
        stage = self.left[0].stage if self.left else RenderStage.ENCODE
        return Progress(stage=stage, done=self.frames_done(), total=self.plan.frames_total)


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


def task_for(work: RenderWork, piece: Piece) -> Task:
    """What the worker is told to do for one piece."""
    settings, clip = work.job.settings, work.edit.clip
    match piece.stage:
        case RenderStage.PLATE:
            return PlateTask(
                clip=clip,
                window=piece.window,
                masks={k: work.matte.get(k, []) for k in piece.window.span},
                grow_px=settings.grow_px,
                feather_px=settings.feather_px,
                eraser=settings.eraser,
                upscaler=settings.upscaler,
                working_scale=settings.working_scale,
                sparse_stride=settings.sparse_stride,
                donors=tuple(donor.path for donor in settings.donors),
                donor_confidence=settings.donor_confidence,
                key=piece.key,
                before_key=piece.after_key,
            )
        case RenderStage.UPSCALE:
            return UpscaleTask(
                clip=clip,
                core=piece.window.core,
                upscaler=settings.upscaler,
                key=piece.key,
                plates=_plates_around(work.plan, piece.window.core),
            )
        case RenderStage.ENCODE:
            return EncodeTask(
                clip=clip,
                frame_range=work.edit.frame_range,
                settings=replace(settings, overwrite=settings.overwrite or work.tried),
                plates=keys_of(work.plan, RenderStage.PLATE),
                upscales=keys_of(work.plan, RenderStage.UPSCALE),
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
        "edit_id": work.edit.id,
        "matte_hash": work.job.settings.matte_hash,
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
