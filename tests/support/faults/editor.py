"""An editor at work who asks again after a fault, and keeps book of all that was confirmed."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import TypeVar

from support.daemon import RunningDaemon, painted, point
from support.scenes import make_square_clip, square_centre, square_mask

from peanut.v1 import edits_pb2, jobs_pb2, renders_pb2
from peanut_client import PeanutClient, PeanutError, frame_range
from peanut_daemon.media import png_from_mask

T = TypeVar("T")
# Longer than any fault lasts, even on a machine with other work.
PATIENCE_S = 180.0

FULL = renders_pb2.DELIVERABLE_FULL
PATCH = renders_pb2.DELIVERABLE_PATCH
UPSCALED = renders_pb2.DELIVERABLE_UPSCALED


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One piece of mixed work: masks, a correction, an approval, renders."""

    name: str
    frames: int
    prompts: tuple[edits_pb2.Prompt, ...]
    correction: tuple[edits_pb2.Prompt, ...]
    renders: tuple[tuple[str, int, int], ...]  # file name, deliverable, codec
    range: tuple[int, int] | None = None


SHOTS = (
    Shot(
        name="clicks",
        frames=16,
        prompts=(point(*square_centre()),),
        correction=(point(*square_centre(9), frame_index=9),),
        renders=(("full.mkv", FULL, renders_pb2.CODEC_FFV1),),
    ),
    Shot(
        name="painted",
        frames=20,
        prompts=(point(*square_centre(3), frame_index=3),),
        correction=(painted(png_from_mask(square_mask(14)), 14),),
        renders=(
            ("patch.mov", PATCH, renders_pb2.CODEC_PRORES_4444),
            ("full.mov", FULL, renders_pb2.CODEC_PRORES_HQ),
        ),
    ),
    Shot(
        name="enlarged",
        frames=12,
        prompts=(point(*square_centre(5), frame_index=5),),
        correction=(point(2, 2, frame_index=8, negative=True),),
        renders=(("up.mkv", UPSCALED, renders_pb2.CODEC_FFV1),),
    ),
    Shot(
        name="part",
        frames=24,
        range=(4, 20),
        prompts=(point(*square_centre(6), frame_index=6),),
        correction=(point(*square_centre(15), frame_index=15),),
        renders=(
            ("full.mp4", FULL, renders_pb2.CODEC_H264),
            ("patch.mkv", PATCH, renders_pb2.CODEC_FFV1),
        ),
    ),
)

Masks = dict[int, str]
"""Hash of each frame's mask, with its confidence."""


@dataclass(slots=True)
class Results:
    """What a shot came to; equal for equal work, whatever happened in between."""

    first_masks: Masks = field(default_factory=dict)
    masks: Masks = field(default_factory=dict)
    matte_hash: str = ""
    files: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Losses:
    """Confirmed things that were not there any more; all must stay empty."""

    edits: list[str] = field(default_factory=list)
    prompts: list[str] = field(default_factory=list)
    masks: list[str] = field(default_factory=list)
    approvals: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)
    windows: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)

    def total(self) -> int:
        return sum(len(getattr(self, name)) for name in self.__dataclass_fields__)


@dataclass(slots=True)
class Confirmed:
    """How much of what the daemon had confirmed was looked for again."""

    edits: int = 0
    prompts: int = 0
    masks: int = 0
    approvals: int = 0
    jobs: int = 0
    outputs: int = 0


class Phase(IntEnum):
    """What an editor is busy with."""

    IDLE = 0
    TRACKING = 1
    CORRECTING = 2
    RENDERING = 3
    DONE = 4


