"""An HTTP/2 server that answers what it is told, also what no sound server would."""

import contextlib
import json
import socket
import struct
import threading
from pathlib import Path

DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, stream=0, payload=b"", flags=0):
    size = struct.pack(">I", len(payload))[1:]
    return size + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def headers(*pairs):
    """Literal headers without a table."""
    block = b""
    for name, value in pairs:
        block += b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
    return block


def trailers_only(stream, *pairs):
    block = headers((":status", "200"), ("content-type", "application/grpc"), *pairs)
    return frame(HEADERS, stream, block, END_HEADERS | END_STREAM)


def message(content=b""):
    return b"\0" + struct.pack(">I", len(content)) + content


class RawServer:
    """Listens on 127.0.0.1; `answer(stream)` gives the bytes for a request that is complete.

    Writes a connection file, so that plugins find it. `silent` never says anything at all.
    """

    def __init__(self, data_dir: Path, answer=None, *, settings=b"", silent=False, hello=None):
        self._answer, self._settings, self._silent, self._hello = answer, settings, silent, hello
        self._window = struct.unpack(">I", settings[2:6])[0] if settings else 65535
        self.violations, self.requests, self.pings = [], 0, 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._open = []
        data_dir.mkdir(parents=True, exist_ok=True)
        port = self._socket.getsockname()[1]
        content = {"address": f"127.0.0.1:{port}", "token": "secret", "pid": 1}
        (data_dir / "daemon.json").write_text(json.dumps(content))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for connection in self._open:
            connection.close()
        self._thread.join(5)

    def _serve(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._open.append(connection)
            with contextlib.suppress(OSError, EOFError):
                self._talk(connection)
            connection.close()

    def _talk(self, connection):
        if self._silent:
            while connection.recv(65536):
                pass
            return
        if self._read(connection, len(PREFACE)) != PREFACE:
            self.violations.append("no preface")
        if self._hello is not None:
            connection.sendall(self._hello)
            return
        connection.sendall(frame(SETTINGS, payload=self._settings))
        left = {}
        while True:
            head = self._read(connection, 9)
            size, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            stream = struct.unpack(">I", head[5:])[0]
            payload = self._read(connection, size)
            if kind == PING and flags & ACK:
                self.pings += 1
            if kind == HEADERS:
                # Acknowledged settings count; until then the default window does.
                left[stream] = self._window
            if kind == DATA:
                left[stream] -= len(payload)
                if left[stream] < 0:
                    self.violations.append(f"sent {-left[stream]} bytes too many")
                if payload and not flags & END_STREAM:
                    left[stream] += len(payload)
                    connection.sendall(
                        frame(WINDOW_UPDATE, stream, struct.pack(">I", len(payload)))
                    )
            if kind == DATA and flags & END_STREAM:
                self.requests += 1
                answer = self._answer(stream)
                if answer is None:
                    return
                connection.sendall(answer)

    @staticmethod
    def _read(connection, size):
        content = b""
        while len(content) < size:
            part = connection.recv(size - len(content))
            if not part:
                raise EOFError
            content += part
        return content
