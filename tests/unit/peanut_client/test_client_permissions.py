"""A client does not use secrets that others could have read or written; plain text stays here."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from peanut_client import PeanutError, Settings, connect
from peanut_client.channel import check_closed
from peanut_client.config import load_settings
from peanut_client.connection import read_connection_file

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")


def write_file(settings: Settings, *, folder_mode: int, file_mode: int) -> None:
    settings.data_dir.mkdir()
    fields = {"address": "127.0.0.1:1", "token": "secret"}
    settings.connection_file.write_text(json.dumps(fields), encoding="utf-8")
    settings.connection_file.chmod(file_mode)
    settings.data_dir.chmod(folder_mode)


@posix
@pytest.mark.parametrize(
    ("folder_mode", "file_mode"), [(0o755, 0o644), (0o755, 0o660), (0o750, 0o604), (0o777, 0o622)]
)
def test_a_connection_file_that_others_reach_is_refused(
    settings: Settings, folder_mode: int, file_mode: int
) -> None:
    write_file(settings, folder_mode=folder_mode, file_mode=file_mode)
    with pytest.raises(PeanutError, match="chmod 600") as caught:
        read_connection_file(settings)
    assert caught.value.reason == "ExposedFilesError"


@posix
@pytest.mark.parametrize(("folder_mode", "file_mode"), [(0o700, 0o644), (0o755, 0o600)])
def test_a_closed_folder_or_a_closed_file_is_enough(
    settings: Settings, folder_mode: int, file_mode: int
) -> None:
    write_file(settings, folder_mode=folder_mode, file_mode=file_mode)
    info = read_connection_file(settings)
    assert info is not None
    assert info.token == "secret"


@posix
@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root gives away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "daemon.json"
    path.write_text("{}", encoding="utf-8")
    os.chown(path, 12345, -1)
    with pytest.raises(PeanutError, match="other users"):
        check_closed(path)


def test_where_a_daemon_elsewhere_is_comes_from_the_environment(tmp_path: Path) -> None:
    settings = load_settings(
        {
            "PEANUT_ADDRESS": "render7:7443",
            "PEANUT_TOKEN_FILE": str(tmp_path / "token"),
            "PEANUT_TLS_CA": str(tmp_path / "ca.pem"),
            "PEANUT_CLIENT_CERT": "",
        }
    )
    assert settings.address == "render7:7443"
    assert settings.token_file == tmp_path / "token"
    assert settings.tls_ca == tmp_path / "ca.pem"
    assert settings.client_cert is None


def test_an_address_needs_a_token() -> None:
    with pytest.raises(PeanutError, match="PEANUT_TOKEN_FILE is not set"):
        connect(settings=Settings(address="render7:7443"))


def test_no_daemon_is_started_for_an_address_elsewhere(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("x" * 43, encoding="utf-8")
    token.chmod(0o600)
    starting = (sys.executable, "-c", f"open({str(tmp_path / 'started')!r}, 'w')")
    settings = Settings(
        address="127.0.0.1:1", token_file=token, daemon_command=starting, probe_timeout_s=2
    )
    with pytest.raises(PeanutError, match=r"no daemon can be reached at 127\.0\.0\.1:1"):
        connect(settings=settings)
    assert not (tmp_path / "started").exists()
