from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.fake_daemon import FRAME_COUNT, FakeService
from typer.testing import Result

from peanut.v1 import renders_pb2
from peanut_client import launch as launch_module
from peanut_client.cli import demo as demo_module

Run = Callable[..., Result]

FIGURES = {"psnr_after_db": 31.4159, "something_new": 0}


@pytest.fixture
def shot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A demo folder, and a measurement that prints what it was given."""
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "clip.mp4").touch()
    shot = {
        "files": {"clip": "clip.mp4"},
        "click": {"frame_index": 2, "point_xy_px": [12, 34]},
    }
    (folder / "shot.json").write_text(json.dumps(shot), encoding="utf-8")
    monkeypatch.setattr(launch_module, "DAEMON_MODULES", ("json",))
    monkeypatch.setattr(demo_module, "demo_folder", lambda: folder)
    _measure_with(monkeypatch, f"print({json.dumps(FIGURES)!r})")
    return folder


def _measure_with(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(demo_module, "measure_command", lambda *_: [sys.executable, "-c", code])


def test_demo_goes_the_whole_road(
    run: Run, service: FakeService, shot: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = run("demo", "-o", out)
    assert result.exit_code == 0, result.output
    prompt = service.named("TrackMasks")[0].prompts[0]
    assert (prompt.frame_index, prompt.point.x_px, prompt.point.y_px) == (2, 12, 34)
    delivered = [request.deliverable for request in service.named("StartRender")]
    assert delivered == [renders_pb2.DELIVERABLE_FULL, renders_pb2.DELIVERABLE_PATCH]
    assert all(request.overwrite for request in service.named("StartRender"))
    assert len(list((out / "masks").iterdir())) == FRAME_COUNT
    for words in ("PSNR of the result, dB", "31.416", "something new", "full.mkv", "patch.mov"):
        assert words in result.stdout


def test_demo_runs_twice_and_speaks_json(
    run: Run, service: FakeService, shot: Path, tmp_path: Path
) -> None:
    run("demo", "-o", tmp_path / "out")
    document = json.loads(run("demo", "-o", tmp_path / "out", "--upscaled", "--json").stdout)
    assert document["figures"] == FIGURES
    assert set(document["jobs"]) == {"full", "patch", "upscaled"}
    assert set(document["seconds"]) == {"masks", "full", "patch", "upscaled", "total"}


def test_missing_shot_is_named(run: Run, service: FakeService, shot: Path, tmp_path: Path) -> None:
    (shot / "shot.json").unlink()
    result = run("demo", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert str(shot) in result.stderr


def test_failed_measurement_says_where_the_result_is(
    run: Run,
    service: FakeService,
    shot: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _measure_with(monkeypatch, "raise SystemExit('no truth here')")
    result = run("demo", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "could not be measured: no truth here" in result.stderr
    assert str(tmp_path / "out" / "full.mkv") in result.stderr
