"""The models' own program, which changes the store of weights: checking them needs torch."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from typing import IO, Any

from peanut_client.cli.failures import (
    EXIT_USAGE,
    CliError,
    InterruptedByUserError,
)
from peanut_client.cli.output import Bar, Output
from peanut_client.config import load_settings


class LicenceError(CliError):
    """A licence restricts use, and nobody said yes to it."""

    exit_code = EXIT_USAGE


def change_store(action: str, model: str, *arguments: str) -> dict[str, Any]:
    """Have one thing done and return the answer; see `peanut_models.zoo`."""
    done = subprocess.run(
        _command(action, model, *arguments), capture_output=True, text=True, check=False
    )
    return _checked(done.stdout, done.stderr)


def pull_into_store(arguments: list[str], output: Output) -> dict[str, Any]:
    """Fetch weights, showing how far it is; what came stays when it is stopped."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as complaints:
        process = subprocess.Popen(
            _command("pull", *arguments), stdout=subprocess.PIPE, stderr=complaints, text=True
        )
        assert process.stdout is not None
        with process, output.bar("looking") as bar:
            try:
                last = _followed(process.stdout, bar, output)
            except KeyboardInterrupt:
                # On a terminal it got the signal too. What is on the disk is complete at any time.
                process.terminate()
                raise InterruptedByUserError(
                    "stopped by Ctrl-C; what came is kept",
                    hint="the same command goes on from there",
                ) from None
        complaints.seek(0)
        return _checked(last, complaints.read())


def _followed(lines: IO[str], bar: Bar, output: Output) -> str:
    """Show progress until the answer comes; the last line."""
    last = ""
    for line in lines:
        last = line
        try:
            event = json.loads(line)
        except ValueError:
            continue
        kind = event.pop("event", "") if isinstance(event, dict) else ""
        if not kind:
            continue
        output.event(kind, **event)
        if kind in ("fetch", "check"):
            what = "checking" if kind == "check" else event["file"]
            bar.show(f"{event['model']}: {what}", event["done_bytes"], event["total_bytes"])
        elif kind == "wait":
            output.note(f"{event['file']}: {event['reason']}; again in {event['wait_s']:.0f} s")
        elif kind == "ready":
            output.note(f"{event['model']} is here")
        elif kind == "failed":
            output.note(f"{event['model']} did not come")
    return last


def _command(action: str, *arguments: str) -> list[str]:
    store = load_settings().data_dir / "models"
    return [sys.executable, "-m", "peanut_models.zoo", str(store), action, *arguments]


def _checked(answer_text: str, complaints: str) -> dict[str, Any]:
    """The program's answer, or its error as ours."""
    try:
        answer: dict[str, Any] = json.loads(answer_text)
    except ValueError as error:
        last = (complaints.strip() or "no output").splitlines()[-1]
        raise CliError("ModelStoreError", f"the store of weights failed: {last}") from error
    if "error" not in answer:
        return answer
    told = answer["error"]
    kind = LicenceError if told["reason"] == "LicenceNotAcceptedError" else CliError
    raise kind(told["reason"], told["message"], retryable=told.get("retryable", False))
