"""The command line `peanut`."""

from __future__ import annotations

from peanut_client.cli import (
    daemon,
    demo,
    doctor,
    edits,
    host,
    jobs,
    mask,
    models,
    plugins,
    ps,
    remove,
    review,
    store,
    timeline,
    verify,
)
from peanut_client.cli.app import app

__all__ = [
    "app",
    "daemon",
    "demo",
    "doctor",
    "edits",
    "host",
    "jobs",
    "main",
    "mask",
    "models",
    "plugins",
    "ps",
    "remove",
    "review",
    "store",
    "timeline",
    "verify",
]


def main() -> None:
    """Entry point of the script `peanut`."""
    app(prog_name="peanut")
