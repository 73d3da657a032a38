"""What a render took, beside what it was reckoned to take."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from peanut_daemon.deliverable import RenderStage
from peanut_daemon.worker import timing
from peanut_daemon.worker.messages import EncodeTask
from peanut_daemon.worker.store import ArtifactStore

# Steps of a job's time that are no work.
WAITING = ("queue", "turns")


def estimate_and_use(task: EncodeTask, store: ArtifactStore) -> dict[str, Any]:
    """For the report: memory, store and time, reckoned and used until now.

    Memory is the most that this worker has had since it started, so an earlier job may show in it.
    The deliverable is not complete yet; its size is the file's.
    """
    return {
        "reckoned": task.facts["estimate"],
        "used": {
            "seconds": round(_seconds(task.facts["seconds"]), 1),
            "host_bytes": peak_memory_bytes(),
            "device_bytes": _peak_device_bytes(),
            "store_bytes": sum(
                store.path(key, stage).stat().st_size
                for stage, kept in (
                    (RenderStage.PLATE, task.plates),
                    (RenderStage.UPSCALE, task.upscales),
                )
                for _, key in kept
            ),
        },
        "shortages": task.facts["shortages"],
    }


def peak_memory_bytes() -> int | None:
    """Most memory that this worker has had resident since it started; None where unknown."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Bytes on macOS, KiB elsewhere.
    return peak if sys.platform == "darwin" else peak * 2**10


def _peak_device_bytes() -> int:
    """Most memory that PyTorch has had of an accelerator since the worker started."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return 0
    devices = range(torch.cuda.device_count())
    return max((int(torch.cuda.max_memory_allocated(k)) for k in devices), default=0)


def _seconds(before: Mapping[str, float]) -> float:
    """Of work: of the pieces before this one, and of this one until now."""
    done = sum(spent for step, spent in before.items() if step not in WAITING)
    return done + sum(timing.seconds_so_far().values())
