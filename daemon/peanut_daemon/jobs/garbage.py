"""What may leave the store. Pure: no journal, no disk, no clock.

A window outlives its job, so that a repeated or corrected render reuses it. It is *needed* while a
job that waits or runs has it in its plan, and for some weeks while it belongs to the newest render
of what is approved in an edit. Of the others, those that were of no use for longest go first, when
the store is larger than its budget.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from peanut_daemon.jobs.model import Job


@dataclass(frozen=True, slots=True)
class StoredArtifact:
    """A committed window as the journal knows it; `used_at` in seconds since the epoch."""

    key: str
    size_bytes: int
    used_at: float


def jobs_to_keep(
    jobs: Iterable[Job], approved: Mapping[str, str], *, kept_since: float
) -> list[Job]:
    """The jobs whose windows are needed.

    Args:
        jobs: all of them, newest first.
        approved: hash of the matte that is approved now, by edit.
        kept_since: results that ended before this moment are wanted no more.
    """
    kept: list[Job] = []
    seen: set[str] = set()
    for job in jobs:
        if not job.state.ended:
            kept.append(job)
        elif job.edit_id not in seen and approved.get(job.edit_id) == job.settings.matte_hash:
            if (job.finished_at or job.created_at) >= kept_since:
                kept.append(job)
            seen.add(job.edit_id)
    return kept


def surplus(
    stored: Iterable[StoredArtifact], *, needed: Set[str], budget_bytes: int
) -> list[StoredArtifact]:
    """What must go for the rest to fit the budget, as far as what is needed allows that.

    Args:
        stored: everything in the store.
        needed: keys of what stays whatever the budget.
        budget_bytes: size that the store may have.
    """
    everything = list(stored)
    over = sum(artifact.size_bytes for artifact in everything) - budget_bytes
    gone: list[StoredArtifact] = []
    for artifact in sorted(everything, key=lambda a: (a.used_at, a.key)):
        if over <= 0:
            break
        if artifact.key not in needed:
            gone.append(artifact)
            over -= artifact.size_bytes
    return gone


def budget_on_disk(budget_bytes: int, *, store_bytes: int, free_bytes: int, keep_free: int) -> int:
    """The budget, less what the disk lacks: the store gives way before renders are refused."""
    return max(0, min(budget_bytes, store_bytes + free_bytes - keep_free))
