"""Reading the daemon's streams in a thread of their own, so that Ctrl-C is safe.

grpc does not survive a KeyboardInterrupt between starting a streaming call and taking note of it:
closing the channel then waits for ever for the end of a call that nobody serves. The interrupt
only ever strikes the main thread, so that thread only ever waits at a queue here.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

# Answers read ahead of the consumer; frames and masks are large.
_READ_AHEAD = 8
# Waits are short, since Windows sees a Ctrl-C only between them.
_WAIT_S = 0.2


class _End:
    """What comes after the last answer."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class _Reader:
    """One streaming call, its thread, and the answers that wait to be taken."""

    def __init__(self, start_call: Callable[[], Any]) -> None:
        self._start_call = start_call
        self._call: Any = None
        self._answers: queue.Queue[Any] = queue.Queue(maxsize=_READ_AHEAD)
        self._stopped = threading.Event()
        threading.Thread(target=self._read, name="peanut-stream", daemon=True).start()

    def take(self) -> Any:
        """The next answer, or the end; waits for it."""
        while True:
            try:
                return self._answers.get(timeout=_WAIT_S)
            except queue.Empty:
                continue

    def stop(self) -> None:
        """End the call; harmless on one that has ended."""
        self._stopped.set()
        if self._call is not None:
            self._call.cancel()

    def _read(self) -> None:
        try:
            self._call = self._start_call()
            if self._stopped.is_set():
                self._call.cancel()
            for answer in self._call:
                self._give(answer)
            self._give(_End(None))
        except BaseException as error:  # goes on in the thread of the consumer
            self._give(_End(error))

    def _give(self, answer: Any) -> None:
        while not self._stopped.is_set():
            try:
                self._answers.put(answer, timeout=_WAIT_S)
                return
            except queue.Full:
                continue


def read_stream(start_call: Callable[[], Any]) -> Iterator[Any]:
    """Yield the answers of a streaming call, and end the call with the loop.

    Args:
        start_call: makes the call; runs in the reader's thread.

    Raises:
        grpc.RpcError: the call failed.
    """
    reader = _Reader(start_call)
    try:
        while not isinstance(answer := reader.take(), _End):
            yield answer
        if answer.error is not None:
            raise answer.error
    finally:
        reader.stop()
