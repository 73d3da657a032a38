"""What the daemon's face and its worker say to each other, pickled over a pipe.

Both are the same installation on the same machine, so the forms may change freely.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peanut_daemon.deliverable import ChosenModel, RenderSettings
from peanut_daemon.edits.model import MaskFrame, Prompt
from peanut_daemon.media import ClipInfo
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
        masks: PNGs by frame, over the window's span.
        upscaler: what leads back from a fraction of the source's size.
        working_scale: that fraction's divisor: 1, 2 or 4.
        sparse_stride: a network fills every so many frames.
        donors: clean plates and donor clips.
        donor_confidence: 0 to 1, see `peanut_models.donors`.
        before_key: artifact of the window before; empty for the first.
    """

    clip: ClipInfo
    window: Window
    masks: Mapping[int, Sequence[bytes]]
    grow_px: int
    feather_px: int
    eraser: ChosenModel
    upscaler: ChosenModel
    working_scale: int
    sparse_stride: int
    donors: tuple[Path, ...]
    donor_confidence: float
    key: str
    before_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpscaleTask:
    """Upscale the repaired frames of one window; leaves an artifact, answers with `Committed`.

    Attributes:
        core: the frames to upscale.
        plates: cores and artifacts of the plates around and of `core`, in order.
    """

    clip: ClipInfo
    core: FrameRange
    upscaler: ChosenModel
    key: str
    plates: tuple[tuple[FrameRange, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeTask:
    """Composite and encode all frames; answers with `Finished` when all outputs are in place.

    Attributes:
        plates: window cores and the artifact of each, in order.
        upscales: likewise; empty unless the deliverable is upscaled.
        otio: the host's request, into which the result is written; may be empty.
        facts: what the report says beyond what the worker itself sees.
    """

    clip: ClipInfo
    frame_range: FrameRange
    settings: RenderSettings
    plates: tuple[tuple[FrameRange, str], ...]
    upscales: tuple[tuple[FrameRange, str], ...]
    otio: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureTask:
    """Make PNGs of repaired frames; answers with `PictureReady` per frame."""

    clip: ClipInfo
    frame_range: FrameRange
    plates: tuple[tuple[FrameRange, str], ...]


Task = TrackTask | PlateTask | UpscaleTask | EncodeTask | PictureTask


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """What a worker is told at its start."""

    store_dir: Path
    models_dir: Path
    device: str
    log_level: str


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker has started; `devices` are (name, description, memory in bytes), best first."""

    devices: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, slots=True)
class Start:
    """To the worker: do this."""

    number: int
    task: Task


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


@dataclass(frozen=True, slots=True)
class Finished:
    """The task is done."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The task was stopped by request."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The task ended with an error of that class name; `expected` = raised on purpose."""

    reason: str
    message: str
    expected: bool
    damaged_key: str = ""


Event = (
    Advanced | MaskReady | FramesSettled | PictureReady | Committed | Finished | Cancelled | Failed
)


@dataclass(frozen=True, slots=True)
class Said:
    """From the worker: an event of the task of that number."""

    number: int
    event: Event
