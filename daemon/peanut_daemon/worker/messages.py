"""What the daemon's face and its worker say to each other, pickled over a pipe.

Both are the same installation on the same machine, so the forms may change freely.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peanut_daemon.deliverable import ChosenModel, RenderSettings, WeightsFile
from peanut_daemon.edits.model import FrozenMask, MaskFrame, Prompt
from peanut_daemon.guard.roots import Roots
from peanut_daemon.media import ClipInfo
from peanut_daemon.worker.residency import Resident
from peanut_models.matte import MatteShape
from peanut_models.ranges import FrameRange, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedTarget:
    """A stretch of one target to track.

    Attributes:
        frames: the stretch, with the prompted frames at its ends.
        prompts: what was said on frames of it that are not held.
        text: what was said of the whole range; may be empty.
        held: PNGs of prompted frames whose masks stay.
        before: PNGs of the masks that frames had before a correction; empty for a new target.
    """

    target_id: str
    frames: FrameRange
    prompts: tuple[Prompt, ...]
    text: str
    held: Mapping[int, bytes]
    before: Mapping[int, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackTask:
    """Compute masks; answers with `MaskReady` or `FramesSettled` for the frames of each target."""

    clip: ClipInfo
    targets: tuple[TrackedTarget, ...]
    playhead: int | None
    tracker: ChosenModel
    working_long_side_px: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateTask:
    """Fill one window; leaves an artifact under `key`, answers with `Committed`.

    Attributes:
        masks: frozen, by frame, over the window's span.
        shape: how they become the matte.
        upscaler: what leads back from a fraction of the source's size.
        working_scale: that fraction's divisor: 1, 2 or 4.
        sparse_stride: a network fills every so many frames.
        donors: clean plates and donor clips.
        donor_confidence: 0 to 1, see `peanut_models.donors`.
        before_key: artifact of the window before; empty for the first.
        cuts: first frames of new shots; None: they are to be found.
        keep_flows: store the motion that was found, for UR-Net to reuse.
    """

    clip: ClipInfo
    window: Window
    masks: Mapping[int, Sequence[FrozenMask]]
    shape: MatteShape
    eraser: ChosenModel
    upscaler: ChosenModel
    working_scale: int
    sparse_stride: int
    donors: tuple[Path, ...]
    donor_confidence: float
    key: str
    before_key: str
    keep_flows: bool
    cuts: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpscaleTask:
    """Upscale the repaired frames of one window; leaves an artifact, answers with `Committed`.

    Attributes:
        core: the frames to upscale.
        plates: cores and artifacts of the plates around and of `core`, in order.
        reuse_flows: give the plates' motion to UR-Net.
        seam: weights of the step that treats the seams; None for none.
        grain: give the plates the source's grain before.
    """

    clip: ClipInfo
    core: FrameRange
    upscaler: ChosenModel
    key: str
    plates: tuple[tuple[FrameRange, str], ...]
    reuse_flows: bool
    seam: WeightsFile | None
    grain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeTask:
    """Composite and encode all frames; answers with `Finished` when all outputs are in place.

    Attributes:
        plates: window cores and the artifact of each, in order.
        upscales: likewise; empty unless the deliverable is upscaled.
        hashes: SHA-256 of what was committed under each of these keys.
        otio: the host's request, into which the result is written; may be empty.
        facts: what the report says beyond what the worker itself sees.
    """

    clip: ClipInfo
    frame_range: FrameRange
    settings: RenderSettings
    plates: tuple[tuple[FrameRange, str], ...]
    upscales: tuple[tuple[FrameRange, str], ...]
    hashes: Mapping[str, str]
    otio: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureTask:
    """Make PNGs of repaired frames; answers with `PictureReady` per frame."""

    clip: ClipInfo
    frame_range: FrameRange
    plates: tuple[tuple[FrameRange, str], ...]
    grain: bool = False


Task = TrackTask | PlateTask | UpscaleTask | EncodeTask | PictureTask


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """What a worker is told at its start."""

    store_dir: Path
    models_dir: Path
    device: str
    log_level: str
    roots: Roots
    log_format: str = "text"
    keep_alive_s: float = -1
    host_memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker has started; `devices` are (name, description, memory in bytes), best first."""

    devices: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, slots=True)
class Start:
    """To the worker: do this; job and client are for its log."""

    number: int
    task: Task
    job_id: str = ""
    client: str = ""


@dataclass(frozen=True, slots=True)
class Cancel:
    """To the worker: stop the task of that number at the next frame."""

    number: int


@dataclass(frozen=True, slots=True)
class Advanced:
    """So many frames of the task are done, as far as can be told."""

    frames: int


@dataclass(frozen=True, slots=True)
class MaskReady:
    """One mask of a `TrackTask`."""

    mask: MaskFrame


@dataclass(frozen=True, slots=True)
class FramesSettled:
    """Frames of a `TrackTask` that a correction does not reach: they keep their masks."""

    target_id: str
    frames: FrameRange


@dataclass(frozen=True, slots=True)
class PictureReady:
    """One picture of a `PictureTask`."""

    frame_index: int
    png: bytes


@dataclass(frozen=True, slots=True)
class Committed:
    """An artifact lies in the store, complete and synced."""

    key: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """Memory ran out in the middle of a task, which is done once more.

    Attributes:
        stage: what was being done.
        frames: which frames, half-open.
        remedy: `freed` (caches and idle models), `tile` or `window` (half of it).
        message: what was asked for, and what there was.
    """

    stage: str
    frames: tuple[int, int]
    remedy: str
    message: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The task is done; where its time went, in seconds by step."""

    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The task was stopped by request."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The task ended with an error of that class name; `expected` = raised on purpose.

    `shortage` says that it was for want of memory, after all that the worker can do about it.
    """

    reason: str
    message: str
    expected: bool
    damaged_key: str = ""
    shortage: Shortage | None = None


Event = (
    Advanced
    | MaskReady
    | FramesSettled
    | PictureReady
    | Committed
    | Shortage
    | Finished
    | Cancelled
    | Failed
)


@dataclass(frozen=True, slots=True)
class Said:
    """From the worker: an event of the task of that number."""

    number: int
    event: Event


@dataclass(frozen=True, slots=True)
class Loaded:
    """From the worker, unasked: the models that are loaded now."""

    models: tuple[Resident, ...]
