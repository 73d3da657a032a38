"""What a render says about itself: a contact sheet to look at, and figures."""

from __future__ import annotations

import sys
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

import peanut_daemon
from peanut_daemon.media import SourceFrame, working_size
from peanut_daemon.worker.messages import EncodeTask
from peanut_daemon.worker.store import PlateArtifact
from peanut_models.ranges import FrameRange
from peanut_models.stages import DONOR, GENERATED, SOURCE

SCHEMA = "peanut.report/1"

# The sheet is looked at as one picture on a laptop's screen.
SHEET_ROWS = 4
CELL_LONG_SIDE_PX = 480
HEADER_PX = 28
GAP_PX = 4
COLUMNS = ("before", "mask", "after")
MATTE_COLOUR = np.array([255, 64, 64], np.float32)


class ContactSheet:
    """Before, mask and after of a few frames spread over the range, as one picture."""

    def __init__(self, frame_range: FrameRange) -> None:
        rows = min(SHEET_ROWS, len(frame_range))
        last = len(frame_range) - 1
        steps = [round(last * k / max(1, rows - 1)) for k in range(rows)]
        self._wanted = {frame_range.start + step for step in steps}
        self._rows: list[ndarray] = []

    def add(self, source: SourceFrame, plate: PlateArtifact, alpha: UInt8[ndarray, "h w"]) -> None:
        """Take a frame of the render into account; most are passed over."""
        if source.frame_index not in self._wanted:
            return
        before = source.to_rgb()
        after = plate.repaired(before, source.frame_index)
        before, after = _eight_bit(before), _eight_bit(after)
        weight = (alpha[..., None] / 255.0 * 0.6).astype(np.float32)
        marked = np.rint(before * (1 - weight) + MATTE_COLOUR * weight).astype(np.uint8)
        cells = [
            _labelled(image, f"frame {source.frame_index}") for image in (before, marked, after)
        ]
        self._rows.append(_side_by_side(cells))

    def picture(self) -> UInt8[ndarray, "h w 3"]:
        """The sheet, RGB."""
        width = self._rows[0].shape[1]
        header = np.full((HEADER_PX, width, 3), 24, np.uint8)
        for k, name in enumerate(COLUMNS):
            _write(header, name, (k * width // len(COLUMNS) + 8, HEADER_PX - 9))
        gap = np.full((GAP_PX, width, 3), 24, np.uint8)
        stacked = [header]
        for row in self._rows:
            stacked += [row, gap]
        return np.concatenate(stacked)


class ProvenanceCount:
    """Where the pixels of each frame came from."""

    def __init__(self) -> None:
        self._frames: list[dict[str, Any]] = []

    def add(self, plate: PlateArtifact, frame_index: int, pixels: int) -> None:
        """Count one frame."""
        k = frame_index - plate.core.start
        inside = plate.provenance[k][plate.alpha[k] > 0]
        generated = int((inside == GENERATED).sum())
        propagated = int((inside > SOURCE).sum())
        donor = int((inside == DONOR).sum())
        self._frames.append(
            {
                "frame": frame_index,
                "propagated": propagated / pixels,
                "donor": donor / pixels,
                "generated": generated / pixels,
                "source": (pixels - propagated - donor - generated) / pixels,
            }
        )

    def per_frame(self) -> list[dict[str, Any]]:
        """Shares of the picture, 0 to 1, by frame."""
        return [{k: _rounded(v) for k, v in frame.items()} for frame in self._frames]

    def mean(self) -> dict[str, float]:
        """Shares of the picture, 0 to 1, over all frames."""
        count = max(1, len(self._frames))
        return {
            name: round(sum(frame[name] for frame in self._frames) / count, 6)
            for name in ("source", "propagated", "donor", "generated")
        }


def report(task: EncodeTask, count: ProvenanceCount) -> dict[str, Any]:
    """The report as JSON holds it."""
    clip, settings = task.clip, task.settings
    return {
        "schema": SCHEMA,
        "peanut_version": peanut_daemon.__version__,
        "job_id": task.facts["job_id"],
        "edit_id": task.facts["edit_id"],
        "source": clip.to_dict(),
        "range": [task.frame_range.start, task.frame_range.end],
        "matte": {
            "hash": settings.matte_hash,
            "grow_px": settings.grow_px,
            "feather_px": settings.feather_px,
        },
        "deliverable": settings.deliverable.value,
        "codec": settings.codec.value,
        "profile": settings.profile,
        "models": task.facts["models"],
        "working_size": {"scale": settings.working_scale, "reason": settings.working_reason},
        "sparse_stride": settings.sparse_stride,
        "upscaler": {"model": settings.upscaler.name, "reason": settings.upscaler_reason},
        "donors": [str(donor.path) for donor in settings.donors],
        "donor_confidence": settings.donor_confidence,
        "windows": task.facts["windows"],
        "worker_peak_memory_mib": peak_memory_mib(),
        "pixels": {"mean": count.mean(), "per_frame": count.per_frame()},
    }


def peak_memory_mib() -> int | None:
    """Most memory that this worker has had resident since it started; None where unknown."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Bytes on macOS, KiB elsewhere.
    return peak // 2**20 if sys.platform == "darwin" else peak // 2**10


def _rounded(value: float) -> float:
    return round(value, 6) if isinstance(value, float) else value


def _eight_bit(image: ndarray) -> UInt8[ndarray, "h w 3"]:
    return image if image.dtype == np.uint8 else (image >> 8).astype(np.uint8)


def _labelled(image: UInt8[ndarray, "h w 3"], label: str) -> UInt8[ndarray, "h w 3"]:
    height, width = image.shape[:2]
    size = working_size(width, height, CELL_LONG_SIDE_PX)
    cell = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    _write(cell, label, (8, size[1] - 10))
    return np.asarray(cell)


def _write(image: ndarray, text: str, at: tuple[int, int]) -> None:
    # A dark outline keeps the letters readable on any picture.
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, thickness, cv2.LINE_AA)


def _side_by_side(cells: list[UInt8[ndarray, "h w 3"]]) -> UInt8[ndarray, "h w 3"]:
    gap = np.full((cells[0].shape[0], GAP_PX, 3), 24, np.uint8)
    return np.concatenate([cells[0], gap, cells[1], gap, cells[2]], axis=1)
