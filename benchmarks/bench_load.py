"""Sixteen people at one daemon: what is lost, and what waits.

Sixteen clients, each with an edit of its own, click again and again with pauses as people make
them; every click tracks eight frames. Once alone, once beside renders of another client, with one
worker and with two.

Run: python benchmarks/bench_load.py [--clients 16] [--clicks 10]
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common import markdown_table, write_results
from daemon_workloads import SEED, SMALL, WINDOW, Daemon, block_at, make_clip, painted, start

from peanut.v1 import edits_pb2

CLICK_FRAMES, RENDER_FRAMES = 8, 120
LARGER = (320, 180)
# A person looks before the next click.
PAUSE_S = (4.0, 12.0)


@dataclass(slots=True)
class Clicks:
    """What the clients saw."""

    latencies_s: list[float] = field(default_factory=list)
    asked: int = 0
    complete: int = 0
    refused: list[str] = field(default_factory=list)


def click_away(
    daemon: Daemon, name: str, clip: Path, clicks: int, seen: Clicks, lock: threading.Lock
) -> None:
    """One person: click, wait for all masks, look, click again."""
    pauses = random.Random(f"{SEED} {name}")
    left, top, block_width, block_height = block_at(SMALL, 0)
    with daemon.client(name) as client:
        edit = client.create_edit(str(clip))
        for number in range(clicks):
            time.sleep(pauses.uniform(*PAUSE_S))
            x = left + 2 + number % (block_width - 4)
            y = top + 2 + number // (block_width - 4) % (block_height - 4)
            point = edits_pb2.PointPrompt(x_px=x, y_px=y)
            prompts = [edits_pb2.Prompt(frame_index=0, point=point)]
            target = edits_pb2.Target(id="1", prompts=prompts)
            started, first_s, masks = time.perf_counter(), 0.0, set()
            try:
                for response in client.track_masks(edit.id, [target]):
                    if response.HasField("mask"):
                        first_s = first_s or time.perf_counter() - started
                        masks.add(response.mask.frame_index)
            except Exception as error:
                with lock:
                    seen.refused.append(str(error))
            with lock:
                seen.asked += 1
                seen.complete += masks == set(range(CLICK_FRAMES))
                seen.latencies_s.append(first_s)


def crowd(daemon: Daemon, clip: Path, clients: int, clicks: int) -> Clicks:
    """All clients at once."""
    seen, lock = Clicks(), threading.Lock()
    people = [
        threading.Thread(target=click_away, args=(daemon, f"p{k}", clip, clicks, seen, lock))
        for k in range(clients)
    ]
    for person in people:
        person.start()
    for person in people:
        person.join()
    return seen


@contextmanager
def beside_renders(daemon: Daemon, clip: Path, folder: Path) -> Iterator[list[float]]:
    """Renders one after another while the block runs; yields seconds per piece, once they end."""
    pieces_s: list[float] = []
    over = threading.Event()

    def render() -> None:
        with daemon.client("renderer") as client:
            number = 0
            while not over.is_set():
                number += 1
                prompts = [painted(LARGER, k, number) for k in range(RENDER_FRAMES)]
                job = start(client, clip, prompts, folder / f"beside-{number}.mkv")
                for now in client.watch_job(job.id):
                    job = now
                    if over.is_set():
                        client.cancel_job(job.id)
                done = job.units_done / WINDOW
                work_s = sum(t.seconds for t in job.times if t.step not in ("queue", "turns"))
                if done >= 1:
                    pieces_s.append(work_s / done)

    thread = threading.Thread(target=render)
    thread.start()
    try:
        yield pieces_s
    finally:
        over.set()
        thread.join()


def figures_of(seen: Clicks) -> dict[str, Any]:
    """Counts and latencies of a crowd."""
    ordered = sorted(seen.latencies_s)
    at = [ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in (0.5, 0.99)]
    return {
        "clicks": seen.asked,
        "complete": seen.complete,
        "refused": seen.refused,
        "p50_s": round(at[0], 3),
        "p99_s": round(at[1], 3),
    }


def latencies(folder: Path, given: argparse.Namespace, workers: int) -> dict[str, Any]:
    """The crowd alone, and beside renders."""
    small, larger = folder / "small.mkv", folder / "larger.mkv"
    daemon = Daemon(folder / f"{workers}", workers=workers)
    try:
        crowd(daemon, small, clients=2 * workers, clicks=1)  # imports and caches
        alone = figures_of(crowd(daemon, small, given.clients, given.clicks))
        with beside_renders(daemon, larger, folder) as pieces_s:
            beside = figures_of(crowd(daemon, small, given.clients, given.clicks))
    finally:
        daemon.stop()
    figures = {
        "alone": alone,
        "beside": beside,
        "piece_s": round(statistics.median(pieces_s), 2),
        "p50_ratio": round(beside["p50_s"] / alone["p50_s"], 2),
        "p99_ratio": round(beside["p99_s"] / alone["p99_s"], 2),
    }
    print(figures, flush=True)
    return figures


def page_of(figures: Mapping[str, Any], given: argparse.Namespace) -> list[str]:
    """The results for people."""
    rows, refused = [], 0
    for workers, seen in figures["workers"].items():
        alone, beside = seen["alone"], seen["beside"]
        refused += len(alone["refused"]) + len(beside["refused"])
        rows.append(
            [
                workers,
                f"{alone['complete'] + beside['complete']} of {alone['clicks'] + beside['clicks']}",
                *(f"{alone[at]:.2f}" for at in ("p50_s", "p99_s")),
                *(f"{beside[at]:.2f}" for at in ("p50_s", "p99_s")),
                *(f"{seen[at]:.2f}" for at in ("p50_ratio", "p99_ratio")),
                f"{seen['piece_s']:.2f}",
            ]
        )
    head = ["workers", "all masks came"]
    head += [
        f"{share} {where}" for where in ("alone", "beside", "ratio") for share in ("p50", "p99")
    ]
    return [
        "# Many clients at one daemon",
        "",
        f"{given.clients} clients, {given.clicks} clicks each with pauses of {PAUSE_S[0]:.0f} to "
        f"{PAUSE_S[1]:.0f} s, {CLICK_FRAMES} frames of {SMALL[0]}x{SMALL[1]} tracked by each; the "
        f"renders beside them are of {LARGER[0]}x{LARGER[1]} in pieces of {WINDOW} frames. Two CPU "
        f"cores, shared with other work (load {figures['load']:.1f}). With one worker a click "
        "waits for one piece of a render at most, and for the clicks of others before it; of two, "
        "one is kept free while somebody clicks, and both share the cores. From the click to the "
        "first mask, seconds:",
        "",
        markdown_table((*head, "a piece took"), rows),
        "",
        f"Clicks that were refused or failed: {refused}.",
    ]


def main() -> None:
    """Measure, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--clicks", type=int, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_clip(folder / "small.mkv", SMALL, CLICK_FRAMES)
        make_clip(folder / "larger.mkv", LARGER, RENDER_FRAMES)
        figures: dict[str, Any] = {
            "workers": {str(count): latencies(folder, given, count) for count in (1, 2)}
        }
    figures["load"] = round(os.getloadavg()[0], 1)
    write_results("load", figures, page_of(figures, given))


if __name__ == "__main__":
    main()
