from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from support.fake_daemon import FakeService
from typer.testing import Result

from peanut.v1 import frames_pb2, jobs_pb2
from peanut_client.cli.estimates import estimate_words, size_words, time_words

Run = Callable[..., Result]

ESTIMATE = jobs_pb2.JobEstimate(
    seconds=170,
    host_bytes=600 * 2**20,
    device="cpu",
    store_bytes=200 * 2**20,
    output_bytes=40 * 2**20,
    measured=True,
    window_frames=12,
    window_reason="the most that fit",
)


def test_an_estimate_reads_as_a_sentence() -> None:
    assert estimate_words(ESTIMATE) == "about 3 min, 0.6 GiB memory, 240 MiB disk"


def test_an_accelerator_that_was_not_measured_is_said_so() -> None:
    on_gpu = jobs_pb2.JobEstimate()
    on_gpu.CopyFrom(ESTIMATE)
    on_gpu.device, on_gpu.device_bytes, on_gpu.measured = "cuda:0", 3 * 2**30, False
    assert "3.0 GiB on cuda:0" in estimate_words(on_gpu)
    assert "not measured on cuda:0" in estimate_words(on_gpu)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (40, "40 s"), (100, "2 min"), (9000, "2.5 h")]
)
def test_lengths_of_time(seconds: float, words: str) -> None:
    assert time_words(seconds) == words


def test_sizes() -> None:
    assert [size_words(n * 2**20) for n in (3, 511, 512, 10_240)] == [
        *("3 MiB", "511 MiB", "0.5 GiB", "10.0 GiB")
    ]


def test_show_tells_what_was_reckoned_and_where_memory_ran_out(
    run: Run, service: FakeService
) -> None:
    short = jobs_pb2.JobShortage(
        stage="plate",
        range=frames_pb2.FrameRange(start_frame=12, end_frame=24),
        remedy="window",
        message="asked for 2 GiB",
    )
    service.jobs["job7"] = jobs_pb2.Job(
        id="job7",
        state=jobs_pb2.JOB_STATE_RUNNING,
        estimate=ESTIMATE,
        shortages=[short],
    )
    shown = run("jobs", "show", "job7").stdout
    assert "about 3 min, 0.6 GiB memory" in shown
    assert "12 frames at a time: the most that fit" in shown
    assert "frames 12 to 23 (plate); the window was cut in two" in shown
    document = json.loads(run("jobs", "show", "job7", "--json").stdout)
    assert document["job"]["estimate"]["window_frames"] == 12
