"""Who can reach the daemon: permissions of its files, its token, and TLS for other machines."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import secrets
import stat
import sys
from pathlib import Path
from typing import Any

import grpc

from peanut_daemon.config import Settings
from peanut_daemon.errors import ExposedFilesError, InvalidRequestError

# Of a token that somebody wrote by hand; our own have 43.
_MIN_TOKEN = 32


def secure_folder(folder: Path) -> None:
    """Make the data folder, for this user alone.

    Raises:
        ExposedFilesError: it is another user's, or stays open to others.
        InvalidRequestError: it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidRequestError(
            f"data folder {folder} cannot be made ({error.strerror}): give another with --data-dir"
        ) from error
    if sys.platform == "win32":
        return  # A user's own folders are closed to others there; ACLs are not ours to judge.
    _refuse_other_owner(folder)
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        with contextlib.suppress(OSError):  # The look at it decides.
            folder.chmod(0o700)
    check_closed(folder)
    for name in ("peanut.toml", "journal.db"):
        _refuse_other_writers(folder / name)


def check_closed(path: Path) -> None:
    """Make sure that no other user can read or change a file or folder.

    Raises:
        ExposedFilesError: one can.
    """
    if sys.platform == "win32":
        return
    _refuse_other_owner(path)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        wanted = "700" if path.is_dir() else "600"
        raise ExposedFilesError(
            f"{path} is open to other users (mode {mode:o}): chmod {wanted} {path}; where the "
            "disk knows no permissions, give another folder with --data-dir"
        )


def _refuse_other_owner(path: Path) -> None:
    if sys.platform != "win32" and (owner := path.stat().st_uid) != os.geteuid():
        raise ExposedFilesError(
            f"{path} belongs to user {owner} and the daemon runs as user {os.geteuid()}: "
            f"chown it, or give another folder with --data-dir"
        )


def _refuse_other_writers(path: Path) -> None:
    """What steers the daemon may be changed by its user and by root only; missing is fine."""
    if sys.platform == "win32" or not path.exists():
        return
    facts = path.stat()
    if facts.st_uid not in (os.geteuid(), 0) or stat.S_IMODE(facts.st_mode) & 0o022:
        raise ExposedFilesError(
            f"{path} can be changed by other users: chown it to the daemon's user, then "
            f"chmod go-w {path}"
        )


def kept_token(path: Path) -> str:
    """The token in a file, which is made the first time: clients elsewhere have a copy.

    Raises:
        ExposedFilesError: other users can read it.
        InvalidRequestError: too short to be a secret, or not text.
    """
    if not path.exists():
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123
            file.write(secrets.token_urlsafe(32) + "\n")
    check_closed(path)
    try:
        token = path.read_text(encoding="ascii").strip()
    except ValueError:
        token = ""
    if len(token) < _MIN_TOKEN or not token.isprintable():
        raise InvalidRequestError(
            f"token file {path} has no token of {_MIN_TOKEN} characters or more: remove it, and "
            "the daemon makes a new one"
        )
    return token


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach that address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def check_listen(settings: Settings) -> None:
    """Refuse to listen for other machines without what makes that safe.

    Raises:
        InvalidRequestError: no address, no certificate, or no folders that clients may name.
    """
    if not settings.listen:
        for name in ("tls_cert", "tls_key", "tls_client_ca"):
            if getattr(settings, name) is not None:
                raise InvalidRequestError(
                    f"setting {name} is given without listen: the local address needs no "
                    "certificate; add --listen HOST:PORT, or take it away"
                )
        return
    host, _, port = settings.listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise InvalidRequestError(
            f"setting listen is {settings.listen!r}: give HOST:PORT, such as 0.0.0.0:7443"
        )
    if settings.tls_cert is None or settings.tls_key is None:
        raise InvalidRequestError(
            f"listening on {settings.listen} needs a certificate, since plain text would show the "
            "token and the pictures to the network: give --tls-cert and --tls-key"
        )
    if not settings.allowed_roots:
        raise InvalidRequestError(
            f"listening on {settings.listen} needs the folders that clients may name: give "
            "allowed_roots, for example PEANUT_ALLOWED_ROOTS=/media/projects"
        )


def server_credentials(settings: Settings) -> Any:
    """Credentials for gRPC from the PEM files in the settings.

    Raises:
        InvalidRequestError: a file is missing or no PEM.
        ExposedFilesError: other users can read the key.
    """
    assert settings.tls_cert is not None and settings.tls_key is not None
    key = _pem(settings.tls_key, "PRIVATE KEY")
    check_closed(settings.tls_key)
    chain = _pem(settings.tls_cert, "CERTIFICATE")
    authority = settings.tls_client_ca
    return grpc.ssl_server_credentials(
        [(key, chain)],
        root_certificates=None if authority is None else _pem(authority, "CERTIFICATE"),
        require_client_auth=authority is not None,
    )


def _pem(path: Path, kind: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidRequestError(
            f"{path} cannot be read ({error.strerror}): give a PEM file"
        ) from error
    if f"{kind}-----".encode() not in content:
        raise InvalidRequestError(f"{path} has no {kind.lower()} in PEM form: give one that has")
    return content
