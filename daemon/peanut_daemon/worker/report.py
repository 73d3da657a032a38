"""What a render says about itself: figures as JSON, and a page that shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import peanut_daemon
from peanut_daemon.deliverable import RenderStage
from peanut_daemon.worker import timing
from peanut_daemon.worker.messages import EncodeTask
from peanut_daemon.worker.observe import Observations
from peanut_daemon.worker.store import ArtifactStore
from peanut_daemon.worker.usage import estimate_and_use, peak_memory_bytes

SCHEMA = "peanut.report/1"


def report(
    task: EncodeTask, seen: Observations, store: ArtifactStore, proof: Mapping[str, Any]
) -> dict[str, Any]:
    """The report as JSON holds it; docs/report.md says what is what.

    Args:
        task: what was asked for.
        seen: what was seen while the deliverable was written.
        store: of the windows.
        proof: as `Proof.to_dict`, or why there is none, see `no_proof`.
    """
    clip, settings, peak = task.clip, task.settings, peak_memory_bytes()
    return {
        "schema": SCHEMA,
        "peanut_version": peanut_daemon.__version__,
        "job_id": task.facts["job_id"],
        "edit_id": task.facts["edit_id"],
        "source": clip.to_dict(),
        "result": str(settings.output_path),
        "range": [task.frame_range.start, task.frame_range.end],
        "matte": {
            "hash": settings.matte_hash,
            "grow_px": settings.grow_px,
            "feather_px": settings.feather_px,
            "refine_px": settings.refine_px,
            "effect_feather_px": settings.effect_feather_px,
        },
        "grain": settings.grain,
        "deliverable": settings.deliverable.value,
        "codec": settings.codec.value,
        "profile": settings.profile,
        "models": task.facts["models"],
        "working_size": {"scale": settings.working_scale, "reason": settings.working_reason},
        "sparse_stride": settings.sparse_stride,
        "upscaler": {
            "model": settings.upscaler.name,
            "reason": settings.upscaler_reason,
            "flows": "the eraser's" if settings.reuse_flows else "its own",
            "seam_step": settings.seam.sha256 if settings.seam else None,
        },
        "donors": [str(donor.path) for donor in settings.donors],
        "donor_confidence": settings.donor_confidence,
        "windows": task.facts["windows"],
        "cuts": {"given": settings.cuts is not None, "frames": sorted(seen.cuts)},
        "worker_peak_memory_mib": None if peak is None else peak // 2**20,
        "estimate": estimate_and_use(task, store),
        "seconds": seconds_by_stage(task.facts["seconds"]),
        "proof": dict(proof),
        "quality": seen.quality(),
        "pixels": seen.pixels(),
    }


def seconds_by_stage(before: Mapping[str, float]) -> dict[str, Any]:
    """Where the time of the job went: waiting, the daemon itself, and each stage by step.

    Args:
        before: of the pieces before this one, by step as `Job.seconds` has them; what this one took
            until now is added.
    """
    here = {f"{RenderStage.ENCODE.value}.{k}": v for k, v in timing.seconds_so_far().items()}
    stages: dict[str, Any] = {}
    for step in {**before, **here}:
        spent = round(before.get(step, 0.0) + here.get(step, 0.0), 3)
        stage, _, name = step.partition(".")
        if name:
            stages.setdefault(stage, {})[name] = spent
        else:
            stages[stage] = spent
    return stages
