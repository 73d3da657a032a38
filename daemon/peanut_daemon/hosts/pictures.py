"""Pictures of an edit and its renders as plain pixels, at the size that a host asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from peanut_daemon.deliverable import Deliverable, Outputs
from peanut_daemon.edits.model import Edit, FrozenMask
from peanut_daemon.edits.store import EditStore
from peanut_daemon.errors import InvalidRequestError, JobStateError, NotApprovedError
from peanut_daemon.guard.apart import Apart
from peanut_daemon.hosts import reading
from peanut_daemon.jobs.model import Job, JobState
from peanut_daemon.jobs.renders import Renders
from peanut_daemon.jobs.store import JobStore
from peanut_models.errors import FrameRangeError
from peanut_models.matte import MatteShape
from peanut_models.ranges import FrameRange

MAX_SIDE_PX = 32768

AS_TRACKED = MatteShape(grow_px=0, feather_px=0, effect_feather_px=0)


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
    """The masks of one frame, and how they become its matte."""

    frame_index: int
    masks: Sequence[FrozenMask]
    shape: MatteShape


class HostPictures:
    """Looks pictures up and makes them fit."""

    def __init__(self, edits: EditStore, jobs: JobStore, renders: Renders, apart: Apart) -> None:
        self._edits = edits
        self._jobs = jobs
        self._renders = renders
        self._apart = apart

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
                parts = [await self._gray(edit, self._masks(edit, wanted))]
            case View.MATTE:
                parts = [await self._gray(edit, self._approved(edit, wanted))]
            case View.PLATE:
                job = self._job(edit, wanted)
                parts = await self._plate(edit, job, wanted.frame_index)
            case View.RESULT:
                job = self._job(edit, wanted)
                frozen = self._frozen_of(job, wanted.frame_index)
                parts = await self._result(edit, job, frozen, wanted.frame_index)
        size = wanted.size if all(wanted.size) else (edit.clip.width, edit.clip.height)
        return await asyncio.to_thread(_fitted, parts, size, wanted.sample)

    def _masks(self, edit: Edit, wanted: Wanted) -> _Frozen:
        frame_index = wanted.frame_index
        frames = FrameRange(frame_index, frame_index + 1)
        counted = sum(target.enabled for target in edit.targets)
        masks = self._edits.counted_masks(edit, frames).get(frame_index, [])
        if not counted or len(masks) < counted:
            raise JobStateError(
                f"frame {frame_index} of edit {edit.id} has masks of {len(masks)} of "
                f"{counted} targets: give prompts and let the tracking finish"
            )
        return _Frozen(frame_index, masks, AS_TRACKED)

    def _approved(self, edit: Edit, wanted: Wanted) -> _Frozen:
        approval, frame_index = edit.approval, wanted.frame_index
        if approval is None:
            raise NotApprovedError(
                f"the matte of edit {edit.id} is not approved: look at its masks and approve them"
            )
        return self._frozen(approval.matte_hash, approval.shape, frame_index)

    def _frozen_of(self, job: Job, frame_index: int) -> _Frozen:
        return self._frozen(job.settings.matte_hash, job.settings.matte_shape, frame_index)

    def _frozen(self, matte_hash: str, shape: MatteShape, frame_index: int) -> _Frozen:
        masks = self._edits.matte(matte_hash, FrameRange(frame_index, frame_index + 1))
        return _Frozen(frame_index, masks.get(frame_index, []), shape)

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
        matte = await self._gray(edit, self._frozen_of(job, frame_index))
        return [np.ascontiguousarray(rgb[..., ::-1]), matte]

    async def _result(
        self, edit: Edit, job: Job, frozen: _Frozen, frame_index: int
    ) -> list[ndarray]:
        if job.state is not JobState.SUCCEEDED:
            raise JobStateError(
                f"job {job.id} is {job.state.value}: its result is there once it has succeeded"
            )
        path, index = job.settings.output_path, frame_index - edit.frame_range.start
        if job.settings.deliverable is Deliverable.PATCH:
            return await self._apart.finish(str(path), reading.straight_rgba, path, index)
        colours = await self._apart.finish(str(path), reading.rgb, path, index)
        return [*colours, await self._written_matte(edit, job, frozen, index)]

    async def _written_matte(
        self, edit: Edit, job: Job, frozen: _Frozen, index: int
    ) -> UInt8[ndarray, "h w 1"]:
        """The matte beside the deliverable: reading it takes a fraction of making it again."""
        path = Outputs.beside(job.settings.output_path).matte
        try:
            return await self._apart.finish(str(path), reading.gray, path, index)
        except JobStateError:  # Somebody took it away.
            return await self._gray(edit, frozen)

    async def _gray(self, edit: Edit, frozen: _Frozen) -> UInt8[ndarray, "h w 1"]:
        asked = edit.clip, frozen.frame_index, frozen.masks, frozen.shape
        if frozen.shape.refine_px:
            # That reads the clip, which anybody may have replaced.
            return await self._apart.finish(str(edit.clip.path), reading.matte, *asked)
        return await asyncio.to_thread(reading.matte, *asked)


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
