"""What the daemon costs beside the library: one job both ways, side by side, in turns.

The job: one click on the demo shot (48 frames of 640x360, two windows), tracked, filled and encoded
to a full deliverable with its matte. The library way is one process that calls `peanut_models` and
`media` and keeps everything in memory. The daemon way is a client that makes an edit, streams the
masks, approves them and watches the render; on top it has gRPC, a journal, a worker process, synced
artifacts, a timeline, a report and a contact sheet. Imports and the start of processes count for
neither, and each way has done a short job before.

Run: python benchmarks/bench_overhead.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from common import markdown_table, write_results
from processes import cpu_seconds

import peanut_daemon.demo
from peanut.v1 import edits_pb2, jobs_pb2
from peanut_client import PeanutClient, frame_range, load_settings

CLIP = next(Path(peanut_daemon.demo.__file__).parent.glob("clip.*"))
CLICK = (196.0, 159.0)
FRAMES, WARM_UP_FRAMES = 48, 6
WINDOW, CONTEXT = 24, 16
FEATHER_PX = 2
LONG_SIDE_PX = 960
MOST_PERCENT = 3.0

# What the daemon's way has on top, by its own clock; see `Job.times`.
ON_TOP = (
    *("queue", "turns", "daemon", "plate.check", "plate.store", "plate.load"),
    *("encode.check", "encode.report", "encode.files"),
)


def by_library(frames: int, grow_px: int, output: Path) -> None:
    """The job in this process."""
    import numpy as np

    from peanut_daemon.media import (
        AudioRange,
        ClipReader,
        ClipWriter,
        ColourTags,
        OutputFormat,
        probe,
        writer_of,
    )
    from peanut_daemon.media import composite as composed
    from peanut_models.cascade import FinishedFrames, fill_window
    from peanut_models.embedded.eraser import PropagationEraser
    from peanut_models.embedded.masks import ClassicalMaskTracker
    from peanut_models.matte import matte_of
    from peanut_models.ranges import FrameRange, plan_windows
    from peanut_models.stages import GENERATED, PointPrompt
    from peanut_models.tracking import OneByOne, TargetMask, TargetPrompts

    clip, whole = probe(CLIP), FrameRange(0, frames)

    class Proxy:
        frame_range = whole

        def read(self, frame_index: int) -> Any:
            return reader.read(frame_index).working_rgb(LONG_SIDE_PX)

    with ClipReader.of(clip) as reader:
        click = PointPrompt(frame_index=0, x_px=CLICK[0], y_px=CLICK[1], positive=True)
        target = TargetPrompts(target_id="1", frames=whole, prompts=[click])
        found = OneByOne(ClassicalMaskTracker()).track(Proxy(), [target], playhead=None)
        tracked = [event.tracked for event in found if isinstance(event, TargetMask)]
        masks = {mask.frame_index: mask.mask for mask in tracked}
    size = (clip.height, clip.width)
    matte = np.stack(
        [matte_of([masks[k]], size=size, grow_px=grow_px, feather_px=FEATHER_PX) for k in whole]
    )
    eraser, before = PropagationEraser(), None
    plates: dict[int, Any] = {}
    with ClipReader.of(clip) as reader:
        for window in plan_windows(whole, core_frames=WINDOW, context_frames=CONTEXT):
            span, core = window.span, window.core
            pictures = np.stack([source.to_rgb() for source in reader.frames(span)])
            alpha = matte[span.start : span.end]
            plate = fill_window(eraser, window, pictures, alpha > 0, before)
            last = slice(-min(CONTEXT, len(core)), None)
            before = FinishedFrames(
                frame_range=FrameRange(core.end - min(CONTEXT, len(core)), core.end),
                frames=plate.frames[last],
                generated=plate.provenance[last] == GENERATED,
            )
            plates |= dict(zip(core, plate.frames, strict=True))
    sound = AudioRange.of(clip.path, whole) if clip.has_audio else None
    to = OutputFormat.of(clip, first_frame=0)
    to_matte = replace(to, pixel_format="gray", colour=ColourTags())
    with (
        ClipReader.of(clip) as reader,
        writer_of(output, "ffv1", to, audio=sound) as deliverable,
        ClipWriter(output.with_suffix(".matte.mkv"), "ffv1", to_matte) as mattes,
    ):
        for source in reader.frames(whole):
            alpha = matte[source.frame_index]
            picture = composed(source, plates[source.frame_index], alpha)
            deliverable.write(picture, time=source.time)
            mattes.write(np.repeat(alpha[..., None], 3, axis=2), time=source.time)


def by_daemon(client: PeanutClient, frames: int, grow_px: int, output: Path) -> jobs_pb2.Job:
    """The job through the daemon; the job as it was when it had ended."""
    edit = client.create_edit(str(CLIP), frame_range(0, frames))
    point = edits_pb2.PointPrompt(x_px=CLICK[0], y_px=CLICK[1])
    target = edits_pb2.Target(id="1", prompts=[edits_pb2.Prompt(frame_index=0, point=point)])
    for _ in client.track_masks(edit.id, [target]):
        pass
    client.approve_masks(edit.id, grow_px=grow_px, feather_px=FEATHER_PX)
    job = client.start_render(edit.id, str(output), cuts=[], proof=False, grain=False)
    for now in client.watch_job(job.id):
        job = now
    if job.state != jobs_pb2.JOB_STATE_SUCCEEDED:
        raise SystemExit(f"the job failed: {job.error.message}")
    return job


class Library:
    """A process that does the job on demand."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def run(self, frames: int, grow_px: int, output: Path) -> None:
        """Have the job done."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([frames, grow_px, str(output)]) + "\n")
        self._process.stdin.flush()
        if self._process.stdout.readline().strip() != "done":
            raise SystemExit("the library's process failed")

    def close(self) -> None:
        """End the process."""
        self._process.communicate("")


def child() -> None:
    """In the library's process: a job per line of stdin."""
    for line in sys.stdin:
        frames, grow_px, output = json.loads(line)
        by_library(frames, grow_px, Path(output))
        print("done", flush=True)


