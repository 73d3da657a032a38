"""The command line `peanut`."""

from __future__ import annotations

from peanut_client.cli import (
    daemon,
    demo,
    doctor,
    host,
    jobs,
    mask,
    models,
    plugins,
    remove,
    timeline,
)
from peanut_client.cli.app import app

__all__ = [
    "app",
    "daemon",
    "demo",
    "doctor",
    "host",
    "jobs",
    "main",
    "mask",
    "models",
    "plugins",
    "remove",
    "timeline",
]


def main() -> None:
    """Entry point of the script `peanut`."""
    app(prog_name="peanut")
