"""What happens around every call: token, limits, malformed messages, and errors become statuses."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
from google.protobuf.message import DecodeError

from peanut.v1 import errors_pb2
from peanut_daemon.context import called_by, client_of
from peanut_daemon.errors import InvalidRequestError, UnauthenticatedError
from peanut_daemon.guard.rates import CallLimits
from peanut_daemon.status import refusal_of

ERROR_TRAILER = "peanut-error-bin"
# Tools that look whether the daemon lives need no secret for that.
OPEN_SERVICES = ("/grpc.health.v1.Health/",)

# gRPC ships no types; these names only say what is meant.
Context = Any
RpcHandler = Any


class GuardInterceptor(grpc.aio.ServerInterceptor):
    """Refuses calls without the token or beyond the limits, and maps every exception of every RPC.

    Args:
        token: what callers must send.
        of_client: limits of each program, by the name that it gives itself.
        of_host: limits of all programs of one machine together, whatever they call themselves.
        refused: told the reason of every call that ends with an error.
    """

    def __init__(
        self,
        token: str,
        *,
        of_client: CallLimits,
        of_host: CallLimits,
        refused: Callable[[str], None],
    ) -> None:
        self._refused = refused
        self._expected = f"Bearer {token}".encode()
        self._of_client = of_client
        self._of_host = of_host

    async def intercept_service(
        self,
        continuation: Callable[[Any], Awaitable[RpcHandler]],
        handler_call_details: Any,
    ) -> RpcHandler:
        """Wrap the handler of one call."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        is_open = handler_call_details.method.startswith(OPEN_SERVICES)
        metadata = dict(handler_call_details.invocation_metadata or ())
        given = str(metadata.get("authorization", "")).encode()
        allowed = is_open or hmac.compare_digest(given, self._expected)

        @contextmanager
        def admitted(context: Context) -> Iterator[None]:
            _check(allowed)
            host, client = host_of(context.peer()), client_of(metadata, context.peer())
            called_by(client)
            with self._of_host.call(host), self._of_client.call(f"{host} {client}"):
                yield

        return _wrapped(handler, admitted, self._refused)


def host_of(peer: str) -> str:
    """The machine in gRPC's name of a peer: `ipv4:10.0.0.7:51234` is `ipv4:10.0.0.7`."""
    return peer.rpartition(":")[0] if peer.startswith(("ipv4:", "ipv6:")) else peer


def _wrapped(
    handler: RpcHandler, admitted: Callable[[Context], Any], refused: Callable[[str], None]
) -> RpcHandler:
    inner = (
        handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    )

    def checked(request: Any) -> Any:
        return _all_whole(request) if handler.request_streaming else _whole(request)

    async def respond_once(request: Any, context: Context) -> Any:
        try:
            with admitted(context):
                return await inner(checked(request), context)
        except Exception as error:
            await _abort(error, context, refused)

    async def respond_many(request: Any, context: Context) -> AsyncIterator[Any]:
        try:
            with admitted(context):
                async for response in inner(checked(request), context):
                    yield response
        except Exception as error:
            await _abort(error, context, refused)

    behaviour: Callable[..., Any] = respond_many if handler.response_streaming else respond_once
    make: Any = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }[(handler.request_streaming, handler.response_streaming)]
    return make(behaviour, _reader(handler.request_deserializer), handler.response_serializer)


@dataclass(frozen=True, slots=True)
class _Malformed:
    """Bytes that are no message of the RPC; gRPC itself would answer that with UNKNOWN."""

    size: int


def _reader(deserialize: Callable[[bytes], Any] | None) -> Callable[[bytes], Any] | None:
    if deserialize is None:
        return None

    def read(content: bytes) -> Any:
        try:
            return deserialize(content)
        except (DecodeError, ValueError):
            return _Malformed(len(content))

    return read


def _whole(request: Any) -> Any:
    if isinstance(request, _Malformed):
        raise InvalidRequestError(
            f"the message ({request.size} bytes) cannot be read as this call's request: send one "
            "that was made from the published .proto files"
        )
    return request


async def _all_whole(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for request in requests:
        yield _whole(request)


def _check(allowed: bool) -> None:
    if not allowed:
        raise UnauthenticatedError(
            "the call carries no token or a wrong one: read it anew from the connection file "
            "daemon.json and send it as 'authorization: Bearer TOKEN'"
        )


async def _abort(error: Exception, context: Context, refused: Callable[[str], None]) -> NoReturn:
    if isinstance(error, grpc.aio.AbortError):
        raise error
    refusal = refusal_of(error)
    refused(refusal.reason)
    message = errors_pb2.Error(
        reason=refusal.reason,
        message=refusal.message,
        retryable=refusal.status.retryable,
        incident_id=refusal.incident_id,
        retry_after_ms=round(1000 * getattr(error, "retry_after_s", 0.0)),
    )
    await context.abort(
        refusal.status.code, message.message, ((ERROR_TRAILER, message.SerializeToString()),)
    )
    raise AssertionError("abort returned")
