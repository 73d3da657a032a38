"""The command line `peanut`."""

from __future__ import annotations

from peanut_client.cli import daemon, demo, doctor, jobs, mask, models, remove
from peanut_client.cli.app import app

__all__ = ["app", "daemon", "demo", "doctor", "jobs", "main", "mask", "models", "remove"]


def main() -> None:
    """Entry point of the script `peanut`."""
    app(prog_name="peanut")
