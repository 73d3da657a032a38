"""Which jobs belong to which place of which timeline: kept on disk, so that hosts may be closed.

One file per job in the daemon's data folder, readable by the user alone. What a ticket says is the
plugin's own; only `job_id` and `placed` mean something here.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from peanut_client.errors import PeanutError

_SAFE = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Tickets:
    """The tickets of one kind of host."""

    def __init__(self, data_dir: Path, host: str) -> None:
        self._folder = data_dir / "hosts" / _safe(host)

    def write(self, job_id: str, ticket: dict[str, Any]) -> None:
        """Keep a ticket; an earlier one of that job is replaced in one step."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._put(self._folder / f"{_safe(job_id)}.json", {**ticket, "job_id": job_id})

    def read(self, job_id: str) -> dict[str, Any]:
        """The ticket of a job.

        Raises:
            PeanutError: there is none.
        """
        found = self._get(self._folder / f"{_safe(job_id)}.json")
        if found is None:
            raise PeanutError(
                "TicketNotFoundError",
                f"job {job_id} was not started from a timeline: see peanut jobs list",
            )
        return found

    def all(self) -> list[dict[str, Any]]:
        """Every ticket, oldest first; damaged files are left out."""
        if not self._folder.is_dir():
            return []
        files = [p for p in self._folder.glob("*.json") if p.name != "notes.json"]
        files.sort(key=lambda path: (path.stat().st_mtime_ns, path.name))
        return [ticket for path in files if (ticket := self._get(path)) is not None]

    def forget(self, job_id: str) -> bool:
        """Delete a ticket; says whether there was one."""
        path = self._folder / f"{_safe(job_id)}.json"
        there = path.exists()
        path.unlink(missing_ok=True)
        return there

    def note(self, key: str, value: Any) -> None:
        """Remember something about the host, such as how a version of it counts."""
        notes = self.notes() | {key: value}
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._put(self._folder / "notes.json", notes)

    def notes(self) -> dict[str, Any]:
        """Everything that was remembered."""
        return self._get(self._folder / "notes.json") or {}

    def _put(self, path: Path, value: dict[str, Any]) -> None:
        part = path.with_suffix(".part")
        part.write_text(json.dumps(value, indent=1), encoding="utf-8")
        part.replace(path)

    def _get(self, path: Path) -> dict[str, Any] | None:
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return value if isinstance(value, dict) else None


def _safe(name: str) -> str:
    """A name that is no path."""
    if not _SAFE.fullmatch(name):
        raise PeanutError(
            "InvalidRequestError", f"{name!r} is no id: give what `start` answered as job_id"
        )
    return name
