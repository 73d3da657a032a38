"""Whose work is in hand: the job, and the client that asks. For the log, and for fair turns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

CLIENT_KEY = "peanut-client"
"""Metadata of a call: who makes it, in the caller's own words."""

LONGEST_NAME = 80

_job_id: ContextVar[str] = ContextVar("job_id", default="")
_client: ContextVar[str] = ContextVar("client", default="")


def job_id() -> str:
    """The job in hand; empty if there is none."""
    return _job_id.get()


def client() -> str:
    """Who makes the call in hand; empty outside of calls."""
    return _client.get()


@contextmanager
def about(*, job_id: str = "", client: str = "") -> Iterator[None]:
    """What happens in the block belongs to that job and that client."""
    job_token, client_token = _job_id.set(job_id), _client.set(client)
    try:
        yield
    finally:
        _job_id.reset(job_token)
        _client.reset(client_token)


def called_by(client: str) -> None:
    """The rest of the call in hand, which has a context of its own, belongs to that client."""
    _client.set(client)


def client_of(metadata: Mapping[str, object], peer: str) -> str:
    """The name of a caller: as it calls itself, else the address that it calls from.

    A name decides about turns between people who trust each other, and about nothing else, so it
    is not verified; only made fit for a line of a log.
    """
    name = re.sub(r"[^\w.@:/\[\]-]", "_", str(metadata.get(CLIENT_KEY) or peer), flags=re.ASCII)
    return name[:LONGEST_NAME]
