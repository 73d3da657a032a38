import os
from pathlib import Path

import pytest

from peanut_daemon.config import Settings, load_settings
from peanut_daemon.errors import InvalidRequestError


def test_flags_beat_environment_beats_file_beats_defaults(tmp_path):
    (tmp_path / "peanut.toml").write_text("window_frames = 10\ncontext_frames = 3\nport = 5\n")
    environment = {"PEANUT_CONTEXT_FRAMES": "4", "PEANUT_PORT": "6", "OTHER": "x"}
    settings = load_settings({"data_dir": tmp_path, "port": 7}, environment)
    assert (settings.window_frames, settings.context_frames, settings.port) == (10, 4, 7)
    assert settings.max_attempts == Settings().max_attempts


def test_data_dir_is_made_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert load_settings({"data_dir": Path("here")}, {}).data_dir == tmp_path / "here"


def test_an_unknown_setting_in_the_file_is_named(tmp_path):
    (tmp_path / "peanut.toml").write_text("windows = 10\n")
    with pytest.raises(InvalidRequestError, match="unknown setting 'windows'"):
        load_settings({"data_dir": tmp_path}, {})


@pytest.mark.parametrize(
    ("text", "message"), [("many", "must be of type int"), ("0", "must be 1 or more")]
)
def test_a_bad_value_is_named(tmp_path, text, message):
    with pytest.raises(InvalidRequestError, match=message):
        load_settings({"data_dir": tmp_path}, {"PEANUT_MAX_ATTEMPTS": text})


@pytest.mark.parametrize(("word", "meant"), [("true", True), ("0", False), ("False", False)])
def test_a_switch_is_read_as_what_it_says(tmp_path, word, meant):
    assert load_settings({"data_dir": tmp_path}, {"PEANUT_REUSE_FLOWS": word}).reuse_flows is meant


def test_a_switch_that_is_neither_on_nor_off_is_named(tmp_path):
    with pytest.raises(InvalidRequestError, match="reuse_flows is 'perhaps'"):
        load_settings({"data_dir": tmp_path}, {"PEANUT_REUSE_FLOWS": "perhaps"})


def test_folders_come_as_a_list_or_as_the_system_writes_lists(tmp_path):
    (tmp_path / "peanut.toml").write_text('allowed_roots = ["/a", "/b c"]\n')
    assert load_settings({"data_dir": tmp_path}, {}).allowed_roots == (Path("/a"), Path("/b c"))
    environment = {"PEANUT_ALLOWED_ROOTS": os.pathsep.join(("/x", "/y"))}
    settings = load_settings({"data_dir": tmp_path}, environment)
    assert settings.allowed_roots == (Path("/x"), Path("/y"))
    assert settings.roots.allowed == settings.allowed_roots


def test_an_optional_path_is_made_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert load_settings({"data_dir": tmp_path}, {}).tls_cert is None
    settings = load_settings({"data_dir": tmp_path, "tls_cert": "cert.pem"}, {})
    assert settings.tls_cert == tmp_path / "cert.pem"


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "peanut.toml").write_text("port = \n")
    with pytest.raises(InvalidRequestError, match=r"peanut\.toml is not valid TOML"):
        load_settings({"data_dir": tmp_path}, {})
