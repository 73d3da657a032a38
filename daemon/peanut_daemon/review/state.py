"""Edits, targets, prompts and jobs as the page reads them: plain JSON."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from peanut_daemon.edits.corrections import anchors
from peanut_daemon.edits.model import Box, Edit, PaintedMask, Point, Prompt, Target, Text
from peanut_daemon.jobs.model import Job, Progress
from peanut_daemon.media import working_size
from peanut_daemon.status import is_retryable

Json = dict[str, Any]


def edit_json(
    edit: Edit,
    *,
    pending: Mapping[str, Collection[int]],
    jobs: Sequence[Json],
    tracking: bool,
    long_side_px: int,
) -> Json:
    """All that a page shows of an edit but its pictures.

    Args:
        edit: as stored.
        pending: per target, the frames whose mask does not follow from its prompts yet.
        jobs: newest first, see `job_json`.
        tracking: whether masks are being computed for this page or another.
        long_side_px: of the page's pictures.
    """
    clip = edit.clip
    timecode = clip.start_timecode
    width, height = working_size(clip.width, clip.height, long_side_px)
    return {
        "id": edit.id,
        "clip": {
            "name": clip.path.name,
            "path": str(clip.path),
            "version": clip.fingerprint[:16],
            "width": clip.width,
            "height": clip.height,
            "aspect": float(clip.sample_aspect),
            "rate": [clip.rate.num, clip.rate.den],
            "start": timecode.frame_number if timecode else 0,
            "drop_frame": bool(timecode and timecode.drop_frame),
        },
        "proxy": [width, height],
        "range": [edit.frame_range.start, edit.frame_range.end],
        "targets": [_target(target, pending.get(target.id, ())) for target in edit.targets],
        "approval": (
            {
                "hash": edit.approval.matte_hash,
                "grow_px": edit.approval.grow_px,
                "feather_px": edit.approval.feather_px,
                "refine_px": edit.approval.refine_px,
                "at": edit.approval.approved_at,
            }
            if edit.approval
            else None
        ),
        "tracking": tracking,
        "jobs": list(jobs),
    }


def listed_json(edit: Edit) -> Json:
    """An edit in the list of all."""
    return {
        "id": edit.id,
        "clip": edit.clip.path.name,
        "range": [edit.frame_range.start, edit.frame_range.end],
        "targets": [target.name or target.id for target in edit.targets],
        "approved": edit.approval is not None,
        "at": edit.created_at,
    }


def job_json(job: Job, progress: Progress) -> Json:
    """A render."""
    outputs = job.outputs
    return {
        "id": job.id,
        "state": job.state.value,
        "deliverable": job.settings.deliverable.value,
        "codec": job.settings.codec.value,
        "path": str(outputs.deliverable),
        "matte": job.settings.matte_hash,
        "stage": progress.stage.value if progress.stage else "",
        "done": progress.done,
        "total": progress.total,
        "finished_at": job.finished_at,
        "error": (
            {
                "reason": job.error.reason,
                "message": job.error.message,
                "retryable": is_retryable(job.error.reason),
            }
            if job.error
            else None
        ),
    }


def _target(target: Target, pending: Collection[int]) -> Json:
    return {
        "id": target.id,
        "name": target.name,
        "enabled": target.enabled,
        "revision": target.revision,
        "last_revision": target.last_revision,
        "mask_frames": target.mask_frames,
        "pending": _ranges(pending),
        "locked": sorted(anchors(target.prompts)),
        "prompts": [_prompt(prompt) for prompt in target.prompts],
    }


def _prompt(prompt: Prompt) -> Json:
    match prompt:
        case Point():
            said: Json = {"kind": "point", "x": prompt.x_px, "y": prompt.y_px}
            said["positive"] = prompt.positive
        case Box():
            said = {"kind": "box", "x0": prompt.x0_px, "y0": prompt.y0_px}
            said |= {"x1": prompt.x1_px, "y1": prompt.y1_px}
        case PaintedMask():
            said = {"kind": "mask"}
        case Text():
            said = {"kind": "text", "text": prompt.text}
    return said | {"frame": prompt.frame_index}


def _ranges(frames: Iterable[int]) -> list[list[int]]:
    """Frames as half-open ranges: thousands of them stay a few numbers."""
    ranges: list[list[int]] = []
    for k in sorted(frames):
        if ranges and ranges[-1][1] == k:
            ranges[-1][1] = k + 1
        else:
            ranges.append([k, k + 1])
    return ranges
