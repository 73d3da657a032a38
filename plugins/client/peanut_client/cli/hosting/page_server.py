"""The page's requests: read, ask the page, answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from peanut_client.errors import PeanutError

_MAX_ANSWER_BYTES = 1 << 20


class Page(Protocol):
    """What requests are answered from."""

    token: str

    def html(self) -> bytes:
        """The page itself."""

    def look(self) -> dict[str, Any]:
        """What it shows now."""

    def still(self, frame: int) -> bytes:
        """A frame as JPEG."""

    def mask(self, frame: int) -> bytes:
        """A mask as PNG."""

    def take(self, answer: Any) -> None:
        """The user's answer."""

    def cancel(self) -> None:
        """The user wants nothing more."""


def handler_for(page: Page) -> type[BaseHTTPRequestHandler]:
    """The handler of one page; every other path is answered with 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            answers: dict[str, tuple[str, Callable[[int], bytes]]] = {
                "": ("text/html; charset=utf-8", lambda _: page.html()),
                "state": ("application/json", lambda _: json.dumps(page.look()).encode()),
                "still": ("image/jpeg", page.still),
                "mask": ("image/png", page.mask),
            }
            name = self._name(parts.path)
            if name not in answers:
                self._send(404, "text/plain", b"nothing here")
                return
            kind, answer = answers[name]
            try:
                frame = int(parse_qs(parts.query).get("frame", ["0"])[0])
                self._send(200, kind, answer(frame))
            except (PeanutError, ValueError) as error:
                self._refuse(error)

        def do_POST(self) -> None:
            name = self._name(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            if name not in ("answer", "cancel") or length > _MAX_ANSWER_BYTES:
                self._send(404, "text/plain", b"nothing here")
                return
            try:
                body = self.rfile.read(length)
                if name == "cancel":
                    page.cancel()
                else:
                    page.take(json.loads(body))
            except (PeanutError, ValueError, KeyError, TypeError) as error:
                self._refuse(error)
                return
            self._send(200, "application/json", b"{}")

        def _name(self, path: str) -> str | None:
            start = f"/{page.token}/"
            return path.removeprefix(start) if path.startswith(start) else None

        def _refuse(self, error: Exception) -> None:
            text = error.message if isinstance(error, PeanutError) else str(error)
            self._send(400, "text/plain; charset=utf-8", text.encode())

        def _send(self, code: int, kind: str, data: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Frame-Options", "DENY")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
            """Say nothing: nobody reads it."""

    return Handler
