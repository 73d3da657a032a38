"""`peanutd`: flags, then the daemon."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import peanut_daemon
from peanut_daemon import log
from peanut_daemon.config import load_settings
from peanut_daemon.errors import DaemonError, FolderInUseError
from peanut_daemon.server import serve

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
    parser.add_argument("--log-level", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    flags = vars(parser.parse_args(arguments))
    try:
        settings = load_settings(flags)
        log.configure(settings.log_level)
        asyncio.run(serve(settings))
    except FolderInUseError as error:
        sys.stderr.write(f"peanutd: {error}\n")
        sys.exit(EXIT_FOLDER_IN_USE)
    except DaemonError as error:
        sys.exit(f"peanutd: {error}")


if __name__ == "__main__":
    main()
