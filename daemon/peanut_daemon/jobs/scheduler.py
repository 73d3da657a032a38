"""Who gets the worker next. Pure: no clock of its own, no processes, no database.

Interactive work (masks, pictures) goes before renders, so a click waits for one piece of a render
at most. Renders run in the order in which they were queued; a render keeps its turn between
pieces, since an editor waits for whole clips and not for halves of two.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from peanut_daemon.errors import QueueFullError

# After the worker died: the first wait, doubled with each further death in a row, and its bound.
FIRST_BACKOFF_S = 0.1
LONGEST_BACKOFF_S = 10.0


class Lane(Enum):
    """Kinds of work by urgency."""

    INTERACTIVE = "interactive"
    RENDER = "render"


@dataclass(frozen=True, slots=True)
class Turn:
    """Permission for one piece of work: of the interactive task or of the render with that id."""

    lane: Lane
    id: str


class Scheduler:
    """Decides; the dispatcher carries out.

    Args:
        max_queued: renders that may wait or run at a time.
        max_attempts: how often one piece is tried while the worker dies on it.
        clock: monotonic seconds.
    """

    def __init__(self, *, max_queued: int, max_attempts: int, clock: Callable[[], float]) -> None:
        self._max_queued = max_queued
        self._max_attempts = max_attempts
        self._clock = clock
        self._interactive: deque[str] = deque()
        self._renders: deque[str] = deque()
        self._attempts: dict[str, int] = {}
        self._deaths_in_a_row = 0
        self._not_before_s = 0.0

    def add_interactive(self, task_id: str) -> None:
        """Queue a task that somebody is looking at."""
        self._interactive.append(task_id)

    def check_room(self) -> None:
        """Raise QueueFullError where no further render would be taken."""
        if len(self._renders) >= self._max_queued:
            raise QueueFullError(
                f"{len(self._renders)} jobs wait or run already, the limit is {self._max_queued}: "
                "retry when one has ended, or cancel one"
            )

    def add_render(self, job_id: str, *, recovered: bool = False) -> None:
        """Queue a render; one that a crash interrupted is never refused."""
        if not recovered:
            self.check_room()
        if job_id not in self._renders:
            self._renders.append(job_id)

    def remove(self, work_id: str) -> None:
        """Forget a task or render that has ended; harmless if it is unknown."""
        for queue in (self._interactive, self._renders):
            if work_id in queue:
                queue.remove(work_id)
        self._attempts.pop(work_id, None)

    def next_turn(self) -> Turn | None:
        """Say who may use the worker now; None if nobody wants it, or it needs a moment."""
        if self.wait_s() > 0:
            return None
        if self._interactive:
            return Turn(Lane.INTERACTIVE, self._interactive.popleft())
        if self._renders:
            return Turn(Lane.RENDER, self._renders[0])
        return None

    def wait_s(self) -> float:
        """Seconds until the worker may be used again after it died."""
        return max(0.0, self._not_before_s - self._clock())

    def piece_done(self, work_id: str) -> None:
        """Note a piece that ended by itself, well or badly."""
        self._attempts.pop(work_id, None)
        self._deaths_in_a_row = 0

    def worker_died(self, work_id: str) -> bool:
        """Note that the worker died on a piece; say whether to try that piece again."""
        self._deaths_in_a_row += 1
        backoff = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2 ** (self._deaths_in_a_row - 1))
        self._not_before_s = self._clock() + backoff
        self._attempts[work_id] = self._attempts.get(work_id, 0) + 1
        return self._attempts[work_id] < self._max_attempts

    def retry_interactive(self, task_id: str) -> None:
        """Put an interactive task back at the head of its lane."""
        self._interactive.appendleft(task_id)
