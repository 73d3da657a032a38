"""Keeps the store within its budget, and clears away what crashes left behind."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass

from peanut_daemon.config import Settings
from peanut_daemon.edits.store import EditStore
from peanut_daemon.errors import DiskFullError, JournalError
from peanut_daemon.jobs.garbage import StoredArtifact, budget_on_disk, jobs_to_keep, surplus
from peanut_daemon.jobs.render import RenderWork
from peanut_daemon.jobs.store import JobStore
from peanut_daemon.journal.database import Journal
from peanut_daemon.worker.store import ArtifactStore, StoredFile

logger = logging.getLogger(__name__)

# Renders take minutes, so a store that is over its budget is so for no longer than that.
CLEAN_EVERY_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreState:
    """What the store holds, in bytes and windows; `needed` is what no cleaning takes away."""

    artifacts: int
    size_bytes: int
    needed_bytes: int
    budget_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """What went.

    Attributes:
        artifacts: windows over the budget.
        leftovers: files that no commit names, such as those of a killed worker.
        missing: commits whose file was gone.
        freed_bytes: by windows and leftovers together.
    """

    artifacts: int
    leftovers: int
    missing: int
    freed_bytes: int


class Housekeeping:
    """The one who deletes from the store.

    Args:
        settings: budget and folders.
        journal: where the room of unused mattes is given back.
        edits: what is approved.
        jobs: jobs and commits.
        artifacts: the files.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        *,
        edits: EditStore,
        jobs: JobStore,
        artifacts: ArtifactStore,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._edits = edits
        self._jobs = jobs
        self._artifacts = artifacts
        self._clock = clock

    async def run(self) -> None:
        """Clean now and every few minutes, until cancelled."""
        while True:
            try:
                await self.clean()
                self._journal.keep_reserve()
            except (DiskFullError, JournalError, OSError) as error:
                # Tidying up must not take the daemon down; it is tried again.
                logger.warning("the store could not be cleaned: %s", error)
            await asyncio.sleep(CLEAN_EVERY_S)

    def state(self) -> StoreState:
        """What the store holds now."""
        stored, needed = self._jobs.artifacts(), self._needed()
        return StoreState(
            artifacts=len(stored),
            size_bytes=_size(stored),
            needed_bytes=_size([a for a in stored if a.key in needed]),
            budget_bytes=self._settings.store_budget_bytes,
            free_bytes=self._free_bytes(),
        )

    async def clean(self, budget_bytes: int | None = None) -> Cleaned:
        """Delete leftovers, and what is over the budget; what is needed stays.

        Args:
            budget_bytes: a smaller budget for this once; None: the setting's.

        Raises:
            DiskFullError, JournalError: the journal cannot be written; nothing is deleted then.
        """
        files = await asyncio.to_thread(self._artifacts.files)
        # From here to the end nothing else runs: a job that starts later sees what is left.
        needed = self._needed()
        missing = self._forget_missing(files)
        leftovers = self._delete_leftovers(files, needed)
        gone = self._delete_surplus(needed, budget_bytes)
        self._edits.forget_unused_mattes()
        cleaned = Cleaned(
            artifacts=len(gone),
            leftovers=len(leftovers),
            missing=missing,
            freed_bytes=_size(gone) + sum(file.size_bytes for file in leftovers),
        )
        if cleaned.artifacts or cleaned.leftovers or cleaned.missing:
            logger.info("the store was cleaned: %s", cleaned)
        return cleaned

    def _needed(self) -> frozenset[str]:
        """Keys of all that jobs to keep consist of."""
        kept_since = self._clock() - self._settings.keep_results_days * 24 * 3600
        jobs = jobs_to_keep(self._jobs.all(), self._edits.approved(), kept_since=kept_since)
        keys: set[str] = set()
        for job in jobs:
            # A job that has not started yet may still rely on windows of another.
            planned = self._jobs.planned(job.id) or RenderWork.of(job, self._edits).keys()
            keys |= planned
        return frozenset(keys)

    def _forget_missing(self, files: list[StoredFile]) -> int:
        there = {file.key for file in files if not file.partial}
        # What was committed since the files were listed is looked for once more.
        missing = [
            artifact.key
            for artifact in self._jobs.artifacts()
            if artifact.key not in there and not self._artifacts.holds(artifact.key)
        ]
        self._jobs.forget_artifacts(missing)
        return len(missing)

    def _delete_leftovers(
        self, files: list[StoredFile], needed: frozenset[str]
    ) -> list[StoredFile]:
        committed = {artifact.key for artifact in self._jobs.artifacts()}
        leftovers = [
            file
            for file in files
            # Of a key that is needed, a worker may be writing right now.
            if file.key not in needed and (file.partial or file.key not in committed)
        ]
        for file in leftovers:
            file.path.unlink(missing_ok=True)
        return leftovers

    def _delete_surplus(
        self, needed: frozenset[str], budget_bytes: int | None
    ) -> list[StoredArtifact]:
        stored = self._jobs.artifacts()
        budget = budget_on_disk(
            self._settings.store_budget_bytes if budget_bytes is None else budget_bytes,
            store_bytes=_size(stored),
            free_bytes=self._free_bytes(),
            keep_free=self._settings.min_free_disk_bytes,
        )
        gone = surplus(stored, needed=needed, budget_bytes=budget)
        # The commits first: a file without a commit is cleared away later, the other way round
        # a job would rely on a file that is gone.
        self._jobs.forget_artifacts([artifact.key for artifact in gone])
        for artifact in gone:
            self._artifacts.delete(artifact.key)
        if _size(stored) - _size(gone) > budget:
            logger.warning(
                "the store holds %d MiB, more than its budget of %d MiB, all of it needed: delete "
                "edits or jobs that are done with, or raise store_budget_bytes",
                (_size(stored) - _size(gone)) // 2**20,
                budget // 2**20,
            )
        return gone

    def _free_bytes(self) -> int:
        return shutil.disk_usage(self._settings.store_dir).free


def _size(artifacts: list[StoredArtifact]) -> int:
    return sum(artifact.size_bytes for artifact in artifacts)
