from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.fake_daemon import FakeDaemon, FakeService
from typer.testing import CliRunner, Result

from peanut_client.cli import app
from peanut_client.config import Settings

Run = Callable[..., Result]


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    monkeypatch.setenv("PEANUT_DATA_DIR", str(folder))
    return folder


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    return Settings(data_dir=data_dir, probe_timeout_s=2, reconnect_timeout_s=5)


@pytest.fixture
def daemon(data_dir: Path) -> Iterator[FakeDaemon]:
    with FakeDaemon(data_dir) as running:
        yield running


@pytest.fixture
def service(daemon: FakeDaemon) -> FakeService:
    return daemon.service


@pytest.fixture
def run(data_dir: Path) -> Run:
    """Run one command line in this process."""
    runner = CliRunner()

    def invoke(*words: str | Path) -> Result:
        result = runner.invoke(app, [str(word) for word in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mov"
    path.write_bytes(b"not read by the fake")
    return path