class Editor:
    """Works on shots, through one daemon that may be killed at any moment.

    Attributes:
        phase: what it is busy with now.
    """

    def __init__(self, daemon: RunningDaemon, clips: Path, losses: Losses) -> None:
        self._daemon = daemon
        self._clips = clips
        self._losses = losses
        self.asked_again = 0
        self.phase = Phase.IDLE
        self.confirmed = Confirmed()
        self._book: dict[str, tuple[tuple[edits_pb2.Prompt, ...], str, list[str]]] = {}

    def clip(self, shot: Shot) -> Path:
        path = self._clips / f"{shot.name}.mov"
        if not path.is_file():
            make_square_clip(path, frames=shot.frames, timecode="01:00:00:00")
        return path

    def do(self, shot: Shot, folder: Path) -> Results:
        """All of a shot's work; the results lie in `folder`."""
        folder.mkdir(parents=True)
        done = Results()
        self.phase = Phase.TRACKING
        edit_id = self.create(shot)
        done.first_masks = self.track(edit_id, shot.prompts)
        self.phase = Phase.CORRECTING
        done.masks = self.track(edit_id, shot.prompts + shot.correction)
        done.matte_hash = self.approve(edit_id)
        self.phase = Phase.RENDERING
        jobs = [
            self.start(edit_id, folder / name, deliverable, codec)
            for name, deliverable, codec in shot.renders
        ]
        for job_id in jobs:
            outputs = self.wait(job_id)
            done.files |= file_hashes(outputs)
        self._book[edit_id] = (shot.prompts + shot.correction, done.matte_hash, jobs)
        self.confirmed.outputs += len(done.files)
        self.phase = Phase.DONE
        self._losses.leftovers += [str(path) for path in folder.glob(".*")]
        return done

    def create(self, shot: Shot) -> str:
        wanted = frame_range(*shot.range) if shot.range else None
        return self.again(lambda c: c.create_edit(str(self.clip(shot)), wanted)).id

    def track(self, edit_id: str, prompts: tuple[edits_pb2.Prompt, ...]) -> Masks:
        """Track until every frame has its mask; what was sent before a fault stays."""
        while True:
            confirmed: Masks = {}
            try:
                with self._daemon.client() as client:
                    target = edits_pb2.Target(id="1", prompts=prompts)
                    for answer in client.track_masks(edit_id, [target]):
                        if answer.WhichOneof("event") == "mask":
                            confirmed[answer.mask.frame_index] = _mask_hash(answer.mask)
                ended = True
            except PeanutError as error:
                self._expect_fault(error)
                ended = False
            edit = self.again(lambda c: c.get_edit(edit_id))
            if confirmed and tuple(edit.targets[0].prompts) != prompts:
                self._losses.prompts.append(f"{edit_id}: {len(prompts)} prompts")
            stored = self.again(
                lambda c: {m.frame_index: _mask_hash(m) for m in c.fetch_masks(edit_id)}
            )
            self.confirmed.prompts += bool(confirmed)
            self.confirmed.masks += len(confirmed)
            for frame, digest in confirmed.items():
                if stored.get(frame) != digest:
                    self._losses.masks.append(f"{edit_id}: mask of frame {frame}")
            if (
                ended
                and edit.targets[0].mask_frames == edit.range.end_frame - edit.range.start_frame
            ):
                return stored

    def approve(self, edit_id: str) -> str:
        approval = self.again(lambda c: c.approve_masks(edit_id, grow_px=2, feather_px=1))
        return approval.matte_hash

    def start(self, edit_id: str, target: Path, deliverable: int, codec: int) -> str:
        def attempt(client: PeanutClient) -> str:
            # The answer to an earlier attempt may have been lost with the daemon.
            for job in client.list_jobs():
                if job.outputs.deliverable == str(target):
                    return job.id
            return client.start_render(
                edit_id, str(target), deliverable=deliverable, codec=codec
            ).id

        return self.again(attempt)

    def wait(self, job_id: str) -> jobs_pb2.JobOutputs:
        """Watch a job to its success, resuming it where it gave up."""
        while True:
            job = self.again(lambda c: list(c.watch_job(job_id))[-1])
            if job.state == jobs_pb2.JOB_STATE_SUCCEEDED:
                return job.outputs
            assert job.error.reason in ("WorkerCrashedError", "DiskFullError"), job.error
            self.asked_again += 1
            self.again(lambda c: _resume(c, job_id))

    def check_all(self) -> None:
        """Look whether all that was ever confirmed is still there."""
        known = {edit.id: edit for edit in self.again(lambda c: c.list_edits())}
        there = {job.id for job in self.again(lambda c: c.list_jobs())}
        for edit_id, (prompts, matte_hash, jobs) in self._book.items():
            self.confirmed.edits += 1
            self.confirmed.approvals += 1
            self.confirmed.jobs += len(jobs)
            if edit_id not in known:
                self._losses.edits.append(edit_id)
                continue
            if tuple(known[edit_id].targets[0].prompts) != prompts:
                self._losses.prompts.append(edit_id)
            if known[edit_id].approval.matte_hash != matte_hash:
                self._losses.approvals.append(edit_id)
            self._losses.jobs += [job for job in jobs if job not in there]

    def again(self, call: Callable[[PeanutClient], T]) -> T:
        """Make a call; while the daemon is away, wait and make it again."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                with self._daemon.client() as client:
                    return call(client)
            except PeanutError as error:
                self._expect_fault(error)
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, "it never came to that"
            time.sleep(0.02)

    def _expect_fault(self, error: PeanutError) -> None:
        """Only what a fault explains is asked again."""
        if not (error.retryable or error.reason == "WorkerCrashedError"):
            raise error
        self.asked_again += 1


def _resume(client: PeanutClient, job_id: str) -> None:
    if client.get_job(job_id).state in (
        jobs_pb2.JOB_STATE_FAILED,
        jobs_pb2.JOB_STATE_CANCELLED,
    ):
        client.resume_job(job_id)


def _mask_hash(mask) -> str:
    content = mask.png + repr((mask.confidence, mask.doubt)).encode()
    return hashlib.sha256(content).hexdigest()[:16]


def file_hashes(outputs: jobs_pb2.JobOutputs) -> dict[str, str]:
    """SHA-256 of each output; of those that name the job or the folder, without these."""
    folder = str(Path(outputs.deliverable).parent)
    hashes = {}
    for name in ("deliverable", "matte", "contact_sheet"):
        path = Path(getattr(outputs, name))
        hashes[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    for name in ("otio", "report"):
        path = Path(getattr(outputs, name))
        document = _plain(json.loads(path.read_text().replace(folder, "FOLDER")))
        hashes[path.name] = hashlib.sha256(json.dumps(document).encode()).hexdigest()
    return hashes


# Of this run and not of the work: ids, times, memory.
_OF_THE_RUN = {"job_id", "edit_id", "worker_peak_memory_mib", "seconds", "timeline", "estimate"}


def _plain(value):
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in sorted(value.items()) if k not in _OF_THE_RUN}
    return [_plain(each) for each in value] if isinstance(value, list) else value
