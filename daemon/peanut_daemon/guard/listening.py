"""Where the daemon listens: the local address, one for other machines, and who is let in."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import grpc

from peanut_daemon.config import Settings
from peanut_daemon.errors import InvalidRequestError
from peanut_daemon.guard import access
from peanut_daemon.guard.rates import CallLimits
from peanut_daemon.interceptors import GuardInterceptor

logger = logging.getLogger(__name__)

# Limits of one machine's programs together are those of so many clients.
CLIENTS_PER_HOST = 16
# The kernel's bound on the path of a Unix socket, with room for the terminating zero.
MAX_SOCKET_PATH = 100


def guard(settings: Settings, token: str, refused: Callable[[str], None]) -> GuardInterceptor:
    """What stands before every call; `refused` is told the reason of each that ends badly."""

    def limits(clients: int) -> CallLimits:
        return CallLimits(
            calls_per_s=clients * settings.calls_per_s,
            burst=clients * settings.call_burst,
            at_once=clients * settings.max_calls_at_once,
            clock=time.monotonic,
        )

    return GuardInterceptor(
        token, of_client=limits(1), of_host=limits(CLIENTS_PER_HOST), refused=refused
    )


def listen(server: grpc.aio.Server, settings: Settings) -> str:
    """Listen wherever the settings say; returns the address for clients of this machine.

    Raises:
        InvalidRequestError: an address is taken, or a certificate cannot be used.
        ExposedFilesError: other users can read the key.
    """
    if settings.listen:
        _listen_elsewhere(server, settings)
    if settings.port < 0 and (socket := _socket_path(settings.data_dir)):
        socket.unlink(missing_ok=True)
        address = f"unix:{socket}"
        server.add_insecure_port(address)
        socket.chmod(0o600)
        return address
    port = max(0, settings.port)
    try:
        bound = server.add_insecure_port(f"127.0.0.1:{port}")
    except RuntimeError as error:
        raise InvalidRequestError(
            f"port {port} on 127.0.0.1 cannot be listened on: choose another with --port, "
            "or 0 for any free one"
        ) from error
    return f"127.0.0.1:{bound}"


def _listen_elsewhere(server: grpc.aio.Server, settings: Settings) -> None:
    try:
        server.add_secure_port(settings.listen, access.server_credentials(settings))
    except RuntimeError as error:
        raise InvalidRequestError(
            f"{settings.listen} cannot be listened on: choose another with --listen"
        ) from error
    logger.info("listening on %s with TLS", settings.listen)


def _socket_path(data_dir: Path) -> Path | None:
    """Where the Unix socket goes; None where the system or its path limit forbids one."""
    if sys.platform == "win32":
        return None
    path = data_dir / "daemon.sock"
    return path if len(os.fsencode(path)) <= MAX_SOCKET_PATH else None
