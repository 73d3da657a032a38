from __future__ import annotations

import _thread
import json
import threading
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from support.fake_daemon import FRAME_COUNT, PNG, FakeService
from typer.testing import Result

from peanut.v1 import errors_pb2, jobs_pb2, renders_pb2

Run = Callable[..., Result]


def test_one_click_gives_a_result(
    run: Run, service: FakeService, clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mkv"
    result = run("remove", clip, "--range", "2:8", "--point", "10,20", "-o", out)
    assert result.exit_code == 0, result.output
    assert str(out) in result.stdout
    assert str(tmp_path / "out.otio") in result.stdout
    assert "tracked 6 frames" in result.stderr
    prompt = service.named("TrackMasks")[0].prompts[0]
    assert (prompt.frame_index, prompt.point.x_px, prompt.point.y_px) == (2, 10, 20)
    approval = service.named("ApproveMasks")[0]
    assert (approval.grow_px, approval.feather_px) == (4, 2)
    render = service.named("StartRender")[0]
    assert render.deliverable == renders_pb2.DELIVERABLE_FULL
    assert render.codec == renders_pb2.CODEC_FFV1
    assert not render.overwrite
    # The job needs the edit when it is resumed.
    assert service.named("DeleteEdit") == []


def test_options_reach_the_daemon(
    run: Run, service: FakeService, clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mov"
    out.touch()
    options = ["--deliver", "patch", "--grow", "7", "--feather", "0", "--profile", "embedded"]
    result = run("remove", clip, "--box", "1,2,30,40@3", *options, "--overwrite", "-o", out)
    assert result.exit_code == 0, result.output
    assert service.named("TrackMasks")[0].prompts[0].frame_index == 3
    approval = service.named("ApproveMasks")[0]
    assert (approval.grow_px, approval.feather_px) == (7, 0)
    render = service.named("StartRender")[0]
    assert render.deliverable == renders_pb2.DELIVERABLE_PATCH
    assert render.codec == renders_pb2.CODEC_PRORES_4444
    assert render.overwrite
    assert render.profile == "embedded"


def test_a_clean_plate_reaches_the_daemon_by_its_whole_path(
    run: Run, service: FakeService, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plate.png").touch()
    monkeypatch.chdir(tmp_path)
    more = ["--clean-plate", "plate.png", "--plate-confidence", "0.25"]
    result = run("remove", clip, "--point", "1,2", *more, "-o", tmp_path / "out.mkv")
    assert result.exit_code == 0, result.output
    render = service.named("StartRender")[0]
    assert list(render.donor_paths) == [str(tmp_path / "plate.png")]
    assert render.donor_confidence == 0.25


def test_a_clean_plate_that_is_not_there_is_refused_at_once(
    run: Run, service: FakeService, clip: Path, tmp_path: Path
) -> None:
    missing = ["--clean-plate", tmp_path / "none.png", "-o", tmp_path / "out.mkv"]
    result = run("remove", clip, "--point", "1,2", *missing)
    assert result.exit_code == 2
    assert "none.png" in result.stderr
    assert service.named("CreateEdit") == []


@pytest.mark.parametrize(
    ("model", "complaint"), [("nothing", "choose one of"), ("e2fgvi", "peanut models pull e2fgvi")]
)
def test_a_model_that_cannot_be_used_is_refused_before_the_tracking(
    run: Run, service: FakeService, clip: Path, tmp_path: Path, model: str, complaint: str
) -> None:
    out = tmp_path / "out.mkv"
    result = run("remove", clip, "--point", "1,2", "--nof-eraser", model, "-o", out)
    assert result.exit_code == 2
    assert complaint in result.stderr
    assert service.named("TrackMasks") == []


def test_paths_are_sent_absolute(
    run: Run, service: FakeService, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clip.parent)
    assert run("remove", clip.name, "--point", "1,2", "-o", "out.mkv").exit_code == 0
    assert service.named("CreateEdit")[0].clip_range.path == str(clip)
    assert service.named("StartRender")[0].output_path == str(clip.parent / "out.mkv")


def test_otio_document_travels_with_absolute_media(
    run: Run, service: FakeService, tmp_path: Path
) -> None:
    document = {"children": [{"media_reference": {"target_url": "clips/a.mov"}}]}
    (tmp_path / "cut.otio").write_text(json.dumps(document), encoding="utf-8")
    result = run("remove", tmp_path / "cut.otio", "--point", "1,2", "-o", tmp_path / "out.mkv")
    assert result.exit_code == 0, result.output
    sent = json.loads(service.named("CreateEdit")[0].otio)
    url = sent["children"][0]["media_reference"]["target_url"]
    assert url == str(tmp_path / "clips/a.mov")


def test_otio_document_has_its_own_range(run: Run, tmp_path: Path) -> None:
    result = run("remove", "cut.otio", "--range", "0:5", "--point", "1,2", "-o", tmp_path / "o.mkv")
    assert result.exit_code == 2
    assert "--range does not go with cut.otio" in result.stderr


def test_ready_masks_cover_the_whole_clip_by_default(
    run: Run, service: FakeService, clip: Path, tmp_path: Path
) -> None:
    (tmp_path / "masks").mkdir()
    for index in range(FRAME_COUNT):
        (tmp_path / "masks" / f"{index:05d}.png").write_bytes(PNG)
    result = run("remove", clip, "--masks", tmp_path / "masks", "-o", tmp_path / "out.mkv")
    assert result.exit_code == 0, result.output
    prompts = service.named("TrackMasks")[0].prompts
    assert [prompt.frame_index for prompt in prompts] == list(range(FRAME_COUNT))


def test_unknown_profile_is_refused_before_the_tracking(
    run: Run, service: FakeService, clip: Path, tmp_path: Path
) -> None:
    result = run("remove", clip, "--point", "1,2", "--profile", "best", "-o", tmp_path / "o.mkv")
    assert result.exit_code == 2
    assert "--profile 'best' is not known to the daemon: choose one of embedded" in result.stderr
    assert service.named("CreateEdit") == []


def test_missing_ready_mask_leaves_no_edit(
    run: Run, service: FakeService, clip: Path, tmp_path: Path
) -> None:
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "00000.png").write_bytes(PNG)
    result = run("remove", clip, "--masks", tmp_path / "masks", "-o", tmp_path / "out.mkv")
    assert result.exit_code == 1
    assert "frame 1 has no mask" in result.stderr
    assert service.edits == {}


def test_json_is_one_document_and_events_are_lines(
    run: Run, service: FakeService, clip: Path, tmp_path: Path
) -> None:
    service.lost_frames = {4, 5, 9}
    out = tmp_path / "out.mkv"
    result = run("remove", clip, "--point", "1,2", "-o", out, "--json")
    document = json.loads(result.stdout)
    assert document["job"]["state"] == "succeeded"
    assert document["job"]["units_total"] == 3
    assert document["job"]["created_at"] == "2023-11-14T22:13:20.000Z"
    assert document["outputs"]["deliverable"] == str(out)
    assert document["seconds"] >= 0
    events = [json.loads(line) for line in result.stderr.splitlines()]
    assert {event["event"] for event in events} == {"edit", "tracking", "warning", "job"}
    tracking = [event for event in events if event["event"] == "tracking"]
    assert tracking[-1] == {"event": "tracking", "frames_done": 10, "frames_total": 10}
    assert [e["state"] for e in events if e["event"] == "job"][-1] == "succeeded"


def test_lost_frames_are_named(run: Run, service: FakeService, clip: Path, tmp_path: Path) -> None:
    service.lost_frames = {4, 5, 9}
    result = run("remove", clip, "--point", "1,2", "-o", tmp_path / "out.mkv")
    assert "not found on 3 of 10 frames (4-5, 9)" in result.stderr


def test_existing_output_is_refused_before_any_work(
    run: Run, service: FakeService, clip: Path, tmp_path: Path
) -> None:
    (tmp_path / "out.mkv").touch()
    result = run("remove", clip, "--point", "1,2", "-o", tmp_path / "out.mkv")
    assert result.exit_code == 1
    assert "exists already" in result.stderr
    assert "hint: add --overwrite" in result.stderr
    assert service.calls == []


def test_refusal_by_the_daemon_is_one_line(
    run: Run, service: FakeService, clip: Path, tmp_path: Path
) -> None:
    error = errors_pb2.Error(
        reason="FrameRangeError",
        message="frame range [9, 3) is empty: end_frame must exceed start_frame",
    )
    service.refusals["CreateEdit"] = (grpc.StatusCode.OUT_OF_RANGE, error)
    result = run("remove", clip, "--range", "9:3", "--point", "1,2", "-o", tmp_path / "out.mkv")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [f"error: {error.message}"]


def test_refused_render_leaves_no_edit(
    run: Run, service: FakeService, clip: Path, tmp_path: Path
) -> None:
    error = errors_pb2.Error(reason="DiskFullError", message="2 MiB free, 90 needed: make room")
    service.refusals["StartRender"] = (grpc.StatusCode.RESOURCE_EXHAUSTED, error)
    result = run("remove", clip, "--point", "1,2", "-o", tmp_path / "out.mkv", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["reason"] == "DiskFullError"
    assert service.edits == {}


def test_unexpected_failure_gives_its_incident_id(
    run: Run, service: FakeService, clip: Path, tmp_path: Path
) -> None:
    error = errors_pb2.Error(reason="InternalError", message="unexpected", incident_id="i-42")
    service.refusals["CreateEdit"] = (grpc.StatusCode.INTERNAL, error)
    result = run("remove", clip, "--point", "1,2", "-o", tmp_path / "out.mkv")
    assert "hint: report it with the incident id i-42" in result.stderr


def test_failed_job_tells_why_and_how_to_go_on(
    run: Run, service: FakeService, clip: Path, tmp_path: Path
) -> None:
    service.job_error = errors_pb2.Error(reason="DiskFullError", message="no room: make some")
    result = run("remove", clip, "--point", "1,2", "-o", tmp_path / "out.mkv")
    assert result.exit_code == 1
    assert "error: job job1 failed: no room: make some" in result.stderr
    assert "hint: resume with: peanut jobs resume job1" in result.stderr


def test_tracking_starts_again_after_a_restart_of_the_worker(
    run: Run,
    service: FakeService,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("peanut_client.cli.tracking._PAUSE_S", 0.05)
    error = errors_pb2.Error(
        reason="WorkerRestartingError", message="the worker is restarted", retryable=True
    )
    service.refusals["TrackMasks"] = (grpc.StatusCode.UNAVAILABLE, error)
    result = run("remove", clip, "--point", "1,2", "-o", tmp_path / "out.mkv")
    assert result.exit_code == 1
    assert len(service.named("TrackMasks")) == 3
    assert result.stderr.count("warning: tracking starts again") == 2


def test_ctrl_c_cancels_the_job_and_says_how_to_resume(
    run: Run, service: FakeService, clip: Path, tmp_path: Path
) -> None:
    service.endless_jobs = True
    service.on_second_window = _interrupt_once()
    result = run("remove", clip, "--point", "1,2", "-o", tmp_path / "out.mkv")
    assert result.exit_code == 130
    assert "job job1 was cancelled at 66%" in result.stderr
    assert "resume with: peanut jobs resume job1" in result.stderr
    assert service.jobs["job1"].state == jobs_pb2.JOB_STATE_CANCELLED


def test_ctrl_c_in_json(run: Run, service: FakeService, clip: Path, tmp_path: Path) -> None:
    service.endless_jobs = True
    service.on_second_window = _interrupt_once()
    result = run("remove", clip, "--point", "1,2", "-o", tmp_path / "out.mkv", "--json")
    assert result.exit_code == 130
    error = json.loads(result.stdout)["error"]
    assert error["reason"] == "InterruptedByUserError"
    assert error["hint"] == "resume with: peanut jobs resume job1"


def test_ctrl_c_while_tracking_just_stops(
    run: Run, service: FakeService, clip: Path, tmp_path: Path
) -> None:
    service.on_fourth_mask = _interrupt_once(then_wait_s=1)
    result = run("remove", clip, "--point", "1,2", "-o", tmp_path / "out.mkv")
    assert result.exit_code == 130
    assert "stopped by Ctrl-C while tracking" in result.stderr
    assert service.named("StartRender") == []
    assert service.edits == {}


def _interrupt_once(then_wait_s: float = 0) -> Callable[[], None]:
    """Ctrl-C in the main thread, once, so that the command after it is left alone."""
    done: list[bool] = []

    def interrupt() -> None:
        if not done:
            done.append(True)
            _thread.interrupt_main()
            threading.Event().wait(then_wait_s)

    return interrupt
