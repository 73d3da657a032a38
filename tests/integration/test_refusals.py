"""Bad input: a named error that says what, which, the value and what to do, and nothing is left."""

import resource
import sys

import cv2
import numpy as np
import pytest
from support.clips import make_audio_file
from support.daemon import RunningDaemon, finished, painted, point, track
from support.scenes import make_square_clip, square_centre, square_mask

from peanut.v1 import edits_pb2, jobs_pb2, renders_pb2
from peanut_client import PeanutError, frame_range


def png_of(mask):
    return cv2.imencode(".png", mask.astype(np.uint8) * 255)[1].tobytes()


def box(x0, y0, x1, y1, frame_index=0):
    corners = edits_pb2.BoxPrompt(x0_px=x0, y0_px=y0, x1_px=x1, y1_px=y1)
    return edits_pb2.Prompt(frame_index=frame_index, box=corners)


def refused(reason, *parts):
    """A PeanutError of that kind whose message has all these parts."""

    def check(error):
        return error.reason == reason and all(part in str(error) for part in parts)

    return pytest.raises(PeanutError, check=check)


def test_missing_file(client):
    with refused("MediaNotFoundError", "/no/such.mov"):
        client.create_edit("/no/such.mov")


def test_a_folder_is_not_a_clip(client, tmp_path):
    with refused("MediaUnreadableError", str(tmp_path)):
        client.create_edit(str(tmp_path))


def test_audio_only_file(client, tmp_path):
    sound = make_audio_file(tmp_path / "sound.wav")
    with refused("NoVideoError", "sound.wav"):
        client.create_edit(str(sound))


def test_not_a_media_file(client, tmp_path):
    text = tmp_path / "notes.mov"
    text.write_text("not a film " * 500)
    with refused("MediaUnreadableError", "notes.mov"):
        client.create_edit(str(text))


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_truncated_file(client, clip, tmp_path, share):
    whole = clip.read_bytes()
    short = tmp_path / "short.mov"
    short.write_bytes(whole[: int(len(whole) * share)])
    with refused("MediaUnreadableError", "short.mov"):
        client.create_edit(str(short))


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (5, 5, "[5, 5) is empty: end_frame must exceed start_frame"),
        (9, 3, "[9, 3) is empty: end_frame must exceed start_frame"),
        (-2, 3, "start_frame must be 0 or more"),
        (0, 25, "end_frame may be 24 at most"),
        (100, 120, "it has the frames [0, 24)"),
    ],
)
def test_bad_range(client, clip, start, end, said):
    with refused("FrameRangeError", said):
        client.create_edit(str(clip), frame_range(start, end))


@pytest.mark.parametrize(
    ("prompt", "reason", "said"),
    [
        (point(64, 10), "PromptError", "point (64, 10) on frame 0 is outside the picture"),
        (point(5, -1), "PromptError", "y 0 to 47"),
        (box(10, 10, 10, 20), "PromptError", "box (10, 10, 10, 20)"),
        (box(10, 10, 70, 20), "PromptError", "x0 < x1 <= 64"),
        (
            point(5, 5, 24),
            "FrameRangeError",
            "frame 24 is outside the edit's range [0, 24)",
        ),
        (point(5, 5, negative=True), "PromptError", "no prompt says where the target is"),
        (painted(b"GIF89a", 3), "MaskSizeError", "mask on frame 3 is not a PNG"),
        (edits_pb2.Prompt(frame_index=1), "PromptError", "a prompt on frame 1 says nothing"),
    ],
)
def test_bad_prompt(client, clip, prompt, reason, said):
    edit = client.create_edit(str(clip))
    with refused(reason, said):
        track(client, edit.id, prompt)
    assert not client.get_edit(edit.id).targets


def test_mask_of_the_wrong_size(client, clip):
    edit = client.create_edit(str(clip))
    with refused("MaskSizeError", "mask on frame 2 is 32x24, but the clip is 64x48"):
        track(client, edit.id, painted(png_of(np.ones((24, 32))), 2))


def test_mask_cut_short(client, clip):
    edit = client.create_edit(str(clip))
    whole = png_of(square_mask(0))
    with refused("MediaUnreadableError", "not a whole PNG"):
        track(client, edit.id, painted(whole[:-20], 0))


def test_refused_prompts_leave_earlier_masks_alone(client, clip):
    edit = client.create_edit(str(clip), frame_range(0, 4))
    before = {m.frame_index: m.png for m in track(client, edit.id, point(*square_centre()))}
    with refused("PromptError"):
        track(client, edit.id, point(999, 999))
    assert {m.frame_index: m.png for m in client.fetch_masks(edit.id)} == before


@pytest.fixture
def approved(client, clip):
    edit = client.create_edit(str(clip), frame_range(0, 6))
    track(client, edit.id, *[painted(png_of(square_mask(k)), k) for k in range(6)])
    client.approve_masks(edit.id)
    return edit


def test_output_folder_missing(client, approved, tmp_path):
    with refused("OutputNotWritableError", "nowhere does not exist"):
        client.start_render(approved.id, str(tmp_path / "nowhere" / "a.mkv"))


def test_output_folder_that_cannot_be_written(client, approved):
    if not sys.platform.startswith("linux"):
        pytest.skip("needs a folder that even root cannot write")
    with refused("OutputNotWritableError", "/proc"):
        client.start_render(approved.id, "/proc/a.mkv")


