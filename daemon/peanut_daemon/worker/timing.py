"""Where the time of a task goes. Steps may nest; each second counts for the innermost one only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")

# What is not inside any step.
OTHER = "other"


class Stopwatch:
    """Seconds by step; they add up to the time since it was made."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._seconds: dict[str, float] = {}
        self._step = OTHER
        self._since = clock()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count the block's time for a step."""
        outer = self._switch(name)
        try:
            yield
        finally:
            self._switch(outer)

    def seconds(self) -> dict[str, float]:
        """Seconds of each step until now."""
        self._switch(self._step)
        return dict(self._seconds)

    def _switch(self, name: str) -> str:
        now, step = self._clock(), self._step
        self._seconds[step] = self._seconds.get(step, 0.0) + now - self._since
        self._since, self._step = now, name
        return step


_current: ContextVar[Stopwatch | None] = ContextVar("stopwatch", default=None)


@contextmanager
def recording() -> Iterator[Stopwatch]:
    """Let the steps of the block count for a new stopwatch."""
    stopwatch = Stopwatch()
    token = _current.set(stopwatch)
    try:
        yield stopwatch
    finally:
        _current.reset(token)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Count the block's time for a step of the task in hand, if its time is recorded."""
    stopwatch = _current.get()
    if stopwatch is None:
        yield
        return
    with stopwatch.step(name):
        yield


def timed(name: str, items: Iterable[T]) -> Iterator[T]:
    """The items; the time to make each counts for a step, that of their use does not."""
    iterator = iter(items)
    while True:
        with step(name):
            try:
                item = next(iterator)
            except StopIteration:
                return
        yield item


def seconds_so_far() -> dict[str, float]:
    """Seconds of each step of the task in hand; empty if its time is not recorded."""
    stopwatch = _current.get()
    return {} if stopwatch is None else stopwatch.seconds()
