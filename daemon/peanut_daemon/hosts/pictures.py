"""Pictures of an edit and its renders as plain pixels, at the size that a host asks for."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from peanut_daemon.deliverable import Deliverable, Outputs
from peanut_daemon.edits.model import Edit
from peanut_daemon.edits.store import EditStore
from peanut_daemon.errors import InvalidRequestError, JobStateError, NotApprovedError
from peanut_daemon.jobs.model import Job, JobState
from peanut_daemon.jobs.renders import Renders
from peanut_daemon.jobs.store import JobStore
from peanut_daemon.media import ClipReader, SourceFrame, mask_from_png
from peanut_models.errors import FrameRangeError
from peanut_models.matte import matte_of
from peanut_models.ranges import FrameRange

MAX_SIDE_PX = 32768
# Files that stay open: a host plays one result and its matte, and compares two at most.
_OPEN_READERS = 4


class View(Enum):
    """What a picture shows."""

    MASK = "mask"
    MATTE = "matte"
    PLATE = "plate"
    RESULT = "result"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One picture.

    Attributes:
        edit_id, job_id: what it is of; the job may be empty for masks and matte.
        view: what it shows.
        frame_index: in the clip.
        size: width and height to scale to; zeros: the source's.
        sample: uint8 or uint16.
    """

    edit_id: str
    job_id: str
    view: View
    frame_index: int
    size: tuple[int, int]
    sample: np.dtype[np.uint8] | np.dtype[np.uint16]

    def __post_init__(self) -> None:
        if not all(0 <= side <= MAX_SIDE_PX for side in self.size):
            raise InvalidRequestError(
                f"a picture of {self.size[0]}x{self.size[1]} was asked for: each side must be 0 "
                f"(as the source) to {MAX_SIDE_PX}"
            )


@dataclass(frozen=True, slots=True)
class _Frozen:
    """The masks of one frame, and by how much their union is grown and feathered."""

    pngs: Sequence[bytes]
    grow_px: int = 0
    feather_px: int = 0


class HostPictures:
    """Looks pictures up and makes them fit."""

    def __init__(self, edits: EditStore, jobs: JobStore, renders: Renders) -> None:
        self._edits = edits
        self._jobs = jobs
        self._renders = renders
        self._readers = _Readers()

    async def picture(self, wanted: Wanted) -> ndarray:
        """One picture: `h w 1` for masks and matte, else `h w 4`.

        Raises:
            EditNotFoundError, JobNotFoundError: no such edit or job.
            FrameRangeError: the edit has no such frame.
            NotApprovedError, JobStateError: the picture is not there yet.
        """
        edit = self._edits.get(wanted.edit_id)
        if wanted.frame_index not in edit.frame_range:
            raise FrameRangeError(
                f"frame {wanted.frame_index} is outside the edit's range {edit.frame_range}: "
                "ask for frames of the edit"
            )
        # The journal belongs to this thread; decoding and scaling go to another.
        match wanted.view:
            case View.MASK:
                parts = [await asyncio.to_thread(_gray, edit, self._masks(edit, wanted))]
            case View.MATTE:
                parts = [await asyncio.to_thread(_gray, edit, self._approved(edit, wanted))]
            case View.PLATE:
                job = self._job(edit, wanted)
                parts = await self._plate(edit, job, wanted.frame_index)
            case View.RESULT:
                job = self._job(edit, wanted)
                frozen = self._frozen_of(job, wanted.frame_index)
                parts = await asyncio.to_thread(self._result, edit, job, frozen, wanted.frame_index)
        size = wanted.size if all(wanted.size) else (edit.clip.width, edit.clip.height)
        return await asyncio.to_thread(_fitted, parts, size, wanted.sample)

    def close(self) -> None:
        """Let go of all files."""
        self._readers.close()

    def _masks(self, edit: Edit, wanted: Wanted) -> _Frozen:
        frame_index = wanted.frame_index
        frames = FrameRange(frame_index, frame_index + 1)
        pngs = [mask.png for mask in self._edits.masks(edit.id, frames)]
        if not edit.targets or len(pngs) < len(edit.targets):
            raise JobStateError(
                f"frame {frame_index} of edit {edit.id} has masks of {len(pngs)} of "
                f"{len(edit.targets)} targets: give prompts and let the tracking finish"
            )
        return _Frozen(pngs)

    def _approved(self, edit: Edit, wanted: Wanted) -> _Frozen:
        approval, frame_index = edit.approval, wanted.frame_index
        if approval is None:
            raise NotApprovedError(
                f"the matte of edit {edit.id} is not approved: look at its masks and approve them"
            )
        pngs = self._edits.matte(approval.matte_hash, FrameRange(frame_index, frame_index + 1))
        return _Frozen(pngs.get(frame_index, []), approval.grow_px, approval.feather_px)

    def _frozen_of(self, job: Job, frame_index: int) -> _Frozen:
        settings = job.settings
        pngs = self._edits.matte(settings.matte_hash, FrameRange(frame_index, frame_index + 1))
        return _Frozen(pngs.get(frame_index, []), settings.grow_px, settings.feather_px)

    def _job(self, edit: Edit, wanted: Wanted) -> Job:
        if not wanted.job_id:
            raise JobStateError(
                f"edit {edit.id} has no render yet that {wanted.view.value} could be shown of: "
                "approve the matte and start one"
            )
        job = self._jobs.get(wanted.job_id)
        if job.edit_id != edit.id:
            raise InvalidRequestError(
                f"job {job.id} renders edit {job.edit_id}, not {edit.id}: name the edit's own job"
            )
        return job

    async def _plate(self, edit: Edit, job: Job, frame_index: int) -> list[ndarray]:
        frames = FrameRange(frame_index, frame_index + 1)
        rgb: ndarray | None = None
        async with aclosing(self._renders.pictures(job.id, frames)) as pictures:
            async for found in pictures:
                rgb = cv2.imdecode(np.frombuffer(found.png, np.uint8), cv2.IMREAD_UNCHANGED)
        if rgb is None:
            raise JobStateError(
                f"frame {frame_index} of job {job.id} could not be made: watch the job, try again"
            )
        matte = await asyncio.to_thread(_gray, edit, self._frozen_of(job, frame_index))
        return [np.ascontiguousarray(rgb[..., ::-1]), matte]

    def _result(self, edit: Edit, job: Job, frozen: _Frozen, frame_index: int) -> list[ndarray]:
        if job.state is not JobState.SUCCEEDED:
            raise JobStateError(
                f"job {job.id} is {job.state.value}: its result is there once it has succeeded"
            )
        path, first = job.settings.output_path, edit.frame_range.start
        frame = self._readers.read(path, frame_index - first)
        if job.settings.deliverable is Deliverable.PATCH:
            return _straight_rgba(frame)
        return [frame.to_rgb(), self._written_matte(edit, job, frozen, frame_index - first)]

    def _written_matte(
        self, edit: Edit, job: Job, frozen: _Frozen, frame_index: int
    ) -> UInt8[ndarray, "h w 1"]:
        """The matte beside the deliverable: reading it takes a fraction of making it again."""
        try:
            frame = self._readers.read(Outputs.beside(job.settings.output_path).matte, frame_index)
        except JobStateError:  # Somebody took it away.
            return _gray(edit, frozen)
        return np.array(frame.components()[0])[..., None]


