"""`peanut doctor`: does everything work here, and if not, what to do."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import typer
from rich.text import Text

from peanut.v1 import models_pb2, server_pb2
from peanut_client.cli import options
from peanut_client.cli.app import app, version
from peanut_client.cli.failures import EXIT_FAILED
from peanut_client.cli.output import Output
from peanut_client.client import PeanutClient
from peanut_client.config import Settings, load_settings
from peanut_client.errors import PeanutError
from peanut_client.launch import missing_daemon_modules

# A note is what could be had but need not be.
OK, NOTE, WARN, FAIL = "ok", "note", "warn", "fail"
_STYLES = {OK: "green", NOTE: "cyan", WARN: "yellow", FAIL: "red"}
_GIB = 2**30
# A minute of HD plate takes about 10 GiB in the store.
_DISK_COMFORTABLE_BYTES = 10 * _GIB
_DISK_NEEDED_BYTES = 1 * _GIB


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, what was found, and what to do about it."""

    name: str
    status: str
    found: str
    advice: str = ""


@app.command()
def doctor(as_json: options.Json = False) -> None:
    """Check that everything works here; starts a daemon for the check if none runs."""
    output = Output(as_json=as_json)
    checks: list[Check] = []
    for check in _checks(load_settings()):
        checks.append(check)
        output.event("check", **asdict(check))
        if not as_json:
            _show(check, output)
    failed = any(check.status == FAIL for check in checks)
    output.document({"ok": not failed, "checks": [asdict(check) for check in checks]})
    if failed:
        raise typer.Exit(EXIT_FAILED)


def _show(check: Check, output: Output) -> None:
    output.text(
        Text.assemble(
            (f"{check.status:<5}", _STYLES[check.status]), f"{check.name:<10} {check.found}"
        )
    )
    if check.advice:
        output.text(Text(f"{'':<16}-> {check.advice}"))


def _checks(settings: Settings) -> Iterator[Check]:
    yield _python()
    yield _client_packages()
    yield _daemon_packages()
    yield _data_dir(settings)
    yield _disk(settings)
    yield from _daemon(settings)


def _python() -> Check:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Check("python", OK, found)
    return Check("python", WARN, found, "tested are 3.11 to 3.13; use one of these")


def _client_packages() -> Check:
    names = ("grpcio", "protobuf", "typer", "rich", "platformdirs")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in names)
    return Check("client", OK, f"peanut {version()} ({versions})")


def _daemon_packages() -> Check:
    missing = missing_daemon_modules()
    if missing:
        return Check(
            "packages",
            FAIL,
            f"the daemon cannot run here, missing: {', '.join(missing)}",
            'pip install "peanut[daemon]"',
        )
    return Check("packages", OK, "everything that the daemon needs is installed")


def _data_dir(settings: Settings) -> Check:
    probe = settings.data_dir / f".doctor.{os.getpid()}"
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        return Check(
            "data",
            FAIL,
            f"{settings.data_dir} cannot be written: {error.strerror or error}",
            "make it writable, or set PEANUT_DATA_DIR to another folder",
        )
    return Check("data", OK, f"{settings.data_dir} can be written")


def _disk(settings: Settings) -> Check:
    folder = settings.data_dir
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    found = f"{free / _GIB:.1f} GiB free for {settings.data_dir}"
    if free >= _DISK_COMFORTABLE_BYTES:
        return Check("disk", OK, found)
    advice = "make room, or set PEANUT_DATA_DIR to a larger disk"
    return Check("disk", WARN if free >= _DISK_NEEDED_BYTES else FAIL, found, advice)


def _daemon(settings: Settings) -> Iterator[Check]:
    try:
        with PeanutClient(settings=settings) as client:
            started = client.started_daemon
            yield from _answers(
                client.server, client.list_models(), settings.log_file, started=started
            )
            if client.started_daemon:
                client.shutdown()
    except PeanutError as error:
        yield Check("daemon", FAIL, error.message, f"its log, if any, is {settings.log_file}")


def _answers(
    server: server_pb2.GetServerInfoResponse,
    models: Sequence[models_pb2.Model],
    log_file: Path,
    *,
    started: bool,
) -> Iterator[Check]:
    how = "was started for this check" if started else "runs"
    yield Check("daemon", OK, f"version {server.version} {how} and answers")
    if not server.worker.ready:
        yield Check(
            "worker",
            FAIL,
            "the process that runs the models is not up",
            f"see the end of the log {log_file} for the cause",
        )
        return
    devices = ", ".join(
        f"{device.name}{f' ({device.description})' if device.description else ''}"
        for device in server.devices
    )
    yield Check("worker", OK, f"runs the models on {devices or 'nothing known'}")
    if server.worker.restarts:
        yield Check(
            "restarts",
            WARN,
            f"the worker had to be restarted {server.worker.restarts} times",
            f"see the log {log_file} for the cause; a shorter --range takes less memory",
        )
    yield from _profiles(server.profiles, models)


def _profiles(
    profiles: Sequence[server_pb2.Profile], models: Sequence[models_pb2.Model]
) -> Iterator[Check]:
    """One row per profile: ready, or what it lacks and the one command that gets it."""
    if not any(profile.ready for profile in profiles):
        yield Check("profiles", FAIL, "none is ready", 'reinstall: pip install "peanut[daemon]"')
    for profile in profiles:
        if profile.ready:
            yield Check("profile", OK, f"{profile.name} is ready")
            continue
        lacking = [
            model
            for model in models
            if profile.name in model.profiles and model.files and not model.weights_sha256
        ]
        size = sum(file.size_bytes for model in lacking for file in model.files)
        names = ", ".join(model.name for model in lacking) or "weights"
        known = f" ({size / 1e6:.0f} MB or more)" if size else ""
        yield Check(
            "profile", NOTE, f"{profile.name} lacks {names}{known}", _command(profile.name, lacking)
        )


def _command(profile: str, lacking: Sequence[models_pb2.Model]) -> str:
    """What gets all that a profile lacks."""
    restricted = any(not model.commercial_use for model in lacking)
    command = f"peanut models pull {profile}{' --accept-licence' if restricted else ''}"
    by_hand = [
        f"{file.name} ({model.origin})" for model in lacking for file in model.files if not file.url
    ]
    if not by_hand:
        return command
    return f"{command} --from FOLDER, with these in it by browser: {'; '.join(by_hand)}"
