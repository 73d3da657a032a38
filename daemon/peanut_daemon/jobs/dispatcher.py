"""Brings scheduler and workers together: gives each idle worker the next piece of work.

A worker that dies costs the piece it was on; another is started and that piece is tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from peanut_daemon import context
from peanut_daemon.edits.store import EditStore
from peanut_daemon.errors import ShuttingDownError
from peanut_daemon.jobs.model import Job, JobError, JobState, Progress
from peanut_daemon.jobs.rendering import RenderRunner
from peanut_daemon.jobs.scheduler import Lane, Scheduler, Turn
from peanut_daemon.jobs.store import JobStore
from peanut_daemon.metrics import Metrics
from peanut_daemon.worker.messages import Cancelled, Event, Failed, Task
from peanut_daemon.worker.pool import PooledWorker, WorkerPool
from peanut_daemon.worker.process import WorkerDiedError
from peanut_daemon.worker.store import ArtifactStore

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class InteractiveTask:
    """A task that somebody waits for.

    Attributes:
        task: what to do.
        client: who asked.
        asked_at_s: when, on the monotonic clock.
        events: what has come of it; None ends them.
        running: a worker has it.
        abandoned: nobody waits any more.
    """

    task: Task
    client: str
    asked_at_s: float
    events: asyncio.Queue[Event | None] = field(default_factory=asyncio.Queue)
    running: bool = False
    abandoned: bool = False

    @property
    def kind(self) -> str:
        """What it is about: `track`, `picture` and so on."""
        return type(self.task).__name__.removesuffix("Task").lower()


class Dispatcher:
    """The one user of the workers."""

    def __init__(
        self,
        *,
        workers: WorkerPool,
        scheduler: Scheduler,
        jobs: JobStore,
        edits: EditStore,
        artifacts: ArtifactStore,
        metrics: Metrics,
    ) -> None:
        self._workers = workers
        self._scheduler = scheduler
        self._jobs = jobs
        self._metrics = metrics
        self._wake = asyncio.Event()
        self._renders = RenderRunner(
            scheduler=scheduler,
            jobs=jobs,
            edits=edits,
            artifacts=artifacts,
            metrics=metrics,
            wake=self._wake.set,
        )
        self._interactive: dict[str, InteractiveTask] = {}
        self._under_way: set[asyncio.Task[None]] = set()
        self._stopping = False

    # What services call.

    def recover(self) -> None:
        """Queue again what the last daemon of this folder left unfinished, oldest first."""
        unfinished = self._jobs.all((JobState.RUNNING, JobState.QUEUED))
        for job in reversed(unfinished):
            if job.state is JobState.RUNNING:
                self._jobs.move(job.id, JobState.QUEUED)
            self._scheduler.add_render(job.id, job.client, recovered=True)
            self._renders.queued(job)
            logger.info("job %s goes on after a restart", job.id)

    def queue(self, job: Job) -> None:
        """Let a stored QUEUED job have its turn."""
        self._scheduler.add_render(job.id, job.client)
        self._renders.queued(job)
        self._wake.set()

    def cancel(self, job_id: str) -> None:
        """Ask a job to end; at once if it waits, else at the worker's next frame."""
        state = self._jobs.get(job_id).state
        if state.ended:
            return
        workers = self._workers.busy_with(job_id)
        if state is JobState.RUNNING and workers:
            self._renders.cancel_at_next_frame(job_id)
            for worker in workers:
                worker.process.cancel_current()
        else:
            self._renders.end(job_id, JobState.CANCELLED)

    def progress(self, job: Job) -> Progress:
        """How far a job is now."""
        return self._renders.progress(job)

    async def watch(self, job_id: str) -> AsyncGenerator[Job, None]:
        """The job now and at each change, until it has ended.

        Raises:
            JobNotFoundError: no job has that id.
            ShuttingDownError: the daemon is stopping.
        """
        with self._renders.watchers.watching(job_id) as changed:
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

    async def interactive(self, task: Task) -> AsyncGenerator[Event, None]:
        """Have a task done ahead of renders; the last event is Finished or Failed.

        Closing the iterator stops the task.

        Raises:
            QueueFullError: too many wait already.
        """
        task_id, client = uuid.uuid4().hex, context.client()
        self._scheduler.add_interactive(task_id, client)
        waiting = InteractiveTask(task, client, time.monotonic())
        self._interactive[task_id] = waiting
        self._wake.set()
        try:
            while (event := await waiting.events.get()) is not None:
                yield event
        finally:
            waiting.abandoned = True
            del self._interactive[task_id]
            self._scheduler.remove(task_id)
            for worker in self._workers.busy_with(task_id):
                worker.process.cancel_current()

    def tasks(self) -> list[InteractiveTask]:
        """The interactive tasks that wait or run, oldest first."""
        return list(self._interactive.values())

    async def stop(self) -> None:
        """End the workers; what runs stays in the journal and goes on at the next start."""
        self._stopping = True
        self._wake.set()
        self._workers.close()
        self._renders.watchers.all_changed()

    # The loop.

    async def run(self) -> None:
        """Give the workers work until `stop`."""
        while not self._stopping:
            self._wake.clear()
            turn = self._next_turn()
            if turn is not None:
                self._begin(turn)
                continue
            rest_s = self._scheduler.rest_s() if self._workers.ready else None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), rest_s or None)
        await asyncio.gather(*self._under_way)

    def _next_turn(self) -> Turn | None:
        if not self._workers.ready:
            return None
        workers = self._workers.workers
        rendering = sum(bool(worker.job_id) for worker in workers)
        return self._scheduler.next_turn(workers=len(workers), rendering=rendering)

    def _begin(self, turn: Turn) -> None:
        worker = self._workers.idle(turn.id)
        worker.take(turn.id, is_job=turn.lane is Lane.RENDER)
        under_way = asyncio.create_task(self._do(turn, worker))
        self._under_way.add(under_way)
        under_way.add_done_callback(self._under_way.discard)

    async def _do(self, turn: Turn, worker: PooledWorker) -> None:
        try:
            if turn.lane is Lane.INTERACTIVE:
                await self._do_interactive(turn.id, worker)
            else:
                with context.about(job_id=turn.id, client=self._jobs.get(turn.id).client):
                    await self._do_render_piece(turn.id, worker)
        except Exception:
            # Not even the journal could be written; the job goes on when the daemon starts again.
            logger.exception("work on %s could not be ended properly", turn.id)
            self._scheduler.remove(turn.id)
        finally:
            worker.give_back()
            self._wake.set()

    async def _do_interactive(self, task_id: str, worker: PooledWorker) -> None:
        waiting = self._interactive.get(task_id)
        if waiting is None:
            return
        started = time.monotonic()
        self._metrics.waited(Lane.INTERACTIVE.value, started - waiting.asked_at_s)
        waiting.running = True
        try:
            async for event in worker.process.run(waiting.task, client=waiting.client):
                if not isinstance(event, Cancelled):
                    waiting.events.put_nowait(event)
        except WorkerDiedError:
            self._metrics.worker_died()
            waiting.running = False
            if self._stopping or waiting.abandoned or self._scheduler.worker_died(task_id):
                return
            waiting.events.put_nowait(_crash("ask again"))
        self._metrics.piece_ended(waiting.kind, time.monotonic() - started)
        self._scheduler.piece_done(task_id)
        self._scheduler.remove(task_id)
        waiting.events.put_nowait(None)

    async def _do_render_piece(self, job_id: str, worker: PooledWorker) -> None:
        try:
            await self._renders.do_piece(job_id, worker)
        except WorkerDiedError:
            if not self._stopping:
                crash = _crash("resume the job")
                failure = JobError(reason=crash.reason, message=crash.message)
                self._renders.worker_died(job_id, failure)


def _crash(then: str) -> Failed:
    return Failed(
        "WorkerCrashedError",
        "the worker died again and again on the same piece of work; the daemon's log may say why "
        f"(often too little memory: lower the setting window_frames), then {then}",
        expected=True,
    )
