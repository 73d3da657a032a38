"""Looking at files that others made, in processes of their own.

Libraries that parse media and timelines are large and written in C. What makes one crash, hang or
take all memory ends a process that has nothing to lose, and the call gets a named error.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import ParamSpec, TypeVar, cast

from peanut_daemon.errors import (
    DaemonError,
    MediaLimitError,
    MediaTimeoutError,
    MediaUnreadableError,
    raise_reported,
)
from peanut_models.errors import ModelError

logger = logging.getLogger(__name__)

# An 8K clip's pictures and the index of a day of frames fit; a bomb does not.
MEMORY_BYTES = 8 * 2**30

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Raised:
    """What a call raised; `expected` = one of our own errors."""

    reason: str
    message: str
    expected: bool


class Apart:
    """Calls functions in other processes, a few at a time.

    Args:
        timeout_s: what one call may take.
        processes: how many calls run at once; the others wait. One process is kept for the next
            call, since a new one imports for half a second.
    """

    def __init__(self, *, timeout_s: float, processes: int) -> None:
        self._timeout_s = timeout_s
        self._places = asyncio.Semaphore(processes)
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="apart")
        self._idle: list[_Child] = []

    async def call(
        self, what: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call a function that can be imported, with arguments that can be pickled.

        Args:
            what: is looked at, for messages.
            function: raises our own errors.
            args: of the function.
            kwargs: of the function.

        Raises:
            MediaTimeoutError: it took too long and was ended.
            MediaLimitError: it wanted too much memory.
            MediaUnreadableError: its process ended, as a crash of a library ends it.
        """
        loop = asyncio.get_running_loop()
        async with self._places:
            child = self._take()
            try:
                answer = await loop.run_in_executor(
                    self._threads, child.ask, what, function, args, kwargs, self._timeout_s
                )
            except BaseException:
                # Also when the caller went away: nobody could tell what it is busy with.
                child.end()
                raise
            self._keep(child)
        if isinstance(answer, _Raised):
            raise_reported(answer.reason, answer.message, expected=answer.expected)
        return cast(T, answer)

    async def finish(
        self, what: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `call`, but a caller that goes away waits for the end of the call.

        For many short calls: the process has files open that the next call needs.
        """
        asked = asyncio.ensure_future(self.call(what, function, *args, **kwargs))
        try:
            return await asyncio.shield(asked)
        except asyncio.CancelledError:
            await asyncio.wait([asked])
            raise

    def close(self) -> None:
        """End the process that waits; calls in flight end with theirs."""
        while self._idle:
            self._idle.pop().end()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _take(self) -> _Child:
        if self._idle:
            child = self._idle.pop()
            if child.lives:
                return child
            child.end()
        return _Child()

    def _keep(self, child: _Child) -> None:
        if self._idle:
            child.end()
        else:
            self._idle.append(child)


class _Child:
    """One process and the pipe to it."""

    def __init__(self) -> None:
        # Spawn, not fork: the daemon has threads.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), name="apart", daemon=True)
        self._process.start()
        theirs.close()

    @property
    def lives(self) -> bool:
        return self._process.is_alive()

    def ask(
        self,
        what: str,
        function: Callable[..., object],
        args: tuple[object, ...],
        kwargs: dict[str, object],
        timeout_s: float,
    ) -> object:
        try:
            self._pipe.send((function, args, kwargs))
            if not self._pipe.poll(timeout_s):
                raise MediaTimeoutError(
                    f"looking at {what} took longer than {timeout_s:g} s and was ended: check "
                    "that it plays and that its disk answers, or raise the setting probe_timeout_s"
                )
            return self._pipe.recv()
        except (EOFError, OSError) as error:
            raise MediaUnreadableError(
                f"the process that looked at {what} ended: the file is damaged in a way that no "
                "reader survives; copy it again, or convert it first"
            ) from error

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()


def _serve(pipe: Connection) -> None:
    """What the process does until the daemon closes the pipe."""
    # Ctrl-C in a terminal reaches the whole group; the daemon decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit_memory()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            function, args, kwargs = pipe.recv()
        except (EOFError, OSError):
            return
        answer = _answer(function, args, kwargs)
        with contextlib.suppress(OSError):
            pipe.send(answer)


def _answer(
    function: Callable[..., object], args: tuple[object, ...], kwargs: dict[str, object]
) -> object:
    try:
        return function(*args, **kwargs)
    except (DaemonError, ModelError) as error:
        return _Raised(type(error).__name__, str(error), expected=True)
    except MemoryError:
        return _Raised(
            MediaLimitError.__name__,
            f"looking at the file takes more than {MEMORY_BYTES >> 30} GiB of memory: it is "
            "damaged, or made to do that; convert it first",
            expected=True,
        )
    except Exception as error:
        # The border of the process: whatever it is, the daemon tells it with an incident.
        logger.exception("looking at a file failed unexpectedly")
        return _Raised(type(error).__name__, str(error), expected=False)


def _limit_memory() -> None:
    if sys.platform == "win32":
        return
    import resource

    for kind, wanted in ((resource.RLIMIT_DATA, MEMORY_BYTES), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(kind)[1]
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(OSError, ValueError):  # A system that knows no such limit.
            resource.setrlimit(kind, (soft, hard))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(0)
