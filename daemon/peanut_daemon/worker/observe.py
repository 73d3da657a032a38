"""What is seen of a render while it is written: counts, measures, and a few pictures."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from peanut_daemon.media import SourceFrame, working_size
from peanut_daemon.report.measures import Flicker, FrameMeasure, seam
from peanut_daemon.report.thumbnails import DoubtfulFrames, provenance_picture
from peanut_daemon.worker.store import PlateArtifact
from peanut_models.ranges import FrameRange
from peanut_models.stages import DONOR, GENERATED, SOURCE

# The sheet is looked at as one picture on a laptop's screen.
SHEET_ROWS = 4
CELL_LONG_SIDE_PX = 480
HEADER_PX = 28
GAP_PX = 4
COLUMNS = ("before", "mask", "after")
MATTE_COLOUR = np.array([255, 64, 64], np.float32)

Picture = SourceFrame | ndarray
Eight = UInt8[ndarray, "h w 3"]


class Observations:
    """Looks at every frame of a deliverable; memory grows by a few numbers per frame.

    Attributes:
        sheet: the contact sheet.
        provenance: pictures by frame of where pixels came from, as data addresses.
        doubtful: the frames that should be looked at.
        cuts: first frames of new shots.
    """

    def __init__(self, frame_range: FrameRange) -> None:
        self._shown = spread(frame_range, SHEET_ROWS)
        self.sheet = ContactSheet()
        self.provenance: list[tuple[int, str]] = []
        self.doubtful = DoubtfulFrames()
        self.cuts: set[int] = set()
        self._shares: list[dict[str, Any]] = []
        self._measures: list[FrameMeasure] = []
        self._flicker = Flicker()

    def add(
        self, source: SourceFrame, plate: PlateArtifact, alpha: UInt8[ndarray, "h w"], made: Picture
    ) -> None:
        """Look at one frame.

        Args:
            source: the frame.
            plate: the window that it belongs to.
            alpha: its matte.
            made: what the deliverable got; one of another size than the source's is passed over
                for what it was enlarged from.
        """
        index = source.frame_index
        self.cuts.update(plate.cuts)
        shares = _shares(plate, index, alpha.size)
        self._shares.append(shares)
        before = source.to_rgb()
        after = _eight_bit(_shown(made, before, plate, index))
        filled = alpha > 0
        fill = 1 - shares["source"]
        measure = FrameMeasure(
            frame_index=index,
            seam=seam(after, filled),
            flicker=self._flicker.next(after, filled, is_cut=index in plate.cuts),
            generated=shares["generated"] / fill if fill > 0 else 0.0,
        )
        self._measures.append(measure)
        self.doubtful.add(measure, after, plate.box)
        if index in self._shown:
            self.sheet.add(index, _eight_bit(before), after, alpha)
            k = index - plate.core.start
            self.provenance.append(
                (
                    index,
                    provenance_picture(after, plate.box, plate.provenance[k], plate.alpha[k] > 0),
                )
            )

    def pixels(self) -> dict[str, Any]:
        """Shares of the picture, 0 to 1: the mean, and by frame."""
        count = max(1, len(self._shares))
        return {
            "mean": {
                name: round(sum(frame[name] for frame in self._shares) / count, 6)
                for name in ("source", "propagated", "donor", "generated")
            },
            "per_frame": [
                {k: round(v, 6) if isinstance(v, float) else v for k, v in frame.items()}
                for frame in self._shares
            ],
        }

    def quality(self) -> dict[str, Any]:
        """Seam and flicker: mean, worst, by frame; and the doubtful frames with their reasons."""
        return {
            **{name: self._summary(name) for name in ("seam", "flicker")},
            "doubtful": [
                measure.to_dict() | {"reasons": measure.reasons}
                for measure, _ in self.doubtful.worst()
            ],
            "per_frame": [measure.to_dict() for measure in self._measures],
        }

    def _summary(self, name: str) -> dict[str, float | int] | None:
        known = [
            (value, m.frame_index)
            for m in self._measures
            if (value := getattr(m, name)) is not None
        ]
        if not known:
            return None
        worst, frame_index = max(known)
        mean = sum(value for value, _ in known) / len(known)
        return {"mean": round(mean, 3), "worst": round(worst, 3), "worst_frame": frame_index}


class ContactSheet:
    """Before, mask and after of a few frames, as one picture."""

    def __init__(self) -> None:
        self._rows: list[Eight] = []

    def add(
        self, frame_index: int, before: Eight, after: Eight, alpha: UInt8[ndarray, "h w"]
    ) -> None:
        """Add a row."""
        weight = (alpha[..., None] / 255.0 * 0.6).astype(np.float32)
        marked = np.rint(before * (1 - weight) + MATTE_COLOUR * weight).astype(np.uint8)
        cells = [_labelled(image, f"frame {frame_index}") for image in (before, marked, after)]
        self._rows.append(_side_by_side(cells))

    def picture(self) -> Eight:
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


def spread(frame_range: FrameRange, count: int) -> set[int]:
    """So many frames, evenly spread, the first and the last among them."""
    count, last = min(count, len(frame_range)), len(frame_range) - 1
    return {frame_range.start + round(last * k / max(1, count - 1)) for k in range(count)}


def _shares(plate: PlateArtifact, frame_index: int, pixels: int) -> dict[str, Any]:
    k = frame_index - plate.core.start
    inside = plate.provenance[k][plate.alpha[k] > 0]
    generated = int((inside == GENERATED).sum())
    propagated = int((inside > SOURCE).sum())
    donor = int((inside == DONOR).sum())
    return {
        "frame": frame_index,
        "propagated": propagated / pixels,
        "donor": donor / pixels,
        "generated": generated / pixels,
        "source": (pixels - propagated - donor - generated) / pixels,
    }


def _shown(made: Picture, before: ndarray, plate: PlateArtifact, frame_index: int) -> ndarray:
    """The deliverable's frame as a host shows it, RGB at source size."""
    if isinstance(made, SourceFrame):
        return made.to_rgb()
    if made.shape[2] == 4:
        white = float(np.iinfo(made.dtype).max)
        weight = made[..., 3:].astype(np.float32) / np.float32(white)
        mixed = np.rint(made[..., :3] * weight + before * (1 - weight))
        return np.asarray(mixed, before.dtype)
    return plate.repaired(before, frame_index)


def _eight_bit(image: ndarray) -> Eight:
    return image if image.dtype == np.uint8 else (image >> 8).astype(np.uint8)


def _labelled(image: Eight, label: str) -> Eight:
    height, width = image.shape[:2]
    size = working_size(width, height, CELL_LONG_SIDE_PX)
    cell = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    _write(cell, label, (8, size[1] - 10))
    return np.asarray(cell)


def _write(image: ndarray, text: str, at: tuple[int, int]) -> None:
    # A dark outline keeps the letters readable on any picture.
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, thickness, cv2.LINE_AA)


def _side_by_side(cells: list[Eight]) -> Eight:
    gap = np.full((cells[0].shape[0], GAP_PX, 3), 24, np.uint8)
    return np.concatenate([cells[0], gap, cells[1], gap, cells[2]], axis=1)
