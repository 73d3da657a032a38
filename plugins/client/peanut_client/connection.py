"""How a client finds its daemon, and starts one when none answers.

The daemon writes `daemon.json` (address, token, process id) into its data folder once it listens.
The file outlives a daemon that was killed, so it is believed only after the daemon has answered.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc

from peanut.v1 import server_pb2, server_pb2_grpc
from peanut_client.channel import check_closed, open_channel, token_in
from peanut_client.config import API_MINOR, Settings, load_settings
from peanut_client.errors import DaemonUnavailableError, PeanutError, mapped_errors
from peanut_client.launch import DaemonProcess, launch_daemon

_POLL_S = 0.1
# How long to wait for another daemon before ours is tried again.
_AGAIN_S = 3.0

# grpc and the generated stubs carry no types; through Any they need no exception in the settings
# of the type checker, and every method that uses them names its result's type.
_ServerServiceStub: Any = server_pb2_grpc.ServerServiceStub


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionInfo:
    """What the connection file says."""

    address: str
    token: str
    pid: int
    version: str
    client_name: str

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What every call carries: so that nobody else can make one, and who makes it."""
        name = self.client_name.encode("ascii", "replace").decode()  # all that gRPC takes
        return (("authorization", f"Bearer {self.token}"), ("peanut-client", name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """An open channel to a daemon that has answered."""

    channel: Any
    info: ConnectionInfo
    server: server_pb2.GetServerInfoResponse
    # Whether this client had to start the daemon.
    started: bool

    def close(self) -> None:
        """Close the channel; the daemon goes on."""
        self.channel.close()


def read_connection_file(settings: Settings) -> ConnectionInfo | None:
    """What the connection file says; None where there is none or it is not (yet) whole.

    Raises:
        PeanutError: other users can read or change it.
    """
    try:
        fields = json.loads(settings.connection_file.read_text(encoding="utf-8"))
        info = ConnectionInfo(
            address=str(fields["address"]),
            token=str(fields["token"]),
            pid=int(fields.get("pid", 0)),
            version=str(fields.get("version", "")),
            client_name=settings.client_name,
        )
        check_closed(settings.connection_file)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return info


def read_review_address(settings: Settings, edit_id: str = "") -> str:
    """The address that opens the review page once; empty where the daemon serves none.

    Args:
        settings: where the daemon is.
        edit_id: the edit to show; by default the list of all.
    """
    try:
        fields = json.loads(settings.connection_file.read_text(encoding="utf-8"))
        address = str(fields.get("review_address", ""))
    except (OSError, ValueError, AttributeError):
        return ""
    return f"{address}&edit={edit_id}" if address and edit_id else address


def connect(
    *,
    start: bool = True,
    settings: Settings | None = None,
    on_start: Callable[[], None] | None = None,
) -> Connection:
    """Connect to the daemon.

    Args:
        start: whether to start one when none answers.
        settings: where it is; by default from the environment.
        on_start: called right before one is started, which takes seconds.

    Raises:
        DaemonUnavailableError: none answers and none can be started; the message has the way out.
        PeanutError: the daemon answers but refuses this client, for example its version.
    """
    settings = load_settings() if settings is None else settings
    if settings.address:
        return _connect_elsewhere(settings)
    info = read_connection_file(settings)
    if info is not None and (connection := _try_running(info, settings)) is not None:
        return connection
    if not start:
        raise DaemonUnavailableError(
            "DaemonNotRunningError",
            f"no daemon runs for {settings.data_dir}: start one with `peanut serve`",
            retryable=True,
        )
    if on_start is not None:
        on_start()
    return _start_and_connect(settings, stale=info)


def _connect_elsewhere(settings: Settings) -> Connection:
    if settings.token_file is None:
        raise PeanutError(
            "SettingError",
            f"PEANUT_ADDRESS is {settings.address} and PEANUT_TOKEN_FILE is not set: give a copy "
            "of the file `token` in that daemon's data folder",
        )
    info = ConnectionInfo(
        address=settings.address,
        token=token_in(settings.token_file),
        pid=0,
        version="",
        client_name=settings.client_name,
    )
    try:
        return _open(info, settings, started=False)
    except DaemonUnavailableError as error:
        raise DaemonUnavailableError(
            error.reason,
            f"no daemon can be reached at {settings.address}: check that it listens there with "
            f"TLS, and that PEANUT_TLS_CA and PEANUT_CLIENT_CERT fit it ({error.message})",
            retryable=error.retryable,
            code=error.code,
        ) from error


def _try_running(info: ConnectionInfo, settings: Settings) -> Connection | None:
    """Connect to the daemon that the file names; None when it is gone.

    Raises:
        PeanutError: it is there, but refuses us or hangs; a second one would not help.
    """
    try:
        return _open(info, settings, started=False)
    except PeanutError as error:
        if error.reason == "DaemonUnreachableError":
            return None
        if error.code is grpc.StatusCode.DEADLINE_EXCEEDED:
            raise DaemonUnavailableError(
                "DaemonTimeoutError",
                f"the daemon (process {info.pid}) did not answer within "
                f"{settings.probe_timeout_s:g} s: try again, or end that process; its log is "
                f"{settings.log_file}",
                retryable=True,
                code=error.code,
            ) from error
        if error.code is grpc.StatusCode.UNAUTHENTICATED:
            # The file was replaced between our reading and our call; a new one has a new token.
            newer = read_connection_file(settings)
            if newer is not None and newer != info:
                return _open(newer, settings, started=False)
        raise


def _start_and_connect(settings: Settings, *, stale: ConnectionInfo | None) -> Connection:
    """Start a daemon and wait until it answers.

    A new daemon gives way when another one holds the folder: one that another client is starting
    right now, which is then waited for; or one that is just shutting down, which is outlived by
    trying again.
    """
    deadline = time.monotonic() + settings.start_timeout_s
    process, again_at = launch_daemon(settings), time.monotonic() + _AGAIN_S
    while time.monotonic() < deadline:
        connection = _poll(settings, stale)
        if connection is not None:
            return connection
        if process.ended():
            if not process.gave_way():
                raise _start_failed(process, settings)
            if time.monotonic() > again_at:
                process, again_at = launch_daemon(settings), time.monotonic() + _AGAIN_S
        time.sleep(_POLL_S)
    process.end()
    raise DaemonUnavailableError(
        "DaemonStartError",
        f"the daemon did not listen within {settings.start_timeout_s:g} s and was ended: "
        f"try again, or see its log {settings.log_file}",
        retryable=True,
    )


def _poll(settings: Settings, stale: ConnectionInfo | None) -> Connection | None:
    info = read_connection_file(settings)
    if info is None or info == stale:
        return None
    try:
        return _open(info, settings, started=True)
    except PeanutError as error:
        if error.reason in ("DaemonUnreachableError", "DaemonTimeoutError"):
            return None
        raise


def _start_failed(process: DaemonProcess, settings: Settings) -> DaemonUnavailableError:
    tail = process.log_tail()
    return DaemonUnavailableError(
        "DaemonStartError",
        f"the daemon ended right after its start (exit code {process.exit_code}); "
        f"`peanut doctor` looks for the cause, the whole log is {settings.log_file}"
        + (f"; its last lines:\n{tail}" if tail else ""),
    )


def _open(info: ConnectionInfo, settings: Settings, *, started: bool) -> Connection:
    channel = open_channel(info.address, settings)
    try:
        with mapped_errors():
            server: server_pb2.GetServerInfoResponse = _ServerServiceStub(channel).GetServerInfo(
                server_pb2.GetServerInfoRequest(api_minor=API_MINOR),
                timeout=settings.probe_timeout_s,
                metadata=info.metadata,
            )
    except BaseException:
        channel.close()
        raise
    return Connection(channel=channel, info=info, server=server, started=started)
