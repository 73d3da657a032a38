"""What a render was reckoned to need, in words."""

from __future__ import annotations

from peanut.v1 import jobs_pb2

_REMEDIES = {
    "freed": "idle models and caches were freed",
    "tile": "half the tile is computed at a time",
    "window": "the window was cut in two",
}


def estimate_words(estimate: jobs_pb2.JobEstimate) -> str:
    """As in: about 3 min, 0.6 GiB memory, 240 MiB disk."""
    memory = f"{size_words(estimate.host_bytes)} memory"
    if estimate.device_bytes:
        memory += f", {size_words(estimate.device_bytes)} on {estimate.device}"
    disk = f"{size_words(estimate.store_bytes + estimate.output_bytes)} disk"
    guessed = "" if estimate.measured else f" (not measured on {estimate.device} yet)"
    return f"about {time_words(estimate.seconds)}, {memory}, {disk}{guessed}"


def window_words(estimate: jobs_pb2.JobEstimate) -> str:
    """How many frames are filled at a time, and why."""
    return f"{estimate.window_frames} frames at a time: {estimate.window_reason}"


def shortage_words(shortage: jobs_pb2.JobShortage) -> str:
    """What ran short, and what was done."""
    frames = f"frames {shortage.range.start_frame} to {shortage.range.end_frame - 1}"
    done = _REMEDIES.get(shortage.remedy, shortage.remedy)
    return f"memory ran out in {frames} ({shortage.stage}); {done}, and they are done again"


def time_words(seconds: float) -> str:
    """A length of time that is not known exactly."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def size_words(count: int) -> str:
    """Bytes as MiB, or GiB from a tenth of it on."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 // 2 else f"{count / 2**20:.0f} MiB"
