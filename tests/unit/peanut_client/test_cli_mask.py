from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import grpc
from support.fake_daemon import PNG, FakeService
from typer.testing import Result

from peanut.v1 import edits_pb2, errors_pb2

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


def test_the_edge_sheet_is_drawn_with_the_settings_of_a_render(
    run: Run, service: FakeService, clip: Path, tmp_path: Path
) -> None:
    sheet = tmp_path / "edge.png"
    options = ["--grow", "6", "--feather", "3", "--refine", "5", "--effect-feather", "20"]
    out = tmp_path / "masks"
    said = ["mask", clip, "--point", "1,2", "-o", out, "--edge-sheet", sheet]
    result = run(*said, *options, "--edge-frames", "4,2")
    assert result.exit_code == 0, result.output
    assert sheet.read_bytes() == PNG
    asked = service.named("DrawMatteEdge")[0]
    assert list(asked.frame_indices) == [2, 4]
    matte = asked.matte
    assert (matte.grow_px, matte.feather_px) == (6, 3)
    assert (matte.refine_px, matte.effect_feather_px) == (5, 20)
    assert "exists already" in run(*said, "--edge-frames", "4").stderr


def test_effects_and_holdouts_are_targets_of_their_own(
    run: Run, service: FakeService, clip: Path, tmp_path: Path
) -> None:
    painted = tmp_path / "hand.png"
    painted.write_bytes(PNG)
    result = run(
        "mask", clip, "--point", "1,2", "-o", tmp_path / "masks",
        "--effect", "3,4,30,40@2", "--effect", "5,6", "--holdout", f"{painted}@1",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    thing, effect, holdout = service.named("TrackMasks")
    assert [t.kind for t in (thing, effect, holdout)] == [
        edits_pb2.TARGET_KIND_OBJECT,
        edits_pb2.TARGET_KIND_EFFECT,
        edits_pb2.TARGET_KIND_HOLDOUT,
    ]
    box, point = effect.prompts
    assert (box.frame_index, box.box.x1_px, point.frame_index, point.point.y_px) == (2, 30, 0, 6)
    assert (holdout.prompts[0].frame_index, holdout.prompts[0].mask.png) == (1, PNG)


def test_a_holdout_that_cannot_be_read_is_refused(
    run: Run, service: FakeService, clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "masks"
    result = run("mask", clip, "--point", "1,2", "-o", out, "--holdout", "nothing.png@1")
    assert result.exit_code == 1
    assert "--holdout nothing.png cannot be read" in result.stderr
    (tmp_path / "roto").mkdir()
    mixed = ["--effect", str(tmp_path / "roto"), "--effect", "1,2"]
    result = run("mask", clip, "--point", "1,2", "-o", out, *mixed)
    assert "has a mask for every frame already" in result.stderr
    assert service.calls == []
