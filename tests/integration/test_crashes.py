"""What a crash costs: the window in flight, and nothing else."""

import hashlib
import sqlite3
from pathlib import Path

import pytest
from support.daemon import RunningDaemon, finished, point, succeeded, track
from support.scenes import make_square_clip, square_centre

from peanut.v1 import jobs_pb2

FRAMES = 40
SETTINGS = {"window_frames": 5, "context_frames": 4}


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_square_clip(
        tmp_path_factory.mktemp("clips") / "long.mov", frames=FRAMES, timecode="01:00:00:00"
    )


def approved(client, clip):
    edit = client.create_edit(str(clip))
    track(client, edit.id, point(*square_centre()))
    client.approve_masks(edit.id, grow_px=2, feather_px=1)
    return edit


def hashes(outputs: jobs_pb2.JobOutputs) -> dict[str, str]:
    """Of the files that do not name the job or the folder."""
    return {
        name: hashlib.sha256(Path(getattr(outputs, name)).read_bytes()).hexdigest()
        for name in ("deliverable", "matte", "contact_sheet")
    }


@pytest.fixture(scope="module")
def undisturbed(clip, tmp_path_factory):
    """Hashes of a render that nothing happened to."""
    with RunningDaemon(tmp_path_factory.mktemp("calm"), **SETTINGS) as daemon:
        with daemon.client() as client:
            target = tmp_path_factory.mktemp("out") / "result.mkv"
            job = client.start_render(approved(client, clip).id, str(target))
            return hashes(succeeded(client, job.id).outputs)


def commits(data_dir: Path) -> dict[str, float]:
    """When each window was committed."""
    with sqlite3.connect(data_dir / "journal.db") as journal:
        return dict(journal.execute("SELECT key, committed_at FROM artifacts"))


def wait_until_frames_done(client, job_id, frames):
    for job in client.watch_job(job_id):
        assert job.state in (jobs_pb2.JOB_STATE_QUEUED, jobs_pb2.JOB_STATE_RUNNING)
        if job.units_done >= frames:
            return


@pytest.mark.parametrize("frames_done", [11, 27, FRAMES + 4])
def test_a_killed_worker_costs_one_window_and_changes_nothing(
    clip, undisturbed, tmp_path, frames_done
):
    with RunningDaemon(tmp_path / "data", **SETTINGS) as daemon, daemon.client() as client:
        job = client.start_render(approved(client, clip).id, str(tmp_path / "result.mkv"))
        wait_until_frames_done(client, job.id, frames_done)
        before = commits(daemon.data_dir)
        assert daemon.kill_worker()
        done = succeeded(client, job.id)
        assert done.retries == 1
        assert client.get_server_info().worker.restarts == 1
        after = commits(daemon.data_dir)
        assert before.items() <= after.items(), "a committed window was computed again"
        assert hashes(done.outputs) == undisturbed


def test_what_a_killed_worker_left_under_the_final_names_is_its_own(clip, undisturbed, tmp_path):
    """Files appear one by one, so a kill may come between the matte and the deliverable."""
    with RunningDaemon(tmp_path / "data", **SETTINGS) as daemon, daemon.client() as client:
        job = client.start_render(approved(client, clip).id, str(tmp_path / "result.mkv"))
        wait_until_frames_done(client, job.id, FRAMES + 4)
        assert daemon.kill_worker()
        (tmp_path / "result.matte.mkv").write_bytes(b"committed just before the kill")
        done = succeeded(client, job.id)
        assert hashes(done.outputs) == undisturbed


@pytest.mark.parametrize("frames_done", [11, FRAMES + 4])
def test_a_killed_daemon_goes_on_where_it_was(clip, undisturbed, tmp_path, frames_done):
    with RunningDaemon(tmp_path / "data", **SETTINGS) as daemon:
        with daemon.client() as client:
            job = client.start_render(approved(client, clip).id, str(tmp_path / "result.mkv"))
            wait_until_frames_done(client, job.id, frames_done)
        daemon.kill()
        before = commits(daemon.data_dir)
        assert not (tmp_path / "result.mkv").exists()
        daemon.start()
        with daemon.client() as client:
            done = succeeded(client, job.id)
        assert before
        assert before.items() <= commits(daemon.data_dir).items()
        assert hashes(done.outputs) == undisturbed


def test_an_orderly_stop_keeps_the_job_too(clip, undisturbed, tmp_path):
    with RunningDaemon(tmp_path / "data", **SETTINGS) as daemon:
        with daemon.client() as client:
            job = client.start_render(approved(client, clip).id, str(tmp_path / "result.mkv"))
            wait_until_frames_done(client, job.id, 11)
            client.shutdown()
        assert daemon.wait_until_it_ends() == 0
        assert not (daemon.data_dir / "daemon.json").exists()
        daemon.start()
        with daemon.client() as client:
            assert hashes(succeeded(client, job.id).outputs) == undisturbed


def test_a_cancelled_job_stops_and_resumes_to_the_same_result(clip, undisturbed, tmp_path):
    with RunningDaemon(tmp_path / "data", **SETTINGS) as daemon, daemon.client() as client:
        job = client.start_render(approved(client, clip).id, str(tmp_path / "result.mkv"))
        wait_until_frames_done(client, job.id, 11)
        client.cancel_job(job.id)
        assert finished(client, job.id).state == jobs_pb2.JOB_STATE_CANCELLED
        assert list(tmp_path.glob("*result*")) == []
        before = commits(daemon.data_dir)
        assert before
        client.resume_job(job.id)
        done = succeeded(client, job.id)
        assert before.items() <= commits(daemon.data_dir).items()
        assert hashes(done.outputs) == undisturbed


def test_a_damaged_window_is_computed_again(clip, undisturbed, tmp_path):
    with RunningDaemon(tmp_path / "data", **SETTINGS) as daemon, daemon.client() as client:
        edit = approved(client, clip)
        succeeded(client, client.start_render(edit.id, str(tmp_path / "a.mkv")).id)
        windows = sorted((daemon.data_dir / "store").rglob("*.npz"))
        windows[0].write_bytes(windows[0].read_bytes()[:-100])
        windows[1].unlink()
        done = succeeded(client, client.start_render(edit.id, str(tmp_path / "b.mkv")).id)
        assert hashes(done.outputs) == undisturbed


def test_a_worker_that_always_dies_fails_the_job_and_not_the_daemon(clip, tmp_path):
    with RunningDaemon(tmp_path / "data", max_attempts=2, **SETTINGS) as daemon:
        with daemon.client() as client:
            job = client.start_render(approved(client, clip).id, str(tmp_path / "result.mkv"))
            for watched in client.watch_job(job.id):
                if watched.state == jobs_pb2.JOB_STATE_FAILED:
                    break
                if watched.state == jobs_pb2.JOB_STATE_RUNNING:
                    daemon.kill_worker()
            assert watched.error.reason == "WorkerCrashedError"
            assert "resume the job" in watched.error.message
            assert list(tmp_path.glob("*result*")) == []
            client.resume_job(job.id)
            succeeded(client, job.id)
