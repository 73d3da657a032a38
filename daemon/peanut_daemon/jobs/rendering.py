"""Does pieces of renders on workers, and commits what comes of them.

Whatever a worker says is written to the journal before anybody else hears of it. Pieces of one
render may run beside each other, on several workers, where neither builds on the other. Artifacts
are named by their content, so a piece that ends after its job did harms nobody.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Mapping

from peanut_daemon.edits.changes import EditChanged
from peanut_daemon.edits.store import EditStore
from peanut_daemon.errors import DiskFullError, JournalError
from peanut_daemon.jobs.model import Job, JobError, JobState, Progress
from peanut_daemon.jobs.plan import Piece
from peanut_daemon.jobs.render import RenderWork, commit, pieces_left, remove_leftovers, task_for
from peanut_daemon.jobs.scheduler import Lane, Scheduler
from peanut_daemon.jobs.store import JobStore
from peanut_daemon.jobs.watchers import Watchers
from peanut_daemon.metrics import Metrics
from peanut_daemon.worker.messages import (
    Advanced,
    Cancelled,
    Committed,
    Failed,
    Finished,
    Shortage,
)
from peanut_daemon.worker.pool import PooledWorker
from peanut_daemon.worker.process import WorkerDiedError
from peanut_daemon.worker.store import ArtifactStore

logger = logging.getLogger(__name__)

UNEXPECTED = "InternalError"

# Steps of a job's time that no worker can see: before its first piece, between pieces, and what
# the daemon itself takes for one: messages, journal, the start of a worker that died.
QUEUE, TURNS, DAEMON = "queue", "turns", "daemon"


class RenderRunner:
    """All renders that wait or run.

    Args:
        scheduler: is told when a render has ended, or has another piece.
        jobs: the journal.
        edits: what is rendered.
        artifacts: what windows leave behind.
        metrics: counts.
        wake: called when a worker could be given something.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        scheduler: Scheduler,
        jobs: JobStore,
        edits: EditStore,
        artifacts: ArtifactStore,
        metrics: Metrics,
        wake: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scheduler = scheduler
        self._jobs = jobs
        self._edits = edits
        self._artifacts = artifacts
        self._metrics = metrics
        self._wake = wake
        self._clock = clock
        self._works: dict[str, RenderWork] = {}
        self._idle_since_s: dict[str, float] = {}
        self._cancel_wanted: set[str] = set()
        self.watchers = Watchers()

    def queued(self, job: Job) -> None:
        """A job waits for its turn from now on."""
        self._idle_since_s[job.id] = self._clock()
        self._changed(job)

    def cancel_at_next_frame(self, job_id: str) -> None:
        """End a job that a worker has, once that worker has stopped."""
        self._cancel_wanted.add(job_id)

    def progress(self, job: Job) -> Progress:
        """How far a job is now."""
        work = self._works.get(job.id)
        return job.progress if work is None else work.progress()

    async def do_piece(self, job_id: str, worker: PooledWorker) -> None:
        """Do the next piece of a render, with every way it can end.

        Raises:
            WorkerDiedError: the worker ended in the middle; see `worker_died`.
        """
        try:
            await self._do_piece(job_id, worker)
        except WorkerDiedError:
            raise
        except (DiskFullError, JournalError) as error:
            # A commit could not be written down: the render goes on once there is room again.
            worker.process.cancel_current()
            self._fail_unless_ended(job_id, type(error).__name__, str(error))
        except Exception as error:
            # A render must not take the others down.
            incident = uuid.uuid4().hex[:8]
            logger.exception("job %s failed unexpectedly, incident %s", job_id, incident)
            self._fail_unless_ended(job_id, UNEXPECTED, str(error), incident)

    def worker_died(self, job_id: str, failure: JobError) -> None:
        """Try a piece again whose worker died, or give up with that failure."""
        self._metrics.worker_died()
        work = self._works.get(job_id)
        if work is None:
            return
        if job_id in self._cancel_wanted:
            self.end(job_id, JobState.CANCELLED)
        elif self._scheduler.worker_died(job_id):
            self._jobs.count_retry(job_id)
            work.tried = True
            self._changed(work.job)
            logger.warning("worker died on job %s, the piece is tried again", job_id)
        else:
            self.end(job_id, JobState.FAILED, failure)

    def end(self, job_id: str, state: JobState, error: JobError | None = None) -> None:
        """Write down that a job has ended, and tell those who watch."""
        self._scheduler.remove(job_id)
        work = self._works.pop(job_id, None)
        self._cancel_wanted.discard(job_id)
        self._idle_since_s.pop(job_id, None)
        job = self._jobs.get(job_id)
        if state is not JobState.SUCCEEDED and not job.state.ended:
            # Before the end is written down: after a crash in between, the job is just tried again.
            remove_leftovers(job, tried=work.tried if work else job.started_at is not None)
        job = self._jobs.move(job_id, state, error, work.progress() if work else None)
        self._metrics.job_ended(state.value)
        self._changed(job)

    async def _do_piece(self, job_id: str, worker: PooledWorker) -> None:
        work = self._works.get(job_id)
        if work is None:
            work = self._works[job_id] = await self._start(self._jobs.get(job_id))
        self._count_wait(work)
        if job_id in self._cancel_wanted:
            self.end(job_id, JobState.CANCELLED)
            return
        piece = work.take()
        if piece is None:
            return
        self._offer(work)
        self._changed(work.job)
        started = self._clock()
        try:
            await self._carry_out(work, piece, worker)
        finally:
            work.running.pop(piece, None)
            self._metrics.piece_ended(piece.stage.value, self._clock() - started)
            if self._works.get(job_id) is work and not work.running:
                self._idle_since_s[job_id] = self._clock()
        if self._works.get(job_id) is work:
            self._offer(work)

    async def _carry_out(self, work: RenderWork, piece: Piece, worker: PooledWorker) -> None:
        job, started = work.job, self._clock()
        task = task_for(work, piece, self._jobs.hashes_of(job.id))
        events = worker.process.run(task, job_id=job.id, client=job.client)
        async for event in events:
            if isinstance(event, Committed):
                commit(self._jobs, event)
            if self._works.get(job.id) is not work:
                continue  # it was ended meanwhile, by another piece or by somebody
            match event:
                case Advanced(frames):
                    work.running[piece] = min(frames, piece.frames)
                    self._changed(job)
                case Finished(seconds):
                    self._finished(work, piece, seconds, self._clock() - started)
                case Cancelled():
                    self.end(job.id, JobState.CANCELLED)
                case Shortage():
                    work.job = self._jobs.note_shortage(job.id, event)
                    self._changed(job)
                case Failed():
                    if not self._halved(work, piece, event):
                        self._fail(job.id, event)

    async def _start(self, job: Job) -> RenderWork:
        self._jobs.move(job.id, JobState.RUNNING)
        work = RenderWork.of(job, self._edits)
        self._jobs.plans(job.id, work.keys())
        work.left = await asyncio.to_thread(
            pieces_left, work, self._artifacts, self._jobs.artifact_hashes()
        )
        self._changed(job)
        return work

    def _count_wait(self, work: RenderWork) -> None:
        since = self._idle_since_s.pop(work.job.id, None)
        if since is None:
            return  # another piece of it is under way, so it does not wait
        waited = self._clock() - since
        work.spend({TURNS if work.had_turn else QUEUE: waited})
        if not work.had_turn:
            self._metrics.waited(Lane.RENDER.value, waited)
        work.had_turn = True

    def _offer(self, work: RenderWork) -> None:
        """Let the render have another turn if there is a piece to do now."""
        if work.next_piece() is not None:
            self._scheduler.piece_ready(work.job.id)
            self._wake()

    def _finished(
        self, work: RenderWork, piece: Piece, seconds: Mapping[str, float], elapsed: float
    ) -> None:
        job_id = work.job.id
        by_step = {f"{piece.stage.value}.{step}": spent for step, spent in seconds.items()}
        by_step[DAEMON] = max(0.0, elapsed - sum(seconds.values()))
        work.spend(by_step)
        if piece in work.left:  # else it is no longer part of the plan
            work.done(piece)
        self._metrics.worked(by_step)
        self._scheduler.piece_done(job_id)
        self._jobs.set_seconds(job_id, work.seconds)
        if not work.left:
            self.end(job_id, JobState.SUCCEEDED)

    def _halved(self, work: RenderWork, piece: Piece, failed: Failed) -> bool:
        """Cut a window in two that did not fit into memory; say whether the job goes on so."""
        settings = work.halved(piece) if failed.shortage else None
        if failed.shortage is None or settings is None:
            return False
        job = self._jobs.note_shortage(work.job.id, failed.shortage, settings)
        work.replan(job)
        self._jobs.plans(job.id, work.keys())
        logger.warning("window %s does not fit into memory: cut in two", piece.window.core)
        self._changed(job)
        return True

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
        failure = JobError(reason=reason, message=failed.message, incident_id=incident)
        self.end(job_id, JobState.FAILED, failure)

    def _fail_unless_ended(
        self, job_id: str, reason: str, message: str, incident_id: str = ""
    ) -> None:
        if not self._jobs.get(job_id).state.ended:
            failure = JobError(reason=reason, message=message, incident_id=incident_id)
            self.end(job_id, JobState.FAILED, failure)

    def _changed(self, job: Job) -> None:
        self.watchers.changed(job.id)
        self._edits.changes.tell(EditChanged(job.edit_id))
