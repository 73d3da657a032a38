"""Whether the daemon grows: its memory over hundreds of small renders, one after another.

Run: python benchmarks/bench_memory.py [--jobs 500]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common import markdown_table, write_results
from daemon_workloads import SMALL, Daemon, make_clip, painted, start
from processes import resident_mib

from peanut.v1 import jobs_pb2

FRAMES = 6
# Caches and pools are full after so many jobs.
SETTLED_JOBS = 100


def memory_over(daemon: Daemon, clip: Path, jobs: int, folder: Path) -> dict[str, Any]:
    """Many small renders; resident memory of face and worker after every tenth."""
    face, worker, numbers, lost = [], [], [], 0
    with daemon.client("many") as client:
        worker_pid = client.get_server_info().worker.pid
        for number in range(1, jobs + 1):
            output = folder / "result.mkv"
            # A speck of its own in each job, since a window that is there is not computed again.
            prompts = [painted(SMALL, k, 1, speck=number) for k in range(FRAMES)]
            job = start(client, clip, prompts, output)
            for now in client.watch_job(job.id):
                job = now
            lost += job.state != jobs_pb2.JOB_STATE_SUCCEEDED
            if number % 10 == 0:
                numbers.append(number)
                face.append(resident_mib(daemon.pid))
                worker.append(resident_mib(worker_pid))
                print(number, round(face[-1]), round(worker[-1]), flush=True)
        same = client.get_server_info().worker.pid == worker_pid
    return {
        "jobs": jobs,
        "not_succeeded": lost,
        "worker_never_restarted": same,
        "after_jobs": numbers,
        "daemon_mib": [round(v, 1) for v in face],
        "worker_mib": [round(v, 1) for v in worker],
        "daemon_growth": growth(numbers, face),
        "worker_growth": growth(numbers, worker),
    }


def growth(numbers: Sequence[int], mib: Sequence[float]) -> dict[str, float]:
    """Of the memory once it has settled: slope in KiB a job, and last over first."""
    settled = [
        k for k, number in enumerate(numbers) if number >= min(SETTLED_JOBS, numbers[-1] / 2)
    ]
    x, y = [numbers[k] for k in settled], [mib[k] for k in settled]
    slope = statistics.linear_regression(x, y).slope if len(x) > 1 else 0.0
    return {"kib_per_job": round(1024 * slope, 2), "last_over_first": round(y[-1] / y[0], 3)}


def page_of(memory: Mapping[str, Any]) -> list[str]:
    """The results for people."""
    grown = [
        [
            name,
            f"{memory[f'{name}_mib'][0]:.0f}",
            f"{memory[f'{name}_mib'][-1]:.0f}",
            f"{memory[f'{name}_growth']['last_over_first']:.3f}",
            f"{memory[f'{name}_growth']['kib_per_job']:.1f}",
        ]
        for name in ("daemon", "worker")
    ]
    return [
        "# Memory over many jobs",
        "",
        f"{memory['jobs']} renders of {FRAMES} frames of {SMALL[0]}x{SMALL[1]}, one after another, "
        f"each with masks of its own; {memory['not_succeeded']} did not succeed. Resident memory "
        f"in MiB; the last two columns are of job {SETTLED_JOBS} to the end, when caches are full:",
        "",
        markdown_table(
            ("process", "after 10 jobs", "at the end", "end over start", "KiB a job"), grown
        ),
    ]


def main() -> None:
    """Measure, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=500)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_clip(folder / "job.mkv", SMALL, FRAMES)
        daemon = Daemon(folder / "many", workers=1)
        try:
            figures = memory_over(daemon, folder / "job.mkv", given.jobs, folder)
        finally:
            daemon.stop()
    write_results("memory", figures, page_of(figures))


if __name__ == "__main__":
    main()
