"""`peanut demo`: the whole road on a shot that ships with the daemon, measured against truth."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from peanut.v1 import edits_pb2, jobs_pb2
from peanut_client.cli import options
from peanut_client.cli.app import app
from peanut_client.cli.documents import message_document
from peanut_client.cli.failures import CliError
from peanut_client.cli.following import follow_job
from peanut_client.cli.mask import check_mask_folder, write_masks
from peanut_client.cli.output import Output
from peanut_client.cli.prompts import TARGET_ID, parse_prompts
from peanut_client.cli.remove import output_facts
from peanut_client.cli.session import open_client
from peanut_client.cli.tracking import tracked_edit
from peanut_client.client import PeanutClient
from peanut_client.config import load_settings
from peanut_client.launch import check_daemon_installed

_FILE_NAMES = {
    options.Deliver.FULL: ("full.mkv", options.CodecName.FFV1),
    options.Deliver.PATCH: ("patch.mov", options.CodecName.PRORES_4444),
    options.Deliver.UPSCALED: ("upscaled.mp4", options.CodecName.H264),
}
_FIGURE_LABELS = {
    "mask_iou_mean": "mask: overlap with the true mask (IoU), mean over frames",
    "mask_iou_worst": "mask: overlap on the worst frame",
    "psnr_before_db": "inside the object: PSNR of the input, dB",
    "psnr_after_db": "inside the object: PSNR of the result, dB",
    "outside_max_difference": "away from the object: largest difference, code values",
    "frames": "frames",
    "worker_peak_memory_mib": "most memory that the worker had, MiB",
}
_MEASURE_TIMEOUT_S = 300


@app.command()
def demo(
    out: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the results.")
    ] = Path("peanut-demo"),
    upscaled: Annotated[
        bool, typer.Option("--upscaled", help="Also make the clip at four times the size.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Remove an object from the demo shot with one click, and measure the result."""
    output = Output(as_json=as_json)
    check_daemon_installed()
    clip, point = _find_shot(demo_folder())
    out = _make_folder(out.expanduser().absolute())
    delivers = [options.Deliver.FULL, options.Deliver.PATCH]
    delivers += [options.Deliver.UPSCALED] if upscaled else []
    seconds: dict[str, float] = {}
    started = time.monotonic()
    with open_client(output) as client:
        output.note(f"{clip.name}: one click at {point}")
        prompts = parse_prompts(points=[point])
        edit = _timed(seconds, "masks", lambda: tracked_edit(client, clip, None, prompts, output))
        write_masks(client.fetch_masks(edit.id, TARGET_ID), out / "masks")
        client.approve_masks(edit.id)
        jobs = {
            deliver: _timed(
                seconds, deliver, lambda d=deliver: _render(client, edit, d, out, output)
            )
            for deliver in delivers
        }
    seconds["total"] = round(time.monotonic() - started, 2)
    figures = _measure(jobs[options.Deliver.FULL].outputs.deliverable, out / "masks")
    output.document(
        {
            "folder": str(out),
            "seconds": seconds,
            "figures": figures,
            "jobs": {deliver: message_document(job) for deliver, job in jobs.items()},
        }
    )
    _show(out, jobs, seconds, figures, output)


def demo_folder() -> Path:
    """Where the shot lies; found without importing the daemon, which would import its models."""
    spec = importlib.util.find_spec("peanut_daemon")
    folders = spec.submodule_search_locations if spec is not None else None
    return Path(next(iter(folders or ["peanut_daemon"]))) / "demo"


def _find_shot(folder: Path) -> tuple[Path, str]:
    """The demo's clip and the click on the object in it, as typed at `--point`."""
    try:
        shot = json.loads((folder / "shot.json").read_text(encoding="utf-8"))
        clip = folder / shot["files"]["clip"]
        x_px, y_px = shot["click"]["point_xy_px"]
        frame_index = shot["click"]["frame_index"]
        if not clip.is_file():
            raise FileNotFoundError(f"no {clip.name}")
    except (OSError, ValueError, KeyError) as error:
        raise CliError(
            "DemoMissingError",
            f"the demo shot in {folder} is not whole ({error}): reinstall with "
            'pip install --force-reinstall "peanut[daemon]"',
        ) from error
    return clip, f"{x_px},{y_px}@{frame_index}"


def _make_folder(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CliError(
            "OutputNotWritableError",
            f"cannot make the folder {out}: {error.strerror or error}; choose another with -o",
        ) from error
    check_mask_folder(out / "masks", overwrite=True)
    return out


def _timed(seconds: dict[str, float], name: str, work: Any) -> Any:
    started = time.monotonic()
    result = work()
    seconds[name] = round(time.monotonic() - started, 2)
    return result


def _render(
    client: PeanutClient,
    edit: edits_pb2.Edit,
    deliver: options.Deliver,
    out: Path,
    output: Output,
) -> jobs_pb2.Job:
    """Render one deliverable; results of an earlier demo are replaced."""
    name, codec = _FILE_NAMES[deliver]
    job = client.start_render(
        edit.id,
        str(out / name),
        deliverable=options.DELIVERABLES[deliver],
        codec=options.CODECS[codec],
        overwrite=True,
    )
    job = follow_job(client, job, output, cancel_on_interrupt=True)
    output.note(f"wrote {name}")
    return job


def measure_command(result: str, masks: Path) -> list[str]:
    """What compares a result with the true background and the true masks of the shot.

    A process of its own, since decoding needs libraries that the client does without.
    """
    python = load_settings().daemon_command[0]
    arguments = ["--result", result, "--masks", str(masks), "--json"]
    return [python, "-m", "peanut_daemon.demo", *arguments]


def _measure(result: str, masks: Path) -> dict[str, Any]:
    command = measure_command(result, masks)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_MEASURE_TIMEOUT_S, check=True
        )
        figures: dict[str, Any] = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        last = str(getattr(error, "stderr", None) or error).strip().splitlines()[-1]
        raise CliError(
            "DemoMeasureError",
            f"the result was written to {result}, but could not be measured: {last}",
            hint=f"try by hand: {' '.join(command)}",
        ) from error
    return figures


def _show(
    out: Path,
    jobs: dict[options.Deliver, jobs_pb2.Job],
    seconds: dict[str, float],
    figures: dict[str, Any],
    output: Output,
) -> None:
    output.line(f"done in {seconds['total']:.1f} s", style="green")
    output.line("\nmeasured against the truth")
    output.facts((_label(name), _figure(value)) for name, value in figures.items())
    for deliver, job in jobs.items():
        output.line(f"\n{deliver} ({seconds[deliver]:.1f} s)")
        output.facts(output_facts(job.outputs))
    output.line(f"\nmasks ({seconds['masks']:.1f} s)")
    output.facts([("folder", str(out / "masks"))])


def _label(name: str) -> str:
    return _FIGURE_LABELS.get(name, name.replace("_", " "))


def _figure(value: Any) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
