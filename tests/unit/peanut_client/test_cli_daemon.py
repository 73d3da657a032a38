from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.fake_daemon import FakeDaemon, FakeService
from typer.testing import Result

from peanut_client import launch as launch_module
from peanut_client.cli import app

Run = Callable[..., Result]


def test_status_of_a_running_daemon(run: Run, service: FakeService, data_dir: Path) -> None:
    result = run("status")
    assert result.exit_code == 0
    for word in ("0.1.0", "cpu (a test)", "embedded", str(data_dir)):
        assert word in result.stdout
    document = json.loads(run("status", "--json").stdout)
    assert document["running"] is True
    assert document["server"]["worker"]["ready"] is True


def test_status_without_a_daemon_starts_none(run: Run, data_dir: Path) -> None:
    result = run("status", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"running": False, "data_dir": str(data_dir)}
    assert not data_dir.exists()


def test_stop_waits_until_the_daemon_is_gone(
    run: Run, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon.service.shut_down, "set", daemon.stop_soon)
    result = run("stop")
    assert result.exit_code == 0
    assert result.stdout == "the daemon has stopped\n"
    assert run("status").exit_code == 1


def test_stop_without_a_daemon_is_fine(run: Run, data_dir: Path) -> None:
    result = run("stop", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"stopped": False, "running": False}


def test_serve_becomes_the_daemon(
    run: Run, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(launch_module, "DAEMON_MODULES", ("json",))
    monkeypatch.setattr("peanut_client.cli.daemon.run_in_foreground", commands.append)
    assert run("serve").exit_code == 0
    assert commands == [[sys.executable, "-m", "peanut_daemon", "--data-dir", str(data_dir)]]


def test_second_daemon_is_refused(
    run: Run, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch_module, "DAEMON_MODULES", ("json",))
    result = run("serve")
    assert result.exit_code == 1
    assert "a daemon runs already" in result.stderr
    assert "hint: stop it with: peanut stop" in result.stderr


def test_weights_under_a_licence_that_forbids_commercial_use_need_a_yes(
    run: Run, service: FakeService, tmp_path: Path
) -> None:
    file = tmp_path / "E2FGVI-CVPR22.pth"
    file.write_bytes(b"no checkpoint")
    refused = run("models", "add", "e2fgvi", file)
    assert refused.exit_code == 2
    assert "CC-BY-NC-4.0" in refused.stderr
    assert "--accept-licence" in refused.stderr
    tried = run("models", "add", "e2fgvi", file, "--accept-licence")
    assert tried.exit_code == 1  # now it is read, and found to be no checkpoint
    assert "no plain checkpoint" in tried.stderr


def test_weights_that_are_not_there_can_be_neither_added_nor_verified(
    run: Run, service: FakeService, tmp_path: Path
) -> None:
    assert run("models", "add", "e2fgvi", tmp_path / "none.pth").exit_code == 2
    assert run("models", "add", "nothing", __file__).exit_code == 2
    result = run("models", "verify", "e2fgvi")
    assert result.exit_code == 1
    assert "peanut models add e2fgvi" in result.stderr
    assert "was not installed" in run("models", "remove", "e2fgvi").stdout


def test_models_show_their_licence(run: Run, service: FakeService) -> None:
    stdout = run("models", "list").stdout
    for word in ("embedded/propagation", "nof_eraser", "Apache-2.0", "yes"):
        assert word in stdout
    document = json.loads(run("models", "list", "--json").stdout)
    assert document["models"][0]["commercial_use"] is True


def test_doctor_finds_nothing_wrong(
    run: Run, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch_module, "DAEMON_MODULES", ("json",))
    result = run("doctor", "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 0, document
    assert document["ok"] is True
    names = [check["name"] for check in document["checks"]]
    assert names[:5] == ["python", "client", "packages", "data", "disk"]
    assert names[5:] == ["daemon", "worker", "profile"]
    # It was running before, so it is left running.
    assert service.named("Shutdown") == []


def test_doctor_says_what_to_do(run: Run, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch_module, "DAEMON_MODULES", ("json", "no_such_module"))
    result = run("doctor")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    failed = next(index for index, line in enumerate(lines) if "no_such_module" in line)
    assert lines[failed].startswith("fail")
    assert lines[failed + 1].strip() == '-> pip install "peanut[daemon]"'


def test_version(run: Run) -> None:
    result = run("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("peanut ")


def test_every_command_takes_json() -> None:
    import typer.main

    def leaves(command: object) -> list[object]:
        commands = getattr(command, "commands", None)
        return [command] if commands is None else [x for c in commands.values() for x in leaves(c)]

    found = leaves(typer.main.get_command(app))
    assert len(found) > 30
    for command in found:
        options = [name for param in command.params for name in param.opts]  # type: ignore[attr-defined]
        assert "--json" in options


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["remvoe"], "remvoe"),
        (["remove"], "CLIP"),
        (["remove", "a.mov", "-o", "b.mkv"], "nothing says what to remove"),
        (["remove", "a.mov", "-o", "b.mkv", "--codec", "vp9"], "vp9"),
        (["jobs", "show"], "ID"),
    ],
)
def test_wrong_command_line_ends_with_2(run: Run, words: list[str], message: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    result = run(*words, "--json")
    assert result.exit_code == 2
    error = json.loads(result.stdout)["error"]
    assert error["reason"] == "UsageError"
    assert message in error["message"]
