"""What can go wrong for a client, and the one place where gRPC's errors become ours.

    PeanutError                     anything below; `reason` names the daemon's own error
    `- DaemonUnavailableError       no daemon answers, none can be started, or it went away

The daemon's own kinds are told apart by `reason`, not by class, since a newer daemon may have more.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from peanut.v1 import errors_pb2

ERROR_TRAILER = "peanut-error-bin"
"""Trailing metadata in which the daemon sends a serialized `peanut.v1.Error`."""

_RETRYABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)


class PeanutError(Exception):
    """A request was refused, a job failed, or the daemon cannot be reached.

    Attributes:
        reason: name of the error's kind, in CamelCase and stable, such as `MediaNotFoundError`.
        message: what is wrong, with which thing, the value given, and what to do.
        retryable: whether the same call may succeed later without being changed.
        incident_id: id under which the daemon's log has the traceback; empty unless unexpected.
        code: the gRPC status; None where no call was made.
    """

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        retryable: bool = False,
        incident_id: str = "",
        code: grpc.StatusCode | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retryable = retryable
        self.incident_id = incident_id
        self.code = code


class DaemonUnavailableError(PeanutError):
    """No daemon answers, none can be started, or it went away during a call."""


def error_from_message(
    message: errors_pb2.Error, code: grpc.StatusCode | None = None
) -> PeanutError:
    """The error that a `peanut.v1.Error` describes, such as `Job.error`."""
    return PeanutError(
        message.reason,
        message.message,
        retryable=message.retryable,
        incident_id=message.incident_id,
        code=code,
    )


def error_from_rpc(error: grpc.RpcError) -> PeanutError:
    """The error that a failed call stands for; the daemon's own words where it sent some."""
    call: Any = error  # calls that fail are both RpcError and Call; grpc has no type for that
    code: grpc.StatusCode = call.code()
    for key, value in call.trailing_metadata() or ():
        if key == ERROR_TRAILER:
            try:
                return error_from_message(errors_pb2.Error.FromString(value), code)
            except DecodeError:
                break
    return _error_from_status(code, call.details() or "")


def _error_from_status(code: grpc.StatusCode, details: str) -> PeanutError:
    """What a status without the daemon's words means: the transport made it, not the daemon."""
    # CANCELLED without words: the server was torn down under the call. Calls that we cancel
    # ourselves never come here, and the daemon's own cancellations carry words.
    if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
        return DaemonUnavailableError(
            "DaemonUnreachableError",
            f"the daemon does not answer ({details}): it ended or was killed",
            retryable=True,
            code=code,
        )
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DaemonUnavailableError(
            "DaemonTimeoutError",
            "the daemon did not answer in time: it is busy or hangs; try again, or stop it",
            retryable=True,
            code=code,
        )
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return PeanutError(
            "VersionMismatchError",
            "the daemon does not know this call: it is older than this client; "
            "stop it and update it",
            code=code,
        )
    name = code.name.replace("_", " ").title().replace(" ", "")
    return PeanutError(
        f"{name}Error",
        f"the daemon refused the call: {details or code.name}",
        retryable=code in _RETRYABLE,
        code=code,
    )


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Turn every `grpc.RpcError` inside into a `PeanutError`."""
    try:
        yield
    except grpc.RpcError as error:
        raise error_from_rpc(error) from error
