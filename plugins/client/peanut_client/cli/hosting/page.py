"""A page in the browser to click on the object, for hosts whose own windows cannot show a picture.

Served to this machine alone, under a path that nobody can guess, for as long as the question
stands.
"""

from __future__ import annotations

import json
import secrets
import tempfile
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from peanut_client.edits_program import run_edits_program
from peanut_client.errors import PeanutError

_MAX_ANSWER_BYTES = 1 << 20


class PromptPage:
    """One question: what must go from this clip?"""

    def __init__(self, clip: str, frames: tuple[int, int], title: str) -> None:
        self.clip = clip
        self.frames = frames
        self.title = title
        self._token = secrets.token_urlsafe(16)
        self._answer: dict[str, Any] | None = None
        self._answered = threading.Event()
        # What the page shows once the question is answered.
        self._state: dict[str, Any] = {"text": "starting", "done": 0, "total": 0, "ended": False}
        # Ends what runs for this page.
        self.on_cancel: Callable[[], None] = lambda: None
        self._folder = tempfile.TemporaryDirectory(prefix="peanut-page-")
        self._stills = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """What to open."""
        return f"http://127.0.0.1:{self._server.server_port}/{self._token}/"

    def open(self) -> None:
        """Listen."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening, and forget the pictures."""
        self._server.shutdown()
        self._server.server_close()
        self._folder.cleanup()

    def wait(self) -> dict[str, Any] | None:
        """What the user chose, once they did; None if they chose nothing."""
        self._answered.wait()
        return self._answer

    def cancel(self) -> None:
        """End the question, or what runs since it was answered."""
        self._answered.set()
        self.on_cancel()

    def report(self, text: str, done: int = 0, total: int = 0, *, ended: bool = False) -> None:
        """Say on the page how it goes."""
        self._state = {"text": text, "done": done, "total": total, "ended": ended}

    def still(self, frame: int) -> tuple[bytes, dict[str, Any]]:
        """A frame as JPEG, and its size."""
        target = Path(self._folder.name) / f"{frame}.jpg"
        with self._stills:  # decoding twice at a time helps nobody
            facts = run_edits_program("still", self.clip, str(frame), str(target))
            return target.read_bytes(), facts

    def take(self, answer: Any) -> None:
        """Check what the page sent, and answer the question with it.

        Raises:
            PeanutError: it says nothing to remove.
        """
        prompts = answer.get("prompts") if isinstance(answer, dict) else None
        if not isinstance(prompts, list) or not any(
            p.get("kind") == "box" or p.get("positive") for p in prompts if isinstance(p, dict)
        ):
            raise PeanutError(
                "PromptError", "nothing says where the object is: click on it, or drag a box"
            )
        first, end = self.frames
        for prompt in prompts:
            if not first <= int(prompt["frame"]) < end:
                raise PeanutError(
                    "FrameRangeError",
                    f"frame {prompt['frame']} is outside [{first}, {end}): click on a frame of the "
                    "clip",
                )
        self._answer = {"prompts": prompts, "deliver": str(answer.get("deliver", "full"))}
        self._answered.set()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if parts.path == f"/{page._token}/":
                    self._send(200, "text/html; charset=utf-8", _html(page))
                elif parts.path == f"/{page._token}/state":
                    self._send(200, "application/json", json.dumps(page._state).encode())
                elif parts.path == f"/{page._token}/still":
                    frame = int(parse_qs(parts.query).get("frame", ["0"])[0])
                    try:
                        data, _ = page.still(frame)
                    except PeanutError as error:
                        self._send(409, "text/plain; charset=utf-8", error.message.encode())
                        return
                    self._send(200, "image/jpeg", data)
                else:
                    self._send(404, "text/plain", b"nothing here")

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                if self.path == f"/{page._token}/cancel":
                    page.cancel()
                    self._send(200, "application/json", b"{}")
                    return
                if self.path != f"/{page._token}/answer" or length > _MAX_ANSWER_BYTES:
                    self._send(404, "text/plain", b"nothing here")
                    return
                try:
                    page.take(json.loads(self.rfile.read(length)))
                except (PeanutError, ValueError, KeyError, TypeError) as error:
                    self._send(400, "text/plain; charset=utf-8", str(error).encode())
                    return
                self._send(200, "application/json", b"{}")

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
                """Say nothing: stdout belongs to the protocol."""

            def _send(self, code: int, kind: str, data: bytes) -> None:
                self.send_response(code)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.send_header("Cache-Control", "no-store")
                self.send_header("X-Frame-Options", "DENY")
                self.end_headers()
                self.wfile.write(data)

        return Handler


def _html(page: PromptPage) -> bytes:
    facts = {"title": page.title or Path(page.clip).name, "frames": list(page.frames)}
    # `</` would end the script element that the facts stand in.
    text = json.dumps(facts).replace("</", "<\\/")
    source = resources.files("peanut_client.cli.hosting").joinpath("page.html")
    return source.read_text(encoding="utf-8").replace("@FACTS@", text).encode()
