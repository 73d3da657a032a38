"""`python -m peanut_daemon.demo --result FULL --masks DIR --json`: a result against the truth."""

from __future__ import annotations

import argparse
import json
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from peanut_daemon.deliverable import Outputs
from peanut_daemon.errors import DaemonError
from peanut_daemon.media import ClipReader, mask_from_png
from peanut_models.errors import ModelError
from peanut_models.evaluation.metrics import SquaredError, mask_iou, mean

SHOT = Path(__file__).parent
# Pixels this close to the object count for neither figure: its edge is soft.
GUARD_PX = 8


@dataclass(frozen=True, slots=True)
class Figures:
    """How good a result of the demo is."""

    mask_iou_mean: float
    mask_iou_worst: float
    # Over the object's true pixels: what the input scores, and what the result does.
    psnr_before_db: float
    psnr_after_db: float
    # Largest difference of a luma code value between result and input, away from the object.
    outside_max_difference: int
    frames: int
    # Of the worker that decoded, tracked, filled and encoded; None where the system cannot tell.
    worker_peak_memory_mib: int | None


def measure(result: Path, masks: Path) -> Figures:
    """Compare a `full` deliverable of the demo shot, and the masks it came from, with the truth."""
    before, after, ious, outside = SquaredError(), SquaredError(), [], 0
    clip_path, plate_path = _only("clip.*"), _only("plate.*")
    with (
        ClipReader(clip_path) as clip,
        ClipReader(plate_path) as plate,
        ClipReader(result) as repaired,
        zipfile.ZipFile(SHOT / "masks.zip") as true_masks,
    ):
        for k in clip.frame_range:
            truth = mask_from_png(true_masks.read(f"{k:05d}.png"))
            found = mask_from_png((masks / f"{k:05d}.png").read_bytes())
            ious.append(mask_iou(found, truth))
            source, ours = clip.read(k), repaired.read(k)
            background = plate.read(k).to_rgb()
            before.add(source.to_rgb(), background, truth)
            after.add(ours.to_rgb(), background, truth)
            far = ~_grown(truth | found)
            luma = ours.components()[0].astype(int) - source.components()[0]
            outside = max(outside, int(np.abs(luma[far]).max(initial=0)))
    return Figures(
        mask_iou_mean=round(mean(ious), 4),
        mask_iou_worst=round(min(ious), 4),
        psnr_before_db=round(before.psnr_db(), 2),
        psnr_after_db=round(after.psnr_db(), 2),
        outside_max_difference=outside,
        frames=len(ious),
        worker_peak_memory_mib=json.loads(_report_of(result).read_text())["worker_peak_memory_mib"],
    )


def _report_of(result: Path) -> Path:
    return Outputs.beside(result).report


def _only(pattern: str) -> Path:
    return next(SHOT.glob(pattern))


def _grown(mask: Bool[ndarray, "h w"]) -> Bool[ndarray, "h w"]:
    size = 2 * GUARD_PX + 1
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disk) > 0)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--result", type=Path, required=True, help="the `full` deliverable")
    parser.add_argument("--masks", type=Path, required=True, help="folder of the found masks")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args(arguments)
    try:
        figures = asdict(measure(given.result, given.masks))
    except (DaemonError, ModelError, OSError, ValueError, KeyError) as error:
        sys.exit(f"cannot measure {given.result}: {error}")
    lines = [f"{name}: {value}" for name, value in figures.items()]
    sys.stdout.write(json.dumps(figures) if given.json else "\n".join(lines))
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