def test_output_exists(client, approved, tmp_path):
    (tmp_path / "a.otio").write_text("mine")
    with refused("OutputExistsError", "a.otio exists already"):
        client.start_render(approved.id, str(tmp_path / "a.mkv"))
    assert (tmp_path / "a.otio").read_text() == "mine"


def test_two_renders_to_one_place(client, clip, tmp_path):
    edit = client.create_edit(str(clip))
    track(client, edit.id, *[painted(png_of(square_mask(k)), k) for k in range(24)])
    client.approve_masks(edit.id, grow_px=3)
    target = str(tmp_path / "a.mkv")
    first = client.start_render(edit.id, target)
    with refused("OutputExistsError", f"job {first.id} is about to write", "a.mkv"):
        client.start_render(edit.id, target, overwrite=True)
    assert finished(client, first.id).state == jobs_pb2.JOB_STATE_SUCCEEDED
    again = client.start_render(edit.id, target, overwrite=True)
    assert finished(client, again.id).state == jobs_pb2.JOB_STATE_SUCCEEDED


def test_output_over_the_source(client, clip, approved):
    with refused("InvalidRequestError", "would replace the clip itself"):
        client.start_render(
            approved.id, str(clip), codec=renders_pb2.CODEC_PRORES_HQ, overwrite=True
        )


def test_relative_output_path(client, approved):
    with refused("InvalidRequestError", "is relative"):
        client.start_render(approved.id, "a.mkv")


def test_codec_without_alpha_for_a_patch(client, approved, tmp_path):
    with refused("InvalidRequestError", "codec h264 has no alpha"):
        client.start_render(
            approved.id,
            str(tmp_path / "a.mp4"),
            deliverable=renders_pb2.DELIVERABLE_PATCH,
            codec=renders_pb2.CODEC_H264,
        )


def test_unknown_profile(client, approved, tmp_path):
    with refused("ModelNotFoundError", "no profile is called 'magic'"):
        client.start_render(approved.id, str(tmp_path / "a.mkv"), profile="magic")


def test_render_before_approval(client, clip, tmp_path):
    edit = client.create_edit(str(clip))
    with refused("NotApprovedError", "is not approved"):
        client.start_render(edit.id, str(tmp_path / "a.mkv"))


def test_approval_before_any_mask(client, clip):
    edit = client.create_edit(str(clip))
    with refused("NotApprovedError", "has no target"):
        client.approve_masks(edit.id)


def test_growth_out_of_bounds(client, approved):
    with refused("InvalidRequestError", "grow_px is 300"):
        client.approve_masks(approved.id, grow_px=300)


def test_unknown_ids(client):
    with refused("EditNotFoundError", "'nope'"):
        client.get_edit("nope")
    with refused("JobNotFoundError", "'nope'"):
        client.get_job("nope")
    with refused("JobNotFoundError", "'nope'"):
        list(client.watch_job("nope"))


def test_resuming_what_has_succeeded(client, approved, tmp_path):
    job = client.start_render(approved.id, str(tmp_path / "a.mkv"))
    finished(client, job.id)
    with refused("JobStateError", "succeeded"):
        client.resume_job(job.id)


def test_a_clip_that_changed_meanwhile(client, tmp_path):
    clip = make_square_clip(tmp_path / "clip.mov", frames=6)
    edit = client.create_edit(str(clip))
    track(client, edit.id, *[painted(png_of(square_mask(k)), k) for k in range(6)])
    client.approve_masks(edit.id)
    make_square_clip(clip, frames=6, options={"crf": "30", "preset": "ultrafast"})
    job = finished(client, client.start_render(edit.id, str(tmp_path / "a.mkv")).id)
    assert job.error.reason == "MediaUnreadableError"
    assert "changed since the edit was made" in job.error.message
    assert not list(tmp_path.glob("*a.*"))


def test_too_little_room_is_refused_before_anything_is_computed(clip, tmp_path):
    with RunningDaemon(tmp_path / "data", min_free_disk_bytes=2**62) as daemon:
        with daemon.client() as client:
            edit = client.create_edit(str(clip), frame_range(0, 4))
            track(client, edit.id, *[painted(png_of(square_mask(k)), k) for k in range(4)])
            client.approve_masks(edit.id)
            with refused("DiskFullError", "MiB left", "make room"):
                client.start_render(edit.id, str(tmp_path / "a.mkv"))


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs Linux's prlimit")
def test_a_disk_that_fills_up_while_writing_fails_the_job_and_resuming_finishes_it(clip, tmp_path):
    with RunningDaemon(tmp_path / "data") as daemon, daemon.client() as client:
        edit = client.create_edit(str(clip))
        track(client, edit.id, point(*square_centre()))
        client.approve_masks(edit.id)
        worker = client.get_server_info().worker.pid
        # As when the disk is full, the worker can write no more than this to any file.
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
        job = client.start_render(edit.id, str(tmp_path / "a.mkv"))
        failed = finished(client, job.id)
        assert failed.state == jobs_pb2.JOB_STATE_FAILED
        assert failed.error.reason == "DiskFullError"
        assert failed.error.retryable
        assert not list(tmp_path.glob("*a.*")), "something half-written was left"
        assert not list((tmp_path / "data" / "store").rglob("*part*"))
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        client.resume_job(job.id)
        assert finished(client, job.id).state == jobs_pb2.JOB_STATE_SUCCEEDED
