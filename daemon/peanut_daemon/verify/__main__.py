"""`python -m peanut_daemon.verify SOURCE RESULT`: what the result changed, as one JSON document.

A program of its own for `peanut verify`, since the client does without a decoder, and since a
damaged file may take its reader along. Prints the proof, or `{"error": {"reason", "message"}}`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from peanut_daemon.deliverable import Outputs
from peanut_daemon.errors import DaemonError, InvalidRequestError, MediaTimeoutError
from peanut_daemon.media import ClipInfo, Rate, Reading, limits, probe, probe_for_editing
from peanut_daemon.media.sequence import find_sequence
from peanut_daemon.verify.proof import Proof, Verification, range_of
from peanut_models.errors import ModelError
from peanut_models.ranges import FrameRange

# Where nobody says how fast image files run, their proof does not depend on it.
ANY_RATE = Rate(24)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say; the exit code is 0 proven, 1 differs, 2 could not compare."""
    given = _parser().parse_args(arguments)
    limits.let_watch(limits.Watchdog(limits.FRAME_TIMEOUT_S, _give_up))
    try:
        # Libraries print notes; the answer must stay alone on stdout.
        with contextlib.redirect_stdout(sys.stderr):
            proof = verify(given)
    except (DaemonError, ModelError) as error:
        _say({"error": {"reason": type(error).__name__, "message": str(error)}})
        return 2
    _say(proof.to_dict())
    return 0 if proof.proven else 1


def verify(given: argparse.Namespace) -> Proof:
    """Compare the files that the arguments name."""
    rate = _rate(given.rate)
    source = _probed(given.source, rate, given)
    result = _probed(given.result, rate or source.rate)
    if rate is None and _is_sequence(given.source) and not _is_sequence(given.result):
        source = _probed(given.source, result.rate, given)
    matte = given.matte or _matte_beside(result.path)
    verification = Verification(
        source,
        result,
        FrameRange(*given.range) if given.range else range_of(source, result),
        matte=matte,
        patch=True if given.patch else None,
        within=given.within,
    )
    for _ in verification.run():
        pass
    return verification.proof()


def _probed(path: Path, rate: Rate | None, reading: argparse.Namespace | None = None) -> ClipInfo:
    rate = (rate or ANY_RATE) if _is_sequence(path) else None
    if reading is None:
        return probe(path, rate=rate)
    return probe_for_editing(
        path,
        Reading(rate=rate, colourspace=reading.colourspace, deinterlace=reading.deinterlace),
    )


def _is_sequence(path: Path) -> bool:
    return find_sequence(path) is not None


def _matte_beside(result: Path) -> Path | None:
    """The matte that a render wrote beside its deliverable."""
    matte = Outputs.beside(result).matte
    return matte if matte.is_file() else None


def _rate(text: str) -> Rate | None:
    try:
        return Rate.snapped(Fraction(text)) if text else None
    except (ValueError, ZeroDivisionError) as error:
        raise InvalidRequestError(
            f"rate {text!r} cannot be read: give 25, 23.976 or 30000/1001"
        ) from error


def _say(answer: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _give_up(what: str) -> None:
    """Thread: a decoder hangs, and only the end of its process ends it."""
    message = f"reading {what} took longer than {limits.FRAME_TIMEOUT_S:g} s: check that it plays"
    _say({"error": {"reason": MediaTimeoutError.__name__, "message": message}})
    os._exit(2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="peanut_daemon.verify")
    parser.add_argument("source", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--matte", type=Path)
    parser.add_argument("--range", type=int, nargs=2)
    parser.add_argument("--rate", default="")
    parser.add_argument("--colourspace", default="")
    parser.add_argument("--deinterlace", action="store_true")
    parser.add_argument("--patch", action="store_true")
    parser.add_argument("--within", type=float, default=0.0)
    return parser


if __name__ == "__main__":
    sys.exit(main())
