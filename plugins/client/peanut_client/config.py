"""Settings of the client, read once: defaults, then the variables of the environment."""

from __future__ import annotations

import getpass
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import platformdirs

API_MINOR = 1
"""The API minor that this client was built for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where the daemon is and how long to wait for it."""

    # Connection file, log and store of the daemon; client and daemon must agree on it.
    data_dir: Path = Path(platformdirs.user_data_dir("peanut", appauthor=False))
    # HOST:PORT of a daemon on another machine; empty = the one of `data_dir`. Paths in requests are
    # then those of that machine.
    address: str = ""
    # File with that daemon's token: a copy of `token` in its data folder.
    token_file: Path | None = None
    # PEM file of the authority that signed its certificate; None = those that the system trusts.
    tls_ca: Path | None = None
    # PEM files of this client's certificate and key, where that daemon asks for one.
    client_cert: Path | None = None
    client_key: Path | None = None
    # Whom the daemon takes this client for: it gives turns to names, not to connections. By default
    # user and machine, so that all windows of one person count as one.
    client_name: str = field(default_factory=lambda: _who())
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
        environment: by default the process's own; read are `PEANUT_DATA_DIR`, `PEANUT_ADDRESS`,
            `PEANUT_TOKEN_FILE`, `PEANUT_TLS_CA`, `PEANUT_CLIENT_CERT`, `PEANUT_CLIENT_KEY` and
            `PEANUT_CLIENT_NAME`.
    """
    environment = os.environ if environment is None else environment
    given = environment.get

    def path(name: str) -> Path | None:
        text = given(name)
        return Path(text).expanduser().absolute() if text else None

    settings = Settings(
        address=given("PEANUT_ADDRESS", ""),
        token_file=path("PEANUT_TOKEN_FILE"),
        tls_ca=path("PEANUT_TLS_CA"),
        client_cert=path("PEANUT_CLIENT_CERT"),
        client_key=path("PEANUT_CLIENT_KEY"),
        client_name=given("PEANUT_CLIENT_NAME") or _who(),
    )
    data_dir = path("PEANUT_DATA_DIR")
    return settings if data_dir is None else replace(settings, data_dir=data_dir)


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, ImportError, OSError):  # a container may run as a user without a name
        user = "somebody"
    return f"{user}@{socket.gethostname()}"
