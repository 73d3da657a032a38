"""A real daemon in a process of its own, for tests that go all the way."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from peanut.v1 import edits_pb2, jobs_pb2
from peanut_client import PeanutClient, load_settings
from peanut_daemon.hosts.transfer import TransferFolder


class RunningDaemon:
    """Starts on entry; may be killed and started again on the same data folder."""

    def __init__(self, data_dir: Path, *, environment=None, **settings) -> None:
        self.data_dir = data_dir
        self._settings = {f"PEANUT_{name.upper()}": str(v) for name, v in settings.items()}
        self._settings |= environment or {}
        self._process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()
        # A killed daemon leaves its shared memory to the next one, and there is none.
        TransferFolder(self.data_dir).close()

    def start(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with (self.data_dir / "daemon.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "peanut_daemon", "--data-dir", str(self.data_dir)],
                env=os.environ | self._settings,
                stdout=log,
                stderr=log,
            )
        self._wait_until_it_listens()

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self._process.poll() is None, f"the daemon ended:\n{self.log()}"
            try:
                with self.client() as client:
                    if client.get_server_info().worker.ready:
                        return
            except Exception:
                time.sleep(0.05)
        raise AssertionError(f"the daemon does not answer:\n{self.log()}")

    def client(self) -> PeanutClient:
        environment = {"PEANUT_DATA_DIR": str(self.data_dir)}
        return PeanutClient(start=False, settings=load_settings(environment))

    def kill(self) -> None:
        """As kill -9 does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def wait_until_it_ends(self) -> int:
        return self._process.wait(timeout=20)

    def kill_worker(self) -> bool:
        """Kill the worker, if one is up; say whether."""
        with self.client() as client:
            pid = client.get_server_info().worker.pid
        if pid <= 0:  # 0 would mean our own process group
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return True

    def log(self) -> str:
        return (self.data_dir / "daemon.log").read_text()


def point(x, y, frame_index=0, *, negative=False):
    kind = edits_pb2.PointPrompt(x_px=x, y_px=y, negative=negative)
    return edits_pb2.Prompt(frame_index=frame_index, point=kind)


def painted(png, frame_index):
    return edits_pb2.Prompt(frame_index=frame_index, mask=edits_pb2.MaskPrompt(png=png))


def track(client, edit_id, *prompts):
    target = edits_pb2.Target(id="1", prompts=prompts)
    return [
        m.mask for m in client.track_masks(edit_id, [target]) if m.WhichOneof("event") == "mask"
    ]


def finished(client, job_id):
    """The job once it has ended."""
    return list(client.watch_job(job_id))[-1]


def succeeded(client, job_id):
    job = finished(client, job_id)
    assert job.state == jobs_pb2.JOB_STATE_SUCCEEDED, f"{job.error.reason}: {job.error.message}"
    return job
