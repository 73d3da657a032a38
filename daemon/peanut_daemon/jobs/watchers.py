"""Who waits for news of a job."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Watchers:
    """An event per watcher, set at every change of its job."""

    def __init__(self) -> None:
        self._events: dict[str, set[asyncio.Event]] = {}

    @contextmanager
    def watching(self, job_id: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever the job has changed; the watcher clears it."""
        changed = asyncio.Event()
        events = self._events.setdefault(job_id, set())
        events.add(changed)
        try:
            yield changed
        finally:
            events.discard(changed)
            if not events:
                self._events.pop(job_id, None)

    def changed(self, job_id: str) -> None:
        """Wake who watches a job."""
        for event in self._events.get(job_id, ()):
            event.set()

    def all_changed(self) -> None:
        """Wake everybody."""
        for job_id in self._events:
            self.changed(job_id)
