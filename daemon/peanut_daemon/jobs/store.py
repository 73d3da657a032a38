"""Jobs and committed windows in the journal. Every method commits before it returns."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Collection
from dataclasses import asdict, replace

from peanut_daemon.deliverable import RenderSettings
from peanut_daemon.errors import JobNotFoundError
from peanut_daemon.jobs.model import Job, JobError, JobState, Progress


class JobStore:
    """All jobs of one daemon, and what their windows left behind."""

    def __init__(
        self, database: sqlite3.Connection, clock: Callable[[], float] = time.time
    ) -> None:
        self._db = database
        self._clock = clock

    def create(self, edit_id: str, settings: RenderSettings) -> Job:
        """Store a new queued job."""
        job = Job(
            id=uuid.uuid4().hex[:12],
            edit_id=edit_id,
            state=JobState.QUEUED,
            settings=settings,
            created_at=self._clock(),
        )
        self._db.execute(
            "INSERT INTO jobs (id, edit_id, state, settings, created_at) VALUES (?, ?, ?, ?, ?)",
            (job.id, edit_id, job.state.value, json.dumps(settings.to_dict()), job.created_at),
        )
        return job

    def get(self, job_id: str) -> Job:
        """Return one job, or raise JobNotFoundError."""
        row = self._db.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
        if row is None:
            raise JobNotFoundError(f"no job has the id {job_id!r}: list the jobs to see their ids")
        return _job(row)

    def all(self, states: Collection[JobState] = tuple(JobState)) -> list[Job]:
        """Jobs in one of `states`, newest first."""
        rows = self._db.execute("SELECT * FROM jobs ORDER BY created_at DESC, rowid DESC")
        return [job for job in map(_job, rows.fetchall()) if job.state in states]

    def of_edit(self, edit_id: str) -> list[Job]:
        """Jobs of one edit, newest first."""
        return [job for job in self.all() if job.edit_id == edit_id]

    def move(
        self,
        job_id: str,
        state: JobState,
        error: JobError | None = None,
        progress: Progress | None = None,
    ) -> Job:
        """Change a job's state, or raise JobStateError; remember how far it has come."""
        job = self.get(job_id)
        progress = progress or job.progress
        job = job.moved_to(state, self._clock(), error)
        self._db.execute(
            "UPDATE jobs SET state = ?, error = ?, started_at = ?, finished_at = ?, "
            "frames_done = ?, frames_total = ? WHERE id = ?",
            (
                job.state.value,
                json.dumps(asdict(error)) if error else None,
                job.started_at,
                job.finished_at,
                progress.done,
                progress.total,
                job_id,
            ),
        )
        return replace(job, progress=progress)

    def count_retry(self, job_id: str) -> None:
        """Note that a piece of the job has to be done again."""
        self._db.execute("UPDATE jobs SET retries = retries + 1 WHERE id = ?", (job_id,))

    def commit_artifact(self, key: str, size_bytes: int, sha256: str) -> None:
        """Note that a window is done; its file is on the disk already."""
        self._db.execute(
            "INSERT OR REPLACE INTO artifacts VALUES (?, ?, ?, ?)",
            (key, size_bytes, sha256, self._clock()),
        )

    def forget_artifact(self, key: str) -> None:
        """Take a commit back: its file is missing or damaged."""
        self._db.execute("DELETE FROM artifacts WHERE key = ?", (key,))

    def artifact_hashes(self) -> dict[str, str]:
        """SHA-256 of every committed window's file, by key."""
        rows = self._db.execute("SELECT key, sha256 FROM artifacts")
        return {row["key"]: row["sha256"] for row in rows}


def _job(row: sqlite3.Row) -> Job:
    return Job(
        id=row["id"],
        edit_id=row["edit_id"],
        state=JobState(row["state"]),
        settings=RenderSettings.from_dict(json.loads(row["settings"])),
        error=JobError(**json.loads(row["error"])) if row["error"] else None,
        retries=row["retries"],
        progress=Progress(done=row["frames_done"], total=row["frames_total"]),
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
    )
