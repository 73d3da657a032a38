"""Damaged media through a real daemon: an error or a result, never a hang, never a dead daemon.

`python tests/fuzz/media_campaign.py --inputs 500 --seed 7` damages clips of every container and
goes the whole road with each: edit, masks, render, proof. It writes a page of what came of them.
An input fails when a call hangs, when the daemon ends, or when it answers with an error that nobody
raises on purpose. A worker that ends is contained: the job or call that it had gets a named error.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fuzz.damage import SEQUENCES, Damager, Seed, seeds
from support.daemon import RunningDaemon, point, track

from peanut.v1 import frames_pb2, jobs_pb2, renders_pb2
from peanut_client import PeanutClient, PeanutError, frame_range

# What one input may take on a busy machine, whatever it is; the daemon's own limits are lower.
HANG_S = 120.0
PROBE_TIMEOUT_S = 20.0
RESULT = "result"


@dataclass(slots=True)
class MediaTally:
    """What came of the inputs.

    Attributes:
        outcomes: by container and "result" or the error's name.
        ways: inputs by how they were damaged.
        contained: inputs that ended a worker.
        failures: what must not happen.
        slowest_s: of all inputs.
    """

    inputs: int = 0
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    ways: Counter[str] = field(default_factory=Counter)
    contained: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0
    slowest_s: float = 0.0


class Road:
    """Goes from a clip to a proven deliverable, in a thread that can be given up."""

    def __init__(self, client: PeanutClient, out: Path) -> None:
        self._client = client
        self._out = out

    def go(self, path: Path) -> str:
        """The name of the error, or "result"; raises TimeoutError when it hangs."""
        answer: list[str] = []
        thread = threading.Thread(target=lambda: answer.append(self._went(path)), daemon=True)
        thread.start()
        thread.join(HANG_S)
        if thread.is_alive():
            raise TimeoutError(path.name)
        return answer[0] if answer else "the client itself failed"

    def _went(self, path: Path) -> str:
        shutil.rmtree(self._out, ignore_errors=True)
        self._out.mkdir()
        is_sequence = path.suffix[1:] in SEQUENCES
        rate = frames_pb2.Rate(num=24, den=1) if is_sequence else None
        try:
            edit = self._client.create_edit(str(path), frame_range(0, 2), rate=rate)
            try:
                return self._rendered(edit.id, floating=path.suffix == ".exr")
            finally:
                self._client.delete_edit(edit.id)
        except PeanutError as error:
            if error.incident_id:
                return f"unexpected: {error.message[:200]}"
            return error.reason

    def _rendered(self, edit_id: str, *, floating: bool) -> str:
        track(self._client, edit_id, point(10, 24))
        self._client.approve_masks(edit_id, grow_px=2, feather_px=1)
        name = "out.%04d.exr" if floating else "out.mkv"
        codec = renders_pb2.CODEC_EXR if floating else renders_pb2.CODEC_FFV1
        job = self._client.start_render(edit_id, str(self._out / name), codec=codec)
        job = list(self._client.watch_job(job.id))[-1]
        if job.state == jobs_pb2.JOB_STATE_SUCCEEDED:
            return RESULT
        if job.error.incident_id:
            return f"unexpected: {job.error.message[:200]}"
        return job.error.reason


def fuzz(
    folder: Path, inputs: int, seed: int, *, kinds: tuple[str, ...] = (), keep: Path | None = None
) -> MediaTally:
    """Damage and try so many clips.

    Args:
        folder: for everything.
        inputs: how many.
        seed: the same gives the same inputs.
        kinds: extensions; none for all.
        keep: a folder for the inputs that failed or ended a worker.
    """
    tally, started = MediaTally(), time.monotonic()
    (folder / "seeds").mkdir()
    valid = {k: v for k, v in seeds(folder / "seeds").items() if not kinds or k in kinds}
    damager = Damager(seed)
    settings = {"probe_timeout_s": PROBE_TIMEOUT_S, "calls_per_s": 1e6, "call_burst": 10**6}
    with RunningDaemon(folder / "data", **settings) as daemon:
        with daemon.client() as client:
            pid = client.connection_info.pid
            road = Road(client, folder / "out")
            restarts = 0
            for number in range(inputs):
                kind = sorted(valid)[number % len(valid)]
                way, files = damager.damaged(valid[kind])
                path = _written(folder / "input", files)
                began = time.monotonic()
                label = f"{kind}, {way} (input {number})"
                tally.inputs += 1
                tally.ways[way] += 1
                try:
                    outcome = road.go(path)
                    now = client.get_server_info().worker.restarts
                except TimeoutError:
                    tally.failures.append(f"{label}: no answer in {HANG_S:g} s")
                    _kept(keep, folder / "input", number)
                    break
                except PeanutError as error:
                    tally.failures.append(f"{label}: the daemon is gone: {error}")
                    _kept(keep, folder / "input", number)
                    break
                tally.outcomes[kind, outcome.partition(":")[0]] += 1
                tally.slowest_s = max(tally.slowest_s, time.monotonic() - began)
                if now > restarts:
                    restarts = now
                    tally.contained.append(f"{label}: {outcome}")
                    _kept(keep, folder / "input", number)
                if outcome.startswith(("unexpected", "the client")):
                    tally.failures.append(f"{label}: {outcome}")
                    _kept(keep, folder / "input", number)
            if client.connection_info.pid != pid:
                tally.failures.append("the daemon was replaced")
    tally.seconds = time.monotonic() - started
    return tally


def _written(folder: Path, files: Seed) -> Path:
    """The files in an empty folder; returns the movie or the sequence's pattern."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    first = min(files)
    suffix = Path(first).suffix
    return folder / (f"a.%04d{suffix}" if suffix[1:] in SEQUENCES else first)


