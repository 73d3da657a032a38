"""What a render job is, and how it may change."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from peanut_daemon.deliverable import Outputs, RenderSettings, RenderStage
from peanut_daemon.errors import JobStateError
from peanut_daemon.jobs.estimate import Estimate
from peanut_daemon.worker.messages import Shortage

logger = logging.getLogger(__name__)


class JobState(Enum):
    """Where a job is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more happens unless someone asks for it."""
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


# RUNNING -> QUEUED: the daemon was stopped; QUEUED from an end: somebody resumed the job.
LEGAL_TRANSITIONS = {
    JobState.QUEUED: {JobState.RUNNING, JobState.CANCELLED, JobState.FAILED},
    JobState.RUNNING: {
        JobState.SUCCEEDED,
        JobState.FAILED,
        JobState.CANCELLED,
        JobState.QUEUED,
    },
    JobState.SUCCEEDED: set(),
    JobState.FAILED: {JobState.QUEUED},
    JobState.CANCELLED: {JobState.QUEUED},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError:
    """Why a job failed: the error's class name, and its message."""

    reason: str
    message: str
    incident_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a job is, counted in frames over all its stages."""

    stage: RenderStage | None = None
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One render of one edit. Times are seconds since the epoch.

    `progress` is as of the last change of state; the dispatcher knows the latest of a running job.

    Attributes:
        client: who asked for it, see `context.client_of`.
        seconds: where its time went, by step: `queue` and `turns` (waiting for the first piece and
            between pieces), `daemon`, and the worker's own as `stage.step`.
        estimate: what it was reckoned to need; None for jobs of an older journal.
        shortages: when memory ran out all the same, and what was done.
    """

    id: str
    edit_id: str
    state: JobState
    settings: RenderSettings
    client: str = ""
    error: JobError | None = None
    retries: int = 0
    progress: Progress = Progress()
    seconds: Mapping[str, float] = field(default_factory=dict)
    estimate: Estimate | None = None
    shortages: tuple[Shortage, ...] = ()
    created_at: float
    started_at: float | None = None
    finished_at: float | None = None

    @property
    def outputs(self) -> Outputs:
        """The files that it writes."""
        return Outputs.beside(self.settings.output_path)

    def moved_to(self, state: JobState, at: float, error: JobError | None = None) -> Job:
        """The job after a change of state; the one place where states change.

        Raises:
            JobStateError: the change is not a legal one.
        """
        if state not in LEGAL_TRANSITIONS[self.state]:
            raise JobStateError(
                f"job {self.id} is {self.state.value} and cannot become {state.value}"
            )
        logger.info("job %s: %s -> %s", self.id, self.state.value, state.value)
        return replace(
            self,
            state=state,
            error=error,
            started_at=at if state is JobState.RUNNING else self.started_at,
            finished_at=at if state.ended else None,
        )
