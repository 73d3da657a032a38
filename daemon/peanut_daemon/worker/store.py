"""Artifacts on disk: what a committed window left behind, by key.

A file appears under its name only when it is complete and synced; a reader checks it against the
hash in the journal. A plate is stored where it differs from the source, that is, inside the matte.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float32, Int32, UInt8
from numpy import ndarray

from peanut_daemon.deliverable import RenderStage
from peanut_daemon.errors import ArtifactDamagedError
from peanut_daemon.media import AtomicFile
from peanut_daemon.media.atomic import output_error, sync_folder
from peanut_models.grain import Grain
from peanut_models.ranges import FrameRange
from peanut_models.stages import Frames, Image, PairFlow

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
        flows: see `peanut_models.stages.Plate`; of whole frames, not of the crop.
        cuts: those of its frames on which a new shot begins.
        key: what it is stored under; empty before.
        grain: that of the source around the matte; None where it could not be measured.
    """

    core: FrameRange
    box: tuple[int, int, int, int]
    frames: Frames
    alpha: UInt8[ndarray, "t h w"]
    provenance: Int32[ndarray, "t h w"]
    flows: tuple[PairFlow, ...] = ()
    cuts: tuple[int, ...] = ()
    key: str = ""
    grain: Grain | None = None

    def flow(self, frame_index: int) -> PairFlow | None:
        """The motion from a frame to the next and back; None where it is not known."""
        k = frame_index - self.core.start
        return self.flows[k] if k < len(self.flows) else None

    def whole_alpha(self, frame_index: int, height: int, width: int) -> UInt8[ndarray, "h w"]:
        """The matte of one frame at source size."""
        alpha = np.zeros((height, width), np.uint8)
        top, bottom, left, right = self.box
        alpha[top:bottom, left:right] = self.alpha[frame_index - self.core.start]
        return alpha

    def paste(self, rgb: Image, frame_index: int, picture: Image | None = None) -> Image:
        """A source frame with the plate in place of what is under the matte, without blending.

        Args:
            rgb: the source frame.
            frame_index: of it.
            picture: shown instead of the plate's own, at the size of its box.
        """
        top, bottom, left, right = self.box
        k = frame_index - self.core.start
        plate = rgb.copy()
        touched = self.alpha[k] > 0
        shown = self.frames[k] if picture is None else picture
        plate[top:bottom, left:right][touched] = shown[touched]
        return plate

    def repaired(self, rgb: Image, frame_index: int, picture: Image | None = None) -> Image:
        """A source frame blended with the plate under the matte; arguments as of `paste`."""
        top, bottom, left, right = self.box
        k = frame_index - self.core.start
        repaired = rgb.copy()
        weight: Float32[ndarray, "h w 1"] = (self.alpha[k, :, :, None] / 255.0).astype(np.float32)
        shown = self.frames[k] if picture is None else picture
        mixed = shown * weight + rgb[top:bottom, left:right] * (1 - weight)
        repaired[top:bottom, left:right] = np.rint(mixed).astype(rgb.dtype)
        return repaired


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in the store; `partial` = a writer that was killed left it, or is at it now."""

    path: Path
    key: str
    size_bytes: int
    partial: bool


NOT_THERE = np.zeros(0, np.float32)
"""In place of arrays that an artifact has not."""

# What NumPy and the zip reader under it raise where bytes are not what they were.
_UNREADABLE = (OSError, ValueError, KeyError, EOFError, RuntimeError, BadZipFile, zlib.error)


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
        path, grain = self.prepared(key, RenderStage.PLATE), plate.grain
        with AtomicFile(path, overwrite=True) as file:
            try:
                np.savez(
                    file,
                    core=np.array([plate.core.start, plate.core.end]),
                    box=np.array(plate.box),
                    frames=plate.frames,
                    alpha=plate.alpha,
                    provenance=plate.provenance,
                    flows=np.array(plate.flows),
                    cuts=np.array(plate.cuts, np.int64),
                    grain_luma=grain.luma if grain else NOT_THERE,
                    grain_sigma=grain.sigma if grain else NOT_THERE,
                    grain_kernels=grain.kernels if grain else NOT_THERE,
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
                    # Artifacts of earlier versions hold none.
                    flows=tuple((there, back) for there, back in stored.get("flows", ())),
                    cuts=tuple(int(cut) for cut in stored.get("cuts", ())),
                    key=key,
                    grain=_grain_of(stored),
                )
        except _UNREADABLE as error:
            raise _damaged(path, key) from error

    def checked(self, key: str, stage: RenderStage, sha256: str) -> Path:
        """The file of that key, or ArtifactDamagedError where it is not what was committed."""
        path = self.path(key, stage)
        if not self.matches(path, sha256):
            raise _damaged(path, key)
        return path

    def prepared(self, key: str, stage: RenderStage) -> Path:
        """Where an artifact is about to be written; its folder exists afterwards."""
        path = self.path(key, stage)
        try:
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True, exist_ok=True)
                sync_folder(self._folder)
        except OSError as error:
            raise output_error(error, path) from error
        return path

    def files(self) -> list[StoredFile]:
        """Everything that lies in the store."""
        found: list[StoredFile] = []
        for path in self._folder.glob("*/*"):
            try:
                size_bytes = path.stat().st_size
            except OSError:  # Renamed or deleted meanwhile.
                continue
            partial = path.name.startswith(".")
            found.append(
                StoredFile(path, path.name.lstrip(".").partition(".")[0], size_bytes, partial)
            )
        return found

    def holds(self, key: str) -> bool:
        """Whether there is a file of that key."""
        return any(self.path(key, stage).is_file() for stage in ARTIFACT_SUFFIXES)

    def delete(self, key: str) -> None:
        """Remove the file of that key, if there is one."""
        for stage in ARTIFACT_SUFFIXES:
            self.path(key, stage).unlink(missing_ok=True)

    def matches(self, path: Path, sha256: str) -> bool:
        """Whether the file is what was committed."""
        try:
            return facts_of(path)[1] == sha256
        except OSError:
            return False


def _grain_of(stored: Mapping[str, ndarray]) -> Grain | None:
    luma = stored["grain_luma"]
    if not luma.size:
        return None
    return Grain(luma=luma, sigma=stored["grain_sigma"], kernels=stored["grain_kernels"])


def _damaged(path: Path, key: str) -> ArtifactDamagedError:
    return ArtifactDamagedError(
        f"artifact {path} is missing or damaged: resume the job to compute it again", key
    )


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
