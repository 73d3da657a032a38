from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from support import fake_daemon
from support.fake_daemon import FakeDaemon

from peanut.v1 import errors_pb2
from peanut_client import DaemonUnavailableError, PeanutClient, PeanutError, Settings, connect
from peanut_client import launch as launch_module
from peanut_client.connection import read_connection_file
from peanut_client.launch import process_lives

FAKE_COMMAND = (sys.executable, str(Path(fake_daemon.__file__)))


def write_stale_file(settings: Settings, *, port: int = 1) -> None:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    fields = {"address": f"127.0.0.1:{port}", "token": "old", "pid": 0, "version": "0.0.9"}
    settings.connection_file.write_text(json.dumps(fields), encoding="utf-8")
    settings.connection_file.chmod(0o600)


@pytest.mark.parametrize("text", ["", "{", "[]", '"text"', '{"address": "x"}', '{"pid": "many"}'])
def test_file_that_is_not_whole_counts_as_absent(settings: Settings, text: str) -> None:
    settings.data_dir.mkdir()
    settings.connection_file.write_text(text, encoding="utf-8")
    assert read_connection_file(settings) is None


def test_running_daemon_is_used(daemon: FakeDaemon, settings: Settings) -> None:
    connection = connect(settings=settings)
    connection.close()
    assert not connection.started
    assert connection.server.version == "0.1.0"
    assert daemon.service.named("GetServerInfo")[0].api_minor == 1


def test_no_daemon_and_none_wanted(settings: Settings) -> None:
    with pytest.raises(DaemonUnavailableError, match="peanut serve") as caught:
        connect(start=False, settings=settings)
    assert caught.value.reason == "DaemonNotRunningError"
    assert not settings.data_dir.exists()


def test_stale_file_and_none_wanted(settings: Settings) -> None:
    write_stale_file(settings)
    with pytest.raises(DaemonUnavailableError) as caught:
        connect(start=False, settings=settings)
    assert caught.value.reason == "DaemonNotRunningError"


def test_daemon_is_started_past_a_stale_file(settings: Settings) -> None:
    write_stale_file(settings)
    told: list[str] = []
    settings = replace(settings, daemon_command=FAKE_COMMAND)
    connection = connect(settings=settings, on_start=lambda: told.append("starting"))
    connection.close()
    assert connection.started
    assert connection.info.token == "secret"
    assert told == ["starting"]
    with PeanutClient(settings=settings) as client:
        assert not client.started_daemon
        client.shutdown()


def test_daemon_that_ends_at_once_shows_its_log(
    settings: Settings,
) -> None:
    settings.data_dir.mkdir()
    settings.log_file.write_text("an older line\n", encoding="utf-8")
    failing = (sys.executable, "-c", "raise SystemExit('the port is taken')")
    with pytest.raises(DaemonUnavailableError) as caught:
        connect(settings=replace(settings, daemon_command=failing))
    assert caught.value.reason == "DaemonStartError"
    assert "exit code 1" in caught.value.message
    assert "the port is taken" in caught.value.message
    assert "an older line" not in caught.value.message
    assert str(settings.log_file) in caught.value.message


def test_daemon_that_another_client_starts_is_waited_for(settings: Settings) -> None:
    # Ours gives way to one that holds the folder already but does not listen yet.
    giving_way = (sys.executable, "-c", "raise SystemExit(3)")
    daemon = FakeDaemon(settings.data_dir)
    threading.Timer(0.7, daemon.start).start()
    try:
        connection = connect(settings=replace(settings, daemon_command=giving_way))
        connection.close()
    finally:
        daemon.stop()


def test_process_that_has_ended_does_not_live() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    while process_lives(process.pid):  # a zombie until it is waited for
        time.sleep(0.01)
    process.wait()
    assert not process_lives(process.pid)
    assert process_lives(os.getpid()) is (os.name != "nt")


def test_daemon_that_never_listens_is_ended(settings: Settings) -> None:
    sleeping = (sys.executable, "-c", "import time; time.sleep(60)")
    settings = replace(settings, daemon_command=sleeping, start_timeout_s=0.5)
    with pytest.raises(DaemonUnavailableError, match=r"did not listen within 0\.5 s"):
        connect(settings=settings)


def test_missing_extra_names_the_command(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch_module, "DAEMON_MODULES", ("json", "no_such_module"))
    with pytest.raises(DaemonUnavailableError) as caught:
        connect(settings=settings)
    assert caught.value.reason == "DaemonNotInstalledError"
    assert "no_such_module" in caught.value.message
    assert 'pip install "peanut[daemon]"' in caught.value.message


def test_unwritable_data_dir_is_named(tmp_path: Path, settings: Settings) -> None:
    blocker = tmp_path / "file"
    blocker.touch()
    settings = replace(settings, data_dir=blocker / "data", daemon_command=FAKE_COMMAND)
    with pytest.raises(DaemonUnavailableError, match="PEANUT_DATA_DIR") as caught:
        connect(settings=settings)
    assert str(blocker / "data") in caught.value.message


def test_wrong_token_is_refused(daemon: FakeDaemon, settings: Settings) -> None:
    daemon.service.token = "another"
    with pytest.raises(PeanutError) as caught:
        connect(settings=settings)
    assert caught.value.reason == "UnauthenticatedError"


def test_other_version_is_refused_and_no_second_daemon_started(
    daemon: FakeDaemon, settings: Settings
) -> None:
    error = errors_pb2.Error(reason="VersionMismatchError", message="update one of them")
    daemon.service.refusals["GetServerInfo"] = (grpc.StatusCode.FAILED_PRECONDITION, error)
    with pytest.raises(PeanutError, match="update one of them"):
        connect(settings=settings)
    assert not settings.log_file.exists()
