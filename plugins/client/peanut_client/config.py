"""Settings of the client, read once: defaults, then `PEANUT_DATA_DIR`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

API_MINOR = 1
"""The API minor that this client was built for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where the daemon is and how long to wait for it."""

    # Connection file, log and store of the daemon; client and daemon must agree on it.
    data_dir: Path = Path(platformdirs.user_data_dir("peanut", appauthor=False))
    # What starts a daemon; `--data-dir DIR` is appended. Hosts that embed Python give their own.
    daemon_command: tuple[str, ...] = (sys.executable, "-m", "peanut_daemon")
    # Seconds for the first answer of a running daemon; a busy machine needs more than one.
    probe_timeout_s: float = 5.0
    # Seconds for a new daemon to listen; the first import of torch from a cold disk is slow.
    start_timeout_s: float = 60.0
    # Seconds for calls that only look something up.
    call_timeout_s: float = 60.0
    # Seconds for calls that read a whole clip or all masks of an edit.
    long_call_timeout_s: float = 600.0
    # Bytes of one message, both ways; the daemon's own limit.
    max_message_bytes: int = 64 * 2**20
    # Seconds that `watch_job` goes on looking for a daemon that went away.
    reconnect_timeout_s: float = 60.0

    @property
    def connection_file(self) -> Path:
        """Where the daemon writes its address and token."""
        return self.data_dir / "daemon.json"

    @property
    def log_file(self) -> Path:
        """Where a daemon that the client started writes its log."""
        return self.data_dir / "daemon.log"


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settle the settings of this process.

    Args:
        environment: by default the process's own; only `PEANUT_DATA_DIR` is read.
    """
    environment = os.environ if environment is None else environment
    if data_dir := environment.get("PEANUT_DATA_DIR"):
        return Settings(data_dir=Path(data_dir).expanduser().absolute())
    return Settings()