def measured(pid: int, work: Any) -> tuple[float, float, Any]:
    """Wall and CPU seconds of some work that a process and its children do, and its result."""
    cpu, started = cpu_seconds(pid), time.perf_counter()
    result = work()
    return time.perf_counter() - started, cpu_seconds(pid) - cpu, result


def compare(rounds: int, folder: Path) -> dict[str, Any]:
    """Both ways in turns."""
    environment = os.environ | {
        "PEANUT_WINDOW_FRAMES": str(WINDOW),
        "PEANUT_CONTEXT_FRAMES": str(CONTEXT),
    }
    command = [sys.executable, "-m", "peanut_daemon", "--data-dir", str(folder / "data")]
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    library = Library()
    settings = load_settings({"PEANUT_DATA_DIR": str(folder / "data")})
    outcome: list[dict[str, Any]] = []
    try:
        while not settings.connection_file.is_file():
            time.sleep(0.1)
        with PeanutClient(start=False, settings=settings) as client:
            for number in range(-1, rounds):
                frames = WARM_UP_FRAMES if number < 0 else FRAMES
                # Another matte each time: the daemon does not compute equal windows again.
                grow_px = 4 + number
                outputs = [folder / f"{way}-{number}.mkv" for way in ("library", "daemon")]
                ways = [
                    (library.pid, partial(library.run, frames, grow_px, outputs[0])),
                    (daemon.pid, partial(by_daemon, client, frames, grow_px, outputs[1])),
                ]
                # Each way is first every second time, so that neither has the warmer machine.
                order = (0, 1) if number % 2 else (1, 0)
                result = {k: measured(*ways[k]) for k in order}
                if number >= 0:
                    outcome.append(round_of(result, outputs))
                    print(outcome[-1], flush=True)
    finally:
        library.close()
        daemon.terminate()
        daemon.wait()
    return {"rounds": outcome, **summary(outcome)}


