"""Who gets a worker next. Pure: no clock of its own, no processes, no database.

The rule, at every border between pieces of work:

1. Interactive work (masks, pictures) goes before renders, so a click waits for one piece of a
   render at most. Only when interactive work has kept a render waiting for `RENDER_PATIENCE_S`
   without a break, that render does one piece.
2. In both lanes clients take turns, so whoever queues forty clips delays the others by one piece
   each round and not by forty clips.
3. Where there are several workers, renders leave one of them free while somebody is clicking:
   until `CLICKS_LAST_S` after the last interactive task.
4. The tasks and renders of one client go in the order in which they came; a render keeps its turn
   among them between pieces, since an editor waits for whole clips and not for halves of two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from peanut_daemon.jobs.lanes import FairQueue

# After a worker died: the first wait, doubled with each further death in a row, and its bound.
FIRST_BACKOFF_S = 0.1
LONGEST_BACKOFF_S = 10.0

# Long enough to look at a mask and find the next spot; idling for longer would be a waste.
CLICKS_LAST_S = 120.0

# Bursts of clicks are shorter; what goes on for longer is a crowd, and renders must end too.
RENDER_PATIENCE_S = 60.0


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
        max_tasks: interactive tasks that may wait or run at a time.
        max_attempts: how often one piece is tried while the worker dies on it.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        max_queued: int,
        max_attempts: int,
        clock: Callable[[], float],
        max_tasks: int = 256,
    ) -> None:
        self._max_attempts = max_attempts
        self._clock = clock
        self._lanes = {
            Lane.INTERACTIVE: FairQueue(limit=max_tasks, noun="interactive tasks"),
            Lane.RENDER: FairQueue(limit=max_queued, noun="jobs"),
        }
        self._attempts: dict[str, int] = {}
        self._deaths_in_a_row = 0
        self._not_before_s = 0.0
        self._passed_over_since_s: float | None = None
        self._clicked_at_s: float | None = None

    def add_interactive(self, task_id: str, client: str = "") -> None:
        """Queue a task that somebody is looking at, or raise QueueFullError."""
        lane = self._lanes[Lane.INTERACTIVE]
        lane.check_room(client)
        lane.add(task_id, client)
        self._clicked_at_s = self._clock()

    def check_room(self, client: str = "") -> None:
        """Raise QueueFullError where no further render of that client would be taken."""
        self._lanes[Lane.RENDER].check_room(client)

    def add_render(self, job_id: str, client: str = "", *, recovered: bool = False) -> None:
        """Queue a render; one that a crash interrupted is never refused."""
        if not recovered:
            self.check_room(client)
        lane = self._lanes[Lane.RENDER]
        if job_id not in lane:
            lane.add(job_id, client)

    def remove(self, work_id: str) -> None:
        """Forget a task or render that has ended; harmless if it is unknown."""
        if work_id in self._lanes[Lane.INTERACTIVE]:
            self._clicked_at_s = self._clock()
        for lane in self._lanes.values():
            lane.remove(work_id)
        self._attempts.pop(work_id, None)

    def next_turn(self, *, workers: int = 1, rendering: int = 0) -> Turn | None:
        """Say who may use an idle worker now; None if nobody wants it, or it has to wait.

        A task's turn is its only one. A render's next turn comes when `piece_ready` was called.

        Args:
            workers: how many there are.
            rendering: how many of them have a piece of a render.
        """
        if self.wait_s() > 0:
            return None
        last_free = workers > 1 and rendering >= workers - 1
        lane = self._lane(may_render=not last_free or self._clicks_last_s() == 0)
        work_id = self._lanes[lane].next()
        return None if work_id is None else Turn(lane, work_id)

    def _lane(self, *, may_render: bool) -> Lane:
        """Interactive if there is any, unless a render has lost its patience."""
        clicks = self._lanes[Lane.INTERACTIVE].has_ready
        renders = may_render and self._lanes[Lane.RENDER].has_ready
        if not (clicks and renders):
            self._passed_over_since_s = None
            return Lane.RENDER if renders else Lane.INTERACTIVE
        now = self._clock()
        if self._passed_over_since_s is None:
            self._passed_over_since_s = now
        if now - self._passed_over_since_s < RENDER_PATIENCE_S:
            return Lane.INTERACTIVE
        self._passed_over_since_s = None
        return Lane.RENDER

    def wait_s(self) -> float:
        """Seconds until the workers may be used again after one died."""
        return max(0.0, self._not_before_s - self._clock())

    def rest_s(self) -> float | None:
        """Seconds until a turn may come although nothing happens; None: none will."""
        if (wait_s := self.wait_s()) > 0:
            return wait_s
        return self._clicks_last_s() if self._lanes[Lane.RENDER].has_ready else None

    def _clicks_last_s(self) -> float:
        """Seconds that a worker is still kept free for clicks; 0: nobody is clicking."""
        if self._clicked_at_s is None:
            return 0.0
        return max(0.0, self._clicked_at_s + CLICKS_LAST_S - self._clock())

    def piece_ready(self, job_id: str) -> None:
        """A render has a piece that a worker could do now, perhaps beside others of its own."""
        self._lanes[Lane.RENDER].release(job_id)

    def piece_done(self, work_id: str) -> None:
        """Note a piece that ended by itself, well or badly."""
        self._attempts.pop(work_id, None)
        self._deaths_in_a_row = 0

    def worker_died(self, work_id: str) -> bool:
        """Note that a worker died on a piece; say whether to try that piece again.

        If so, the task or render waits for its turn again, before others of its client.
        """
        self._deaths_in_a_row += 1
        backoff = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2 ** (self._deaths_in_a_row - 1))
        self._not_before_s = self._clock() + backoff
        self._attempts[work_id] = self._attempts.get(work_id, 0) + 1
        again = self._attempts[work_id] < self._max_attempts
        if again:
            for lane in self._lanes.values():
                lane.release(work_id)
        return again

    def waiting(self, lane: Lane) -> int:
        """Tasks or renders of a lane that have not ended, those under way included."""
        return len(self._lanes[lane])
