from __future__ import annotations

import grpc
import pytest
from support.fake_daemon import FakeService

from peanut.v1 import errors_pb2
from peanut_client import DaemonUnavailableError, PeanutClient, PeanutError, Settings
from peanut_client.errors import error_from_rpc, mapped_errors


class FailedCall(grpc.RpcError):
    def __init__(
        self,
        code: grpc.StatusCode,
        details: str = "",
        trailers: tuple[tuple[str, bytes], ...] | None = (),
    ) -> None:
        self._code, self._details, self._trailers = code, details, trailers

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._details

    def trailing_metadata(self) -> tuple[tuple[str, bytes], ...] | None:
        return self._trailers


def test_daemons_own_words_reach_the_caller(service: FakeService, settings: Settings) -> None:
    error = errors_pb2.Error(
        reason="QueueFullError",
        message="4 jobs wait already: try later",
        retryable=True,
        incident_id="i-7",
    )
    service.refusals["StartRender"] = (grpc.StatusCode.RESOURCE_EXHAUSTED, error)
    with PeanutClient(settings=settings) as client, pytest.raises(PeanutError) as caught:
        client.start_render("edit1", "/out.mkv")
    assert caught.value.reason == "QueueFullError"
    assert caught.value.message == "4 jobs wait already: try later"
    assert caught.value.retryable
    assert caught.value.incident_id == "i-7"
    assert caught.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_errors_of_streams_are_mapped_too(service: FakeService, settings: Settings) -> None:
    error = errors_pb2.Error(reason="EditNotFoundError", message="no edit 'x'")
    service.refusals["FetchMasks"] = (grpc.StatusCode.NOT_FOUND, error)
    with (
        PeanutClient(settings=settings) as client,
        pytest.raises(PeanutError, match="no edit 'x'"),
    ):
        list(client.fetch_masks("x"))


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED])
def test_lost_connection_is_a_missing_daemon(code: grpc.StatusCode) -> None:
    error = error_from_rpc(FailedCall(code, "Socket closed"))
    assert isinstance(error, DaemonUnavailableError)
    assert error.reason == "DaemonUnreachableError"
    assert error.retryable
    assert "Socket closed" in error.message


def test_unknown_call_means_an_older_daemon() -> None:
    assert error_from_rpc(FailedCall(grpc.StatusCode.UNIMPLEMENTED)).reason == (
        "VersionMismatchError"
    )


def test_status_without_words_keeps_its_details() -> None:
    error = error_from_rpc(FailedCall(grpc.StatusCode.RESOURCE_EXHAUSTED, "too large", None))
    assert error.reason == "ResourceExhaustedError"
    assert "too large" in error.message


def test_damaged_trailer_falls_back_to_the_status() -> None:
    trailers = (("peanut-error-bin", b"\xff\xff"),)
    assert error_from_rpc(FailedCall(grpc.StatusCode.NOT_FOUND, "gone", trailers)).reason == (
        "NotFoundError"
    )


def test_other_exceptions_pass_unchanged() -> None:
    with pytest.raises(KeyError), mapped_errors():
        raise KeyError("mine")