def round_of(
    result: Mapping[int, tuple[float, float, Any]], outputs: Sequence[Path]
) -> dict[str, Any]:
    """The figures of one round."""
    (library_s, library_cpu_s, _), (daemon_s, daemon_cpu_s, job) = result[0], result[1]
    times = {entry.step: entry.seconds for entry in job.times}
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in outputs}
    return {
        "library_s": round(library_s, 3),
        "daemon_s": round(daemon_s, 3),
        "library_cpu_s": round(library_cpu_s, 3),
        "daemon_cpu_s": round(daemon_cpu_s, 3),
        "on_top_s": round(sum(times.get(step, 0.0) for step in ON_TOP), 3),
        "times": {step: round(seconds, 3) for step, seconds in times.items()},
        "same_deliverable": len(digests) == 1,
    }


def summary(rounds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Ratios of each round, as medians with their range."""

    def spread(values: Sequence[float]) -> dict[str, float]:
        return {
            "median": round(statistics.median(values), 2),
            "lowest": round(min(values), 2),
            "highest": round(max(values), 2),
        }

    return {
        "overhead_wall_percent": spread(
            [100 * (r["daemon_s"] / r["library_s"] - 1) for r in rounds]
        ),
        "overhead_cpu_percent": spread(
            [100 * (r["daemon_cpu_s"] / r["library_cpu_s"] - 1) for r in rounds]
        ),
        "on_top_of_render_percent": spread(
            [100 * r["on_top_s"] / sum(r["times"].values()) for r in rounds]
        ),
        "same_deliverable": all(r["same_deliverable"] for r in rounds),
    }


def page_of(figures: Mapping[str, Any], load: float) -> list[str]:
    """The results for people."""
    rows = [
        [what, f"{value['median']:.2f}", f"{value['lowest']:.2f} to {value['highest']:.2f}"]
        for what, value in (
            ("wall time", figures["overhead_wall_percent"]),
            ("CPU time of all processes", figures["overhead_cpu_percent"]),
            ("of the render, by its own clock", figures["on_top_of_render_percent"]),
        )
    ]
    each = [
        [
            f"{r['library_s']:.2f}",
            f"{r['daemon_s']:.2f}",
            f"{r['library_cpu_s']:.2f}",
            f"{r['daemon_cpu_s']:.2f}",
            f"{r['on_top_s']:.3f}",
        ]
        for r in figures["rounds"]
    ]
    return [
        "# The daemon's way beside the library's",
        "",
        f"One click on the demo shot, {FRAMES} frames of 640x360 in windows of {WINDOW}, tracked, "
        "filled, composited and encoded, without grain and proof; both ways in turns on two CPU "
        f"cores, {len(figures['rounds'])} rounds. Starting and imports count for neither. "
        f"Aim: under {MOST_PERCENT:.0f} % more. Load of the machine at the end: {load:.1f}.",
        "",
        markdown_table(("daemon over library, %", "median", "rounds from, to"), rows),
        "",
        "Deliverables of both ways are the same, byte for byte: "
        f"{'yes' if figures['same_deliverable'] else 'NO'}. The last line adds up what only the "
        f"daemon does ({', '.join(ON_TOP)}); the first two also have gRPC, the journal and the "
        "masks on their way.",
        "",
        markdown_table(
            ("library s", "daemon s", "library CPU s", "daemon CPU s", "on top s"), each
        ),
    ]


def main() -> None:
    """Measure, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child()
        return
    with tempfile.TemporaryDirectory() as folder:
        figures = compare(given.rounds, Path(folder))
    write_results("overhead", figures, page_of(figures, os.getloadavg()[0]))


if __name__ == "__main__":
    main()
