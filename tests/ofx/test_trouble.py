"""A daemon that is away, dies, hangs, refuses or talks nonsense: frames pass through."""

import contextlib
import json
import os
import shutil
import struct
import threading
import time
from concurrent import futures

import grpc
import pytest
from support.daemon import RunningDaemon
from support.ofx_fixtures import run_child
from support.raw_http2 import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    RESET,
    RawServer,
    frame,
    headers,
    message,
    trailers_only,
)

from peanut.v1 import server_pb2, server_pb2_grpc
from peanut_daemon.hosts.transfer import TransferFolder

# What a frame may take beyond its own deadline on a busy machine.
SLACK_S = 1.5


def assert_passed(report, wait_s=1.5):
    for status, same, seconds, _ in report["rendered"]:
        assert (status, same) == (0, True)
        assert seconds < wait_s + SLACK_S
    assert report["violations"] == []


def said(report):
    return report["rendered"][0][3]


def test_no_daemon(child):
    report = child("away")
    assert_passed(report, wait_s=0)
    assert "peanut serve" in said(report)
    assert [kind for kind, _ in report["messages"]] == ["OfxMessageError"] * 4
    assert max(report["buttons"].values()) < SLACK_S


def test_fail_instead_of_pass_through(child):
    report = child("away", strict=1)
    assert {status for status, *_ in report["rendered"]} == {1}
    assert report["violations"] == []


def test_connection_file_of_a_daemon_that_is_gone(child, tmp_path):
    content = {"address": f"unix:{tmp_path}/gone.sock", "token": "t"}
    (tmp_path / "daemon.json").write_text(json.dumps(content))
    report = child("away", data_dir=tmp_path)
    assert_passed(report, wait_s=0)
    assert "peanut serve" in said(report)


DAMAGED = {
    "empty": "",
    "cut": "{",
    "list": "[]",
    "number": '{"address": 5, "token": "t"}',
    "other machine": '{"address": "10.0.0.1:50051", "token": "t"}',
    "port": '{"address": "127.0.0.1:99999", "token": "t"}',
    "relative": '{"address": "unix:relative", "token": "t"}',
    "long token": '{"address": "127.0.0.1:1", "token": "' + "x" * 5000 + '"}',
}


def test_damaged_connection_files(child, tmp_path):
    folders = {name: tmp_path / name for name in DAMAGED}
    for name, folder in folders.items():
        folder.mkdir()
        (folder / "daemon.json").write_text(DAMAGED[name])
    data_dirs = {name: str(folder) for name, folder in folders.items()}
    reports = child("away_from", data_dirs=data_dirs, frames=1, buttons=["analyse"])
    for report in reports.values():
        assert_passed(report, wait_s=0)
        assert said(report)


def test_wrong_token(child, daemon, tmp_path):
    fields = json.loads((daemon.data_dir / "daemon.json").read_text())
    (tmp_path / "daemon.json").write_text(json.dumps(fields | {"token": "guessed"}))
    report = child("away", data_dir=tmp_path)
    assert_passed(report)
    assert "token" in said(report)


class _Info(server_pb2_grpc.ServerServiceServicer):
    def __init__(self, lowest, highest, refuses):
        self.lowest, self.highest, self.refuses = lowest, highest, refuses

    def GetServerInfo(self, request, context):  # noqa: N802
        if self.refuses:
            words = "the client speaks API minor 1, this daemon 7 to 9: update 100% ä"
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, words)
        return server_pb2.GetServerInfoResponse(
            api_minor_lowest=self.lowest, api_minor_highest=self.highest
        )


VERSIONS = {
    "without the host service": (_Info(1, 1, False), "older than this plugin"),
    "that says so": (_Info(5, 6, False), "API minor 1, the daemon 5 to 6"),
    "that refuses": (_Info(7, 9, True), "this daemon 7 to 9: update 100% ä"),
}


