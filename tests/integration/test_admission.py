"""What a render will need: told with the job, put beside what it took, and refused where it is not
there."""

import json

import av
import cv2
import numpy as np
import pytest
from support.clips import make_clip
from support.daemon import RunningDaemon, painted, point, succeeded, track
from support.scenes import square_centre

from peanut.v1 import renders_pb2
from peanut_client import PeanutError, frame_range

MIB = 2**20


def test_the_estimate_comes_with_the_job_and_stands_in_the_report(client, clip, tmp_path):
    edit = client.create_edit(str(clip), frame_range(0, 6))
    track(client, edit.id, point(*square_centre()))
    client.approve_masks(edit.id)
    job = client.start_render(edit.id, str(tmp_path / "a.mkv"), window_frames=4)
    told = job.estimate
    assert (told.device, told.device_bytes, told.measured) == ("cpu", 0, True)
    assert (told.window_frames, told.window_reason) == (4, "asked for")
    assert min(told.seconds, told.host_bytes, told.store_bytes, told.output_bytes) > 0
    assert succeeded(client, job.id).estimate == told
    report = json.loads((tmp_path / "a.report.json").read_text())
    found = report["estimate"]
    assert found["reckoned"]["host_bytes"] == told.host_bytes
    assert found["used"]["store_bytes"] <= told.store_bytes
    assert (tmp_path / "a.mkv").stat().st_size <= told.output_bytes
    assert found["used"]["seconds"] > 0
    assert found["shortages"] == []
    assert report["windows"] == [[0, 3], [3, 6]]


def test_without_a_wish_the_daemon_s_window_is_taken(client, clip, tmp_path):
    edit = client.create_edit(str(clip), frame_range(0, 4))
    track(client, edit.id, point(*square_centre()))
    client.approve_masks(edit.id)
    job = client.start_render(edit.id, str(tmp_path / "a.mkv"))
    assert (job.estimate.window_frames, job.estimate.window_reason) == (12, "setting window_frames")
    with pytest.raises(PeanutError, match="window_frames is -1"):
        client.start_render(edit.id, str(tmp_path / "b.mkv"), window_frames=-1)


def test_what_does_not_fit_is_refused_and_what_is_named_instead_is_taken(tmp_path):
    flat = np.full((480, 640, 3), 90, np.uint8)
    pictures = [av.VideoFrame.from_ndarray(flat, "rgb24").reformat(format="yuv420p")] * 24
    clip = make_clip(tmp_path / "wide.mp4", pictures=pictures)
    mask = np.zeros((480, 640), np.uint8)
    mask[100:200, 100:200] = 255
    png = cv2.imencode(".png", mask)[1].tobytes()
    out = tmp_path / "a.mkv"
    limits = {"host_memory_bytes": 350 * MIB, "context_frames": 2}
    with RunningDaemon(tmp_path / "data", **limits) as daemon, daemon.client() as client:
        edit = client.create_edit(str(clip))
        track(client, edit.id, *[painted(png, k) for k in range(24)])
        client.approve_masks(edit.id)
        with pytest.raises(PeanutError, match=r"350 MiB may be used; this would fit") as refused:
            client.start_render(edit.id, str(out), window_frames=24)
        assert (refused.value.reason, refused.value.retryable) == ("WontFitError", False)
        assert not client.list_jobs()
        words = str(refused.value).split()
        frames = int(words[words.index("--window-frames") + 1])
        job = client.start_render(edit.id, str(out), window_frames=frames)
        client.cancel_job(job.id)
        by_itself = client.start_render(
            edit.id, str(tmp_path / "b.mkv"), deliverable=renders_pb2.DELIVERABLE_FULL
        )
        client.cancel_job(by_itself.id)
    assert by_itself.estimate.window_frames == frames
    assert "350 MiB" in by_itself.estimate.window_reason


def test_masks_that_do_not_fit_are_refused_before_the_prompts_are_kept(clip, tmp_path):
    with RunningDaemon(tmp_path / "data", host_memory_bytes=100 * MIB) as daemon:
        with daemon.client() as client:
            edit = client.create_edit(str(clip))
            with pytest.raises(PeanutError, match="computing masks needs") as refused:
                track(client, edit.id, point(*square_centre()))
            assert refused.value.reason == "WontFitError"
            assert not client.get_edit(edit.id).targets
