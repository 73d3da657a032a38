"""A local HTTP server with the faults that real ones have; also stands in as a proxy.

with FileServer({"weights.pth": data}) as server:
    server.cut_after = 1000      # the next answers break off
    fetch(server.url("weights.pth"))
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


class FileServer:
    """Serves bytes by path on 127.0.0.1, with ranges, and remembers what was asked.

    Attributes:
        files: path without the first slash -> contents; may be changed at any time.
        requests: path and headers of every request, in order.
        cut_after: bytes after which an answer breaks off; None: never.
        cuts_left: how many answers still break off.
        statuses: taken from the front, one per request, instead of an answer.
        retry_after: header of those.
        tag: entity tag, None: none is sent and neither is a date.
        ranges: whether ranges are served.
        stated_length: whether Content-Length is sent.
        pause_s: before every `piece` bytes.
        piece: bytes sent at once.
        content_type: of every answer.
        redirects: path -> address.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.cut_after: int | None = None
        self.cuts_left = 0
        self.statuses: list[int] = []
        self.retry_after = ""
        self.tag: str | None = '"one"'
        self.ranges = True
        self.stated_length = True
        self.pause_s = 0.0
        self.piece = 1 << 16
        self.content_type = "application/octet-stream"
        self.redirects: dict[str, str] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        # Short polls: closing waits for one.
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def address(self) -> str:
        """Without a path and without a slash at its end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def url(self, name: str) -> str:
        """The address of one file."""
        return f"{self.address}/{name}"

    def asked(self, header: str) -> list[str | None]:
        """What each request had in a header."""
        return [headers.get(header.lower()) for _, headers in self.requests]

    def __enter__(self) -> FileServer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(owner: FileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            owner.requests.append((self.path, headers))
            # A proxy is asked for whole addresses.
            path = re.sub(r"^http://[^/]+", "", self.path).lstrip("/")
            if owner.statuses:
                self._status(owner.statuses.pop(0))
            elif path in owner.redirects:
                self._status(302, {"Location": owner.redirects[path]})
            elif path not in owner.files:
                self._status(404)
            else:
                self._file(owner.files[path], headers)

        def _status(self, code: int, extra: Mapping[str, str] | None = None) -> None:
            self.send_response(code)
            if owner.retry_after:
                self.send_header("Retry-After", owner.retry_after)
            for name, value in (extra or {}).items():
                self.send_header(name, value)
            self.end_headers()

        def _file(self, data: bytes, headers: Mapping[str, str]) -> None:
            first = 0
            asked = re.fullmatch(r"bytes=(\d+)-", headers.get("range", ""))
            same = headers.get("if-range") in (None, owner.tag)
            if asked and owner.ranges and same:
                first = int(asked[1])
            if first and first >= len(data):
                self._status(416)
                return
            self.send_response(206 if first else 200)
            if first:
                self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
            if owner.stated_length:
                self.send_header("Content-Length", str(len(data) - first))
            if owner.tag is not None:
                self.send_header("ETag", owner.tag)
            self.send_header("Content-Type", owner.content_type)
            self.end_headers()
            self._body(data[first:])

        def _body(self, data: bytes) -> None:
            end = len(data)
            if owner.cut_after is not None and owner.cuts_left > 0:
                owner.cuts_left -= 1
                end = min(end, owner.cut_after)
            try:
                for at in range(0, end, owner.piece):
                    if owner.pause_s:
                        time.sleep(owner.pause_s)
                    self.wfile.write(data[at : min(at + owner.piece, end)])
            except ConnectionError:
                pass  # the client had enough

    return Handler