def _gray(edit: Edit, frozen: _Frozen) -> UInt8[ndarray, "h w 1"]:
    return matte_of(
        [mask_from_png(png) for png in frozen.pngs],
        size=(edit.clip.height, edit.clip.width),
        grow_px=frozen.grow_px,
        feather_px=frozen.feather_px,
    )[..., None]


class _Readers:
    """Deliverables that were read from lately, kept open."""

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[Path, int], ClipReader] = OrderedDict()
        # A reader is for one thread at a time, and calls come from a pool.
        self._lock = threading.Lock()

    def read(self, path: Path, frame_index: int) -> SourceFrame:
        """One frame; a file that was replaced is opened anew.

        Raises:
            JobStateError: the file is gone.
        """
        with self._lock:
            try:
                key = (path, path.stat().st_mtime_ns)
            except OSError as error:
                raise JobStateError(
                    f"the deliverable {path} cannot be read ({error.strerror}): render again"
                ) from error
            reader = self._open.pop(key, None) or ClipReader(path)
            self._open[key] = reader
            while len(self._open) > _OPEN_READERS:
                self._open.popitem(last=False)[1].close()
            return reader.read(frame_index)

    def close(self) -> None:
        """Close all."""
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()


def _straight_rgba(frame: SourceFrame) -> list[ndarray]:
    """A patch's frame; its alpha is the last component, in the code values of its layout."""
    rgb, alpha = frame.to_rgb(), frame.components()[-1]
    scale = np.iinfo(rgb.dtype).max / frame.layout.maximum
    opacity = np.rint(alpha.astype(np.float32) * np.float32(scale)).astype(rgb.dtype)
    return [rgb, opacity[..., None]]


def _fitted(
    parts: Sequence[ndarray],
    size: tuple[int, int],
    sample: np.dtype[np.uint8] | np.dtype[np.uint16],
) -> ndarray:
    """Colours and alpha one behind the other, each scaled from its own size in one step."""
    return np.concatenate([_as_sample(_scaled(part, size), sample) for part in parts], axis=2)


def _scaled(part: ndarray, size: tuple[int, int]) -> ndarray:
    if part.shape[1::-1] == size:
        return part
    how = cv2.INTER_AREA if size[0] < part.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, size, interpolation=how)).reshape(size[1], size[0], -1)


def _as_sample(picture: ndarray, sample: np.dtype[np.uint8] | np.dtype[np.uint16]) -> ndarray:
    """Full scale to full scale; 255 and 65535 are both white."""
    if picture.dtype == sample:
        return picture
    if sample == np.uint16:
        return picture.astype(np.uint16) * np.uint16(257)
    return ((picture.astype(np.uint32) + 128) // 257).astype(np.uint8)
