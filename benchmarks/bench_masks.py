"""How good are the embedded profile's masks, from one box or one point alone, and how fast?

    python benchmarks/bench_masks.py --clips ../shared/clips

Writes `results/masks.md` and `masks.json` beside this file, and contact sheets (prediction red,
truth green) under `results/work/`, which is not for sharing: footage terms differ per clip.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray

from peanut_models.embedded.masks import ClassicalMaskTracker
from peanut_models.ranges import FrameRange
from peanut_models.stages import BoxPrompt, PointPrompt, Prompt

RESULTS = Path(__file__).parent / "results"
SHEET_FRAMES = 9
SHEET_WIDTH_PX = 480


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One object, one kind of prompt."""

    case: str
    target: str
    first: bool
    prompt: str
    mean_iou: float
    min_iou: float
    first_frame_iou: float
    frames: int
    seconds_per_frame: float
    cpu_seconds_per_frame: float


class ClipReader:
    """A decoded clip; a benchmark of masks is not one of decoding."""

    def __init__(self, path: Path) -> None:
        capture = cv2.VideoCapture(str(path))
        self._images: list[UInt8[ndarray, "h w 3"]] = []
        while True:
            good, image = capture.read()
            if not good:
                break
            self._images.append(np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8))
        if not self._images:
            raise SystemExit(f"no frames could be read from {path}")

    @property
    def frame_range(self) -> FrameRange:
        """All frames of the clip."""
        return FrameRange(0, len(self._images))

    def read(self, frame_index: int) -> UInt8[ndarray, "h w 3"]:
        """One frame, RGB."""
        return self._images[frame_index]


def iou(mask: Bool[ndarray, "h w"], truth: Bool[ndarray, "h w"]) -> float:
    """Intersection over union; 1 where both are empty."""
    union = int((mask | truth).sum())
    return float((mask & truth).sum()) / union if union else 1.0


def read_truth(folder: Path, frame_index: int) -> Bool[ndarray, "h w"]:
    """The true mask of one frame."""
    path = folder / f"{frame_index:05d}.png"
    mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise SystemExit(f"true mask {path} is missing")
    return np.asarray(mask > 0)


def draw(
    image: UInt8[ndarray, "h w 3"], mask: Bool[ndarray, "h w"], truth: Bool[ndarray, "h w"]
) -> UInt8[ndarray, "h w 3"]:
    """The frame with the mask in red and the outline of the truth in green; BGR."""
    picture = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    picture[mask] = (0.5 * picture[mask] + 0.5 * np.array([0, 0, 255])).astype(np.uint8)
    outlines, _ = cv2.findContours(truth.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, outlines, -1, (0, 255, 0), 1)
    height = round(SHEET_WIDTH_PX * image.shape[0] / image.shape[1])
    return np.asarray(cv2.resize(picture, (SHEET_WIDTH_PX, height)), np.uint8)


