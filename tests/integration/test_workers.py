"""Several workers, what is loaded in them, and what the daemon tells of itself."""

import json
import socket
import time
import urllib.request
from pathlib import Path

import pytest
from support.daemon import RunningDaemon, point, succeeded, track
from support.scenes import square_centre
from typer.testing import CliRunner

from peanut_client import PeanutClient, load_settings
from peanut_client.cli import app

KEEP_ALIVE_S = 2.0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def port():
    return free_port()


@pytest.fixture(scope="module")
def pair(tmp_path_factory, port):
    """A daemon with two workers that forget their models soon."""
    settings = {
        "workers": 2,
        "window_frames": 4,
        "context_frames": 2,
        "keep_alive_s": KEEP_ALIVE_S,
        "metrics_port": port,
        "log_format": "json",
    }
    with RunningDaemon(tmp_path_factory.mktemp("pair"), **settings) as running:
        yield running


def client_called(name, daemon):
    environment = {"PEANUT_DATA_DIR": str(daemon.data_dir), "PEANUT_CLIENT_NAME": name}
    return PeanutClient(start=False, settings=load_settings(environment))


def approved(client, clip, *, grow_px=2):
    edit = client.create_edit(str(clip))
    track(client, edit.id, point(*square_centre()))
    client.approve_masks(edit.id, grow_px=grow_px, feather_px=1)
    return edit.id


@pytest.fixture(scope="module")
def rendered(pair, clip, tmp_path_factory):
    """Two renders by two clients in turns, and the jobs that workers were seen with."""
    folder, seen = tmp_path_factory.mktemp("out"), set()
    with client_called("ann", pair) as ann, client_called("bob", pair) as bob:
        # Mattes of different sizes, so that neither can use the windows of the other.
        edits = [(ann, approved(ann, clip)), (bob, approved(bob, clip, grow_px=3))]
        jobs = [client.start_render(edit, str(folder / f"{edit}.mkv")) for client, edit in edits]
        for _ in ann.watch_job(jobs[0].id):
            seen |= {worker.job_id for worker in ann.get_server_info().workers}
        ended = [succeeded(ann, job.id) for job in jobs]
    return ended, seen


def test_two_clients_get_their_renders_side_by_side(rendered):
    ended, seen = rendered
    assert {job.id for job in ended} <= seen
    assert [job.client for job in ended] == ["ann", "bob"]
    assert all(job.units_done == job.units_total for job in ended)


def test_a_job_and_its_report_say_where_its_time_went(rendered):
    job = rendered[0][0]
    times = {time.step: time.seconds for time in job.times}
    assert {"queue", "daemon", "plate.decode", "plate.fill", "encode.write"} <= times.keys()
    wall_s = job.finished_at.ToNanoseconds() / 1e9 - job.created_at.ToNanoseconds() / 1e9
    assert 0.5 * wall_s < sum(times.values()) <= 1.05 * wall_s + 0.1
    told = json.loads(Path(job.outputs.report).read_text())["seconds"]
    assert told["plate"]["fill"] == pytest.approx(times["plate.fill"], abs=0.001)
    assert told["encode"]["write"] > 0


def test_models_are_listed_while_they_are_kept_and_gone_afterwards(pair, clip):
    with pair.client() as client:
        approved(client, clip)
        models = {m.name for w in client.get_server_info().workers for m in w.models}
        assert "embedded/masks" in models
        deadline = time.monotonic() + 30
        while any(w.models for w in client.get_server_info().workers):
            assert time.monotonic() < deadline, "a model outstays its keep-alive time"
            time.sleep(0.1)


def test_ps_shows_workers_models_and_work(pair, rendered, monkeypatch):
    monkeypatch.setenv("PEANUT_DATA_DIR", str(pair.data_dir))
    shown = CliRunner().invoke(app, ["ps", "--json"])
    document = json.loads(shown.stdout)
    assert [worker["device"] for worker in document["workers"]] == ["cpu", "cpu"]
    assert document["workers"][0]["ready"] and not document["workers"][0]["busy"]
    assert document["tasks"] == document["jobs"] == []
    assert "nothing waits or runs" in CliRunner().invoke(app, ["ps"]).stdout


def test_figures_for_prometheus(pair, rendered, port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
    assert float(figures['peanut_jobs_total{state="succeeded"}']) == 2
    assert float(figures['peanut_piece_seconds_count{kind="plate"}']) == 12
    assert float(figures['peanut_queue_length{lane="render"}']) == 0
    assert float(figures['peanut_worker_up{device="cpu",worker="0"}']) == 1
    assert 'peanut_worker_up{device="cpu",worker="1"}' in figures
    assert float(figures['peanut_step_seconds_total{step="plate.fill"}']) > 0
    assert "square" not in text and "ann" not in text, "names of clips or people"


def test_log_lines_are_objects_that_name_job_and_client(pair, rendered):
    lines = [json.loads(line) for line in pair.log().splitlines()]
    assert all({"time", "level", "logger", "message", "pid"} <= line.keys() for line in lines)
    job = rendered[0][1]
    of_job = [line for line in lines if line.get("job_id") == job.id]
    assert [line["client"] for line in of_job] == ["bob"] * len(of_job)
    assert any("succeeded" in line["message"] for line in of_job)