def _kept(keep: Path | None, folder: Path, number: int) -> None:
    if keep is not None:
        shutil.copytree(folder, keep / str(number), dirs_exist_ok=True)


def summary(tally: MediaTally, seed: int) -> str:
    """A page with the figures."""
    kinds = sorted({kind for kind, _ in tally.outcomes})
    names = Counter[str]()
    for (_, name), count in tally.outcomes.items():
        names[name] += count
    ways = ", ".join(f"{way} {count}" for way, count in tally.ways.most_common())
    lines = [
        "# Damaged media",
        "",
        f"`python tests/fuzz/media_campaign.py --inputs {tally.inputs} --seed {seed}`: small clips",
        "of every container, damaged, each through a real daemon from edit to proven deliverable.",
        "A failure is a call without an answer, a daemon that ends, or an error that nobody raises",
        "on purpose. Contained: a worker ended, and the call or job that it had got a named error.",
        "",
        f"- inputs: {tally.inputs} ({ways})",
        f"- failures: {len(tally.failures)}",
        f"- contained: {len(tally.contained)}",
        f"- slowest input: {tally.slowest_s:.1f} s; all: {tally.seconds:.0f} s",
        "",
        f"| outcome | {' | '.join(kinds)} | all |",
        f"|---|{'---|' * (len(kinds) + 1)}",
    ]
    for name, count in names.most_common():
        cells = " | ".join(str(tally.outcomes[kind, name]) for kind in kinds)
        lines.append(f"| {name} | {cells} | {count} |")
    lines += ["", *(f"- failure: {failure}" for failure in tally.failures)]
    lines += [f"- contained: {contained}" for contained in tally.contained]
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    """Run the campaign; 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--kinds", nargs="*", default=(), help="extensions, such as mxf; all")
    parser.add_argument("--out", type=Path, help="a Markdown file for the summary")
    parser.add_argument("--keep", type=Path, help="a folder for inputs that failed")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        tally = fuzz(
            Path(name), given.inputs, given.seed, kinds=tuple(given.kinds), keep=given.keep
        )
    page = summary(tally, given.seed)
    sys.stdout.write(page)
    if given.out is not None:
        given.out.write_text(page, encoding="utf-8")
    return int(bool(tally.failures))


if __name__ == "__main__":
    sys.exit(main())