def measure(
    case: str, folder: Path, reader: ClipReader, target: dict[str, Any], kind: str, first: bool
) -> Row:
    """Track one object from one prompt on frame 0; write its contact sheet."""
    prompts: Sequence[Prompt]
    if kind == "box":
        x0, y0, x1, y1 = target["box"]
        prompts = [BoxPrompt(frame_index=0, box_xyxy_px=(x0, y0, x1, y1))]
    else:
        x, y = target["point"]
        prompts = [PointPrompt(frame_index=0, x_px=x, y_px=y)]
    shown = set(np.linspace(0, len(reader.frame_range) - 1, SHEET_FRAMES).astype(int).tolist())
    scores: dict[int, float] = {}
    pictures: dict[int, UInt8[ndarray, "h w 3"]] = {}
    start, start_cpu, aside, aside_cpu = time.perf_counter(), time.process_time(), 0.0, 0.0
    for tracked in ClassicalMaskTracker().track(reader, prompts):
        pause, pause_cpu = time.perf_counter(), time.process_time()
        truth = read_truth(folder / target["masks"], tracked.frame_index)
        scores[tracked.frame_index] = iou(tracked.mask, truth)
        if tracked.frame_index in shown:
            image = reader.read(tracked.frame_index)
            pictures[tracked.frame_index] = draw(image, tracked.mask, truth)
        aside += time.perf_counter() - pause
        aside_cpu += time.process_time() - pause_cpu
    seconds = time.perf_counter() - start - aside
    cpu = time.process_time() - start_cpu - aside_cpu
    ordered = [pictures[k] for k in sorted(pictures)]
    rows = [np.hstack(ordered[k : k + 3]) for k in range(0, len(ordered) - 2, 3)]
    cv2.imwrite(str(RESULTS / "work" / f"{case}--{target['id']}--{kind}.png"), np.vstack(rows))
    return Row(
        case=case,
        target=target["id"],
        first=first,
        prompt=kind,
        mean_iou=float(np.mean(list(scores.values()))),
        min_iou=min(scores.values()),
        first_frame_iou=scores[0],
        frames=len(scores),
        seconds_per_frame=seconds / len(scores),
        cpu_seconds_per_frame=cpu / len(scores),
    )


def report(rows: Sequence[Row]) -> str:
    """The table."""
    lines = [
        "# Masks of the embedded profile from one prompt on frame 0",
        "",
        "Intersection over union with the reference masks, over all frames of a clip. `*`: the",
        "clip's first object, which the means are over.",
        "",
        "| clip | object | prompt | mean IoU | min IoU | frame 0 | s/frame | CPU s/frame |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        lines.append(
            f"| {row.case} | {row.target}{' *' if row.first else ''} | {row.prompt} "
            f"| {row.mean_iou:.3f} | {row.min_iou:.3f} | {row.first_frame_iou:.3f} "
            f"| {row.seconds_per_frame:.2f} | {row.cpu_seconds_per_frame:.2f} |"
        )
    lines.append("")
    for kind in ("box", "point"):
        means = [r.mean_iou for r in rows if r.first and r.prompt == kind]
        if means:
            lines.append(f"Mean over first objects from one {kind}: **{np.mean(means):.3f}**")
            lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Measure every real-* case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    default = Path(__file__).resolve().parents[1] / ".." / "shared" / "clips"
    parser.add_argument("--clips", type=Path, default=default, help="folder of the cases")
    parser.add_argument("--only", default="", help="part of a case's name")
    parser.add_argument("--prompts", default="box,point", help="kinds to measure")
    parser.add_argument("--first", action="store_true", help="only the first object of each case")
    arguments = parser.parse_args()
    (RESULTS / "work").mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    for folder in sorted(arguments.clips.glob("real-*")):
        if arguments.only not in folder.name:
            continue
        meta = json.loads((folder / "meta.json").read_text())
        reader = ClipReader(folder / meta["video"])
        for number, target in enumerate(meta["objects"]):
            if arguments.first and number:
                continue
            for kind in arguments.prompts.split(","):
                row = measure(folder.name, folder, reader, target, kind, number == 0)
                rows.append(row)
                print(
                    f"{row.case} {row.target} {row.prompt}: {row.mean_iou:.3f} "
                    f"(frame 0 {row.first_frame_iou:.2f}), {row.seconds_per_frame:.2f} s/frame, "
                    f"CPU {row.cpu_seconds_per_frame:.2f}",
                    flush=True,
                )
    if not rows:
        raise SystemExit(f"no real-* case with {arguments.only!r} in its name in {arguments.clips}")
    text = report(rows)
    if not arguments.only and not arguments.first:
        (RESULTS / "masks.md").write_text(text)
        machine = {"machine": platform.machine(), "threads": cv2.getNumThreads()}
        content = {"machine": machine, "rows": [asdict(row) for row in rows]}
        (RESULTS / "masks.json").write_text(json.dumps(content, indent=1) + "\n")
    print(text)


if __name__ == "__main__":
    main()