def test_daemons_of_other_versions(child, tmp_path):
    servers = []
    for name, (service, _) in VERSIONS.items():
        server = grpc.server(futures.ThreadPoolExecutor(2))
        server_pb2_grpc.add_ServerServiceServicer_to_server(service, server)
        content = {"address": f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}", "token": "t"}
        (tmp_path / name).mkdir()
        (tmp_path / name / "daemon.json").write_text(json.dumps(content))
        server.start()
        servers.append(server)
    data_dirs = {name: str(tmp_path / name) for name in VERSIONS}
    reports = child("away_from", data_dirs=data_dirs)
    for server in servers:
        server.stop(None).wait()
    for name, report in reports.items():
        assert_passed(report)
        assert VERSIONS[name][1] in said(report)


def test_silent_server_costs_no_more_than_the_deadline(child, tmp_path):
    with RawServer(tmp_path, silent=True):
        report = child("away", data_dir=tmp_path, wait=0.3, frames=2, buttons=["analyse"])
    assert_passed(report, wait_s=0.3)
    assert "in time" in said(report)
    assert report["buttons"]["analyse"] < 3 + SLACK_S


INFO = server_pb2.GetServerInfoResponse(api_minor_lowest=1, api_minor_highest=1)


def welcome(stream, extra=b""):
    """A sound answer to the first call."""
    start = headers((":status", "200"), ("content-type", "application/grpc"))
    return (
        frame(HEADERS, stream, start, END_HEADERS)
        + extra
        + frame(DATA, stream, message(INFO.SerializeToString()))
        + frame(HEADERS, stream, headers(("grpc-status", "0")), END_HEADERS | END_STREAM)
    )


def after_welcome(answer):
    return lambda stream: welcome(stream) if stream == 1 else answer(stream)


def split_headers(stream):
    block = headers((":status", "200"), ("grpc-status", "9"), ("grpc-message", "in%20parts"))
    return frame(HEADERS, stream, block[:9], END_STREAM) + frame(
        CONTINUATION, stream, block[9:], END_HEADERS
    )


ANSWERS = {
    "refused with escapes": (
        lambda stream: trailers_only(
            stream, ("grpc-status", "9"), ("grpc-message", "a%20b%25%C3%A4")
        ),
        "a b%ä",
    ),
    "headers in two frames": (split_headers, "in parts"),
    "reset": (lambda stream: frame(RESET, stream, struct.pack(">I", 2)), "broke the call off"),
    "refused stream": (lambda stream: frame(RESET, stream, struct.pack(">I", 7)), "broke the call"),
    "no status": (lambda stream: trailers_only(stream), "without a status"),
    "a web server": (
        lambda stream: frame(
            HEADERS, stream, headers((":status", "503")), END_HEADERS | END_STREAM
        ),
        "HTTP status 503",
    ),
    "half a message": (
        lambda stream: (
            frame(HEADERS, stream, headers((":status", "200")), END_HEADERS)
            + frame(DATA, stream, b"\0\0\0\0\x09abc", END_STREAM)
        ),
        "cut off",
    ),
    "a compressed message": (
        lambda stream: (
            frame(HEADERS, stream, headers((":status", "200")), END_HEADERS)
            + frame(DATA, stream, b"\1\0\0\0\1a", END_STREAM)
        ),
        "compressed",
    ),
    "an endless message": (
        lambda stream: (
            frame(HEADERS, stream, headers((":status", "200")), END_HEADERS)
            + frame(DATA, stream, b"\0\xff\xff\xff\xffa")
        ),
        "too large",
    ),
    "closed": (lambda stream: None, "has ended"),
    "going away": (lambda stream: frame(GOAWAY, 0, struct.pack(">II", 1, 0)), "broke the call off"),
    "broken headers": (
        lambda stream: frame(HEADERS, stream, b"\xff\xff\xff\xff\xff\xff", END_HEADERS),
        "rules of HTTP/2",
    ),
    "noise": (lambda stream: b"HTTP/1.1 400 Bad Request\r\n\r\n" * 9, "broke"),
    "a picture of another size": (
        lambda stream: (
            frame(HEADERS, stream, headers((":status", "200")), END_HEADERS)
            + frame(DATA, stream, message(b"\x08\x05\x10\x05\x18\x04\x2a\x02ab"))
            + frame(HEADERS, stream, headers(("grpc-status", "0")), END_HEADERS | END_STREAM)
        ),
        "another size",
    ),
}


