from __future__ import annotations

import _thread
import json
from collections.abc import Callable

import pytest
from support.fake_daemon import FakeService
from typer.testing import Result

from peanut.v1 import errors_pb2, jobs_pb2

Run = Callable[..., Result]


@pytest.fixture
def job(service: FakeService) -> jobs_pb2.Job:
    job = jobs_pb2.Job(
        id="job7",
        state=jobs_pb2.JOB_STATE_CANCELLED,
        stage=jobs_pb2.JOB_STAGE_PLATE,
        units_done=1,
        units_total=3,
        outputs=jobs_pb2.JobOutputs(deliverable="/films/out.mkv"),
    )
    service.jobs[job.id] = job
    return job


def test_no_jobs(run: Run, service: FakeService) -> None:
    assert run("jobs", "list").stdout == "no jobs yet\n"
    assert json.loads(run("jobs", "list", "--json").stdout) == {"jobs": []}


def test_list_shows_each_job_on_a_line(run: Run, job: jobs_pb2.Job) -> None:
    lines = run("jobs", "list").stdout.splitlines()
    assert len(lines) == 2
    for word in ("job7", "cancelled", "33%", "/films/out.mkv"):
        assert word in lines[1]


def test_show_says_how_to_go_on(run: Run, job: jobs_pb2.Job) -> None:
    stdout = run("jobs", "show", "job7").stdout
    assert "33% (1 of 3" in stdout
    assert "resume with: peanut jobs resume job7" in stdout


def test_show_gives_the_error(run: Run, job: jobs_pb2.Job) -> None:
    job.state = jobs_pb2.JOB_STATE_FAILED
    job.error.CopyFrom(errors_pb2.Error(reason="DiskFullError", message="no room"))
    assert "DiskFullError: no room" in run("jobs", "show", "job7").stdout
    document = json.loads(run("jobs", "show", "job7", "--json").stdout)
    assert document["job"]["error"]["reason"] == "DiskFullError"
    assert document["job"]["stage"] == "plate"
    assert document["job"]["started_at"] is None


def test_unknown_job_is_an_error_with_a_hint(run: Run, service: FakeService) -> None:
    result = run("jobs", "show", "nope")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "error: no job 'nope': list the jobs",
        "hint: list the jobs with: peanut jobs list",
    ]


def test_resume_follows_the_job_to_its_end(run: Run, job: jobs_pb2.Job) -> None:
    result = run("jobs", "resume", "job7")
    assert result.exit_code == 0
    assert "/films/out.mkv" in result.stdout
    assert job.state == jobs_pb2.JOB_STATE_SUCCEEDED


def test_cancel_says_how_to_resume(run: Run, job: jobs_pb2.Job) -> None:
    job.state = jobs_pb2.JOB_STATE_RUNNING
    result = run("jobs", "cancel", "job7")
    assert result.exit_code == 0
    assert "peanut jobs resume job7" in result.stdout
    assert job.state == jobs_pb2.JOB_STATE_CANCELLED


def test_watching_a_cancelled_job_is_an_error(run: Run, job: jobs_pb2.Job) -> None:
    result = run("jobs", "watch", "job7", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["reason"] == "JobCancelledError"


def test_ctrl_c_while_watching_leaves_the_job_alone(
    run: Run, service: FakeService, job: jobs_pb2.Job
) -> None:
    job.state = jobs_pb2.JOB_STATE_RUNNING
    service.endless_jobs = True
    service.on_second_window = _thread.interrupt_main
    result = run("jobs", "watch", "job7")
    service.on_second_window = lambda: None
    assert result.exit_code == 130
    assert "job job7 goes on" in result.stderr
    assert service.named("CancelJob") == []
    assert job.state == jobs_pb2.JOB_STATE_RUNNING
