"""What admission is told: what this machine has, and how much of the picture a matte takes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from peanut_daemon.config import Settings
from peanut_daemon.edits.model import FrozenMask
from peanut_daemon.jobs.admission import Machine
from peanut_daemon.media import ClipInfo, mask_from_png
from peanut_daemon.worker.devices import Device, device_for, host_memory_bytes, placements
from peanut_models.matte import MatteShape, TargetKind
from peanut_models.ranges import FrameRange, plan_windows

HOST_SHARE = 0.75
"""Of the host's memory, what the workers may use together: an NLE wants to run beside them."""

DEVICE_SHARE = 0.9
"""Of an accelerator's memory: the rest is the desktop's, and lost between allocations."""

SAMPLED_MASKS = 64
"""Masks that are looked at for the box of a matte; unpacking one takes a millisecond."""


def machine_of(settings: Settings, found: Sequence[Device], output: Path) -> Machine:
    """What one worker may use.

    Args:
        settings: limits, devices and places.
        found: the devices, best first; empty while no worker has looked.
        output: an existing folder that is written to.

    Raises:
        UnsupportedDeviceError: the settings name a device that there is not.
    """
    device, _, memory = network_device(settings, found)
    workers = len(placements(settings.device, found, settings.workers))
    host = settings.host_memory_bytes or int(host_memory_bytes() * HOST_SHARE) // workers
    own = settings.device_memory_bytes or int(memory * DEVICE_SHARE)
    store, kept = settings.data_dir, settings.min_free_disk_bytes
    return Machine(
        device=device,
        device_bytes=0 if device == "cpu" else own,
        host_bytes=host,
        store=store,
        store_free_bytes=shutil.disk_usage(store).free - kept,
        output=output,
        output_free_bytes=shutil.disk_usage(output).free - kept,
        one_disk=store.stat().st_dev == output.stat().st_dev,
    )


def network_device(settings: Settings, found: Sequence[Device]) -> Device:
    """The device that networks are reckoned with: of those that workers have, the smallest.

    A piece of work may go to any of them.

    Args:
        settings: which devices.
        found: what there is, best first; empty while no worker has looked.

    Raises:
        UnsupportedDeviceError: the settings name a device that there is not.
    """
    found = found or (("cpu", "", host_memory_bytes()),)
    used = {device_for(name, found) for name in placements(settings.device, found, 1)}
    return min((device for device in found if device[0] in used), key=lambda device: device[2])


def matte_share(
    matte: Mapping[int, Sequence[FrozenMask]],
    clip: ClipInfo,
    frame_range: FrameRange,
    *,
    window_frames: int,
    grow_px: int,
) -> float:
    """Of the picture, what the box around the matte takes in the window where it takes most.

    From a sample of masks, so that it is known at once; the box of a window is a little larger
    where the object turns between two of them.

    Args:
        matte: frozen masks by frame.
        clip: whose pixels are counted.
        frame_range: the frames of the render.
        window_frames: of a window.
        grow_px: how far masks are grown.

    Returns:
        0 to 1; 0 where there is no mask.
    """
    windows = plan_windows(frame_range, core_frames=window_frames, context_frames=0)
    step = max(1, len(frame_range) // SAMPLED_MASKS)
    largest = 0.0
    for window in windows:
        frames = {*range(window.core.start, window.core.end, step), window.core.end - 1}
        boxes = [
            box
            for k in sorted(frames)
            for mask in matte.get(k, ())
            if mask.kind is not TargetKind.HOLDOUT and (box := _box(mask.png))
        ]
        if boxes:
            sides = np.array(boxes)
            (left, top), (right, bottom) = sides[:, :2].min(axis=0), sides[:, 2:].max(axis=0)
            across = min(1.0, right - left + 2 * grow_px / clip.width)
            down = min(1.0, bottom - top + 2 * grow_px / clip.height)
            largest = max(largest, float(across * down))
    return largest


def reach_px(shape: MatteShape) -> int:
    """How far the matte of an object can reach beyond its mask, in source pixels."""
    return shape.refine_px + max(shape.grow_px, shape.feather_px)


def _box(png: bytes) -> tuple[float, float, float, float] | None:
    """Left, top, right and bottom of a mask, in shares of its size; None where it is empty."""
    mask = mask_from_png(png)
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    if not width:
        return None
    return (
        left / mask.shape[1],
        top / mask.shape[0],
        (left + width) / mask.shape[1],
        (top + height) / mask.shape[0],
    )
