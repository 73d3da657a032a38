"""The daemon as a server: who may call, what it says of itself, how it refuses and stops."""

import json
import stat
import subprocess
import sys

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from support.daemon import RunningDaemon, finished, point, track
from support.scenes import square_centre

from peanut.v1 import errors_pb2, jobs_pb2, server_pb2, server_pb2_grpc
from peanut_client import PeanutError, frame_range


@pytest.fixture
def channel(daemon):
    info = json.loads((daemon.data_dir / "daemon.json").read_text())
    with grpc.insecure_channel(info["address"]) as channel:
        yield channel


def token_of(daemon):
    return json.loads((daemon.data_dir / "daemon.json").read_text())["token"]


def call_info(channel, *metadata, api_minor=0):
    request = server_pb2.GetServerInfoRequest(api_minor=api_minor)
    return server_pb2_grpc.ServerServiceStub(channel).GetServerInfo(request, metadata=metadata)


@pytest.mark.parametrize(
    "metadata", [(), (("authorization", "Bearer wrong"),), (("authorization", ""),)]
)
def test_without_the_token_nobody_is_answered(channel, metadata):
    with pytest.raises(grpc.RpcError) as caught:
        call_info(channel, *metadata)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    trailer = dict(caught.value.trailing_metadata())["peanut-error-bin"]
    error = errors_pb2.Error.FromString(trailer)
    assert error.reason == "UnauthenticatedError"
    assert "daemon.json" in error.message


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_only_this_user_can_read_the_token_and_reach_the_socket(daemon):
    assert stat.S_IMODE((daemon.data_dir / "daemon.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(daemon.data_dir.stat().st_mode) == 0o700


def test_a_client_of_another_version_is_told_which_versions_fit(daemon, channel):
    bearer = ("authorization", f"Bearer {token_of(daemon)}")
    with pytest.raises(grpc.RpcError) as caught:
        call_info(channel, bearer, api_minor=99)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "API minor 99, this daemon 1 to 1" in caught.value.details()


def test_server_info_names_devices_profiles_and_limits(client):
    info = client.get_server_info()
    assert info.devices[-1].name == "cpu"
    # Nothing is installed here: only what ships with the package is ready.
    assert {p.name: p.ready for p in info.profiles} == {
        "embedded": True,
        "paper": False,
        "commercial": False,
    }
    assert info.limits.window_frames == 12
    assert info.worker.ready


def test_models_are_listed_with_their_licence(client):
    models = client.list_models()
    assert {m.stage for m in models} == {1, 2, 3}
    ours = [m for m in models if m.name.startswith("embedded/")]
    assert all(m.licence == "Apache-2.0" and m.commercial_use and m.installed for m in ours)
    others = [m for m in models if m not in ours]
    assert others
    assert all(m.licence and m.paper and not m.installed for m in others)


def test_health_is_open_and_serving(channel):
    stub = health_pb2_grpc.HealthStub(channel)
    assert stub.Check(health_pb2.HealthCheckRequest()).status == 1


def test_reflection_lists_every_service(daemon, channel):
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    bearer = ("authorization", f"Bearer {token_of(daemon)}")
    answer = next(stub.ServerReflectionInfo(iter([request]), metadata=(bearer,)))
    names = {service.name for service in answer.list_services_response.service}
    nouns = ("Edit", "Mask", "Render", "Job", "Model", "Server")
    assert {f"peanut.v1.{noun}Service" for noun in nouns} <= names


def test_a_second_daemon_on_the_same_folder_gives_way(daemon):
    second = subprocess.run(
        [sys.executable, "-m", "peanut_daemon", "--data-dir", str(daemon.data_dir)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert second.returncode == 3
    assert "another daemon uses the data folder" in second.stderr


def test_tcp_with_a_token_where_asked_for(tmp_path):
    with RunningDaemon(tmp_path / "data", port=0) as daemon, daemon.client() as client:
        info = json.loads((daemon.data_dir / "daemon.json").read_text())
        assert info["address"].startswith("127.0.0.1:")
        assert client.get_server_info().worker.ready


def test_a_full_queue_refuses_and_a_cancelled_job_frees_its_place(clip, tmp_path):
    settings = {"max_queued_jobs": 2, "window_frames": 4, "context_frames": 2}
    with RunningDaemon(tmp_path / "data", **settings) as daemon, daemon.client() as client:
        edit = client.create_edit(str(clip))
        track(client, edit.id, point(*square_centre()))
        client.approve_masks(edit.id)
        first = client.start_render(edit.id, str(tmp_path / "a.mkv"))
        second = client.start_render(edit.id, str(tmp_path / "b.mkv"))
        with pytest.raises(PeanutError, match="2 jobs wait or run already") as caught:
            client.start_render(edit.id, str(tmp_path / "c.mkv"))
        assert caught.value.retryable
        client.cancel_job(second.id)
        assert finished(client, second.id).state == jobs_pb2.JOB_STATE_CANCELLED
        third = client.start_render(edit.id, str(tmp_path / "c.mkv"))
        assert finished(client, first.id).state == jobs_pb2.JOB_STATE_SUCCEEDED
        assert finished(client, third.id).state == jobs_pb2.JOB_STATE_SUCCEEDED
        assert not (tmp_path / "b.mkv").exists()


def test_masks_come_before_the_next_window_of_a_render(clip, tmp_path):
    settings = {"window_frames": 2, "context_frames": 2}
    with RunningDaemon(tmp_path / "data", **settings) as daemon, daemon.client() as client:
        edit = client.create_edit(str(clip))
        track(client, edit.id, point(*square_centre()))
        client.approve_masks(edit.id)
        job = client.start_render(edit.id, str(tmp_path / "a.mkv"))
        other = client.create_edit(str(clip), frame_range(0, 3))
        assert len(track(client, other.id, point(*square_centre()))) == 3
        assert client.get_job(job.id).state == jobs_pb2.JOB_STATE_RUNNING
        assert finished(client, job.id).state == jobs_pb2.JOB_STATE_SUCCEEDED
