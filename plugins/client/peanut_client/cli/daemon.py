"""`peanut serve`, `stop`, `status`: the daemon itself."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Annotated

import typer

from peanut_client.cli import options
from peanut_client.cli.app import app
from peanut_client.cli.documents import message_document
from peanut_client.cli.failures import EXIT_FAILED, CliError
from peanut_client.cli.output import Output
from peanut_client.cli.session import open_client
from peanut_client.client import ENDED_STATES
from peanut_client.config import Settings, load_settings
from peanut_client.connection import Connection, connect, read_connection_file
from peanut_client.errors import DaemonUnavailableError
from peanut_client.launch import check_daemon_installed, process_lives

# The piece of work in flight is ended first.
_STOP_WAIT_S = 60.0
_POLL_S = 0.1


@app.command()
def serve(as_json: options.Json = False) -> None:
    """Run the daemon here until Ctrl-C; other commands start one by themselves.

    With --json only errors are JSON: the daemon itself writes its log.
    """
    settings = load_settings()
    check_daemon_installed()
    running = _running(settings)
    if running is not None:
        running.close()
        raise CliError(
            "DaemonRunningError",
            f"a daemon runs already for {settings.data_dir} (process {running.info.pid})",
            hint="stop it with: peanut stop",
        )
    Output(as_json=as_json).note(f"serving from {settings.data_dir}; Ctrl-C stops")
    sys.stdout.flush()
    sys.stderr.flush()
    run_in_foreground([*settings.daemon_command, "--data-dir", str(settings.data_dir)])


def run_in_foreground(command: list[str]) -> None:
    """Become the daemon; on Windows, where that does not exist, wait for it."""
    if sys.platform == "win32":
        raise typer.Exit(subprocess.call(command))
    os.execv(command[0], command)


@app.command()
def stop(as_json: options.Json = False) -> None:
    """Stop the daemon; its jobs go on when it is started again."""
    output = Output(as_json=as_json)
    settings = load_settings()
    info = read_connection_file(settings)
    try:
        client = open_client(output, start=False)
    except DaemonUnavailableError as error:
        if error.reason != "DaemonNotRunningError":
            raise
        output.document({"stopped": False, "running": False})
        output.line("no daemon runs")
        return
    with client:
        waiting = [job for job in client.list_jobs() if job.state not in ENDED_STATES]
        client.shutdown()
    with output.bar("stopping the daemon"):
        _wait_until_gone(settings, info.pid if info is not None else 0)
    output.document({"stopped": True, "running": False, "jobs_waiting": [j.id for j in waiting]})
    output.line("the daemon has stopped")
    if waiting:
        jobs = "1 job goes" if len(waiting) == 1 else f"{len(waiting)} jobs go"
        output.line(f"{jobs} on when the daemon is started again (any command does)")


def _wait_until_gone(settings: Settings, pid: int) -> None:
    """Wait until the process has ended: it stops listening before its work in flight is done."""
    deadline = time.monotonic() + _STOP_WAIT_S
    while process_lives(pid) or _still_answers(settings, pid):
        if time.monotonic() > deadline:
            raise CliError(
                "DaemonTimeoutError",
                f"the daemon (process {pid}) has not ended {_STOP_WAIT_S:.0f} s after it was told "
                f"to stop: end that process; its log is {settings.log_file}",
            )
        time.sleep(_POLL_S)


def _still_answers(settings: Settings, pid: int) -> bool:
    running = _running(settings)
    if running is None:
        return False
    running.close()
    return running.info.pid == pid  # another one: somebody has started the next


def _running(settings: Settings) -> Connection | None:
    try:
        return connect(start=False, settings=settings)
    except DaemonUnavailableError as error:
        if error.reason == "DaemonNotRunningError":
            return None
        raise


@app.command()
def status(
    as_json: options.Json = False,
    start: Annotated[bool, typer.Option("--start", help="Start a daemon if none runs.")] = False,
) -> None:
    """Show whether the daemon runs, and what it is; exit code 1 when it does not."""
    output = Output(as_json=as_json)
    settings = load_settings()
    try:
        client = open_client(output, start=start)
    except DaemonUnavailableError as error:
        if error.reason != "DaemonNotRunningError":
            raise
        output.document({"running": False, "data_dir": str(settings.data_dir)})
        output.line(f"no daemon runs for {settings.data_dir}; commands that need one start it")
        raise typer.Exit(EXIT_FAILED) from error
    with client:
        jobs = [job for job in client.list_jobs() if job.state not in ENDED_STATES]
        server = client.server
        info = client.connection_info
    output.document(
        {
            "running": True,
            "pid": info.pid,
            "address": info.address,
            "server": message_document(server),
            "jobs_waiting_or_running": [job.id for job in jobs],
        }
    )
    worker = f"process {server.worker.pid}" if server.worker.ready else "starting"
    output.line(f"the daemon runs (version {server.version}, process {info.pid})", style="green")
    output.facts(
        [
            ("address", info.address),
            ("data", server.data_dir),
            ("worker", f"{worker}, restarted {server.worker.restarts} times"),
            ("devices", ", ".join(_device(d.name, d.description) for d in server.devices)),
            ("profiles", ", ".join(p.name for p in server.profiles if p.ready)),
            ("jobs", f"{len(jobs)} waiting or running"),
        ]
    )


def _device(name: str, description: str) -> str:
    return f"{name} ({description})" if description else name
