"""The daemon's programs for timelines, stills and proofs, each run as a process of its own.

The client does without OpenTimelineIO and without a decoder, so that it stays small.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

from peanut_client.config import load_settings
from peanut_client.errors import PeanutError
from peanut_client.launch import check_daemon_installed


def run_edits_program(action: str, *arguments: str) -> dict[str, Any]:
    """Run `python -m peanut_daemon.edits` and return its answer.

    Raises:
        PeanutError: it refuses, with its own reason; or it cannot run here.
    """
    return run_program("peanut_daemon.edits", action, *arguments)


def run_program(module: str, *arguments: str) -> dict[str, Any]:
    """Run `python -m MODULE` of the daemon's package and return the document that it prints.

    Raises:
        PeanutError: it refuses, with its own reason; or it cannot run here.
    """
    check_daemon_installed()
    python = load_settings().daemon_command[0]
    command = [python, "-m", module, *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", check=False
        )
        answer: dict[str, Any] = json.loads(done.stdout)
    except (OSError, ValueError) as error:
        said = str(getattr(error, "strerror", "") or "").strip()
        if not said and not isinstance(error, OSError):
            said = (done.stderr.strip() or "no output").splitlines()[-1]
        raise PeanutError(
            "ProgramError", f"{module} could not do its work ({said}): see peanut doctor"
        ) from error
    if "error" in answer:
        raise PeanutError(answer["error"]["reason"], answer["error"]["message"])
    return answer
