"""Frames and masks to a committed plate window, and pictures of repaired frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
from jaxtyping import UInt8, UInt16
from numpy import ndarray

from peanut_daemon.edits.matte import frozen_matte
from peanut_daemon.errors import MediaUnreadableError, UnsupportedMediaError
from peanut_daemon.media import ClipInfo, ClipReader, SourceFrame, fingerprint_of
from peanut_daemon.media.cuts import CUT_REACH_FRAMES, cut_thumbnail, find_cuts
from peanut_daemon.worker import timing
from peanut_daemon.worker.backends import Backends
from peanut_daemon.worker.grain import grained
from peanut_daemon.worker.messages import Committed, Event, PictureReady, PictureTask, PlateTask
from peanut_daemon.worker.store import ArtifactStore, PlateArtifact, matte_box
from peanut_models.cascade import FinishedFrames
from peanut_models.donors import DonorConfig, Donors
from peanut_models.grain import measure_grain
from peanut_models.ranges import FrameRange
from peanut_models.shots import fill_shots
from peanut_models.stages import GENERATED, Frames, Image

# Pictures taken from each donor clip: registering one to a frame takes about 0.1 s.
DONOR_FRAMES = 8


def check_unchanged(clip: ClipInfo) -> None:
    """Refuse a media file that is not the one the edit was made from.

    Raises:
        MediaNotFoundError: it is gone.
        MediaUnreadableError: it changed or is damaged.
    """
    with timing.step("check"):
        found = fingerprint_of(clip.path)
    if found != clip.fingerprint:
        raise MediaUnreadableError(
            f"the clip {clip.path} changed since the edit was made: make a new edit from it, "
            "or put the old file back"
        )


def fill(
    task: PlateTask,
    backends: Backends,
    store: ArtifactStore,
    checkpoint: Callable[[float], None],
) -> Iterator[Event]:
    """Fill one window, commit it."""
    check_unchanged(task.clip)
    span, core = task.window.span, task.window.core
    with timing.step("decode"), ClipReader.of(task.clip) as reader:
        frames, cuts = _frames_and_cuts(task, reader)
        before = _finished_before(task, store, reader)
        donors = _donors(task)
    with timing.step("matte"):
        alpha = np.stack([_matte(task, k, frames) for k in span])
    eraser = backends.eraser(task.eraser, task.working_scale, task.upscaler, task.sparse_stride)
    with timing.step("fill"):
        plate = fill_shots(
            eraser,
            task.window,
            frames,
            alpha > 0,
            before,
            cuts,
            checkpoint,
            donors=donors,
            donor_config=DonorConfig(confidence_floor=task.donor_confidence),
        )
    with timing.step("grain"):
        grain = measure_grain(frames, alpha > 0, [cut - span.start for cut in cuts])
    own = alpha[core.start - span.start : core.end - span.start]
    top, bottom, left, right = box = matte_box(own)
    crop = (slice(None), slice(top, bottom), slice(left, right))
    artifact = PlateArtifact(
        core=core,
        box=box,
        frames=plate.frames[crop],
        alpha=own[crop],
        provenance=plate.provenance[crop],
        flows=plate.flows if task.keep_flows else (),
        cuts=tuple(cut for cut in cuts if cut in core),
        grain=grain,
    )
    with timing.step("store"):
        size_bytes, digest = store.put_plate(task.key, artifact)
    yield Committed(task.key, size_bytes, digest)


def _frames_and_cuts(task: PlateTask, reader: ClipReader) -> tuple[Frames, tuple[int, ...]]:
    """The window's frames, and where new shots begin in it: as the editor says, or found."""
    span = task.window.span
    if task.cuts is not None:
        return read_rgb(reader, span), task.cuts
    first, pictures, thumbnails = span.start, [], []
    for source in _with_neighbours(reader, span):
        rgb = source.to_rgb()
        thumbnails.append(cut_thumbnail(rgb))
        first = min(first, source.frame_index)
        if source.frame_index in span:
            pictures.append(rgb)
    return np.stack(pictures), find_cuts(thumbnails, first)


def _with_neighbours(reader: ClipReader, span: FrameRange) -> Iterator[SourceFrame]:
    """The span's frames, and those around it that cuts are judged by, as far as they are whole.

    Nobody asked for the frames outside, so damage there is no reason to fail.
    """
    before: list[SourceFrame] = []
    for k in span.grown(CUT_REACH_FRAMES, reader.frame_range):
        try:
            frame = reader.read(k)
        except (MediaUnreadableError, UnsupportedMediaError):
            if k in span:
                raise
            if k >= span.end:
                return
            before.clear()
            continue
        before.append(frame)
        if k >= span.start:
            yield from before
            before.clear()


def read_rgb(reader: ClipReader, frame_range: FrameRange) -> Frames:
    """The frames of a range as one array."""
    return np.stack([frame.to_rgb() for frame in reader.frames(frame_range)])


def _donors(task: PlateTask) -> Donors | None:
    """A few pictures of each donor, spread over its length: enough to show what there is."""
    pictures: list[Image] = []
    for path in task.donors:
        with ClipReader(path) as reader:
            last = reader.frame_range.end - 1
            count = min(DONOR_FRAMES, last + 1)
            for k in range(count):
                pictures.append(reader.read(k * last // max(1, count - 1)).to_rgb())
    return Donors(pictures) if pictures else None


def _matte(task: PlateTask, frame_index: int, frames: Frames) -> UInt8[ndarray, "h w"]:
    return frozen_matte(
        task.masks.get(frame_index, ()),
        task.shape,
        (task.clip.height, task.clip.width),
        lambda: frames[frame_index - task.window.span.start],
    )


def _finished_before(
    task: PlateTask, store: ArtifactStore, reader: ClipReader
) -> FinishedFrames | None:
    """The context frames before the core, as the window before left them."""
    lead = task.window.core.start - task.window.span.start
    if not task.before_key or not lead:
        return None
    plate = store.get_plate(task.before_key)
    start = max(plate.core.start, task.window.core.start - lead)
    finished = FrameRange(start, task.window.core.start)
    frames = read_rgb(reader, finished)
    for k, frame_index in enumerate(finished):
        frames[k] = plate.paste(frames[k], frame_index)
    generated = np.zeros(frames.shape[:3], np.bool_)
    top, bottom, left, right = plate.box
    first = start - plate.core.start
    generated[:, top:bottom, left:right] = plate.provenance[first:] == GENERATED
    return FinishedFrames(frame_range=finished, frames=frames, generated=generated)


def pictures(task: PictureTask, store: ArtifactStore) -> Iterator[Event]:
    """Yield repaired frames as PNGs."""
    with ClipReader.of(task.clip) as reader:
        for core, key in task.plates:
            plate = store.get_plate(key)
            for frame_index in core:
                if frame_index in task.frame_range:
                    rgb = reader.read(frame_index).to_rgb()
                    picture = grained(plate, rgb, frame_index) if task.grain else None
                    repaired = plate.repaired(rgb, frame_index, picture)
                    yield PictureReady(frame_index, png_from_rgb(repaired))


def png_from_rgb(rgb: UInt8[ndarray, "h w 3"] | UInt16[ndarray, "h w 3"]) -> bytes:
    """A picture as the bytes of a PNG of the same depth."""
    # Level 1: pictures are looked at once, so time counts more than size.
    _, encoded = cv2.imencode(".png", rgb[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return encoded.tobytes()
