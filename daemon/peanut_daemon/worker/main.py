"""What runs in the worker process: take a task, do it, say what happens, take the next."""

from __future__ import annotations

import logging
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

from peanut_daemon import context, log
from peanut_daemon.errors import DaemonError, JobCancelledError, MediaTimeoutError
from peanut_daemon.media import limits
from peanut_daemon.worker import heap, timing
from peanut_daemon.worker.messages import (
    Advanced,
    Cancel,
    Cancelled,
    EncodeTask,
    Event,
    Failed,
    Finished,
    Loaded,
    PictureTask,
    PlateTask,
    Ready,
    Said,
    Start,
    Task,
    TrackTask,
    UpscaleTask,
    WorkerOptions,
)
from peanut_models.errors import ModelError

logger = logging.getLogger(__name__)


def run_worker(pipe: Connection, options: WorkerOptions) -> None:
    """Entry of the process; ends when the daemon's face does."""
    # Ctrl-C in a terminal reaches the whole group; the face decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    log.configure(options.log_level, options.log_format)
    Worker(pipe, options).run()


class Worker:
    """Does one task at a time; a thread listens for cancels meanwhile."""

    def __init__(self, pipe: Connection, options: WorkerOptions) -> None:
        # Here and not at the top: the face imports this module to spawn it, and stays light.
        from peanut_daemon.worker.backends import Backends
        from peanut_daemon.worker.detect import devices
        from peanut_daemon.worker.store import ArtifactStore

        self._pipe = pipe
        self._store = ArtifactStore(options.store_dir)
        self._devices = devices()
        self._backends = Backends(
            options.models_dir,
            options.device,
            self._devices,
            keep_alive_s=options.keep_alive_s,
            host_bytes=options.host_memory_bytes,
        )
        self._loaded = self._backends.residents()
        self._roots = options.roots
        limits.let_watch(limits.Watchdog(limits.FRAME_TIMEOUT_S, self._give_up))
        self._starts: queue.Queue[Start] = queue.Queue()
        self._number = 0
        self._cancelled: set[int] = set()

    def run(self) -> None:
        """Work until the pipe closes."""
        threading.Thread(target=self._listen, name="face-inbox", daemon=True).start()
        self._pipe.send(Ready(self._devices))
        while True:
            try:
                start = self._starts.get(timeout=self._backends.next_expiry_s())
            except queue.Empty:
                self._backends.evict_expired()
                self._tell_loaded()
                continue
            self._number = start.number
            with context.about(job_id=start.job_id, client=start.client), timing.recording():
                last = self.do(start.task)
            self._backends.end_of_task()
            self._tell_loaded()
            self._say(last)
            self._cancelled.discard(start.number)
            # After the answer: the face works on that meanwhile.
            heap.give_back()

    def _tell_loaded(self) -> None:
        if (loaded := self._backends.residents()) != self._loaded:
            self._loaded = loaded
            self._pipe.send(Loaded(loaded))

    def do(self, task: Task) -> Event:
        """Do a task, saying its events; return the one that ends it."""
        try:
            return self._ended(task)
        except JobCancelledError:
            return Cancelled()
        except (DaemonError, ModelError) as error:
            logger.info("%s failed: %s: %s", type(task).__name__, type(error).__name__, error)
            damaged = str(getattr(error, "key", ""))
            return Failed(type(error).__name__, str(error), expected=True, damaged_key=damaged)
        except Exception as error:
            # The border between the models and the process: whatever it is, the worker lives on.
            logger.exception("%s failed unexpectedly", type(task).__name__)
            return Failed(type(error).__name__, str(error), expected=False)

    def _ended(self, task: Task) -> Event:
        """Do a task, once more after each remedy where memory runs out, then give it back."""
        from peanut_daemon.worker import shortage

        tight = False
        for remedy in shortage.remedies(task):
            short = self._short_of(task, tight=tight)
            if not short:
                return Finished(timing.seconds_so_far())
            logger.warning("%s: out of memory (%s): %s", type(task).__name__, short, remedy)
            self._backends.end_of_task()
            self._backends.free()
            tight = tight or remedy == shortage.TILE
            self._say(shortage.shortage(task, remedy, short))
        if not (short := self._short_of(task, tight=tight)):
            return Finished(timing.seconds_so_far())
        self._backends.free()
        return Failed(
            "OutOfDeviceMemoryError",
            f"memory ran out ({short}), also after all that is idle was freed: close other "
            f"programs, or {shortage.advice(task)}",
            expected=True,
            shortage=shortage.shortage(task, shortage.WINDOW, short),
        )

    def _short_of(self, task: Task, *, tight: bool) -> str:
        """Do a task, saying its events; return why memory was too little, empty where it was not.

        The error ends here, and with it what its frames hold: only then can anything be freed.
        """
        from peanut_daemon.worker import shortage

        try:
            for event in self._handle(task, tight=tight):
                self._say(event)
                self._check_cancel()
        except Exception as error:
            # Any class may carry it; all that says something else goes on.
            if not shortage.is_out_of_memory(error):
                raise
            return shortage.figures(error)
        return ""

    def _handle(self, task: Task, *, tight: bool) -> Iterator[Event]:
        from peanut_daemon.worker import encode, plate, track, upscale

        self._check_paths(task)
        match task:
            case TrackTask():
                return track.track(task, self._backends)
            case PlateTask():
                return plate.fill(task, self._backends, self._store, self.checkpoint)
            case UpscaleTask():
                return upscale.upscale(
                    task, self._backends, self._store, self.checkpoint, tight=tight
                )
            case EncodeTask():
                return encode.encode(task, self._store)
            case PictureTask():
                return plate.pictures(task, self._store)

    def _check_paths(self, task: Task) -> None:
        """Once more, since what a path leads to may have changed since the request."""
        for path in (task.clip.path, *getattr(task, "donors", ())):
            self._roots.checked_input(path)
        if isinstance(task, EncodeTask):
            self._roots.checked_output(task.settings.output_path)

    def _give_up(self, what: str) -> None:
        """Thread: a decoder hangs, and only the end of its process ends it."""
        message = (
            f"reading {what} took longer than {limits.FRAME_TIMEOUT_S:g} s and was ended: check "
            "that the file plays and that its disk answers, or leave that frame out of the range"
        )
        self._say(Failed(MediaTimeoutError.__name__, message, expected=True))
        os._exit(1)

    def checkpoint(self, frames_done: float) -> None:
        """For work that cannot yield: say how far it is; raises JobCancelledError to stop it."""
        self._say(Advanced(int(frames_done)))
        self._check_cancel()

    def _check_cancel(self) -> None:
        if self._number in self._cancelled:
            raise JobCancelledError("stopped by request")

    def _say(self, event: Event) -> None:
        self._pipe.send(Said(self._number, event))

    def _listen(self) -> None:
        while True:
            try:
                message: Any = self._pipe.recv()
            except (EOFError, OSError):
                # The face is gone, even if by kill -9: nobody would read what we compute.
                os._exit(0)
            if isinstance(message, Start):
                self._starts.put(message)
            elif isinstance(message, Cancel):
                self._cancelled.add(message.number)


Checkpoint = Callable[[float], None]
"""Called with the frames done so far; raises JobCancelledError when the task must stop."""
