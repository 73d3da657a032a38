"""What happens around every call: the token is checked, and errors become statuses."""

from __future__ import annotations

import hmac
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn

import grpc

from peanut.v1 import errors_pb2
from peanut_daemon.errors import UnauthenticatedError
from peanut_daemon.status import Status, status_of

logger = logging.getLogger(__name__)

ERROR_TRAILER = "peanut-error-bin"
# Tools that look whether the daemon lives need no secret for that.
OPEN_SERVICES = ("/grpc.health.v1.Health/",)

# gRPC ships no types; these names only say what is meant.
Context = Any
RpcHandler = Any


class GuardInterceptor(grpc.aio.ServerInterceptor):
    """Refuses calls without the token, and maps every exception of every RPC."""

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}"

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
        given = dict(handler_call_details.invocation_metadata or ()).get("authorization", "")
        allowed = is_open or hmac.compare_digest(str(given), self._expected)
        return _wrapped(handler, allowed)


def _wrapped(handler: RpcHandler, allowed: bool) -> RpcHandler:
    inner = (
        handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    )

    async def respond_once(request: Any, context: Context) -> Any:
        try:
            _check(allowed)
            return await inner(request, context)
        except Exception as error:
            await _abort(error, context)

    async def respond_many(request: Any, context: Context) -> AsyncIterator[Any]:
        try:
            _check(allowed)
            async for response in inner(request, context):
                yield response
        except Exception as error:
            await _abort(error, context)

    behaviour: Callable[..., Any] = respond_many if handler.response_streaming else respond_once
    make: Any = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }[(handler.request_streaming, handler.response_streaming)]
    return make(behaviour, handler.request_deserializer, handler.response_serializer)


def _check(allowed: bool) -> None:
    if not allowed:
        raise UnauthenticatedError(
            "the call carries no token or a wrong one: read it anew from the connection file "
            "daemon.json and send it as 'authorization: Bearer TOKEN'"
        )


async def _abort(error: Exception, context: Context) -> NoReturn:
    if isinstance(error, grpc.aio.AbortError):
        raise error
    message = errors_pb2.Error(reason=type(error).__name__, message=str(error))
    status = status_of(type(error))
    if status is None:
        status = Status(grpc.StatusCode.INTERNAL)
        message.incident_id = uuid.uuid4().hex[:8]
        message.reason = "InternalError"
        message.message = (
            f"something unexpected went wrong in the daemon (incident {message.incident_id}): "
            "its log has the details; please report them"
        )
        logger.error("incident %s", message.incident_id, exc_info=error)
    message.retryable = status.retryable
    await context.abort(
        status.code, message.message, ((ERROR_TRAILER, message.SerializeToString()),)
    )
    raise AssertionError("abort returned")
