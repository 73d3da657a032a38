"""Changes the store of weights: `python -m peanut_models.zoo STORE ACTION MODEL [FILE]`.

    add MODEL FILE [--trust-anew]
    pull MODEL|PROFILE [--from FOLDER|URL] [--accept-licence] [--trust-anew]
    remove MODEL
    verify MODEL

A process of its own, because checking weights needs torch, which neither the command line nor
the daemon's face loads. The last line on stdout is the answer, one JSON document; `pull` writes
lines of progress before it:

    {"event": "model", "model": NAME}                       begins with a model
    {"event": "fetch", "model", "file", "done_bytes", "total_bytes"}     0 in total: unknown
    {"event": "wait", "model", "file", "reason", "wait_s"}  before another attempt
    {"event": "check", "model", "done_bytes", "total_bytes"}
    {"event": "ready", "model", "bytes"}   or   {"event": "failed", "model", "message"}

Ends with 1 if the answer is `{"error": {"reason", "message", "retryable"}}`, with 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from peanut_models.errors import ModelError
from peanut_models.zoo import ModelStore, card
from peanut_models.zoo.errors import PullError
from peanut_models.zoo.install import add
from peanut_models.zoo.pull import PullSettings, cards_for, pull, summary
from peanut_models.zoo.sources import source_of

_TELL_EVERY_S = 0.2
"""Between two lines of progress of the same file."""


def main() -> int:
    """Do what the command line asks; 1 and `{"error": ...}` if it cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m peanut_models.zoo")
    parser.add_argument("store", type=Path)
    parser.add_argument("action", choices=("add", "pull", "remove", "verify"))
    parser.add_argument("model")
    parser.add_argument("file", type=Path, nargs="?", default=Path())
    parser.add_argument("--from", dest="source", default="")
    parser.add_argument("--accept-licence", action="store_true")
    parser.add_argument("--trust-anew", action="store_true")
    wanted = parser.parse_args()
    try:
        answer = _answer(ModelStore(wanted.store), wanted)
    except ModelError as error:
        answer = {"error": _document(error)}
    except KeyboardInterrupt:
        message = "stopped by Ctrl-C; what came is kept, and the same command goes on from there"
        answer = {"error": {"reason": "InterruptedByUserError", "message": message}}
        _write(answer)
        return 130
    _write(answer)
    return 1 if "error" in answer else 0


def _answer(store: ModelStore, wanted: argparse.Namespace) -> dict[str, Any]:
    if wanted.action == "pull":
        return _pull(store, wanted)
    chosen = card(wanted.model)
    if wanted.action == "remove":
        return {"model": wanted.model, "removed": store.remove(chosen)}
    if wanted.action == "verify":
        return asdict(store.verify(chosen))
    return asdict(add(store, chosen, wanted.file, trust_anew=wanted.trust_anew))


def _pull(store: ModelStore, wanted: argparse.Namespace) -> dict[str, Any]:
    settings = PullSettings(
        source=source_of(wanted.source),
        accept_licence=wanted.accept_licence,
        trust_anew=wanted.trust_anew,
    )
    done = pull(store, cards_for(wanted.model), settings, _Teller())
    answer: dict[str, Any] = {"models": [asdict(found) for found in done.installed]}
    if error := summary(done.failed):
        answer["error"] = _document(error)
    return answer


def _document(error: ModelError) -> dict[str, Any]:
    retryable = isinstance(error, PullError) and error.retryable
    return {"reason": type(error).__name__, "message": str(error), "retryable": retryable}


class _Teller:
    """Writes events, but not thousands of them per second."""

    def __init__(self) -> None:
        self._last: tuple[Any, ...] = ()
        self._at = 0.0

    def __call__(self, event: dict[str, Any]) -> None:
        what = (event["event"], event["model"], event.get("file"))
        complete = event.get("done_bytes") == event.get("total_bytes")
        if what == self._last and not complete and time.monotonic() - self._at < _TELL_EVERY_S:
            return
        self._last, self._at = what, time.monotonic()
        _write(event)


def _write(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
