"""What scripts inside a host talk to: JSON lines over the pipes of one child process.

A host's Python may be any version without any package, so its scripts speak no gRPC. They start
`peanut host` and write requests to its stdin, one JSON object per line:

    {"id": 1, "op": "hello", "protocol": 1}

Every request is answered by one line, `{"id": 1, "done": {...}}` or `{"id": 1, "error": {...}}`;
lines `{"id": 1, "event": ...}` may come before it. Requests run side by side, and `cancel` ends
one. When stdin ends, work that was started goes on until its job is with the daemon.
"""

from __future__ import annotations

from peanut_client.cli.hosting.server import PROTOCOL, serve

__all__ = ["PROTOCOL", "serve"]
