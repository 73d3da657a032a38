"""Artifacts on disk: what a committed window left behind, by key.

A file appears under its name only when it is complete and synced; a reader checks it against the
hash in the journal. A plate is stored where it differs from the source, that is, inside the matte.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float32, Int32, UInt8
from numpy import ndarray

from peanut_daemon.deliverable import RenderStage
from peanut_daemon.errors import ArtifactDamagedError
from peanut_daemon.media import AtomicFile
from peanut_daemon.media.atomic import output_error
from peanut_models.ranges import FrameRange
from peanut_models.stages import Frames

# File name suffix of each stage's artifact.
ARTIFACT_SUFFIXES = {RenderStage.PLATE: ".npz", RenderStage.UPSCALE: ".mkv"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateArtifact:
    """The plate of one window inside the bounding box of its matte.

    Attributes:
        core: the frames, counted in the clip.
        box: (top, bottom, left, right) of the crop, half-open, in source pixels.
        frames: the plate in the crop.
        alpha: the matte in the crop, 0 (source) to 255 (plate).
        provenance: per pixel `SOURCE`, `GENERATED` or the clip frame it was propagated from.
    """

    core: FrameRange
    box: tuple[int, int, int, int]
    frames: Frames
    alpha: UInt8[ndarray, "t h w"]
    provenance: Int32[ndarray, "t h w"]

    def whole_alpha(self, frame_index: int, height: int, width: int) -> UInt8[ndarray, "h w"]:
        """The matte of one frame at source size."""
        alpha = np.zeros((height, width), np.uint8)
        top, bottom, left, right = self.box
        alpha[top:bottom, left:right] = self.alpha[frame_index - self.core.start]
        return alpha

    def paste(self, rgb: ndarray, frame_index: int) -> ndarray:
        """A source frame with the plate in place of what is under the matte, without blending."""
        top, bottom, left, right = self.box
        k = frame_index - self.core.start
        plate = rgb.copy()
        touched = self.alpha[k] > 0
        plate[top:bottom, left:right][touched] = self.frames[k][touched]
        return plate

    def repaired(self, rgb: ndarray, frame_index: int) -> ndarray:
        """A source frame blended with the plate under the matte."""
        top, bottom, left, right = self.box
        k = frame_index - self.core.start
        repaired = rgb.copy()
        weight: Float32[ndarray, "h w 1"] = (self.alpha[k, :, :, None] / 255.0).astype(np.float32)
        mixed = self.frames[k] * weight + rgb[top:bottom, left:right] * (1 - weight)
        repaired[top:bottom, left:right] = np.rint(mixed).astype(rgb.dtype)
        return repaired


class ArtifactStore:
    """A folder of artifacts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, key: str, stage: RenderStage) -> Path:
        """Where the artifact of that key lies or will lie."""
        return self._folder / key[:2] / f"{key}{ARTIFACT_SUFFIXES[stage]}"

    def put_plate(self, key: str, plate: PlateArtifact) -> tuple[int, str]:
        """Store a plate; returns its size in bytes and its SHA-256.

        Raises:
            DiskFullError, OutputNotWritableError: it cannot be written; nothing is left of it.
        """
        path = self.prepared(key, RenderStage.PLATE)
        with AtomicFile(path, overwrite=True) as file:
            try:
                np.savez(
                    file,
                    core=np.array([plate.core.start, plate.core.end]),
                    box=np.array(plate.box),
                    frames=plate.frames,
                    alpha=plate.alpha,
                    provenance=plate.provenance,
                )
            except (OSError, ValueError) as error:
                # The zip writer between us and the disk hides the reason; the file remembers it.
                if file.failure is None:
                    raise
                raise output_error(file.failure, path) from error
            file.commit()
        return facts_of(path)

    def get_plate(self, key: str) -> PlateArtifact:
        """Read a plate back, or raise ArtifactDamagedError."""
        path = self.path(key, RenderStage.PLATE)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                start, end = (int(v) for v in stored["core"])
                top, bottom, left, right = (int(v) for v in stored["box"])
                return PlateArtifact(
                    core=FrameRange(start, end),
                    box=(top, bottom, left, right),
                    frames=stored["frames"],
                    alpha=stored["alpha"],
                    provenance=stored["provenance"],
                )
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise ArtifactDamagedError(
                f"artifact {path} is missing or damaged: resume the job to compute it again", key
            ) from error

    def prepared(self, key: str, stage: RenderStage) -> Path:
        """Where an artifact is about to be written; its folder exists afterwards."""
        path = self.path(key, stage)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(error, path) from error
        return path

    def matches(self, path: Path, sha256: str) -> bool:
        """Whether the file is what was committed."""
        try:
            return facts_of(path)[1] == sha256
        except OSError:
            return False


def facts_of(path: Path) -> tuple[int, str]:
    """Size in bytes and SHA-256 of a file."""
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def matte_box(alpha: UInt8[ndarray, "t h w"]) -> tuple[int, int, int, int]:
    """Smallest (top, bottom, left, right) around the matte of all frames; 1x1 if there is none."""
    any_frame = np.any(alpha, axis=0)
    rows, columns = np.flatnonzero(any_frame.any(axis=1)), np.flatnonzero(any_frame.any(axis=0))
    if rows.size == 0:
        return 0, 1, 0, 1
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
