"""The fault campaign: mixed work under kills, full disks and damaged files, against calm work.

    python tests/faults/campaign.py --worker-kills 200 --daemon-kills 50 --seed 7 [--write]

Ends with exit code 1 if anything that was confirmed is lost, or any result differs.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks")]

from common import markdown_table, write_results  # noqa: E402
from support.daemon import RunningDaemon  # noqa: E402
from support.faults.damage import DamagePoints  # noqa: E402
from support.faults.disk import DiskPoints  # noqa: E402
from support.faults.editor import SHOTS, Editor, Losses, Results, Shot  # noqa: E402
from support.faults.full_disk import FullDisk, why_not  # noqa: E402
from support.faults.kills import Tormentor, commits  # noqa: E402

# Results are given up at once, so that every round computes its windows anew.
SETTINGS = {"window_frames": 4, "context_frames": 2, "keep_results_days": 0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worker-kills", type=int, default=200)
    parser.add_argument("--daemon-kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/faults.*")
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="peanut-faults-") as name:
        faults = Faults(Path(name), options.seed)
        say(f"undisturbed work: {faults.calm_s:.1f} s a shot")
        kills = faults.kills(options.worker_kills, options.daemon_kills, say=say)
        points = {}
        for kind, found in (("damage", faults.damage()), ("disk full", faults.full_disk())):
            points[kind] = []
            for point in found:
                say(f"{kind}: {point}")
                points[kind].append(point)
    figures = kills | {"points": points, "seconds": round(time.monotonic() - started)}
    page = summary(figures)
    say("\n".join(page))
    if options.write:
        write_results("faults", figures, page)
    sys.exit(1 if sum(figures["lost"].values()) else 0)


def say(text: str) -> None:
    """Write a line at once: the campaign takes a while."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Faults:
    """The three parts of the campaign, against the same undisturbed results.

    Args:
        folder: an empty one.
        seed: decides moments and places.
        shots: what to work on.
    """

    def __init__(self, folder: Path, seed: int, shots: Sequence[Shot] = SHOTS) -> None:
        self._folder = folder
        self._seed = seed
        self._losses = Losses()
        (folder / "clips").mkdir(parents=True)
        self._shots = shots
        self.calm, self.calm_s = undisturbed(folder / "calm", folder / "clips", shots)

    def kills(self, of_worker: int, of_daemon: int, say: Callable[[str], object]) -> dict[str, Any]:
        """Work under kills until there were so many; returns the figures."""
        losses, generator = self._losses, random.Random(self._seed)
        victims = ["worker"] * of_worker + ["daemon"] * of_daemon
        generator.shuffle(victims)
        rounds = windows = 0
        with RunningDaemon(self._folder / "killed", **SETTINGS) as daemon:
            editor = Editor(daemon, self._folder / "clips", losses)
            tormentor = Tormentor(daemon, generator, pause_s=self.calm_s / 2)
            for shot in itertools.cycle(self._shots):
                if not victims or losses.total():
                    break
                count = generator.randint(2, 8)
                tormentor.start(victims[:count], editor)
                del victims[:count]
                results = editor.do(shot, self._folder / f"round-{rounds}")
                tormentor.finish()
                victims += tormentor.spared
                tormentor.spared.clear()
                compare(shot.name, self.calm[shot.name], results, losses)
                now = commits(daemon.data_dir)
                losses.windows += [k for k, at in tormentor.committed.items() if now.get(k) != at]
                windows += len(tormentor.committed)
                tormentor.committed.clear()
                editor.again(lambda client: client.clean_store(0))
                rounds += 1
                say(
                    f"round {rounds}: {shot.name}, {tormentor.kills}, {windows} windows, "
                    f"lost {losses.total()}"
                )
            editor.check_all()
            with daemon.client() as client:
                client.shutdown()
            daemon.wait_until_it_ends()
            losses.leftovers += [str(path) for path in daemon.data_dir.rglob(".*.part")]
            losses.leftovers += [f"worker {pid}" for pid in tormentor.still_running()]
        return {
            "seed": self._seed,
            "rounds": rounds,
            "kills": tormentor.kills,
            "kills_by_phase": {p.name.lower(): n for p, n in tormentor.kills_by_phase.items()},
            "interruptions": editor.asked_again,
            "watched": vars_of(editor.confirmed) | {"windows": windows},
            "lost": {name: len(found) for name, found in vars_of(losses).items()},
            "details": [f"{name}: {e}" for name, found in vars_of(losses).items() for e in found],
        }

    def damage(self) -> Iterator[str]:
        """The places where damaged files were noticed and mended."""
        with RunningDaemon(self._folder / "damaged", **SETTINGS) as daemon:
            editor = Editor(daemon, self._folder / "clips", self._losses)
            outputs = self._folder / "damaged-outputs"
            outputs.mkdir()
            generator = random.Random(self._seed)
            yield from DamagePoints(daemon, editor, self.calm, outputs, generator).all()

    def full_disk(self) -> Iterator[str]:
        """The places where a full disk was named and nothing lost; none where it cannot be had."""
        if why_not():
            return
        full = FullDisk(self._folder)
        with RunningDaemon(
            self._folder / "full", environment=full.environment, **SETTINGS
        ) as daemon:
            editor = Editor(daemon, self._folder / "clips", self._losses)
            outputs = self._folder / "full-outputs"
            outputs.mkdir()
            yield from DiskPoints(daemon, full, editor, self.calm, outputs).all()


