from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import grpc
from support.fake_daemon import PNG, FakeService
from typer.testing import Result

from peanut.v1 import errors_pb2

Run = Callable[..., Result]


def test_masks_are_named_by_frame_and_written_as_received(
    run: Run, service: FakeService, clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "masks"
    result = run("mask", clip, "--range", "3:6", "--point", "1,2", "-o", out)
    assert result.exit_code == 0, result.output
    assert sorted(file.name for file in out.iterdir()) == ["00003.png", "00004.png", "00005.png"]
    assert (out / "00004.png").read_bytes() == PNG + b"4"
    assert service.edits == {}


def test_json_lists_the_masks(run: Run, service: FakeService, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "masks"
    result = run("mask", clip, "--range", "3:5", "--point", "1,2", "-o", out, "--json")
    document = json.loads(result.stdout)
    assert document["folder"] == str(out)
    assert document["range"] == {"start_frame": 3, "end_frame": 5}
    assert document["masks"][0] == {"file": "00003.png", "frame_index": 3, "confidence": 0.9}


def test_masks_are_replaced_only_when_allowed(
    run: Run, service: FakeService, clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "masks"
    out.mkdir()
    (out / "00099.png").touch()
    refused = run("mask", clip, "--point", "1,2", "-o", out)
    assert refused.exit_code == 1
    assert "add --overwrite" in refused.stderr
    assert service.calls == []
    assert run("mask", clip, "--point", "1,2", "-o", out, "--overwrite").exit_code == 0
    assert not (out / "00099.png").exists()
    assert (out / "00000.png").exists()


def test_folder_with_other_files_is_never_replaced(
    run: Run, service: FakeService, clip: Path, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.doc").touch()
    result = run("mask", clip, "--point", "1,2", "-o", tmp_path / "home", "--overwrite")
    assert result.exit_code == 1
    assert "thesis.doc" in result.stderr
    assert (tmp_path / "home" / "thesis.doc").exists()


def test_failure_leaves_nothing_behind(
    run: Run, service: FakeService, clip: Path, tmp_path: Path
) -> None:
    error = errors_pb2.Error(reason="MediaError", message="the file changed: start again")
    service.refusals["FetchMasks"] = (grpc.StatusCode.FAILED_PRECONDITION, error)
    before = sorted(tmp_path.iterdir())
    result = run("mask", clip, "--point", "1,2", "-o", tmp_path / "masks")
    assert result.exit_code == 1
    assert sorted(tmp_path.iterdir()) == before
    assert service.edits == {}
