"""Lines in, lines out."""

from __future__ import annotations

import contextlib
import json
import threading
from typing import Any, TextIO

from peanut_client.cli.failures import with_hint
from peanut_client.errors import PeanutError


class Wire:
    """Writes answers, one line each, from any thread."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lock = threading.Lock()

    def event(self, request_id: Any, event: str, **fields: Any) -> None:
        """Tell how a request goes."""
        self._write({**fields, "id": request_id, "event": event})

    def done(self, request_id: Any, result: dict[str, Any]) -> None:
        """Answer a request."""
        self._write({"id": request_id, "done": result})

    def error(self, request_id: Any, error: PeanutError) -> None:
        """Refuse a request."""
        shown = with_hint(error)
        fields = {
            "reason": shown.reason,
            "message": shown.message,
            "hint": shown.hint,
            "retryable": shown.retryable,
        }
        self._write({"id": request_id, "error": fields})

    def _write(self, line: dict[str, Any]) -> None:
        # A host that was closed reads no more; what was started goes on all the same.
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._out.write(json.dumps(line) + "\n")
            self._out.flush()


def parse(line: str) -> dict[str, Any]:
    """One request.

    Raises:
        PeanutError: it is none.
    """
    try:
        request = json.loads(line)
    except ValueError as error:
        raise PeanutError(
            "InvalidRequestError", f"{line[:80]!r} is not JSON ({error}): write one object per line"
        ) from error
    if not isinstance(request, dict) or not isinstance(request.get("op"), str):
        raise PeanutError(
            "InvalidRequestError", f"{line[:80]!r} is no request: it needs `id` and `op`"
        )
    return request


def field(request: dict[str, Any], name: str, kind: type, default: Any = None) -> Any:
    """A field of a request.

    Raises:
        PeanutError: it is missing without a default, or of another kind.
    """
    value = request.get(name, default)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise PeanutError(
            "InvalidRequestError",
            f"{request.get('op')}: field {name!r} is {value!r}: it must be a {kind.__name__}",
        )
    return value
