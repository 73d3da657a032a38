"""Following a job to its end."""

from __future__ import annotations

import time

from peanut.v1 import jobs_pb2
from peanut_client.cli.documents import enum_word, message_document
from peanut_client.cli.estimates import estimate_words, shortage_words
from peanut_client.cli.failures import CliError, InterruptedByUserError
from peanut_client.cli.output import Bar, Output
from peanut_client.client import ENDED_STATES, PeanutClient
from peanut_client.errors import PeanutError

# A cancelled job ends at the next border inside a window; then it can be resumed.
_CANCEL_WAIT_S = 30.0
_CANCEL_POLL_S = 0.2

# Fields of a job that change while it runs.
_EVENT_FIELDS = ("id", "state", "stage", "units_done", "units_total", "retries")

_STAGE_WORDS = {
    jobs_pb2.JOB_STAGE_UNSPECIFIED: "starting",
    jobs_pb2.JOB_STAGE_PLATE: "finding the background",
    jobs_pb2.JOB_STAGE_UPSCALE: "upscaling",
    jobs_pb2.JOB_STAGE_ENCODE: "encoding",
}


def resume_hint(job_id: str) -> str:
    """What to type to go on with a job that ended too early."""
    return f"resume with: peanut jobs resume {job_id}"


def state_word(job: jobs_pb2.Job) -> str:
    """State of a job in lower case."""
    return enum_word(jobs_pb2.JobState.DESCRIPTOR, job.state)


def stage_word(job: jobs_pb2.Job) -> str:
    """Stage of a job in lower case; empty before the first."""
    if job.stage == jobs_pb2.JOB_STAGE_UNSPECIFIED:
        return ""
    return enum_word(jobs_pb2.JobStage.DESCRIPTOR, job.stage)


def done_words(job: jobs_pb2.Job) -> str:
    """How much of a job is done; its units are of several kinds, so only the share says much."""
    if job.state == jobs_pb2.JOB_STATE_SUCCEEDED:
        return "100%"  # a daemon that was started since no longer knows the pieces
    return f"{100 * job.units_done // job.units_total}%" if job.units_total else "0%"


def follow_job(
    client: PeanutClient, job: jobs_pb2.Job, output: Output, *, cancel_on_interrupt: bool
) -> jobs_pb2.Job:
    """Show a job's progress until it has succeeded.

    Raises:
        CliError: it failed or was cancelled; the hint says how to resume it.
        InterruptedByUserError: Ctrl-C; the job was cancelled if `cancel_on_interrupt`.
    """
    _tell_estimate(job, output)
    told = len(job.shortages)
    try:
        with output.bar("waiting") as bar:
            for job in client.watch_job(job.id):  # noqa: B020 - its newer self
                _show(job, bar, output)
                for shortage in job.shortages[told:]:
                    output.warning(shortage_words(shortage))
                told = len(job.shortages)
    except KeyboardInterrupt as error:
        if not cancel_on_interrupt:
            raise InterruptedByUserError(
                f"stopped watching; job {job.id} goes on",
                hint=f"watch again with: peanut jobs watch {job.id}",
            ) from error
        raise _cancelled_by_user(client, job.id, output) from error
    if job.state != jobs_pb2.JOB_STATE_SUCCEEDED:
        raise ended_early(job)
    return job


def ended_early(job: jobs_pb2.Job) -> CliError:
    """Why a job that has ended did not succeed."""
    if job.state == jobs_pb2.JOB_STATE_FAILED:
        return CliError(
            job.error.reason,
            f"job {job.id} failed: {job.error.message}",
            hint=resume_hint(job.id),
            retryable=job.error.retryable,
            incident_id=job.error.incident_id,
        )
    return CliError(
        "JobCancelledError",
        f"job {job.id} was cancelled at {done_words(job)}",
        hint=resume_hint(job.id),
    )


def _tell_estimate(job: jobs_pb2.Job, output: Output) -> None:
    if job.HasField("estimate"):
        output.event("estimate", **message_document(job.estimate))
        output.note(estimate_words(job.estimate))


def _show(job: jobs_pb2.Job, bar: Bar, output: Output) -> None:
    document = message_document(job)
    output.event("job", **{name: document[name] for name in _EVENT_FIELDS})
    waits = job.state == jobs_pb2.JOB_STATE_QUEUED
    word = "waiting for the worker" if waits else _STAGE_WORDS.get(job.stage, "working")
    bar.show(word, job.units_done, job.units_total)


def _cancelled_by_user(client: PeanutClient, job_id: str, output: Output) -> CliError:
    """Cancel a job and wait until it has ended, since only then it can be resumed.

    A second Ctrl-C ends the wait; the request to cancel is with the daemon by then.
    """
    output.note("cancelling the job")
    try:
        job = client.cancel_job(job_id)
        deadline = time.monotonic() + _CANCEL_WAIT_S
        while job.state not in ENDED_STATES and time.monotonic() < deadline:
            time.sleep(_CANCEL_POLL_S)
            job = client.get_job(job_id)
    except KeyboardInterrupt:
        return InterruptedByUserError(f"job {job_id} is being cancelled", hint=resume_hint(job_id))
    except PeanutError as error:
        return InterruptedByUserError(
            f"job {job_id} could not be cancelled: {error.message}",
            hint=f"see what became of it with: peanut jobs show {job_id}",
        )
    if job.state == jobs_pb2.JOB_STATE_SUCCEEDED:
        return InterruptedByUserError(
            f"job {job_id} was done before it could be cancelled: {job.outputs.deliverable}"
        )
    return InterruptedByUserError(
        f"job {job_id} was cancelled at {done_words(job)}",
        hint=resume_hint(job_id),
    )