def vars_of(record: Any) -> dict[str, Any]:
    """The fields of a slotted dataclass."""
    return {field.name: getattr(record, field.name) for field in fields(record)}


def undisturbed(
    folder: Path, clips: Path, shots: Sequence[Shot]
) -> tuple[dict[str, Results], float]:
    """The results of every shot where nothing happens, and the seconds that one takes."""
    with RunningDaemon(folder / "data", **SETTINGS) as daemon:
        editor = Editor(daemon, clips, Losses())
        started = time.monotonic()
        results = {shot.name: editor.do(shot, folder / shot.name) for shot in shots}
        return results, (time.monotonic() - started) / len(shots)


def compare(name: str, wanted: Results, found: Results, losses: Losses) -> None:
    """Note every result that differs from the undisturbed one."""
    if found.first_masks != wanted.first_masks:
        losses.outputs.append(f"{name}: first masks")
    if (found.masks, found.matte_hash) != (wanted.masks, wanted.matte_hash):
        losses.outputs.append(f"{name}: corrected masks")
    for file, digest in wanted.files.items():
        if found.files.get(file) != digest:
            losses.outputs.append(f"{name}: {file}")


def summary(figures: dict[str, Any]) -> list[str]:
    """The page for people."""
    kills, watched, lost = figures["kills"], figures["watched"], figures["lost"]
    rows = [[name, str(watched.get(name, "")), str(count)] for name, count in lost.items()]
    of_worker, of_daemon = kills["worker"], kills["daemon"]
    page = [
        "# Faults",
        "",
        f"`python tests/faults/campaign.py --worker-kills {of_worker} --daemon-kills {of_daemon} "
        f"--seed {figures['seed']}`, {figures['seconds']} s.",
        "",
        f"{figures['rounds']} rounds of mixed work (prompts, corrections, approvals, renders of "
        f"every deliverable) under {of_worker} `kill -9` of the worker and {of_daemon} of the "
        f"daemon at random moments; {figures['interruptions']} calls and streams were interrupted "
        "and asked again. Every result is compared with that of undisturbed work, byte for byte; "
        "OTIO and report without the ids, times and memory figures in them.",
        "",
        "The daemon was killed, or its worker, while the editor was "
        + ", ".join(f"{name} ({n})" for name, n in figures["kills_by_phase"].items() if n)
        + "; done: the work of the round had just ended.",
        "",
        markdown_table(("what was confirmed", "so often", "lost or different"), rows),
    ]
    for kind, points in figures["points"].items():
        page += ["", f"## {kind.capitalize()}", "", f"{len(points)} places, all held:", ""]
        page += [f"- {point}" for point in points]
    return page


if __name__ == "__main__":
    main()
