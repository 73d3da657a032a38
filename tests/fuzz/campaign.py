"""Random and tampered input for every call, timeline reader and decoder; what must not happen.

`python tests/fuzz/campaign.py --inputs 10000 --seed 7` runs all against a real daemon and writes
benchmarks/results/fuzz.md. An input fails when the daemon or a reader crashes, hangs, answers
INTERNAL or UNKNOWN, or raises what nobody raises on purpose. A test runs a few hundred.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import grpc
from fuzz.documents import CLIPS, Tamperer, seeds
from fuzz.messages import ENDS_THE_DAEMON, Maker, Rpc, rpcs
from fuzz.reading import read_clip, read_timeline
from support.daemon import RunningDaemon, point, track
from support.scenes import make_square_clip

from peanut.v1 import errors_pb2
from peanut_client import PeanutClient, frame_range
from peanut_daemon.errors import DaemonError
from peanut_daemon.guard.apart import Apart

ROOT = Path(__file__).resolve().parents[2]
# No call on a tiny clip takes so long.
CALL_TIMEOUT_S = 20.0
READ_TIMEOUT_S = 20.0
# Some streams say nothing while there is nothing new; they are cancelled then, as clients do.
STREAM_TIMEOUT_S = 0.4
ANSWERS = 6
SHARES = {"wire": 0.5, "timelines": 0.45, "media": 0.05}


@dataclass(slots=True)
class Tally:
    """What came of the inputs of one kind."""

    inputs: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    # Ends a reader, which the daemon survives: told as a named error.
    contained: int = 0
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0


# --- the wire ---


def fuzz_wire(daemon: RunningDaemon, clip: Path, inputs: int, seed: int) -> Tally:
    """Call every RPC in turn with made and tampered messages, over one connection."""
    tally, started = Tally(), time.monotonic()
    calls = rpcs()
    with daemon.client() as client:
        pid = client.connection_info.pid
        maker = Maker(seed)
        for number in range(inputs):
            if number % 250 == 0:
                maker.known = _known(client, clip)
            rpc = calls[number % len(calls)]
            outcome = _called(client, rpc, maker)
            tally.inputs += 1
            tally.outcomes[outcome.partition(":")[0]] += 1
            if outcome.startswith(("INTERNAL", "UNKNOWN", "DEADLINE_EXCEEDED", "UNAVAILABLE")):
                tally.failures.append(f"{rpc.path} (input {number}): {outcome}")
    _check_it_lives(daemon, clip, pid, tally)
    if tally.failures:
        tally.failures += _tracebacks(daemon.log())
    tally.seconds = time.monotonic() - started
    return tally


def _known(client: PeanutClient, clip: Path) -> tuple[str, ...]:
    """Ids and paths of a small edit that is there now; earlier inputs may have deleted any."""
    for edit in client.list_edits():
        if not any(job.edit_id == edit.id for job in client.list_jobs()):
            client.delete_edit(edit.id)
    edit = client.create_edit(str(clip), frame_range(0, 2))
    track(client, edit.id, point(20, 20))
    jobs = [job.id for job in client.list_jobs()][:2]
    return (edit.id, "1", str(clip), str(clip.with_name("out.mkv")), "session-fuzz", *jobs)


def _called(client: PeanutClient, rpc: Rpc, maker: Maker) -> str:
    """The status, and for failures the message."""
    channel: Any = client._connection.channel
    kind = f"{_arity(rpc.method.client_streaming)}_{_arity(rpc.method.server_streaming)}"
    made = getattr(channel, kind)(rpc.path)
    without_token = rpc.name == ENDS_THE_DAEMON or maker.random.random() < 0.03
    metadata = () if without_token else client.connection_info.metadata
    requests = maker.requests(rpc)
    given = iter(requests) if rpc.method.client_streaming else requests[0]
    try:
        timeout_s = STREAM_TIMEOUT_S if rpc.method.server_streaming else CALL_TIMEOUT_S
        answer = made(given, metadata=metadata, timeout=timeout_s)
        if rpc.method.server_streaming:
            for _ in zip(range(ANSWERS), answer, strict=False):
                pass
            answer.cancel()
    except grpc.RpcError as error:
        return _told(error, is_stream=rpc.method.server_streaming)
    return "OK"


def _told(error: Any, *, is_stream: bool) -> str:
    code = error.code()
    if code is grpc.StatusCode.DEADLINE_EXCEEDED and is_stream:
        return "OK"  # A job that is watched, or one that waits for its turn: nothing to say yet.
    trailer = dict(error.trailing_metadata() or ()).get("peanut-error-bin", b"")
    told = errors_pb2.Error.FromString(trailer)
    return f"{code.name}: {told.reason} {told.incident_id} {error.details()}"


def _tracebacks(log: str) -> list[str]:
    """Where the unexpected errors in a log came from, and what they were."""
    found = []
    for part in log.split("Traceback (most recent call last):")[1:]:
        lines = part.splitlines()
        ends = next((k for k, line in enumerate(lines) if line and not line.startswith(" ")), 0)
        found.append(" / ".join(line.strip()[:200] for line in lines[max(0, ends - 3) : ends + 1]))
    return found


def _arity(is_stream: bool) -> str:
    return "stream" if is_stream else "unary"


def _check_it_lives(daemon: RunningDaemon, clip: Path, pid: int, tally: Tally) -> None:
    with daemon.client() as client:
        if client.connection_info.pid != pid:
            tally.failures.append(f"the daemon was replaced: {pid}")
        if (restarts := client.get_server_info().worker.restarts) > 0:
            tally.failures.append(f"the worker ended {restarts} times")
        edit = client.create_edit(str(clip), frame_range(0, 2))
        if len(track(client, edit.id, point(20, 20))) != 2:
            tally.failures.append("tracking no longer works")


# --- timelines and media ---


def fuzz_timelines(folder: Path, inputs: int, seed: int, keep: Path | None = None) -> Tally:
    """Tampered timelines of all formats through everything that reads them."""
    make_square_clip(folder / "a.mov", frames=30)
    valid = sorted(seeds(folder).items())
    tamperer = Tamperer(seed)

    def made(number: int) -> tuple[Path, bytes]:
        name, content = valid[number % len(valid)]
        changed = tamperer.document(name, content).replace(CLIPS.encode(), f"{folder}/".encode())
        return folder / f"input{Path(name).suffix}", changed

    return asyncio.run(_read_all(made, read_timeline, inputs, keep))


def fuzz_media(folder: Path, inputs: int, seed: int, keep: Path | None = None) -> Tally:
    """Tampered clips through probing and decoding."""
    valid = [
        make_square_clip(folder / name, frames=6).read_bytes()
        for name in ("m.mov", "m.mkv", "m.mp4")
    ]
    tamperer = Tamperer(seed)

    def made(number: int) -> tuple[Path, bytes]:
        return folder / "input.mov", tamperer.bytes_of(valid[number % len(valid)])

    return asyncio.run(_read_all(made, read_clip, inputs, keep))


async def _read_all(
    made: Callable[[int], tuple[Path, bytes]],
    read: Callable[[Path], list[str]],
    inputs: int,
    keep: Path | None,
) -> Tally:
    tally, started = Tally(), time.monotonic()
    apart = Apart(timeout_s=READ_TIMEOUT_S, processes=1)
    try:
        for number in range(inputs):
            path, content = made(number)
            path.write_bytes(content)
            tally.inputs += 1
            before = tally.contained + len(tally.failures)
            try:
                for reason in await apart.call(path.name, read, path):
                    tally.outcomes[reason or "read"] += 1
            except DaemonError as error:
                tally.contained += 1
                tally.outcomes[f"contained {type(error).__name__} (input {number})"] += 1
            except RuntimeError as error:
                tally.failures.append(f"{path.suffix} (input {number}): {str(error)[:300]}")
            if keep is not None and tally.contained + len(tally.failures) > before:
                (keep / f"{number}{path.suffix}").write_bytes(content)
    finally:
        apart.close()
    tally.seconds = time.monotonic() - started
    return tally


# --- all of it ---


def run(folder: Path, inputs: int, seed: int, keep: Path | None) -> dict[str, Tally]:
    """All three kinds, each with its share of the inputs."""
    counts = {kind: max(1, round(inputs * share)) for kind, share in SHARES.items()}
    clip = make_square_clip(folder / "wire.mov", frames=4)
    # Nobody is refused for being quick here: the calls themselves are what is tested.
    settings = {"calls_per_s": 1e6, "call_burst": 10**6}
    with RunningDaemon(folder / "data", **settings) as daemon:
        wire = fuzz_wire(daemon, clip, counts["wire"], seed)
    return {
        "wire": wire,
        "timelines": fuzz_timelines(folder, counts["timelines"], seed, keep),
        "media": fuzz_media(folder, counts["media"], seed, keep),
    }


def summary(tallies: dict[str, Tally], seed: int) -> str:
    """A page with the figures."""
    total = sum(tally.inputs for tally in tallies.values())
    lines = [
        "# Random and tampered input",
        "",
        f"`python tests/fuzz/campaign.py --inputs {total} --seed {seed}`, on a real daemon.",
        "A failure is a crash or a hang of the daemon or its worker, a status INTERNAL or UNKNOWN,",
        "or an error that nobody raises on purpose. Contained: a process that only reads files",
        "ended or ran out of time, and the caller was told so by name.",
        "",
        "| input | inputs | failures | contained | seconds |",
        "|---|---|---|---|---|",
        *(
            f"| {kind} | {tally.inputs} | {len(tally.failures)} | {tally.contained} | "
            f"{tally.seconds:.0f} |"
            for kind, tally in tallies.items()
        ),
    ]
    for kind, tally in tallies.items():
        lines += ["", f"## {kind}", "", "| outcome | count |", "|---|---|"]
        lines += [f"| {name} | {count} |" for name, count in tally.outcomes.most_common()]
        lines += [f"- {failure}" for failure in tally.failures]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run the campaign; 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--out", type=Path, help="a Markdown file for the summary")
    parser.add_argument("--keep", type=Path, help="a folder for inputs that failed")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        tallies = run(Path(name), given.inputs, given.seed, given.keep)
    page = summary(tallies, given.seed)
    sys.stdout.write(page)
    if given.out is not None:
        given.out.write_text(page, encoding="utf-8")
    return int(any(tally.failures for tally in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
