"""`peanutd`: flags, then the daemon."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import peanut_daemon
from peanut_daemon import log
from peanut_daemon.config import Settings, load_settings
from peanut_daemon.errors import DaemonError, FolderInUseError
from peanut_daemon.journal.rebuild import rebuild_journal
from peanut_daemon.server import only_daemon_of, serve

# Clients that start a daemon tell by this that another one was faster.
EXIT_FOLDER_IN_USE = 3


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the daemon in the foreground until SIGINT, SIGTERM or a Shutdown call."""
    parser = argparse.ArgumentParser(prog="peanutd", description="The PEANUT daemon.")
    parser.add_argument("--version", action="version", version=peanut_daemon.__version__)
    parser.add_argument("--data-dir", type=Path, help="journal, store and connection file")
    parser.add_argument(
        "--port", type=int, help="TCP port on 127.0.0.1 (0: any); default: a Unix socket"
    )
    parser.add_argument(
        "--listen", metavar="HOST:PORT", help="for other machines; needs TLS and allowed_roots"
    )
    parser.add_argument("--tls-cert", type=Path, help="PEM file of the daemon's certificates")
    parser.add_argument("--tls-key", type=Path, help="PEM file of its key")
    parser.add_argument(
        "--tls-client-ca", type=Path, help="PEM file of who signs clients' certificates"
    )
    parser.add_argument("--log-level", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    parser.add_argument(
        "--rebuild-journal",
        action="store_true",
        help="put a damaged journal aside, start a new one with what can be read of it, and end",
    )
    flags = vars(parser.parse_args(arguments))
    rebuild = flags.pop("rebuild_journal")
    try:
        settings = load_settings(flags)
        log.configure(settings.log_level, settings.log_format)
        if rebuild:
            _rebuild(settings)
        else:
            asyncio.run(serve(settings))
    except FolderInUseError as error:
        sys.stderr.write(f"peanutd: {error}\n")
        sys.exit(EXIT_FOLDER_IN_USE)
    except DaemonError as error:
        sys.exit(f"peanutd: {error}")


def _rebuild(settings: Settings) -> None:
    with only_daemon_of(settings.data_dir):
        rebuilt = rebuild_journal(settings.data_dir / "journal.db")
    sys.stdout.write(json.dumps({"kept": str(rebuilt.kept), "rows": rebuilt.rows}) + "\n")


if __name__ == "__main__":
    main()
