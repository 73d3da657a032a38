"""Starting, resuming and looking into renders."""

from __future__ import annotations

import shutil
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path

from peanut_daemon.config import Settings
from peanut_daemon.deliverable import (
    DEFAULT_DONOR_CONFIDENCE,
    ChosenModel,
    Codec,
    Deliverable,
    DonorFile,
    Outputs,
    RenderSettings,
    RenderStage,
)
from peanut_daemon.edits.model import Edit
from peanut_daemon.edits.store import EditStore
from peanut_daemon.errors import (
    DiskFullError,
    InvalidRequestError,
    JobStateError,
    NotApprovedError,
    OutputExistsError,
    OutputNotWritableError,
    raise_reported,
)
from peanut_daemon.jobs.dispatcher import Dispatcher
from peanut_daemon.jobs.model import Job, JobState
from peanut_daemon.jobs.plan import window_frames_that_fit
from peanut_daemon.jobs.render import RenderWork, keys_of
from peanut_daemon.jobs.scheduler import Scheduler
from peanut_daemon.jobs.store import JobStore
from peanut_daemon.jobs.suited import suited_upscaler
from peanut_daemon.media import probe
from peanut_daemon.worker.messages import Failed, PictureReady, PictureTask
from peanut_models.errors import FrameRangeError
from peanut_models.ranges import FrameRange
from peanut_models.working_size import WorkingSize, working_size
from peanut_models.zoo import ModelStore, Stage, chosen

# Bytes of store and deliverable per pixel and frame, generously: plate, provenance, encoded frame.
BYTES_PER_PIXEL = 8


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
        donor_paths: Sequence[Path] = (),
        donor_confidence: float = DEFAULT_DONOR_CONFIDENCE,
    ) -> Job:
        """Check all that can be checked before anything is computed, then queue a job."""
        edit = self._edits.get(edit_id)
        eraser = self._chosen(profile_name, Stage.NOF_ERASER, nof_eraser)
        suited = suited_upscaler(edit.clip, profile_name, ur_net, self._models)
        upscaler = self._chosen(profile_name, Stage.UR_NET, suited.name)
        size = self._working_size(edit, eraser, working)
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
            output_path=output_path,
            overwrite=overwrite,
            matte_hash=edit.approval.matte_hash,
            grow_px=edit.approval.grow_px,
            feather_px=edit.approval.feather_px,
            window_frames=window_frames_that_fit(
                edit.clip.width,
                edit.clip.height,
                wanted=self._settings.window_frames,
                context=self._settings.context_frames,
                budget_bytes=self._settings.window_bytes,
            ),
            context_frames=self._settings.context_frames,
            donors=tuple(DonorFile(path, probe(path).fingerprint) for path in donor_paths),
            donor_confidence=donor_confidence,
            working_scale=size.scale,
            working_reason=size.reason,
            upscaler_reason=suited.reason,
            sparse_stride=self._settings.sparse_stride if eraser.weights else 1,
        )
        self._check_outputs(edit, settings)
        self._scheduler.check_room()
        job = self._jobs.create(edit_id, settings)
        self._dispatcher.queue(job)
        return job

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
        device, _, memory_bytes = self._devices()[0]
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
        self._check_outputs(self._edits.get(job.edit_id), job.settings)
        self._scheduler.check_room()
        job = self._jobs.move(job_id, JobState.QUEUED)
        self._dispatcher.queue(job)
        return job

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
        task = PictureTask(clip=work.edit.clip, frame_range=frame_range, plates=plates)
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
        if edit.clip.path in outputs.paths():
            raise InvalidRequestError(
                f"output path {settings.output_path} would replace the clip itself: choose another"
            )
        if not folder.is_dir():
            raise OutputNotWritableError(
                f"output folder {folder} does not exist: make it, or choose another"
            )
        _check_writable(folder)
        for path in outputs.paths():
            if path.exists() and not settings.overwrite:
                raise OutputExistsError(
                    f"{path} exists already: choose another output path, or allow overwriting"
                )
        for job in self._jobs.all((JobState.QUEUED, JobState.RUNNING)):
            if set(job.outputs.paths()) & set(outputs.paths()):
                raise OutputExistsError(
                    f"job {job.id} is about to write {job.settings.output_path}: choose another "
                    "output path, or cancel that job"
                )
        needed = self._settings.min_free_disk_bytes + _size_estimate(edit, settings)
        for place in (folder, self._settings.data_dir):
            free = shutil.disk_usage(place).free
            if free < needed:
                raise DiskFullError(
                    f"the disk of {place} has {free // 2**20} MiB left, but this render may need "
                    f"{needed // 2**20} MiB: make room, or choose a shorter range or another disk"
                )


def _check_writable(folder: Path) -> None:
    probe = folder / ".peanut-write-test"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputNotWritableError(
            f"output folder {folder} cannot be written ({error.strerror}): "
            "change its permissions, or choose another"
        ) from error


def _size_estimate(edit: Edit, settings: RenderSettings) -> int:
    pixels = edit.clip.width * edit.clip.height * len(edit.frame_range)
    enlarged = 16 if settings.deliverable is Deliverable.UPSCALED else 0
    return pixels * (BYTES_PER_PIXEL + 3 * enlarged)
