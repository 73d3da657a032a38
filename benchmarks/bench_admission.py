"""Does the table of costs say what work needs? Measures models, then whole renders, beside it.

Models run alone, each case in a process of its own (`admission_workloads.py`), networks with noise
for weights; two sizes or more of each, so that fixed and growing parts of a row separate. Renders
go through a daemon of their own, one worker for each, with given masks; memory is what the worker
had resident at most. Figures of the table are kept by hand: this says how far off they are.

Run: python benchmarks/bench_admission.py [--only models|renders]
Takes half an hour on two cores; with --only renders four minutes. Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
from admission_workloads import Case
from common import RESULTS, markdown_table, write_results

from peanut.v1 import edits_pb2, jobs_pb2, renders_pb2
from peanut_client import PeanutClient, load_settings
from peanut_daemon.jobs import costs
from peanut_daemon.jobs.costing import Work
from peanut_daemon.jobs.costs import cost_of

MODELS: dict[str, tuple[Case, ...]] = {
    "embedded/propagation": (
        Case(180, 320, 48, 0.04),
        Case(360, 640, 48, 0.04),
        Case(180, 320, 80, 0.04),
        Case(180, 320, 48, 0.25),
    ),
    "embedded/lanczos": (Case(180, 320, 8, 0.04), Case(720, 1280, 4, 0.04)),
    "embedded/masks": (Case(270, 480, 6, 0.04), Case(540, 960, 6, 0.04)),
    "e2fgvi_hq": (Case(120, 216, 44, 0.04), Case(240, 432, 44, 0.04)),
    "basicvsr_pp": (Case(64, 96, 8, 0.04), Case(128, 160, 8, 0.04)),
    "sam2.1/tiny": (Case(270, 480, 4, 0.04),),
    "sam2.1/base_plus": (Case(270, 480, 4, 0.04),),
    "samwise": (Case(270, 480, 8, 0.04),),
}

# Takes what there is, see `peanut_models/ur_net/planning.py`.
AT_LEAST = "basicvsr_pp"

# Estimates are held to this: never under what was used, and at most so many times above it.
MOST_ABOVE = 2.0


@dataclass(frozen=True, slots=True)
class Render:
    """One render to measure."""

    name: str
    case: Case
    deliverable: renders_pb2.Deliverable
    window_frames: int


FULL, PATCH, UPSCALED = (
    renders_pb2.DELIVERABLE_FULL,
    renders_pb2.DELIVERABLE_PATCH,
    renders_pb2.DELIVERABLE_UPSCALED,
)
RENDERS = (
    Render("full, one window", Case(180, 320, 48, 0.04), FULL, 48),
    Render("full, larger", Case(360, 640, 24, 0.04), FULL, 24),
    Render("full, two windows", Case(270, 480, 32, 0.04), FULL, 16),
    Render("full, large hole", Case(270, 480, 16, 0.25), FULL, 16),
    Render("patch, larger still", Case(540, 960, 12, 0.04), PATCH, 12),
    Render("upscaled", Case(180, 320, 6, 0.04), UPSCALED, 6),
    Render("upscaled, larger", Case(360, 640, 4, 0.04), UPSCALED, 4),
)


def measured(model: str, case: Case) -> dict[str, float]:
    """Bytes and seconds of one model on one clip, in a process of its own."""
    script = Path(__file__).with_name("admission_workloads.py")
    numbers = (case.height, case.width, case.frames, case.share)
    command = [sys.executable, str(script), model, *map(str, numbers)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def reckoned(model: str, case: Case) -> tuple[int, float]:
    """What the table says of it, for the same work."""
    px = case.height * case.width
    margin = 2 * costs.MATTE_MARGIN_PX
    sides = (case.height * case.share**0.5 + margin, case.width * case.share**0.5 + margin)
    work = Work(
        px=px,
        frames=case.frames,
        done=len(case.core) if model in (costs.PROPAGATION, "e2fgvi_hq") else case.frames,
        matte_px=round(sides[0] * sides[1]),
        tile_px=min(px, costs.BAND_PX + case.width * costs.BAND_HALO_ROWS),
    )
    cost = cost_of(model, "cpu")
    return cost.host.bytes(work), cost.time.seconds(work)


def model_rows() -> Iterator[dict[str, Any]]:
    """Every model on every size."""
    for model, cases in MODELS.items():
        for case in cases:
            found = measured(model, case)
            # The bare process has the interpreter and the clip; the rest came with the model.
            loaded = found["bytes"] + (found["before"] - found["bare"])
            memory, seconds = reckoned(model, case)
            yield {
                "model": model,
                "size": f"{case.width}x{case.height}",
                "frames": case.frames,
                "matte": case.share,
                "bytes": loaded,
                "reckoned_bytes": memory,
                "seconds": found["seconds"],
                "reckoned_seconds": round(seconds, 2),
                "cpu_seconds": found["cpu_seconds"],
                "reckoned_cpu_seconds": round(seconds, 2),
            }


def write_clip(path: Path, case: Case) -> None:
    """The case's clip as H.264."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = case.width, case.height, "yuv420p"
        stream.options = {"crf": "16", "preset": "fast"}
        for picture in case.pictures():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def rendered(render: Render, folder: Path) -> dict[str, Any]:
    """One render through a fresh daemon: its estimate, and what it took."""
    clip, out, data = folder / "clip.mp4", folder / "out.mkv", folder / "data"
    write_clip(clip, render.case)
    os.environ["PEANUT_DATA_DIR"] = str(data)
    with PeanutClient(settings=load_settings({"PEANUT_DATA_DIR": str(data)})) as client:
        edit = client.create_edit(str(clip))
        prompts = []
        for k, hole in enumerate(render.case.holes()):
            png = cv2.imencode(".png", hole.astype("uint8") * 255)[1].tobytes()
            mask = edits_pb2.MaskPrompt(png=png)
            prompts.append(edits_pb2.Prompt(frame_index=k, mask=mask))
        for _ in client.track_masks(edit.id, [edits_pb2.Target(id="1", prompts=prompts)]):
            pass
        client.approve_masks(edit.id)
        job = client.start_render(
            edit.id,
            str(out),
            deliverable=render.deliverable,
            codec=renders_pb2.CODEC_FFV1,
            window_frames=render.window_frames,
        )
        last = list(client.watch_job(job.id))[-1]
        if last.state != jobs_pb2.JOB_STATE_SUCCEEDED:
            raise SystemExit(f"{render.name}: {last.error.message}")
        client.shutdown()
    report = json.loads(out.with_suffix(".report.json").read_text(encoding="utf-8"))
    outputs = (last.outputs.deliverable, last.outputs.otio, last.outputs.matte)
    files = (*outputs, last.outputs.report, last.outputs.contact_sheet)
    disk = sum(Path(file).stat().st_size for file in files)
    disk += sum(f.stat().st_size for f in (data / "store").rglob("*") if f.is_file())
    return {
        "render": render.name,
        "size": f"{render.case.width}x{render.case.height}",
        "frames": render.case.frames,
        "bytes": report["worker_peak_memory_mib"] * 2**20,
        "reckoned_bytes": job.estimate.host_bytes,
        "disk_bytes": disk,
        "reckoned_disk_bytes": job.estimate.store_bytes + job.estimate.output_bytes,
        "seconds": round(last.finished_at.ToSeconds() - last.started_at.ToSeconds(), 2),
        "reckoned_seconds": round(job.estimate.seconds, 2),
    }


