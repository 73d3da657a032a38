"""The face's handle on the worker process: start, talk, notice its death, start again."""

from __future__ import annotations

import asyncio
import itertools
import logging
import multiprocessing
import threading
from collections.abc import AsyncIterator, Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from peanut_daemon.worker.devices import Device
from peanut_daemon.worker.main import run_worker
from peanut_daemon.worker.messages import (
    Cancel,
    Cancelled,
    Event,
    Failed,
    Finished,
    Loaded,
    Ready,
    Said,
    Start,
    Task,
    WorkerOptions,
)
from peanut_daemon.worker.residency import Resident

logger = logging.getLogger(__name__)


class WorkerDiedError(Exception):
    """The worker process ended while it was needed; never leaves the dispatcher."""


class WorkerProcess:
    """One worker at a time; a dead one is replaced when it is next needed.

    Attributes:
        restarts: how often it was started again; -1 before the first start.
        devices: what it found to run on; empty before the first start.
        loaded: the models in its memory.
    """

    def __init__(self, options: WorkerOptions) -> None:
        self._options = options
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._inbox: asyncio.Queue[Ready | Said | None] = asyncio.Queue()
        self._numbers = itertools.count(1)
        self._current = 0
        self.restarts = -1
        self.devices: tuple[Device, ...] = ()
        self.loaded: tuple[Resident, ...] = ()

    @property
    def pid(self) -> int:
        """Process id; 0 while it is down."""
        alive = self._process is not None and self._process.is_alive()
        return (self._process.pid or 0) if alive and self._process is not None else 0

    async def ensure_started(self) -> None:
        """Start the worker unless it runs.

        Raises:
            WorkerDiedError: it ended before it was ready.
        """
        if self.pid:
            return
        self.close()
        # Spawn, not fork: the face has threads (gRPC), and CUDA does not survive a fork.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=run_worker, args=(theirs, self._options), name="worker", daemon=True
        )
        self._process.start()
        theirs.close()
        self.restarts += 1
        inbox = self._inbox = asyncio.Queue()

        def take(message: Ready | Said | Loaded | None) -> None:
            # Also between tasks, when nobody reads the inbox.
            if isinstance(message, Loaded):
                self.loaded = message.models
            else:
                inbox.put_nowait(message)

        threading.Thread(
            target=_forward,
            args=(self._pipe, take, asyncio.get_running_loop()),
            name="worker-inbox",
            daemon=True,
        ).start()
        ready = await self._inbox.get()
        if not isinstance(ready, Ready):
            self.close()
            raise WorkerDiedError("the worker ended before it was ready")
        self.devices = ready.devices
        logger.info("worker %d is up", self.pid)

    async def run(self, task: Task, *, job_id: str = "", client: str = "") -> AsyncIterator[Event]:
        """Have a task done; the last event is Finished, Cancelled or Failed.

        Args:
            task: what to do.
            job_id: whose piece it is, for the worker's log.
            client: who wants it, likewise.

        Raises:
            WorkerDiedError: the worker ended before the task did.
        """
        await self.ensure_started()
        number = next(self._numbers)
        self._current = number
        self._send(Start(number, task, job_id, client))
        try:
            while True:
                said = await self._inbox.get()
                if said is None:
                    # Reaped at once: a process that is dying still counts as alive, and a task
                    # given to it would wait for ever.
                    self.close()
                    raise WorkerDiedError("the worker ended in the middle of a task")
                if isinstance(said, Said) and said.number == number:
                    yield said.event
                    if isinstance(said.event, Finished | Cancelled | Failed):
                        return
        finally:
            # One that was left early ends some time later, when the next task may be current.
            if self._current == number:
                self._current = 0

    def cancel_current(self) -> None:
        """Ask the worker to stop what it does at the next frame; its last event says so."""
        if self._current:
            self._send(Cancel(self._current))

    def close(self) -> None:
        """End the worker now; whatever it has committed stays."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None
        self.loaded = ()

    def _send(self, message: Start | Cancel) -> None:
        if self._pipe is None:
            return
        try:
            self._pipe.send(message)
        except OSError:
            # The reader thread sees the same end of the pipe and reports the death.
            logger.debug("worker is gone, %s not sent", type(message).__name__)


def _forward(
    pipe: Connection,
    take: Callable[[Ready | Said | Loaded | None], None],
    loop: asyncio.AbstractEventLoop,
) -> None:
    """Thread: hand on all that the worker says, then None when its end of the pipe is closed."""
    while True:
        try:
            message = pipe.recv()
        except (EOFError, OSError):
            message = None
        try:
            loop.call_soon_threadsafe(take, message)
        except RuntimeError:  # the loop is closed: the daemon is ending
            return
        if message is None:
            return
