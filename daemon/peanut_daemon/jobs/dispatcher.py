"""Brings scheduler, journal and worker together: one piece of work at a time, committed when done.

Whatever the worker says is written to the journal before anybody else hears of it. A worker that
dies costs the piece it was on; the dispatcher starts another and tries that piece again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace

from peanut_daemon import log
from peanut_daemon.edits.store import EditStore
from peanut_daemon.errors import ShuttingDownError
from peanut_daemon.jobs.model import Job, JobError, JobState, Progress
from peanut_daemon.jobs.render import RenderWork, commit, pieces_left, task_for
from peanut_daemon.jobs.scheduler import Lane, Scheduler
from peanut_daemon.jobs.store import JobStore
from peanut_daemon.worker.messages import (
    Advanced,
    Cancelled,
    Committed,
    Event,
    Failed,
    Finished,
    Task,
)
from peanut_daemon.worker.process import WorkerDiedError, WorkerProcess
from peanut_daemon.worker.store import ArtifactStore

logger = logging.getLogger(__name__)

UNEXPECTED = "InternalError"


@dataclass(slots=True)
class _Interactive:
    """A task that somebody waits for, and where its events go; None ends them."""

    task: Task
    events: asyncio.Queue[Event | None] = field(default_factory=asyncio.Queue)
    abandoned: bool = False


class Dispatcher:
    """The one user of the worker."""

    def __init__(
        self,
        *,
        worker: WorkerProcess,
        scheduler: Scheduler,
        jobs: JobStore,
        edits: EditStore,
        artifacts: ArtifactStore,
    ) -> None:
        self._worker = worker
        self._scheduler = scheduler
        self._jobs = jobs
        self._edits = edits
        self._artifacts = artifacts
        self._interactive: dict[str, _Interactive] = {}
        self._works: dict[str, RenderWork] = {}
        self._progress: dict[str, Progress] = {}
        self._watchers: dict[str, set[asyncio.Event]] = {}
        self._cancel_wanted: set[str] = set()
        self._running_id = ""
        self._wake = asyncio.Event()
        self._stopping = False

    # What services call.

    def recover(self) -> None:
        """Queue again what the last daemon of this folder left unfinished, oldest first."""
        unfinished = self._jobs.all((JobState.RUNNING, JobState.QUEUED))
        for job in reversed(unfinished):
            if job.state is JobState.RUNNING:
                self._jobs.move(job.id, JobState.QUEUED)
            self._scheduler.add_render(job.id, recovered=True)
            logger.info("job %s goes on after a restart", job.id)

    def queue(self, job: Job) -> None:
        """Let a stored QUEUED job have its turn."""
        self._scheduler.add_render(job.id)
        self._changed(job.id)
        self._wake.set()

    def cancel(self, job_id: str) -> None:
        """Ask a job to end; at once if it waits, else at the worker's next frame."""
        job = self._jobs.get(job_id)
        if job.state is JobState.QUEUED:
            self._end(job_id, JobState.CANCELLED)
        elif job.state is JobState.RUNNING and self._running_id == job_id:
            self._cancel_wanted.add(job_id)
            self._worker.cancel_current()
        elif job.state is JobState.RUNNING:
            self._end(job_id, JobState.CANCELLED)

    def progress(self, job: Job) -> Progress:
        """How far a job is now."""
        return self._progress.get(job.id, job.progress)

    async def watch(self, job_id: str) -> AsyncGenerator[Job, None]:
        """The job now and at each change, until it has ended.

        Raises:
            JobNotFoundError: no job has that id.
            ShuttingDownError: the daemon is stopping.
        """
        changed = asyncio.Event()
        self._watchers.setdefault(job_id, set()).add(changed)
        try:
            while True:
                changed.clear()
                job = self._jobs.get(job_id)
                yield job
                if job.state.ended:
                    return
                if self._stopping:
                    raise ShuttingDownError(
                        f"the daemon is stopping; job {job_id} goes on when it is started again"
                    )
                await changed.wait()
        finally:
            self._watchers[job_id].discard(changed)

    async def interactive(self, task: Task) -> AsyncGenerator[Event, None]:
        """Have a task done ahead of renders; the last event is Finished or Failed.

        Closing the iterator stops the task.
        """
        task_id = uuid.uuid4().hex
        waiting = self._interactive[task_id] = _Interactive(task)
        self._scheduler.add_interactive(task_id)
        self._wake.set()
        try:
            while (event := await waiting.events.get()) is not None:
                yield event
        finally:
            waiting.abandoned = True
            del self._interactive[task_id]
            self._scheduler.remove(task_id)
            if self._running_id == task_id:
                self._worker.cancel_current()

    async def stop(self) -> None:
        """End the worker; what runs stays in the journal and goes on at the next start."""
        self._stopping = True
        self._wake.set()
        self._worker.close()
        for job_id in list(self._watchers):
            self._changed(job_id)

    # The loop.

    async def run(self) -> None:
        """Give the worker work until `stop`."""
        while not self._stopping:
            self._wake.clear()
            turn = self._scheduler.next_turn()
            if turn is None:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self._scheduler.wait_s() or None)
                continue
            self._running_id = turn.id
            try:
                if turn.lane is Lane.INTERACTIVE:
                    await self._run_interactive(turn.id)
                else:
                    token = log.job_id.set(turn.id)
                    await self._run_render_piece(turn.id)
                    log.job_id.reset(token)
            finally:
                self._running_id = ""

    async def _run_interactive(self, task_id: str) -> None:
        waiting = self._interactive.get(task_id)
        if waiting is None:
            return
        try:
            async for event in self._worker.run(waiting.task):
                if not isinstance(event, Cancelled):
                    waiting.events.put_nowait(event)
        except WorkerDiedError:
            if self._stopping or waiting.abandoned:
                return
            if self._scheduler.worker_died(task_id):
                self._scheduler.retry_interactive(task_id)
                return
            waiting.events.put_nowait(_crash("ask again"))
        self._scheduler.piece_done(task_id)
        waiting.events.put_nowait(None)

    async def _run_render_piece(self, job_id: str) -> None:
        """Do the next piece of a render, with every way it can end."""
        try:
            await self._try_render_piece(job_id)
        except WorkerDiedError:
            if self._stopping:
                return
            if job_id in self._cancel_wanted:
                self._end(job_id, JobState.CANCELLED)
            elif self._scheduler.worker_died(job_id):
                self._jobs.count_retry(job_id)
                if job_id in self._works:
                    self._works[job_id].tried = True
                self._changed(job_id)
                logger.warning("worker died on job %s, the piece is tried again", job_id)
            else:
                crash = _crash("resume the job")
                self._end(
                    job_id, JobState.FAILED, JobError(reason=crash.reason, message=crash.message)
                )
        except Exception as error:
            # A render must not take the loop, and with it all other jobs, down.
            incident = uuid.uuid4().hex[:8]
            logger.exception("job %s failed unexpectedly, incident %s", job_id, incident)
            self._end(
                job_id,
                JobState.FAILED,
                JobError(reason=UNEXPECTED, message=str(error), incident_id=incident),
            )

    async def _try_render_piece(self, job_id: str) -> None:
        job = self._jobs.get(job_id)
        if job_id not in self._works:
            self._works[job_id] = await self._start_render(job)
        work = self._works[job_id]
        if job_id in self._cancel_wanted:
            self._end(job_id, JobState.CANCELLED)
            return
        piece = work.left[0]
        base = work.frames_done()
        self._report(job_id, replace(work.progress(), done=base))
        async for event in self._worker.run(task_for(work, piece)):
            match event:
                case Advanced(frames):
                    done = base + min(frames, piece.frames)
                    self._report(job_id, replace(work.progress(), done=done))
                case Committed():
                    commit(self._jobs, event)
                case Finished():
                    work.left.pop(0)
                    self._scheduler.piece_done(job_id)
                    if not work.left:
                        self._report(job_id, replace(work.progress(), stage=piece.stage))
                        self._end(job_id, JobState.SUCCEEDED)
                case Cancelled():
                    self._end(job_id, JobState.CANCELLED)
                case Failed():
                    self._fail(job_id, event)

    async def _start_render(self, job: Job) -> RenderWork:
        self._jobs.move(job.id, JobState.RUNNING)
        work = RenderWork.of(job, self._edits)
        work.left = await asyncio.to_thread(
            pieces_left, work, self._artifacts, self._jobs.artifact_hashes()
        )
        self._report(job.id, work.progress())
        return work

    def _fail(self, job_id: str, failed: Failed) -> None:
        if failed.damaged_key:
            self._jobs.forget_artifact(failed.damaged_key)
        incident = ""
        if not failed.expected:
            incident = uuid.uuid4().hex[:8]
            logger.error(
                "job %s: %s: %s (incident %s)", job_id, failed.reason, failed.message, incident
            )
        reason = failed.reason if failed.expected else UNEXPECTED
        self._end(
            job_id,
            JobState.FAILED,
            JobError(reason=reason, message=failed.message, incident_id=incident),
        )

    def _end(self, job_id: str, state: JobState, error: JobError | None = None) -> None:
        self._scheduler.remove(job_id)
        self._works.pop(job_id, None)
        self._cancel_wanted.discard(job_id)
        self._jobs.move(job_id, state, error, self._progress.get(job_id))
        self._changed(job_id)

    def _report(self, job_id: str, progress: Progress) -> None:
        self._progress[job_id] = progress
        self._changed(job_id)

    def _changed(self, job_id: str) -> None:
        for watcher in self._watchers.get(job_id, ()):
            watcher.set()


def _crash(then: str) -> Failed:
    return Failed(
        "WorkerCrashedError",
        "the worker died again and again on the same piece of work; the daemon's log may say why "
        f"(often too little memory: lower the setting window_frames), then {then}",
        expected=True,
    )
