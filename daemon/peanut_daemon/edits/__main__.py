"""`python -m peanut_daemon.edits`: look at timelines, take requests out, put results in.

A program of its own for `peanut timeline`, since the client does without OTIO, and since readers
of foreign formats write what they like to stdout. Prints one JSON document: the answer, or
`{"error": {"reason": ..., "message": ...}}`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from peanut_daemon.edits.still import write_still
from peanut_daemon.edits.timeline_apply import apply
from peanut_daemon.edits.timeline_extract import Choice, extract
from peanut_daemon.edits.timeline_inspect import inspect
from peanut_daemon.errors import DaemonError, InvalidRequestError
from peanut_daemon.media import probe
from peanut_daemon.media.rate import Rate
from peanut_models.errors import ModelError


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say; the exit code is 1 on an error."""
    given = _parser().parse_args(arguments)
    try:
        # Readers of foreign formats print notes; the answer must stay alone on stdout.
        with contextlib.redirect_stdout(sys.stderr):
            answer = given.run(given)
        code = 0
    except (DaemonError, ModelError) as error:
        answer, code = {"error": {"reason": type(error).__name__, "message": str(error)}}, 1
    sys.stdout.write(json.dumps(answer) + "\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="peanut_daemon.edits")
    actions = parser.add_subparsers(required=True)
    one = actions.add_parser("inspect")
    one.add_argument("file", type=Path)
    one.set_defaults(run=lambda a: inspect(a.file, rate=_rate(a.rate)))
    one.add_argument("--rate", default="")
    one = actions.add_parser("extract")
    one.add_argument("file", type=Path)
    one.add_argument("target", type=Path)
    for name in ("--item", "--at", "--timeline", "--rate"):
        one.add_argument(name, default="")
    one.add_argument("--overwrite", action="store_true")
    one.set_defaults(run=_extract)
    one = actions.add_parser("apply")
    one.add_argument("file", type=Path)
    one.add_argument("target", type=Path)
    one.add_argument("results", type=Path, nargs="+")
    one.add_argument("--timeline", default="")
    one.add_argument("--rate", default="")
    one.add_argument("--in-place", action="store_true")
    one.add_argument("--overwrite", action="store_true")
    one.set_defaults(run=_apply)
    one = actions.add_parser("still")
    one.add_argument("file", type=Path)
    one.add_argument("frame", type=int)
    one.add_argument("target", type=Path)
    one.set_defaults(run=lambda a: write_still(a.file, a.frame, a.target))
    return parser


def _extract(given: argparse.Namespace) -> dict[str, Any]:
    choice = Choice(item=given.item, at=given.at, timeline=given.timeline, rate=_rate(given.rate))
    return extract(given.file, given.target, choice, probe=probe, overwrite=given.overwrite)


def _apply(given: argparse.Namespace) -> dict[str, Any]:
    return apply(
        given.file,
        given.results,
        given.target,
        timeline=given.timeline,
        in_place=given.in_place,
        overwrite=given.overwrite,
        rate=_rate(given.rate),
    )


def _rate(text: str) -> Rate | None:
    try:
        return Rate.snapped(Fraction(text)) if text else None
    except (ValueError, ZeroDivisionError) as error:
        raise InvalidRequestError(
            f"rate {text!r} cannot be read: give 25, 23.976 or 30000/1001"
        ) from error


if __name__ == "__main__":
    sys.exit(main())
