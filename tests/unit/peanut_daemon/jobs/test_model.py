import json
from itertools import product
from pathlib import Path

import pytest

from peanut_daemon.deliverable import (
    ChosenModel,
    Codec,
    Deliverable,
    DonorFile,
    Outputs,
    RenderSettings,
    WeightsFile,
)
from peanut_daemon.errors import InvalidRequestError, JobStateError
from peanut_daemon.jobs.model import LEGAL_TRANSITIONS, Job, JobState


def settings(**changes):
    values = {
        "profile": "embedded",
        "eraser": ChosenModel("e2fgvi", "a1"),
        "upscaler": ChosenModel("embedded/lanczos"),
        "donors": (DonorFile(Path("/plates/a.png"), "f"),),
        "deliverable": Deliverable.FULL,
        "codec": Codec.FFV1,
        "output_path": Path("/renders/shot.v1.mkv"),
        "overwrite": False,
        "matte_hash": "abc",
        "grow_px": 4,
        "feather_px": 2,
        "window_frames": 48,
        "context_frames": 16,
    }
    return RenderSettings(**values | changes)


def job(state):
    return Job(id="j", edit_id="e", state=state, settings=settings(), created_at=1.0)


@pytest.mark.parametrize(("before", "after"), list(product(JobState, JobState)))
def test_only_legal_changes_of_state_happen(before, after):
    if after in LEGAL_TRANSITIONS[before]:
        assert job(before).moved_to(after, 2.0).state is after
    else:
        with pytest.raises(JobStateError, match=f"is {before.value} and cannot become"):
            job(before).moved_to(after, 2.0)


def test_what_has_ended_stays_ended_unless_resumed():
    for state in JobState:
        if state.ended:
            assert LEGAL_TRANSITIONS[state] <= {JobState.QUEUED}


def test_times_follow_the_state():
    running = job(JobState.QUEUED).moved_to(JobState.RUNNING, 5.0)
    done = running.moved_to(JobState.SUCCEEDED, 9.0)
    assert (running.started_at, running.finished_at) == (5.0, None)
    assert (done.started_at, done.finished_at) == (5.0, 9.0)


def test_side_files_keep_dots_in_the_name():
    outputs = Outputs.beside(Path("/renders/shot.v1.mkv"))
    assert outputs.otio == Path("/renders/shot.v1.otio")
    assert outputs.matte == Path("/renders/shot.v1.matte.mkv")
    assert outputs.report_page == Path("/renders/shot.v1.report.html")
    assert len(set(outputs.paths())) == len(outputs.paths())


def test_settings_survive_json():
    assert RenderSettings.from_dict(settings().to_dict()) == settings()
    more = settings(reuse_flows=True, seam=WeightsFile(Path("/w/seam.safetensors"), "a1"))
    assert RenderSettings.from_dict(json.loads(json.dumps(more.to_dict()))) == more


@pytest.mark.parametrize("codec", [Codec.H264, Codec.PRORES_HQ])
def test_a_patch_needs_a_codec_with_alpha(codec):
    with pytest.raises(InvalidRequestError, match=f"codec {codec} has no alpha"):
        settings(codec=codec, deliverable=Deliverable.PATCH)


def test_a_wrong_extension_is_refused():
    with pytest.raises(InvalidRequestError, match=r"ends in '\.avi', but ffv1 is written as"):
        settings(output_path=Path("/renders/shot.avi"))


def test_settings_of_journals_from_before_models_and_donors_can_be_read():
    old = settings().to_dict()
    for name in ("eraser", "upscaler", "donors", "donor_confidence", "reuse_flows", "seam"):
        del old[name]
    read = RenderSettings.from_dict(old)
    assert read.eraser == ChosenModel("embedded/propagation")
    assert read.upscaler == ChosenModel("embedded/lanczos")
    assert read.donors == ()
    assert read.seam is None


@pytest.mark.parametrize("confidence", [-0.1, 1.1])
def test_a_confidence_outside_0_to_1_is_refused(confidence):
    with pytest.raises(InvalidRequestError, match="0 to 1"):
        settings(donor_confidence=confidence)
