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

from peanut_daemon.deliverable import Deliverable
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
# Deliverables that stay open: a host plays one clip, and compares it with another at most.
_OPEN_READERS = 2


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
        match wanted.view:
            case View.MASK:
                picture = await asyncio.to_thread(
                    self._gray, edit, self._mask_pngs(edit, wanted.frame_index), 0, 0
                )
            case View.MATTE:
                picture = await asyncio.to_thread(self._approved_matte, edit, wanted.frame_index)
            case View.PLATE:
                picture = await self._plate(edit, self._job(edit, wanted), wanted.frame_index)
            case View.RESULT:
                picture = await asyncio.to_thread(
                    self._result, edit, self._job(edit, wanted), wanted.frame_index
                )
        size = wanted.size if all(wanted.size) else (edit.clip.width, edit.clip.height)
        return await asyncio.to_thread(_fitted, picture, size, wanted.sample)

    def close(self) -> None:
        """Let go of all files."""
        self._readers.close()

    def _mask_pngs(self, edit: Edit, frame_index: int) -> list[bytes]:
        frames = FrameRange(frame_index, frame_index + 1)
        masks = [mask.png for mask in self._edits.masks(edit.id, frames)]
        if not edit.targets or len(masks) < len(edit.targets):
            raise JobStateError(
                f"frame {frame_index} of edit {edit.id} has masks of {len(masks)} of "
                f"{len(edit.targets)} targets: give prompts and let the tracking finish"
            )
        return masks

    def _approved_matte(self, edit: Edit, frame_index: int) -> ndarray:
        if edit.approval is None:
            raise NotApprovedError(
                f"the matte of edit {edit.id} is not approved: look at its masks and approve them"
            )
        approval = edit.approval
        return self._frozen_matte(
            edit, approval.matte_hash, approval.grow_px, approval.feather_px, frame_index
        )

    def _frozen_matte(
        self, edit: Edit, matte_hash: str, grow_px: int, feather_px: int, frame_index: int
    ) -> ndarray:
        frozen = self._edits.matte(matte_hash, FrameRange(frame_index, frame_index + 1))
        return self._gray(edit, frozen.get(frame_index, []), grow_px, feather_px)

    @staticmethod
    def _gray(edit: Edit, pngs: Sequence[bytes], grow_px: int, feather_px: int) -> ndarray:
        masks = [mask_from_png(png) for png in pngs]
        size = (edit.clip.height, edit.clip.width)
        return matte_of(masks, size=size, grow_px=grow_px, feather_px=feather_px)[..., None]

    def _matte_of_job(self, edit: Edit, job: Job, frame_index: int) -> UInt8[ndarray, "h w 1"]:
        settings = job.settings
        return self._frozen_matte(
            edit, settings.matte_hash, settings.grow_px, settings.feather_px, frame_index
        )

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

    async def _plate(self, edit: Edit, job: Job, frame_index: int) -> ndarray:
        frames = FrameRange(frame_index, frame_index + 1)
        rgb: ndarray | None = None
        async with aclosing(self._renders.pictures(job.id, frames)) as pictures:
            async for found in pictures:
                rgb = cv2.imdecode(np.frombuffer(found.png, np.uint8), cv2.IMREAD_UNCHANGED)
        if rgb is None:
            raise JobStateError(
                f"frame {frame_index} of job {job.id} could not be made: watch the job, try again"
            )
        matte = await asyncio.to_thread(self._matte_of_job, edit, job, frame_index)
        return _with_alpha(np.ascontiguousarray(rgb[..., ::-1]), matte)

    def _result(self, edit: Edit, job: Job, frame_index: int) -> ndarray:
        if job.state is not JobState.SUCCEEDED:
            raise JobStateError(
                f"job {job.id} is {job.state.value}: its result is there once it has succeeded"
            )
        path, first = job.settings.output_path, edit.frame_range.start
        frame = self._readers.read(path, frame_index - first)
        if job.settings.deliverable is Deliverable.PATCH:
            return _straight_rgba(frame)
        return _with_alpha(frame.to_rgb(), self._matte_of_job(edit, job, frame_index))


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


def _straight_rgba(frame: SourceFrame) -> ndarray:
    """A patch's frame; its alpha is the last component, in the code values of its layout."""
    rgb, alpha = frame.to_rgb(), frame.components()[-1]
    scale = np.iinfo(rgb.dtype).max / frame.layout.maximum
    opacity = np.rint(alpha.astype(np.float32) * np.float32(scale)).astype(rgb.dtype)
    return np.dstack([rgb, opacity])


def _with_alpha(rgb: ndarray, matte: UInt8[ndarray, "h w 1"]) -> ndarray:
    """RGB with a matte of source size as its alpha, both of the RGB's type and size."""
    alpha = matte
    if matte.shape[:2] != rgb.shape[:2]:
        alpha = cv2.resize(matte, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR)[..., None]
    return np.concatenate([rgb, _as_sample(alpha, rgb.dtype)], axis=2)


def _fitted(
    picture: ndarray, size: tuple[int, int], sample: np.dtype[np.uint8] | np.dtype[np.uint16]
) -> ndarray:
    if picture.shape[1::-1] != size:
        smaller = size[0] < picture.shape[1]
        how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        picture = cv2.resize(picture, size, interpolation=how).reshape(size[1], size[0], -1)
    return np.ascontiguousarray(_as_sample(picture, sample))


def _as_sample(picture: ndarray, sample: np.dtype[np.uint8] | np.dtype[np.uint16]) -> ndarray:
    """Full scale to full scale; 255 and 65535 are both white."""
    if picture.dtype == sample:
        return picture
    if sample == np.uint16:
        return picture.astype(np.uint16) * np.uint16(257)
    return ((picture.astype(np.uint32) + 128) // 257).astype(np.uint8)
