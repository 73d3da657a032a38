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

from peanut_daemon import log
from peanut_daemon.errors import DaemonError, JobCancelledError
from peanut_daemon.worker.messages import (
    Advanced,
    Cancel,
    Cancelled,
    EncodeTask,
    Event,
    Failed,
    Finished,
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
    log.configure(options.log_level)
    Worker(pipe, options).run()


class Worker:
    """Does one task at a time; a thread listens for cancels meanwhile."""

    def __init__(self, pipe: Connection, options: WorkerOptions) -> None:
        # Here and not at the top: the face imports this module to spawn it, and stays light.
        from peanut_daemon.worker.backends import Backends, devices
        from peanut_daemon.worker.store import ArtifactStore

        self._pipe = pipe
        self._store = ArtifactStore(options.store_dir)
        self._devices = devices()
        self._backends = Backends(options.models_dir, options.device, self._devices)
        self._starts: queue.Queue[Start] = queue.Queue()
        self._number = 0
        self._cancelled: set[int] = set()

    def run(self) -> None:
        """Work until the pipe closes."""
        threading.Thread(target=self._listen, name="face-inbox", daemon=True).start()
        self._pipe.send(Ready(self._devices))
        while True:
            start = self._starts.get()
            self._number = start.number
            self._say(self._last_event(start.task))

    def _last_event(self, task: Task) -> Event:
        """Do a task, saying its events; return the one that ends it."""
        try:
            for event in self._handle(task):
                self._say(event)
                self._check_cancel()
        except JobCancelledError:
            return Cancelled()
        except (DaemonError, ModelError) as error:
            logger.info("%s failed: %s: %s", type(task).__name__, type(error).__name__, error)
            damaged = str(getattr(error, "key", ""))
            return Failed(type(error).__name__, str(error), expected=True, damaged_key=damaged)
        except MemoryError:
            return Failed(
                "OutOfDeviceMemoryError",
                f"{type(task).__name__} needs more memory than the machine has left: "
                "lower the setting window_frames",
                expected=True,
            )
        except Exception as error:
            # The border between the models and the process: whatever it is, the worker lives on.
            logger.exception("%s failed unexpectedly", type(task).__name__)
            return Failed(type(error).__name__, str(error), expected=False)
        return Finished()

    def _handle(self, task: Task) -> Iterator[Event]:
        from peanut_daemon.worker import encode, plate, track, upscale

        match task:
            case TrackTask():
                return track.track(task, self._backends)
            case PlateTask():
                return plate.fill(task, self._backends, self._store, self.checkpoint)
            case UpscaleTask():
                return upscale.upscale(task, self._backends, self._store, self.checkpoint)
            case EncodeTask():
                return encode.encode(task, self._store)
            case PictureTask():
                return plate.pictures(task, self._store)

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
