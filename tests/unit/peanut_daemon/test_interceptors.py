"""The guard around every call, on a server whose one service only echoes."""

import grpc
import pytest

from peanut.v1 import edits_pb2, edits_pb2_grpc, errors_pb2
from peanut_daemon.guard.rates import CallLimits
from peanut_daemon.interceptors import ERROR_TRAILER, GuardInterceptor, host_of

BEARER = ("authorization", "Bearer secret")


class Echo(edits_pb2_grpc.EditServiceServicer):
    async def ListEdits(self, request, context):  # noqa: N802
        return edits_pb2.ListEditsResponse()

    async def GetEdit(self, request, context):  # noqa: N802
        return edits_pb2.GetEditResponse(edit=edits_pb2.Edit(id=str(1 / len(request.edit_id))))


def limits(**changes):
    given = {"calls_per_s": 10.0, "burst": 3, "at_once": 10} | changes
    return CallLimits(**given, clock=lambda: 0.0)


@pytest.fixture
async def channel():
    guard = GuardInterceptor(
        "secret", of_client=limits(), of_host=limits(burst=5), refused=lambda _: None
    )
    server = grpc.aio.server(
        interceptors=[guard], options=[("grpc.max_receive_message_length", 1000)]
    )
    edits_pb2_grpc.add_EditServiceServicer_to_server(Echo(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as open_channel:
        yield open_channel
    await server.stop(None)


async def call(channel, content=b"", method="ListEdits", metadata=(BEARER,)):
    made = channel.unary_unary(f"/peanut.v1.EditService/{method}")
    return await made(content, metadata=metadata, timeout=10)


async def refusal(channel, **what):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(channel, **what)
    trailer = dict(tuple(caught.value.trailing_metadata() or ())).get(ERROR_TRAILER, b"")
    return caught.value.code(), errors_pb2.Error.FromString(trailer)


@pytest.mark.parametrize(
    "metadata", [(), (("authorization", "Bearer wrong"),), (("authorization", "secret"),)]
)
async def test_no_token_no_answer(channel, metadata):
    code, error = await refusal(channel, metadata=metadata)
    assert (code, error.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UnauthenticatedError")


async def test_too_many_calls_say_when_to_come_back(channel):
    for _ in range(3):
        await call(channel)
    code, error = await refusal(channel)
    assert (code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "RateLimitedError")
    assert error.retryable
    assert error.retry_after_ms == 100


async def test_other_names_do_not_help_beyond_the_limit_of_the_machine(channel):
    for k in range(5):
        await call(channel, metadata=(BEARER, ("peanut-client", f"name-{k}")))
    code, _ = await refusal(channel, metadata=(BEARER, ("peanut-client", "another")))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_calls_without_a_token_use_nothing_up(channel):
    for _ in range(20):
        assert (await refusal(channel, metadata=()))[0] is grpc.StatusCode.UNAUTHENTICATED
    await call(channel)


async def test_bytes_that_are_no_message_are_the_callers_fault(channel):
    code, error = await refusal(channel, content=b"\xff\xff\xff", method="GetEdit")
    assert (code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "InvalidRequestError")


async def test_too_large_a_message_is_refused_by_the_transport(channel):
    code, _ = await refusal(channel, content=b"\x0a\xf0\x10" + b"x" * 2160, method="GetEdit")
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_what_nobody_expected_has_an_incident_and_no_details(channel):
    code, error = await refusal(channel, method="GetEdit")
    assert (code, error.reason) == (grpc.StatusCode.INTERNAL, "InternalError")
    assert error.incident_id in error.message
    assert "division" not in error.message


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        ("ipv4:10.0.0.7:51234", "ipv4:10.0.0.7"),
        ("ipv6:%5B::1%5D:80", "ipv6:%5B::1%5D"),
        ("unix:", "unix:"),
    ],
)
def test_the_port_is_no_part_of_a_machine(peer, host):
    assert host_of(peer) == host
