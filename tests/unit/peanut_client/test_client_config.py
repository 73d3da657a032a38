from __future__ import annotations

from pathlib import Path

from peanut_client.config import Settings, load_settings


def test_data_dir_comes_from_the_environment(tmp_path: Path) -> None:
    settings = load_settings({"PEANUT_DATA_DIR": str(tmp_path)})
    assert settings.connection_file == tmp_path / "daemon.json"
    assert settings.log_file == tmp_path / "daemon.log"


def test_empty_variable_counts_as_not_set() -> None:
    assert load_settings({"PEANUT_DATA_DIR": ""}) == Settings()


def test_relative_data_dir_is_made_absolute() -> None:
    # The daemon is started from elsewhere later and must mean the same folder.
    assert load_settings({"PEANUT_DATA_DIR": "here"}).data_dir == Path.cwd() / "here"
