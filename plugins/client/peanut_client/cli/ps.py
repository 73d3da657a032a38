"""`peanut ps`: what the daemon is busy with, and which models are loaded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from peanut.v1 import jobs_pb2, server_pb2
from peanut_client.cli import options
from peanut_client.cli.app import app
from peanut_client.cli.documents import message_document
from peanut_client.cli.following import done_words, stage_word, state_word
from peanut_client.cli.output import Output
from peanut_client.cli.session import open_client
from peanut_client.client import ENDED_STATES


@app.command()
def ps(as_json: options.Json = False) -> None:
    """Show workers, loaded models, and the work that waits or runs; starts no daemon."""
    output = Output(as_json=as_json)
    with open_client(output, start=False) as client:
        server = client.get_server_info()
        jobs = [job for job in client.list_jobs() if job.state not in ENDED_STATES]
    output.document(
        {
            "workers": [message_document(worker) for worker in server.workers],
            "tasks": [message_document(task) for task in server.tasks],
            "jobs": [message_document(job) for job in jobs],
        }
    )
    now = datetime.now(UTC)
    workers = [_worker_row(number, worker) for number, worker in enumerate(server.workers)]
    output.table(("worker", "device", "process", "restarts", "busy with"), workers)
    models = [
        (model.name, model.device, size_words(model.size_bytes), _expiry(model, now))
        for worker in server.workers
        for model in worker.models
    ]
    _table(output, "no model is loaded", ("model", "on", "size", "until"), models)
    work = [
        (task.kind, "running" if task.running else "waiting", task.client, f"{task.age_s:.0f} s")
        for task in server.tasks
    ]
    # Oldest first, as the queue has them.
    work += [(f"job {job.id}", _state(job), job.client, _age(job, now)) for job in reversed(jobs)]
    _table(output, "nothing waits or runs", ("work", "state", "client", "since"), work)


def size_words(size_bytes: int) -> str:
    """A size for people; a dash where there is none."""
    if not size_bytes:
        return "-"
    return (
        f"{size_bytes / 2**30:.1f} GiB" if size_bytes >= 2**30 else f"{size_bytes / 2**20:.0f} MiB"
    )


def _table(
    output: Output, nothing: str, columns: Sequence[str], rows: Sequence[Sequence[str]]
) -> None:
    output.line("")
    if rows:
        output.table(columns, rows)
    else:
        output.line(nothing)


def _worker_row(number: int, worker: server_pb2.Worker) -> Sequence[str]:
    idle = "a task" if worker.busy else "-"
    process = str(worker.pid) if worker.ready else "not started"
    busy_with = f"job {worker.job_id}" if worker.job_id else idle
    return (str(number), worker.device, process, str(worker.restarts), busy_with)


def _expiry(model: server_pb2.LoadedModel, now: datetime) -> str:
    if not model.HasField("expires_at"):
        return "its room is needed"
    left_s = (model.expires_at.ToDatetime(tzinfo=UTC) - now).total_seconds()
    return (
        f"{left_s / 60:.0f} min from now" if left_s > 90 else f"{max(0.0, left_s):.0f} s from now"
    )


def _state(job: jobs_pb2.Job) -> str:
    if job.state != jobs_pb2.JOB_STATE_RUNNING:
        return "waiting"
    return f"{stage_word(job) or state_word(job)}, {done_words(job)}"


def _age(job: jobs_pb2.Job, now: datetime) -> str:
    return f"{(now - job.created_at.ToDatetime(tzinfo=UTC)).total_seconds():.0f} s"