def ratio(row: dict[str, Any], name: str) -> float:
    """What was reckoned, over what was used."""
    return float(row[f"reckoned_{name}"] / row[name]) if row[name] else 1.0


def table(rows: Sequence[dict[str, Any]], first: str, names: Sequence[str]) -> str:
    """One line per row: used, reckoned and their ratio of each measure."""
    header = [first, "size", "frames"]
    for name in names:
        unit = "MiB" if name.endswith("bytes") else "s"
        header += [f"{name.removesuffix('bytes').strip('_') or 'memory'} {unit}", "reckoned", "x"]
    lines = []
    for row in rows:
        cells = [str(row[first]), str(row["size"]), str(row["frames"])]
        for name in names:
            if row[name] is None:
                cells += ["-"] * 3
                continue
            scale = 2**20 if name.endswith("bytes") else 1
            cells += [f"{row[name] / scale:.1f}", f"{row[f'reckoned_{name}'] / scale:.1f}"]
            cells.append(f"{ratio(row, name):.2f}")
        lines.append(cells)
    return markdown_table(header, lines)


def verdict(rows: Sequence[dict[str, Any]]) -> str:
    """Whether every estimate of memory is on the safe side and not far off."""
    ratios = [ratio(row, "bytes") for row in rows]
    met = min(ratios) >= 1 and max(ratios) <= MOST_ABOVE
    return (
        f"Memory reckoned over memory used: {min(ratios):.2f} to {max(ratios):.2f}; "
        f"never under 1 and at most {MOST_ABOVE:.0f}: {'met' if met else 'NOT met'}."
    )


def main() -> None:
    """Measure, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("models", "renders"), help="measure one half again")
    only = parser.parse_args().only
    if only != "models":
        for render in RENDERS:
            with tempfile.TemporaryDirectory() as folder:
                add("renders", rendered(render, Path(folder)), first=render is RENDERS[0])
    if only != "renders":
        for k, row in enumerate(model_rows()):
            add("models", row, first=k == 0)


def add(part: str, row: dict[str, Any], *, first: bool) -> None:
    """Write one more row at once, since measuring takes long; the first begins its table anew."""
    path = RESULTS / "admission.json"
    figures = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    figures[part] = [*([] if first else figures[part]), row]
    page = [
        "# What work needs, beside what is reckoned",
        "",
        "Two CPU cores, on which other programs ran: seconds that passed are an upper bound, and",
        "the table's are nearer to those of an idle machine. Memory of a model is beyond that of a",
        "process with nothing but the clip; networks have noise for weights.",
        "",
    ]
    if renders := figures.get("renders"):
        names = ("bytes", "disk_bytes", "seconds")
        page += ["## Whole renders", "", verdict(renders), "", table(renders, "render", names), ""]
    if models := figures.get("models"):
        names = ("bytes", "seconds", "cpu_seconds")
        bound = [row for row in models if row["model"] != AT_LEAST]
        page += [
            *("## Models", "", verdict(bound), ""),
            f"Without `{AT_LEAST}`, which is reckoned at the least it can do with and had no limit",
            "here. Rows without CPU seconds were measured under a load of six to eight.",
            *("", table(models, "model", names)),
        ]
    write_results("admission", figures, page)


if __name__ == "__main__":
    main()
