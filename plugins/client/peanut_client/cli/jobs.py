"""`peanut jobs`: renders that wait, run or have ended."""

from __future__ import annotations

from datetime import UTC

import typer
from rich.text import Text

from peanut.v1 import jobs_pb2
from peanut_client.cli import options
from peanut_client.cli.app import PeanutGroup, app
from peanut_client.cli.documents import message_document
from peanut_client.cli.estimates import estimate_words, shortage_words, window_words
from peanut_client.cli.following import done_words, follow_job, resume_hint, stage_word, state_word
from peanut_client.cli.output import Output
from peanut_client.cli.remove import output_facts, show_result
from peanut_client.cli.session import open_client

jobs = typer.Typer(
    cls=PeanutGroup,
    help="Renders: list them, look at one, watch, cancel, resume or delete it.",
    no_args_is_help=True,
)
app.add_typer(jobs, name="jobs")

_STATE_STYLES = {
    jobs_pb2.JOB_STATE_SUCCEEDED: "green",
    jobs_pb2.JOB_STATE_FAILED: "red",
    jobs_pb2.JOB_STATE_CANCELLED: "yellow",
}


@jobs.command("list")
def list_(as_json: options.Json = False) -> None:
    """List all jobs, newest first."""
    output = Output(as_json=as_json)
    with open_client(output) as client:
        found = client.list_jobs()
    output.document({"jobs": [message_document(job) for job in found]})
    if not found:
        output.line("no jobs yet")
        return
    rows = [
        (
            job.id,
            _state(job),
            done_words(job),
            _asked_for(job),
            job.outputs.deliverable,
        )
        for job in found
    ]
    output.table(("job", "state", "done", "asked for", "result"), rows)


@jobs.command()
def show(job_id: options.JobId, as_json: options.Json = False) -> None:
    """Show one job."""
    output = Output(as_json=as_json)
    with open_client(output) as client:
        job = client.get_job(job_id)
    output.document({"job": message_document(job)})
    facts = [
        ("job", job.id),
        ("state", state_word(job)),
        ("stage", stage_word(job) or "-"),
        ("done", f"{done_words(job)} ({job.units_done} of {job.units_total} pieces of work)"),
        ("retries", str(job.retries)),
        ("asked for", _asked_for(job)),
        ("time went to", _times(job) or "-"),
    ]
    if job.HasField("estimate"):
        facts.append(("reckoned", estimate_words(job.estimate)))
        facts.append(("window", window_words(job.estimate)))
    facts += [("memory", shortage_words(shortage)) for shortage in job.shortages]
    if job.HasField("error"):
        facts.append(("error", f"{job.error.reason}: {job.error.message}"))
    if job.state == jobs_pb2.JOB_STATE_SUCCEEDED:
        facts += output_facts(job.outputs)
    else:
        facts.append(("will write", job.outputs.deliverable))
    output.facts(facts)
    if job.state in (jobs_pb2.JOB_STATE_FAILED, jobs_pb2.JOB_STATE_CANCELLED):
        output.line(resume_hint(job.id))


@jobs.command()
def watch(job_id: options.JobId, as_json: options.Json = False) -> None:
    """Watch a job to its end; Ctrl-C stops watching, the job goes on."""
    output = Output(as_json=as_json)
    with open_client(output) as client:
        job = follow_job(client, client.get_job(job_id), output, cancel_on_interrupt=False)
    show_result(job, output)


@jobs.command()
def cancel(job_id: options.JobId, as_json: options.Json = False) -> None:
    """Cancel a job; what it has computed stays."""
    output = Output(as_json=as_json)
    with open_client(output) as client:
        job = client.cancel_job(job_id)
    output.document({"job": message_document(job)})
    if job.state == jobs_pb2.JOB_STATE_SUCCEEDED:
        output.line(f"job {job.id} was done already: {job.outputs.deliverable}")
        return
    output.line(f"job {job.id} is {_after_cancel(job)}")
    output.line(resume_hint(job.id))


@jobs.command()
def resume(job_id: options.JobId, as_json: options.Json = False) -> None:
    """Go on with a cancelled or failed job and watch it; Ctrl-C cancels it again."""
    output = Output(as_json=as_json)
    with open_client(output) as client:
        job = follow_job(client, client.resume_job(job_id), output, cancel_on_interrupt=True)
    show_result(job, output)


@jobs.command()
def delete(job_id: options.JobId, as_json: options.Json = False) -> None:
    """Delete a job that has ended; its result stays."""
    output = Output(as_json=as_json)
    with open_client(output) as client:
        client.delete_job(job_id)
    output.document({"deleted": job_id})
    output.line(f"job {job_id} is deleted; its result stays")


def _after_cancel(job: jobs_pb2.Job) -> str:
    """A running job ends at the next border inside its window, so it may still say running."""
    if job.state in (jobs_pb2.JOB_STATE_RUNNING, jobs_pb2.JOB_STATE_QUEUED):
        return "being cancelled"
    return state_word(job)


def _state(job: jobs_pb2.Job) -> Text:
    words = state_word(job)
    if job.state == jobs_pb2.JOB_STATE_RUNNING and stage_word(job):
        words = f"{words}: {stage_word(job)}"
    return Text(words, style=_STATE_STYLES.get(job.state, ""))


def _times(job: jobs_pb2.Job) -> str:
    """Where its time went, by stage; `--json` has the steps of each."""
    by_stage: dict[str, float] = {}
    for entry in job.times:
        stage = entry.step.partition(".")[0]
        by_stage[stage] = by_stage.get(stage, 0.0) + entry.seconds
    return ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in by_stage.items())


def _asked_for(job: jobs_pb2.Job) -> str:
    """When, in the user's own time zone."""
    moment = job.created_at.ToDatetime(tzinfo=UTC).astimezone()
    return f"{moment:%Y-%m-%d %H:%M:%S}"
