"""Channels to a daemon: plain on this machine, TLS to any other; and the secrets they need."""

from __future__ import annotations

import ipaddress
import os
import stat
import sys
from pathlib import Path
from typing import Any

import grpc

from peanut_client.config import Settings
from peanut_client.errors import PeanutError

# Untyped: see connection.py.
_grpc: Any = grpc


def open_channel(address: str, settings: Settings) -> Any:
    """A channel to that address; nothing is sent yet.

    Raises:
        PeanutError: a certificate or key cannot be read, or others can read the key.
    """
    options = [
        ("grpc.max_send_message_length", settings.max_message_bytes),
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        # A daemon on this machine is never behind a proxy that the environment may name.
        ("grpc.enable_http_proxy", int(not _is_local(address))),
        # Two clients in one process must not share a connection to a daemon that has ended.
        ("grpc.use_local_subchannel_pool", 1),
    ]
    if _is_local(address) and settings.tls_ca is None:
        return _grpc.insecure_channel(address, options=options)
    if settings.client_key is not None:
        check_closed(settings.client_key)
    credentials = _grpc.ssl_channel_credentials(
        root_certificates=_content(settings.tls_ca),
        private_key=_content(settings.client_key),
        certificate_chain=_content(settings.client_cert),
    )
    return _grpc.secure_channel(address, credentials, options=options)


def token_in(path: Path) -> str:
    """The token in a file that only this user can read.

    Raises:
        PeanutError: it cannot be read, or others can read it.
    """
    content = _content(path) or b""
    check_closed(path)
    return content.decode("ascii", "replace").strip()


def check_closed(path: Path) -> None:
    """Make sure that no other user can read or change a file.

    A file in a folder that others cannot enter is as closed as one that has mode 600.

    Raises:
        PeanutError: one can.
    """
    if sys.platform == "win32":
        return
    facts, folder = path.stat(), path.parent.stat()
    shut = not stat.S_IMODE(folder.st_mode) & 0o077 and folder.st_uid in (os.geteuid(), 0)
    owned = facts.st_uid in (os.geteuid(), 0)
    if not owned or (stat.S_IMODE(facts.st_mode) & 0o077 and not shut):
        raise PeanutError(
            "ExposedFilesError",
            f"{path} holds a secret, and other users can read or change it: chmod 600 {path} and "
            f"chmod 700 {path.parent}, and stop the daemon once so that it makes a new token",
        )


def _is_local(address: str) -> bool:
    if address.startswith("unix:"):
        return True
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _content(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise PeanutError(
            "SettingError", f"{path} cannot be read ({error.strerror}): check the setting"
        ) from error
