"""Starting, resuming and looking into renders."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from peanut_daemon import context
from peanut_daemon.config import USUAL_WINDOW_FRAMES, Settings
from peanut_daemon.deliverable import (
    DEFAULT_DONOR_CONFIDENCE,
    ChosenModel,
    Codec,
    Deliverable,
    DonorFile,
    Outputs,
    RenderSettings,
    RenderStage,
    WeightsFile,
    is_taken,
    next_version,
    with_plain_pattern,
)
from peanut_daemon.edits.model import Edit
from peanut_daemon.edits.store import EditStore
from peanut_daemon.errors import (
    InvalidRequestError,
    JobStateError,
    NotApprovedError,
    OutputExistsError,
    OutputNotWritableError,
    raise_reported,
)
from peanut_daemon.jobs.admission import Machine, admit, window_that_fits
from peanut_daemon.jobs.dispatcher import Dispatcher
from peanut_daemon.jobs.facts import machine_of, matte_share, network_device, reach_px
from peanut_daemon.jobs.model import Job, JobState
from peanut_daemon.jobs.render import RenderWork, keys_of
from peanut_daemon.jobs.scheduler import Scheduler
from peanut_daemon.jobs.store import JobStore
from peanut_daemon.jobs.suited import suited_upscaler
from peanut_daemon.media.atomic import output_error
from peanut_daemon.worker.messages import Failed, PictureReady, PictureTask
from peanut_daemon.worker.store import facts_of
from peanut_models.errors import FrameRangeError, WeightsMissingError
from peanut_models.ranges import FrameRange
from peanut_models.working_size import WorkingSize, working_size
from peanut_models.zoo import ModelStore, Stage, chosen


class Renders:
    """Everything about renders that is not carrying them out."""

    def __init__(
        self,
        *,
        settings: Settings,
        edits: EditStore,
        jobs: JobStore,
        scheduler: Scheduler,
        dispatcher: Dispatcher,
        devices: Callable[[], Sequence[tuple[str, str, int]]],
    ) -> None:
        self._devices = devices
        self._settings = settings
        self._edits = edits
        self._jobs = jobs
        self._scheduler = scheduler
        self._dispatcher = dispatcher
        self._models = ModelStore(settings.models_dir)

    def start(
        self,
        *,
        edit_id: str,
        deliverable: Deliverable,
        codec: Codec,
        output_path: Path,
        overwrite: bool,
        profile_name: str,
        nof_eraser: str = "",
        ur_net: str = "",
        working: str = "auto",
        donors: Sequence[DonorFile] = (),
        donor_confidence: float = DEFAULT_DONOR_CONFIDENCE,
        window_frames: int = 0,
        versioned: bool = False,
        cuts: tuple[int, ...] | None = None,
        proof: bool = True,
        grain: bool = True,
    ) -> Job:
        """Check all that can be checked before anything is computed, then queue a job."""
        edit = self._edits.get(edit_id)
        eraser = self._chosen(profile_name, Stage.NOF_ERASER, nof_eraser)
        suited = suited_upscaler(edit.clip, profile_name, ur_net, self._models)
        upscaler = self._chosen(profile_name, Stage.UR_NET, suited.name)
        size = self._working_size(edit, eraser, working)
        enlarges = deliverable is Deliverable.UPSCALED
        if edit.approval is None:
            raise NotApprovedError(
                f"the matte of edit {edit_id} is not approved: look at its masks and approve them"
            )
        settings = RenderSettings(
            profile=profile_name,
            eraser=eraser,
            upscaler=upscaler,
            deliverable=deliverable,
            codec=codec,
            output_path=self._named(output_path, versioned=versioned),
            overwrite=overwrite,
            matte_hash=edit.approval.matte_hash,
            grow_px=edit.approval.grow_px,
            feather_px=edit.approval.feather_px,
            refine_px=edit.approval.refine_px,
            effect_feather_px=edit.approval.effect_feather_px,
            window_frames=window_frames or self._settings.window_frames or USUAL_WINDOW_FRAMES,
            window_reason="asked for" if window_frames else "setting window_frames",
            context_frames=self._settings.context_frames,
            donors=tuple(donors),
            donor_confidence=donor_confidence,
            working_scale=size.scale,
            working_reason=size.reason,
            upscaler_reason=suited.reason,
            sparse_stride=self._settings.sparse_stride if eraser.weights else 1,
            reuse_flows=self._settings.reuse_flows and enlarges and bool(upscaler.weights),
            seam=self._seam_weights() if enlarges else None,
            cuts=cuts,
            proof=proof,
            grain=grain,
        )
        self._check_outputs(edit, settings)
        self._scheduler.check_room(context.client())
        machine = self._machine(settings)
        share = self._matte_share(edit, settings)
        if not (window_frames or self._settings.window_frames):
            frames, why = window_that_fits(edit, settings, machine, matte_share=share)
            settings = replace(settings, window_frames=frames, window_reason=why)
        needs = admit(edit, settings, machine, matte_share=share)
        job = self._jobs.create(edit_id, settings, context.client(), needs)
        self._dispatcher.queue(job)
        return job

    def _named(self, output_path: Path, *, versioned: bool) -> Path:
        path = with_plain_pattern(self._settings.roots.checked_output(output_path))
        if not versioned:
            return path
        waiting = self._jobs.all((JobState.QUEUED, JobState.RUNNING))
        return next_version(path, {job.settings.output_path for job in waiting})

    def _seam_weights(self) -> WeightsFile | None:
        path = self._settings.seam_weights
        if path is None:
            return None
        if not path.is_file():
            raise WeightsMissingError(
                f"setting seam_weights names {path}, which is no file: train the seam step, or "
                "clear the setting"
            )
        return WeightsFile(path, facts_of(path)[1])

    def _chosen(self, profile_name: str, stage: Stage, override: str = "") -> ChosenModel:
        """The model of a stage, with the weights that are installed now.

        Raises:
            ModelNotFoundError: no such profile or model.
            WeightsMissingError: its weights are not on this machine.
        """
        card = chosen(profile_name, stage, override)
        if card.weights is None:
            return ChosenModel(card.name)
        return ChosenModel(card.name, self._models.require(card).blob_sha256)

    def _working_size(self, edit: Edit, eraser: ChosenModel, wanted: str) -> WorkingSize:
        if not eraser.weights:
            return WorkingSize(scale=1, reason="no network takes part")
        device, _, memory_bytes = network_device(self._settings, self._devices())
        return working_size(
            edit.clip.width,
            edit.clip.height,
            device=device,
            memory_bytes=memory_bytes,
            wanted=wanted,
        )

    def resume(self, job_id: str) -> Job:
        """Queue an ended job again.

        Raises:
            JobStateError: it waits, runs or has succeeded.
        """
        job = self._jobs.get(job_id)
        if job.state not in (JobState.CANCELLED, JobState.FAILED):
            raise JobStateError(
                f"job {job_id} is {job.state.value}: only a cancelled or failed job can be resumed"
            )
        edit, settings = self._edits.get(job.edit_id), job.settings
        self._check_outputs(edit, settings)
        self._scheduler.check_room(job.client)
        admit(
            edit,
            settings,
            self._machine(settings),
            matte_share=self._matte_share(edit, settings),
            stored_bytes=self._jobs.stored_bytes(job_id),
        )
        job = self._jobs.move(job_id, JobState.QUEUED)
        self._dispatcher.queue(job)
        return job

    def _machine(self, settings: RenderSettings) -> Machine:
        return machine_of(self._settings, self._devices(), settings.output_path.parent)

    def _matte_share(self, edit: Edit, settings: RenderSettings) -> float:
        return matte_share(
            self._edits.matte(settings.matte_hash, edit.frame_range),
            edit.clip,
            edit.frame_range,
            window_frames=settings.window_frames,
            grow_px=reach_px(settings.matte_shape),
        )

    async def pictures(
        self, job_id: str, wanted: FrameRange | None
    ) -> AsyncGenerator[PictureReady, None]:
        """Repaired frames of a render, as far as it has come.

        Raises:
            FrameRangeError: frames outside the edit's range.
            JobStateError: a frame is not computed yet.
        """
        job = self._jobs.get(job_id)
        work = RenderWork.of(job, self._edits)
        frame_range = wanted or work.edit.frame_range
        if not work.edit.frame_range.covers(frame_range):
            raise FrameRangeError(
                f"frame range {frame_range} is outside the edit's range {work.edit.frame_range}: "
                "ask for frames of the edit"
            )
        committed = self._jobs.artifact_hashes()
        plates = tuple(
            (core, key)
            for core, key in keys_of(work.plan, RenderStage.PLATE)
            if core.start < frame_range.end and frame_range.start < core.end
        )
        for core, key in plates:
            if key not in committed:
                raise JobStateError(
                    f"frames {core} of job {job_id} are not computed yet: watch the job until "
                    "they are"
                )
        task = PictureTask(
            clip=work.edit.clip,
            frame_range=frame_range,
            plates=plates,
            grain=job.settings.grain,
        )
        async with aclosing(self._dispatcher.interactive(task)) as events:
            async for event in events:
                if isinstance(event, PictureReady):
                    yield event
                elif isinstance(event, Failed):
                    raise_reported(event.reason, event.message, expected=event.expected)

    def _check_outputs(self, edit: Edit, settings: RenderSettings) -> None:
        outputs = Outputs.beside(settings.output_path)
        folder = settings.output_path.parent
        if not settings.output_path.is_absolute():
            raise InvalidRequestError(
                f"output path {settings.output_path} is relative: give the whole path, since the "
                "daemon runs in a folder of its own"
            )
        if edit.clip.path.resolve() in {path.resolve() for path in outputs.paths()}:
            raise InvalidRequestError(
                f"output path {settings.output_path} would replace the clip itself: choose another"
            )
        if not folder.is_dir():
            raise OutputNotWritableError(
                f"output folder {folder} does not exist: make it, or choose another"
            )
        _check_writable(folder)
        for path in outputs.paths():
            if is_taken(path) and not settings.overwrite:
                raise OutputExistsError(
                    f"{path} exists already: choose another output path, or allow overwriting"
                )
        for job in self._jobs.all((JobState.QUEUED, JobState.RUNNING)):
            if set(job.outputs.paths()) & set(outputs.paths()):
                raise OutputExistsError(
                    f"job {job.id} is about to write {job.settings.output_path}: choose another "
                    "output path, or cancel that job"
                )


def _check_writable(folder: Path) -> None:
    probe = folder / ".peanut-write-test"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise output_error(error, probe) from error
