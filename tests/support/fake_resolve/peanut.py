"""`peanut host` without a process: the same requests and answers, on the daemon's own OTIO code."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from support.fake_resolve.fake import FakeResolve, Media

from peanut_daemon.edits.timeline import request_to_range
from peanut_daemon.media.rate import Rate
from peanut_daemon.media.timecode import Timecode
from peanut_davinci.errors import HostError


class FakePeanut:
    """Answers as the pipe does; a render is a file that the fake Resolve can import."""

    def __init__(self, app: FakeResolve, folder: str) -> None:
        self.app = app
        self.folder = folder
        self.notes: dict[str, Any] = {}
        self.version = "test"
        self.tickets: dict[str, dict[str, Any]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, dict[str, Any]]] = []
        # What the user does on the page; None: cancels.
        self.wish: dict[str, Any] | None = {"deliver": "full"}
        # Whether jobs go on for longer than the script.
        self.endless = False
        # Deliverables that differ from what was asked, to see that it is noticed.
        self.spoil: dict[str, Any] = {}
        self._answers: dict[int, Any] = {}

    def begin(self, op: str, on_event: Callable[[Any], None] | None = None, **fields: Any) -> int:
        self.requests.append((op, fields))
        number = len(self.requests)
        try:
            self._answers[number] = getattr(self, f"_{op}")(
                on_event or (lambda event: None), **json.loads(json.dumps(fields))
            )
        except HostError as error:
            self._answers[number] = error
        return number

    def pump(self, timeout: float = 0.0) -> None:
        pass

    def answer(self, number: int) -> Any:
        found = self._answers.get(number)
        if isinstance(found, HostError):
            raise found
        return found

    def wait(self, number: int, idle: Any = None) -> Any:
        return self.answer(number)

    def call(self, op: str, on_event: Any = None, idle: Any = None, **fields: Any) -> Any:
        return self.wait(self.begin(op, on_event, **fields))

    def close(self) -> None:
        pass

    # --- what the daemon would do ---

    def _prompt(self, tell: Any, *, clip: str, frames: list[int], title: str) -> dict[str, Any]:
        tell({"event": "page", "url": "http://127.0.0.1:1/x/"})
        if self.wish is None:
            raise HostError("CancelledByUserError", "nothing was chosen to remove")
        point = {"kind": "point", "frame": frames[0], "xy_px": [3, 4], "positive": True}
        return {"prompts": [point], **self.wish}

    def _start(
        self, tell: Any, *, otio: Any, frames: list[int], ticket: dict[str, Any], **rest: Any
    ) -> dict[str, Any]:
        asked = request_to_range(json.dumps(otio))
        found = [asked.frame_range.start, asked.frame_range.end]
        if found != frames:
            raise HostError("FrameMismatchError", f"{found} is not {frames}")
        job_id = f"job{len(self.jobs) + 1}"
        path = f"{self.folder}/{job_id}.mov"
        self.app.media[path] = Media(
            path=path,
            rate=self.spoil.get("rate", asked.rate.fraction),
            frames=self.spoil.get("frames", len(asked.frame_range)),
            start_tc=_label(asked.rate, asked.start_frame + found[0]),
        )
        state = "running" if self.endless else "succeeded"
        self.jobs[job_id] = {"id": job_id, "state": state, "outputs": {"deliverable": path}}
        self.tickets[job_id] = dict(ticket, job_id=job_id)
        tell({"event": "tracking", "frames_done": 1, "frames_total": 2})
        return {"job_id": job_id, "output": path}

    def _watch(self, tell: Any, *, job_id: str, page: Any = None) -> dict[str, Any] | None:
        job = self.jobs[job_id]
        return None if job["state"] == "running" else {"job": job}

    def _tickets(self, tell: Any) -> dict[str, Any]:
        return {"tickets": [dict(t, job=self.jobs.get(k)) for k, t in self.tickets.items()]}

    def _settle(self, tell: Any, *, job_id: str, placed: Any) -> dict[str, Any]:
        self.tickets[job_id]["placed"] = placed
        return {"ticket": self.tickets[job_id]}

    def _forget(self, tell: Any, *, job_id: str) -> dict[str, Any]:
        return {"forgotten": self.tickets.pop(job_id, None) is not None}

    def _note(self, tell: Any, *, key: str, value: Any) -> dict[str, Any]:
        self.notes[key] = value
        return {}


def _label(rate: Rate, frame: int) -> str:
    return Timecode(frame, rate).label