def test_strange_answers(child, tmp_path):
    with contextlib.ExitStack() as stack:
        servers = {
            name: stack.enter_context(RawServer(tmp_path / name, after_welcome(answer)))
            for name, (answer, _) in ANSWERS.items()
        }
        data_dirs = {name: str(tmp_path / name) for name in servers}
        reports = child("away_from", data_dirs=data_dirs, frames=2, buttons=[])
    for name, report in reports.items():
        assert_passed(report)
        assert ANSWERS[name][1] in said(report), name
        assert servers[name].violations == []
    # A connection that broke is opened anew, once within a frame and again with the next.
    assert servers["closed"].requests == 8


def test_describing_and_creating_never_call_anybody(child, tmp_path):
    with RawServer(tmp_path, silent=True) as server:
        child("described", data_dir=tmp_path)
        child("saved", data_dir=tmp_path, values={"state": '{"session":"s","edit":"e"}'})
        assert server._open == []


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://127.0.0.1:8080/?t=a&b=$(touch x)", "is open in the browser"),
        ("file:///etc/passwd", "no browser could be started"),
        ("", "has no review page"),
    ],
    ids=["page", "file", "none"],
)
def test_review_page(child, tmp_path, address, words):
    opener = tmp_path / "xdg-open"
    opener.write_text(f'#!/bin/sh\nprintf %s "$1" > {tmp_path}/opened\n')
    opener.chmod(0o755)
    with RawServer(tmp_path, welcome):
        fields = json.loads((tmp_path / "daemon.json").read_text())
        (tmp_path / "daemon.json").write_text(json.dumps(fields | {"review_address": address}))
        path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        report = child("reviewed", data_dir=tmp_path, environment=path)
    assert words in report["status"]
    opened = tmp_path / "opened"
    deadline = time.monotonic() + 5
    wanted = address if address.startswith("http") else ""
    while (opened.read_text() if opened.exists() else "") != wanted:
        assert time.monotonic() < deadline, "the browser was not started as it should"
        time.sleep(0.02)


def test_windows_of_few_bytes_are_kept(child, tmp_path):
    """SETTINGS_INITIAL_WINDOW_SIZE 7: the request goes out in crumbs, as the server allows."""
    settings = struct.pack(">HI", 4, 7)

    def answer(stream):
        return trailers_only(stream, ("grpc-status", "5"), ("grpc-message", "seen"))

    def first(stream):
        return welcome(stream, extra=frame(PING, 0, b"12345678"))

    with RawServer(
        tmp_path, lambda stream: first(stream) if stream == 1 else answer(stream), settings=settings
    ) as server:
        report = child("away", data_dir=tmp_path, frames=2, buttons=[])
    assert said(report) == "seen"
    assert server.requests >= 3
    assert server.pings == 1


def test_killed_in_the_middle_of_a_frame_and_started_again(
    plugin, project, frames, daemon, tmp_path_factory
):
    """On a copy of the daemon's data, since this one dies."""
    data_dir = tmp_path_factory.mktemp("killed") / "data"
    shutil.copytree(daemon.data_dir, data_dir, ignore=shutil.ignore_patterns("daemon.*"))
    values = {name: value for name, value in project[0]["saved"].items() if value}
    with RunningDaemon(data_dir, window_frames=12, context_frames=6) as running:
        pid = running._process.pid

        def start_again():
            running._process.wait()
            running.start()

        # The child stops and kills the daemon.
        again = threading.Thread(target=start_again, daemon=True)
        again.start()
        report = run_child(
            plugin, "killed", {"PEANUT_DATA_DIR": str(data_dir)},
            values=values, frames=str(frames), pid=pid,
        )  # fmt: skip
        assert report["before"] == [0, 0]
        frozen, cut, gone = report["frozen"], report["cut"], report["gone"]
        assert frozen[0]
        assert frozen[1] < 0.5 + SLACK_S
        assert cut[0]
        assert cut[1] < 0.4 + SLACK_S + 2
        assert gone[0]
        assert gone[1] < SLACK_S
        assert report["message"]
        assert report["back"]
        assert report["violations"] == []
        again.join(20)
    TransferFolder(data_dir).close()
