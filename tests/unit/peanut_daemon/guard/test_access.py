"""Files that steer or open the daemon are closed to others; TLS is not optional elsewhere."""

import os
import stat
import sys

import pytest
import trustme

from peanut_daemon.config import Settings
from peanut_daemon.errors import ExposedFilesError, InvalidRequestError
from peanut_daemon.guard.access import (
    check_closed,
    check_listen,
    is_loopback,
    kept_token,
    secure_folder,
    server_credentials,
)

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


@posix
def test_the_data_folder_is_made_for_this_user_alone(tmp_path):
    secure_folder(tmp_path / "new" / "data")
    assert mode_of(tmp_path / "new" / "data") == 0o700


@posix
def test_an_open_data_folder_is_closed(tmp_path):
    tmp_path.chmod(0o755)
    secure_folder(tmp_path)
    assert mode_of(tmp_path) == 0o700


@posix
def test_a_folder_that_cannot_be_closed_is_refused_with_the_command(tmp_path, monkeypatch):
    tmp_path.chmod(0o755)  # As on a disk without permissions.
    monkeypatch.setattr("pathlib.Path.chmod", lambda *_: None)
    with pytest.raises(ExposedFilesError, match="chmod 700"):
        secure_folder(tmp_path)


@posix
@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root gives away")
def test_anothers_folder_is_refused(tmp_path):
    os.chown(tmp_path, 12345, -1)
    with pytest.raises(ExposedFilesError, match="belongs to user 12345"):
        secure_folder(tmp_path)


@posix
def test_settings_that_others_can_change_are_refused(tmp_path):
    (tmp_path / "peanut.toml").write_text("")
    (tmp_path / "peanut.toml").chmod(0o666)
    with pytest.raises(ExposedFilesError, match="chmod go-w"):
        secure_folder(tmp_path)


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o602, 0o660])
def test_a_secret_that_others_can_reach_is_refused(tmp_path, mode):
    path = tmp_path / "key.pem"
    path.write_text("secret")
    path.chmod(mode)
    with pytest.raises(ExposedFilesError, match=r"chmod 600 .*key\.pem"):
        check_closed(path)


def test_the_token_for_clients_elsewhere_is_kept(tmp_path):
    token = kept_token(tmp_path / "token")
    assert len(token) >= 32
    assert kept_token(tmp_path / "token") == token
    if sys.platform != "win32":
        assert mode_of(tmp_path / "token") == 0o600


@pytest.mark.parametrize("text", ["", "short", "ä" * 50])
def test_a_token_that_is_no_secret_is_refused(tmp_path, text):
    (tmp_path / "token").write_text(text, encoding="utf-8")
    (tmp_path / "token").chmod(0o600)
    with pytest.raises(InvalidRequestError, match="32 characters"):
        kept_token(tmp_path / "token")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("localhost", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("192.168.1.7", False),
        ("localhost.example.org", False),
    ],
)
def test_what_only_this_machine_reaches(host, loopback):
    assert is_loopback(host) is loopback


def elsewhere(tmp_path, **changes):
    given = {
        "listen": "0.0.0.0:7443",
        "tls_cert": tmp_path / "cert.pem",
        "tls_key": tmp_path / "key.pem",
        "allowed_roots": (tmp_path,),
    }
    return Settings(data_dir=tmp_path, **given | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tls_cert": None}, "plain text would show the token"),
        ({"tls_key": None}, "plain text would show the token"),
        ({"allowed_roots": ()}, "needs the folders that clients may name"),
        ({"listen": "7443"}, "give HOST:PORT"),
        ({"listen": "host:port"}, "give HOST:PORT"),
        ({"listen": "host:99999"}, "give HOST:PORT"),
        ({"listen": ""}, "given without listen"),
    ],
)
def test_listening_elsewhere_without_what_makes_it_safe(tmp_path, changes, message):
    with pytest.raises(InvalidRequestError, match=message):
        check_listen(elsewhere(tmp_path, **changes))


def test_certificates_are_looked_at_before_anything_listens(tmp_path):
    settings = elsewhere(tmp_path)
    check_listen(settings)
    with pytest.raises(InvalidRequestError, match=r"key\.pem cannot be read"):
        server_credentials(settings)
    certificate = trustme.CA().issue_cert("localhost")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    (tmp_path / "key.pem").chmod(0o600)
    (tmp_path / "cert.pem").write_text("no certificate")
    with pytest.raises(InvalidRequestError, match=r"cert\.pem has no certificate"):
        server_credentials(settings)
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    assert server_credentials(settings) is not None
    if sys.platform != "win32":
        (tmp_path / "key.pem").chmod(0o644)
        with pytest.raises(ExposedFilesError):
            server_credentials(settings)
