"""A page in the browser: click on the object, look at the mask, correct it, watch the render.

For hosts whose own windows cannot show a picture. Served to this machine alone, under a path that
nobody can guess, for as long as somebody in the host waits for it.
"""

from __future__ import annotations

import json
import secrets
import tempfile
import threading
import time
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import Any

from peanut_client.cli.hosting.page_server import handler_for
from peanut_client.edits_program import run_edits_program
from peanut_client.errors import PeanutError

# The page asks for its state every few seconds, in a hidden tab once a minute. One that has been
# silent for so long was lost with its browser, and nobody will answer.
_LOST_AFTER_S = 600.0
_LOOK_EVERY_S = 5.0


class PromptPage:
    """One clip and what is asked about it."""

    def __init__(self, clip: str, frames: tuple[int, int], title: str) -> None:
        self.clip = clip
        self.frames = frames
        self.title = title
        self.token = secrets.token_urlsafe(16)
        # What the page shows: phase is ask, work, check or end.
        self.state: dict[str, Any] = {"phase": "ask", "text": "", "done": 0, "total": 0}
        # Ends what runs for this page.
        self.on_cancel: Callable[[], None] = lambda: None
        self._mask_of: Callable[[int], bytes] | None = None
        self._answer: dict[str, Any] | None = None
        self._answered = threading.Event()
        self._seen = time.monotonic()
        self._folder = tempfile.TemporaryDirectory(prefix="peanut-page-")
        self._stills = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler_for(self))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """What to open."""
        return f"http://127.0.0.1:{self._server.server_port}/{self.token}/"

    def open(self) -> None:
        """Listen."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening, and forget the pictures."""
        self._server.shutdown()
        self._server.server_close()
        self._folder.cleanup()

    # --- for the host ---

    def ask(self) -> dict[str, Any] | None:
        """What must go: `prompts`, `deliver`, `take`; None if the user wants nothing."""
        return self._asked("ask")

    def check(self, mask_of: Callable[[int], bytes]) -> list[dict[str, Any]] | None:
        """Show the masks; [] if they are right, else all prompts; None if the user gives up.

        Args:
            mask_of: the mask of a frame as PNG; raises `PeanutError` where there is none.
        """
        self._mask_of = mask_of
        answer = self._asked("check")
        if answer is None:
            return None
        prompts: list[dict[str, Any]] = [] if answer["approve"] else answer["prompts"]
        return prompts

    def report(self, text: str, done: int = 0, total: int = 0, *, ended: bool = False) -> None:
        """Say on the page how it goes."""
        phase = "end" if ended else "work"
        self.state = {"phase": phase, "text": text, "done": done, "total": total}

    def cancel(self) -> None:
        """End the question, or what runs since it was answered."""
        self._answer = None
        self._answered.set()
        self.on_cancel()

    def _asked(self, phase: str) -> dict[str, Any] | None:
        self._answered.clear()
        self._seen = time.monotonic()
        self.state = {"phase": phase, "text": "", "done": 0, "total": 0}
        while not self._answered.wait(_LOOK_EVERY_S):
            if time.monotonic() - self._seen > _LOST_AFTER_S:
                self.cancel()
        self.report("starting")
        return self._answer

    # --- for the page ---

    def html(self) -> bytes:
        """The page itself."""
        facts = {"title": self.title or Path(self.clip).name, "frames": list(self.frames)}
        # `</` would end the script element that the facts stand in.
        text = json.dumps(facts).replace("</", "<\\/")
        source = resources.files("peanut_client.cli.hosting").joinpath("page.html")
        return source.read_text(encoding="utf-8").replace("@FACTS@", text).encode()

    def look(self) -> dict[str, Any]:
        """The state, for a page that is still there."""
        self._seen = time.monotonic()
        return self.state

    def still(self, frame: int) -> bytes:
        """A frame as JPEG.

        Raises:
            PeanutError: it cannot be read.
        """
        target = Path(self._folder.name) / f"{frame}.jpg"
        with self._stills:  # decoding twice at a time helps nobody
            if not target.exists():
                run_edits_program("still", self.clip, str(frame), str(target))
            return target.read_bytes()

    def mask(self, frame: int) -> bytes:
        """The mask of a frame as PNG.

        Raises:
            PeanutError: there is none yet.
        """
        if self._mask_of is None:
            raise PeanutError("MaskNotFoundError", "the object was not looked for yet")
        return self._mask_of(frame)

    def take(self, answer: Any) -> None:
        """Check what the page sent, and answer the question with it.

        Raises:
            PeanutError: it says nothing to remove.
        """
        if self.state["phase"] not in ("ask", "check"):
            raise PeanutError("InvalidRequestError", "nothing is asked here at the moment")
        said = answer if isinstance(answer, dict) else {}
        approve = said.get("approve") is True and self.state["phase"] == "check"
        prompts = said.get("prompts")
        if not approve:
            self._check_prompts(prompts)
        self._answer = {
            "prompts": prompts,
            "approve": approve,
            "deliver": str(said.get("deliver", "full")),
            "take": said.get("take") is True,
        }
        self.report("starting")  # from here on no second answer is taken
        self._answered.set()

    def _check_prompts(self, prompts: Any) -> None:
        known = [p for p in prompts if isinstance(p, dict)] if isinstance(prompts, list) else []
        if not any(p.get("kind") in ("box", "text") or p.get("positive") for p in known):
            raise PeanutError(
                "PromptError", "nothing says where the object is: click on it, or drag a box"
            )
        first, end = self.frames
        for prompt in known:
            if not first <= int(prompt["frame"]) < end:
                raise PeanutError(
                    "FrameRangeError",
                    f"frame {prompt['frame']} is outside [{first}, {end}): click on a frame of the "
                    "clip",
                )
