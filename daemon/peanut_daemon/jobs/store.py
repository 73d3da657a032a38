"""Jobs and committed windows in the journal. Every method commits before it returns."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, replace

from peanut_daemon.deliverable import RenderSettings
from peanut_daemon.errors import DiskFullError, JobNotFoundError
from peanut_daemon.jobs.estimate import Estimate
from peanut_daemon.jobs.garbage import StoredArtifact
from peanut_daemon.jobs.model import Job, JobError, JobState, Progress
from peanut_daemon.journal.database import Journal
from peanut_daemon.worker.messages import Shortage


class JobStore:
    """All jobs of one daemon, and what their windows left behind."""

    def __init__(self, database: Journal, clock: Callable[[], float] = time.time) -> None:
        self._db = database
        self._clock = clock

    def create(
        self,
        edit_id: str,
        settings: RenderSettings,
        client: str = "",
        estimate: Estimate | None = None,
    ) -> Job:
        """Store a new queued job; `client` asked for it, `estimate` is what it will need."""
        job = Job(
            id=uuid.uuid4().hex[:12],
            edit_id=edit_id,
            state=JobState.QUEUED,
            settings=settings,
            client=client,
            estimate=estimate,
            created_at=self._clock(),
        )
        self._db.execute(
            "INSERT INTO jobs (id, edit_id, state, settings, client, estimate, created_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                job.id,
                edit_id,
                job.state.value,
                json.dumps(settings.to_dict()),
                client,
                json.dumps(estimate.to_dict()) if estimate else None,
                job.created_at,
            ),
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
        wanted = [state.value for state in states]
        rows = self._db.execute(
            f"SELECT * FROM jobs WHERE state IN ({', '.join('?' * len(wanted))}) "
            "ORDER BY created_at DESC, rowid DESC",
            wanted,
        )
        return [_job(row) for row in rows.fetchall()]

    def of_edit(self, edit_id: str) -> list[Job]:
        """Jobs of one edit, newest first."""
        rows = self._db.execute(
            "SELECT * FROM jobs WHERE edit_id = ? ORDER BY created_at DESC, rowid DESC", (edit_id,)
        )
        return [_job(row) for row in rows.fetchall()]

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
        job = replace(job.moved_to(state, self._clock(), error), progress=progress)
        try:
            self._write(job)
        except DiskFullError:
            # That a job failed for want of room must find some itself.
            if not (state.ended and self._db.give_reserve()):
                raise
            self._write(job)
        return job

    def _write(self, job: Job) -> None:
        self._db.execute(
            "UPDATE jobs SET state = ?, error = ?, started_at = ?, finished_at = ?, "
            "frames_done = ?, frames_total = ? WHERE id = ?",
            (
                job.state.value,
                json.dumps(asdict(job.error)) if job.error else None,
                job.started_at,
                job.finished_at,
                job.progress.done,
                job.progress.total,
                job.id,
            ),
        )

    def delete(self, job_id: str) -> None:
        """Remove a job; its deliverable stays, and so does what others use of its windows."""
        self.get(job_id)
        self._db.execute("DELETE FROM jobs WHERE id = ?", (job_id,))

    def count_retry(self, job_id: str) -> None:
        """Note that a piece of the job has to be done again."""
        self._db.execute("UPDATE jobs SET retries = retries + 1 WHERE id = ?", (job_id,))

    def set_seconds(self, job_id: str, seconds: Mapping[str, float]) -> None:
        """Note where the time of a job went so far."""
        rounded = {step: round(spent, 4) for step, spent in seconds.items()}
        self._db.execute("UPDATE jobs SET seconds = ? WHERE id = ?", (json.dumps(rounded), job_id))

    def note_shortage(
        self, job_id: str, shortage: Shortage, settings: RenderSettings | None = None
    ) -> Job:
        """Note that memory ran out, and the settings that the job goes on with, if they changed."""
        job = self.get(job_id)
        job = replace(job, shortages=(*job.shortages, shortage), settings=settings or job.settings)
        self._db.execute(
            "UPDATE jobs SET shortages = ?, settings = ? WHERE id = ?",
            (
                json.dumps([asdict(each) for each in job.shortages]),
                json.dumps(job.settings.to_dict()),
                job_id,
            ),
        )
        return job

    def plans(self, job_id: str, keys: Collection[str]) -> None:
        """Note what a job needs of the store, so that it is kept; those that are there are used."""
        now = self._clock()
        with self._db.transaction():
            self._db.executemany(
                "INSERT OR IGNORE INTO job_artifacts VALUES (?, ?)", [(job_id, key) for key in keys]
            )
            self._db.executemany(
                "UPDATE artifacts SET used_at = ? WHERE key = ?", [(now, key) for key in keys]
            )

    def planned(self, job_id: str) -> frozenset[str]:
        """The keys of a job's windows; none before it has started."""
        rows = self._db.execute("SELECT key FROM job_artifacts WHERE job_id = ?", (job_id,))
        return frozenset(row["key"] for row in rows)

    def stored_bytes(self, job_id: str) -> int:
        """Of a job's windows that are committed; 0 before it has started."""
        row = self._db.execute(
            "SELECT COALESCE(SUM(size_bytes), 0) AS total FROM artifacts JOIN job_artifacts "
            "USING (key) WHERE job_id = ?",
            (job_id,),
        ).fetchone()
        return int(row["total"])

    def commit_artifact(self, key: str, size_bytes: int, sha256: str) -> None:
        """Note that a window is done; its file is on the disk already."""
        now = self._clock()
        self._db.execute(
            "INSERT OR REPLACE INTO artifacts (key, size_bytes, sha256, committed_at, used_at) "
            "VALUES (?, ?, ?, ?, ?)",
            (key, size_bytes, sha256, now, now),
        )

    def forget_artifact(self, key: str) -> None:
        """Take a commit back: its file is missing or damaged."""
        self._db.execute("DELETE FROM artifacts WHERE key = ?", (key,))

    def forget_artifacts(self, keys: Iterable[str]) -> None:
        """Take commits back, all or none."""
        with self._db.transaction():
            self._db.executemany("DELETE FROM artifacts WHERE key = ?", [(key,) for key in keys])

    def artifacts(self) -> list[StoredArtifact]:
        """Every committed window."""
        rows = self._db.execute("SELECT key, size_bytes, used_at FROM artifacts")
        return [StoredArtifact(row["key"], row["size_bytes"], row["used_at"]) for row in rows]

    def hashes_of(self, job_id: str) -> dict[str, str]:
        """SHA-256 by key of the committed windows in a job's plan."""
        rows = self._db.execute(
            "SELECT key, sha256 FROM artifacts JOIN job_artifacts USING (key) WHERE job_id = ?",
            (job_id,),
        )
        return {row["key"]: row["sha256"] for row in rows}

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
        client=row["client"],
        error=JobError(**json.loads(row["error"])) if row["error"] else None,
        retries=row["retries"],
        progress=Progress(done=row["frames_done"], total=row["frames_total"]),
        seconds=json.loads(row["seconds"]),
        estimate=Estimate.from_dict(json.loads(row["estimate"])) if row["estimate"] else None,
        shortages=tuple(
            Shortage(**each | {"frames": tuple(each["frames"])})
            for each in json.loads(row["shortages"])
        ),
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
    )
