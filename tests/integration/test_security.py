"""Who may call, what they may name and how much: everything that is refused, on a real daemon."""

import socket
import ssl
import sys

import grpc
import pytest
import trustme
from support.daemon import RunningDaemon, point, track
from support.scenes import make_square_clip

from peanut.v1 import edits_pb2, server_pb2, server_pb2_grpc
from peanut_client import DaemonUnavailableError, PeanutClient, PeanutError, load_settings

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX links")


def refused(reason, part=""):
    def check(error):
        return error.reason == reason and part in str(error)

    return pytest.raises(PeanutError, check=check)


# --- a daemon that listens for other machines ---


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A daemon with TLS, client certificates and roots; and where all of that lies."""
    folder = tmp_path_factory.mktemp("elsewhere")
    authority, strangers = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    strangers.cert_pem.write_to_path(folder / "strangers.pem")
    for name, signer in (("server", authority), ("client", authority), ("stranger", strangers)):
        certificate = signer.issue_cert("localhost")
        certificate.private_key_pem.write_to_path(folder / f"{name}.key")
        (folder / f"{name}.key").chmod(0o600)
        certificate.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
    (folder / "media").mkdir()
    make_square_clip(folder / "media" / "a.mov", frames=4)
    make_square_clip(folder / "outside.mov", frames=4)
    return folder


@pytest.fixture(scope="module")
def secured(elsewhere):
    port = free_port()
    with RunningDaemon(
        elsewhere / "data",
        listen=f"127.0.0.1:{port}",
        tls_cert=elsewhere / "server.pem",
        tls_key=elsewhere / "server.key",
        tls_client_ca=elsewhere / "ca.pem",
        allowed_roots=elsewhere / "media",
        max_message_bytes=100_000,
        max_edits=3,
    ) as daemon:
        daemon.port = port
        yield daemon


def remote(secured, folder, **changes):
    environment = {
        "PEANUT_ADDRESS": f"localhost:{secured.port}",
        "PEANUT_TOKEN_FILE": str(secured.data_dir / "token"),
        "PEANUT_TLS_CA": str(folder / "ca.pem"),
        "PEANUT_CLIENT_CERT": str(folder / "client.pem"),
        "PEANUT_CLIENT_KEY": str(folder / "client.key"),
    }
    given = {name: value for name, value in (environment | changes).items() if value}
    return PeanutClient(settings=load_settings(given))


def test_with_certificate_and_token_a_client_elsewhere_is_served(secured, elsewhere):
    with remote(secured, elsewhere) as client:
        assert client.get_server_info().worker.ready
        edit = client.create_edit(str(elsewhere / "media" / "a.mov"))
        assert edit.clip.frame_count == 4
        client.delete_edit(edit.id)


def test_a_client_of_this_machine_still_has_the_local_address(secured):
    with secured.client() as client:
        assert not client.connection_info.address.endswith(str(secured.port))


@pytest.mark.parametrize(
    "changes",
    [
        {"PEANUT_CLIENT_CERT": "", "PEANUT_CLIENT_KEY": ""},
        {"PEANUT_CLIENT_CERT": "stranger.pem", "PEANUT_CLIENT_KEY": "stranger.key"},
        {"PEANUT_TLS_CA": "strangers.pem"},
    ],
    ids=["no certificate", "a stranger's certificate", "a daemon that nobody vouches for"],
)
def test_without_the_right_certificates_there_is_no_connection(secured, elsewhere, changes):
    changes = {name: str(elsewhere / value) if value else "" for name, value in changes.items()}
    with pytest.raises(DaemonUnavailableError, match="no daemon can be reached"):
        remote(secured, elsewhere, **changes)


def test_plain_text_is_not_answered(secured):
    with grpc.insecure_channel(f"127.0.0.1:{secured.port}") as channel:
        with pytest.raises(grpc.RpcError) as caught:
            server_pb2_grpc.ServerServiceStub(channel).GetServerInfo(
                server_pb2.GetServerInfoRequest(), timeout=10
            )
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_old_tls_is_not_spoken(secured, elsewhere):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(elsewhere / "ca.pem")
    with pytest.warns(DeprecationWarning):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("localhost", secured.port)) as raw:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(raw, server_hostname="localhost")


def test_a_certificate_does_not_replace_the_token(secured, elsewhere, tmp_path):
    (tmp_path / "token").write_text("x" * 43)
    (tmp_path / "token").chmod(0o600)
    with refused("UnauthenticatedError"):
        remote(secured, elsewhere, PEANUT_TOKEN_FILE=str(tmp_path / "token"))


@posix
def test_a_client_does_not_use_a_token_that_others_can_read(secured, elsewhere, tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "token").write_text("x" * 43)
    (tmp_path / "token").chmod(0o644)
    with refused("ExposedFilesError", "chmod 600"):
        remote(secured, elsewhere, PEANUT_TOKEN_FILE=str(tmp_path / "token"))


def test_the_token_outlives_the_daemon(elsewhere, secured):
    assert (secured.data_dir / "token").read_text().strip() in (
        secured.data_dir / "daemon.json"
    ).read_text()


# --- what a request may name ---


def test_a_path_outside_the_roots(secured, elsewhere):
    with secured.client() as client:
        for path in ("outside.mov", "media/../outside.mov", "nothing.mov"):
            with refused("PathRefusedError", "outside the folders"):
                client.create_edit(str(elsewhere / path))


@posix
def test_a_link_that_leads_outside(secured, elsewhere):
    link = elsewhere / "media" / "link.mov"
    link.symlink_to(elsewhere / "outside.mov")
    with secured.client() as client, refused("PathRefusedError", "outside the folders"):
        client.create_edit(str(link))
    link.unlink()


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("file://{folder}/outside.mov", "PathRefusedError"),
        ("file://{folder}/media/%2e%2e/outside.mov", "PathRefusedError"),
        ("file://localhost{folder}/media/..%2Foutside.mov", "PathRefusedError"),
        ("{folder}/media/../outside.mov", "PathRefusedError"),
        ("../outside.mov", "InvalidRequestError"),
        ("http://127.0.0.1/a.mov", "UnsupportedMediaError"),
        ("file://elsewhere/share/a.mov", "UnsupportedMediaError"),
        ("file:///etc/passwd", "PathRefusedError"),
        ("concat:/etc/passwd", "InvalidRequestError"),
    ],
)
def test_media_that_a_timeline_names(secured, elsewhere, address, reason):
    address = address.format(folder=elsewhere)
    document = f"""{{
      "OTIO_SCHEMA": "Clip.1", "name": "c", "source_range": null,
      "media_reference": {{"OTIO_SCHEMA": "ExternalReference.1", "target_url": "{address}"}}
    }}"""
    with secured.client() as client, refused(reason):
        client.create_edit_from_otio(document)


@pytest.mark.parametrize("text", ["/etc/passwd", "daemon.json", "/tmp/a.edl", ""])
def test_a_path_is_no_timeline(secured, text):
    with secured.client() as client, refused("InvalidRequestError", "send OpenTimelineIO JSON"):
        client.create_edit_from_otio(text)


def test_donors_and_outputs_outside_the_roots(secured, elsewhere):
    with secured.client() as client:
        edit = client.create_edit(str(elsewhere / "media" / "a.mov"))
        track(client, edit.id, point(20, 20))
        client.approve_masks(edit.id)
        with refused("PathRefusedError", "outside the folders"):
            client.start_render(edit.id, str(elsewhere / "out.mkv"))
        with refused("PathRefusedError", "own folder"):
            client.start_render(edit.id, str(secured.data_dir / "out.mkv"))
        with refused("PathRefusedError", "outside the folders"):
            inside = str(elsewhere / "media" / "out.mkv")
            client.start_render(edit.id, inside, donor_paths=[str(elsewhere / "outside.mov")])
        client.delete_edit(edit.id)


def test_a_timeline_that_crashes_its_parser_is_an_error_and_no_end(secured, elsewhere):
    # Found by the campaign in tests/fuzz: OpenTimelineIO's own reader ends with the process.
    reference = '{"OTIO_SCHEMA": "ExternalReference.1"}'
    clip = f'{{"OTIO_SCHEMA": "Clip.0", "media_references": {{"DEFAULT_MEDIA": {reference}}}}}'
    with secured.client() as client:
        pid = client.connection_info.pid
        with pytest.raises(PeanutError) as caught:
            client.create_edit_from_otio(clip)
        assert caught.value.reason in ("MediaUnreadableError", "InvalidRequestError")
        assert not caught.value.incident_id
        edit = client.create_edit(str(elsewhere / "media" / "a.mov"))
        client.delete_edit(edit.id)
        assert client.connection_info.pid == pid


# --- how much a request may be ---


def test_an_oversized_message(secured):
    with secured.client() as client:
        with pytest.raises(PeanutError) as caught:
            client.create_edit_from_otio("{" + " " * 200_000 + "}")
    assert caught.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_bytes_that_are_no_message(secured):
    with secured.client() as client:
        channel, metadata = client._connection.channel, client.connection_info.metadata
        call = channel.unary_unary("/peanut.v1.EditService/GetEdit")
        with pytest.raises(grpc.RpcError) as caught:
            call(b"\xff\xff\xff", metadata=metadata, timeout=10)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "cannot be read as this call's request" in caught.value.details()


def test_more_edits_targets_and_prompts_than_anybody_needs(secured, elsewhere):
    with secured.client() as client:
        edits = [client.create_edit(str(elsewhere / "media" / "a.mov")) for _ in range(3)]
        with refused("LimitExceededError", "max_edits"):
            client.create_edit(str(elsewhere / "media" / "a.mov"))
        with refused("LimitExceededError", "1001 prompts on frame 0"):
            track(client, edits[0].id, *[point(20, 20)] * 1001)
        with refused("LimitExceededError", "name has 300 characters"):
            target = edits_pb2.Target(id="1", name="n" * 300, prompts=[point(20, 20)])
            list(client.track_masks(edits[0].id, [target]))
        for edit in edits:
            client.delete_edit(edit.id)
