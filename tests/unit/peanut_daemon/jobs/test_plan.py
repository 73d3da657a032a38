from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from peanut_daemon.deliverable import (
    ChosenModel,
    Codec,
    Deliverable,
    DonorFile,
    RenderSettings,
    RenderStage,
    WeightsFile,
)
from peanut_daemon.edits.model import Edit, FrozenMask
from peanut_daemon.jobs.plan import plan_render
from peanut_daemon.media import ClipInfo, ColourTags, Rate
from peanut_models.matte import TargetKind
from peanut_models.ranges import FrameRange


def edit(fingerprint="f"):
    clip = ClipInfo(
        path=Path("/clips/a.mov"),
        width=64,
        height=48,
        rate=Rate(25, 1),
        variable_rate=False,
        time_base=Fraction(1, 25),
        rotation_deg=0,
        frame_count=100,
        start_timecode=None,
        pixel_format="yuv420p",
        bit_depth=8,
        colour=ColourTags(),
        sample_aspect=Fraction(1),
        field_order="progressive",
        codec="h264",
        has_audio=False,
        has_alpha=False,
        fingerprint=fingerprint,
    )
    return Edit(
        id="e",
        clip=clip,
        frame_range=FrameRange(0, 40),
        targets=(),
        approval=None,
        created_at=0.0,
    )


def settings(**changes):
    values = {
        "profile": "embedded",
        "eraser": ChosenModel("embedded/propagation"),
        "upscaler": ChosenModel("embedded/lanczos"),
        "deliverable": Deliverable.FULL,
        "codec": Codec.FFV1,
        "output_path": Path("/renders/a.mkv"),
        "overwrite": False,
        "matte_hash": "m",
        "grow_px": 4,
        "feather_px": 2,
        "window_frames": 10,
        "context_frames": 3,
    }
    return RenderSettings(**values | changes)


def masks(**changed):
    return {k: [FrozenMask(changed.get(f"frame{k}", b"png"))] for k in range(40)}


def keys(an_edit=None, some_settings=None, matte=None, stage=RenderStage.PLATE):
    plan = plan_render(an_edit or edit(), some_settings or settings(), matte or masks())
    return [piece.key for piece in plan.of_stage(stage)]


def test_the_same_request_has_the_same_keys():
    assert keys() == keys()
    assert len(set(keys())) == 4


@pytest.mark.parametrize(
    "changed",
    [
        {"some_settings": settings(grow_px=5)},
        {"some_settings": settings(feather_px=0)},
        {"some_settings": settings(context_frames=4)},
        {"some_settings": settings(refine_px=3)},
        {"matte": {k: [FrozenMask(b"png", TargetKind.EFFECT)] for k in range(40)}},
        {"an_edit": edit(fingerprint="another file")},
    ],
)
def test_what_changes_pixels_changes_every_key(changed):
    assert not set(keys()) & set(keys(**changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"codec": Codec.H264, "output_path": Path("/renders/b.mp4")},
        {"overwrite": True},
        {"deliverable": Deliverable.UPSCALED},
        {"grain": False},
        {"effect_feather_px": 20},
    ],
)
def test_what_only_changes_the_file_keeps_the_plates(changed):
    assert keys(some_settings=settings(**changed)) == keys()


def test_a_corrected_mask_changes_its_window_and_those_after_it():
    before, after = keys(), keys(matte=masks(frame25=b"other"))
    assert before[:2] == after[:2]
    assert before[2] != after[2]
    assert before[3] != after[3]  # it carries on from the window before


def test_context_counts_too():
    assert keys()[1] != keys(matte=masks(frame22=b"other"))[1]  # window [10, 20) sees up to 23


def test_an_upscale_follows_its_plate():
    upscaled = settings(deliverable=Deliverable.UPSCALED)
    plan = plan_render(edit(), upscaled, masks())
    plates, larger = plan.of_stage(RenderStage.PLATE), plan.of_stage(RenderStage.UPSCALE)
    assert [piece.after_key for piece in larger] == [piece.key for piece in plates]
    assert [piece.stage for piece in plan.pieces][-1] is RenderStage.ENCODE
    assert plan.frames_total == 120


def test_other_weights_or_another_clean_plate_are_other_keys():
    plain = keys()
    network = settings(eraser=ChosenModel("e2fgvi_hq", "a" * 64))
    retrained = settings(eraser=ChosenModel("e2fgvi_hq", "b" * 64))
    donor = settings(donors=(DonorFile(Path("/clips/plate.png"), "p"),))
    changed = settings(donors=(DonorFile(Path("/clips/plate.png"), "q"),))
    surer = settings(donors=(DonorFile(Path("/clips/plate.png"), "p"),), donor_confidence=0.9)
    moved = settings(donors=(DonorFile(Path("/elsewhere/plate.png"), "p"),))
    different = [keys(some_settings=s)[0] for s in (network, retrained, donor, changed, surer)]
    assert len({plain[0], *different}) == 6
    assert keys(some_settings=moved) == keys(some_settings=donor)


def test_a_network_upscales_several_plates_in_one_go():
    network = settings(
        deliverable=Deliverable.UPSCALED,
        upscaler=ChosenModel("basicvsr_pp/reds4", "a" * 64),
        window_frames=5,
    )
    pieces = plan_render(edit(), network, masks()).of_stage(RenderStage.UPSCALE)
    assert [piece.window.core for piece in pieces] == [FrameRange(0, 20), FrameRange(20, 40)]
    lanczos = settings(deliverable=Deliverable.UPSCALED, window_frames=5)
    assert len(plan_render(edit(), lanczos, masks()).of_stage(RenderStage.UPSCALE)) == 8


def test_what_lies_after_an_upscaled_stretch_is_part_of_its_key():
    upscaled = settings(deliverable=Deliverable.UPSCALED)
    plain = keys(some_settings=upscaled, stage=RenderStage.UPSCALE)
    later = keys(some_settings=upscaled, matte=masks(frame25=b"other"), stage=RenderStage.UPSCALE)
    assert plain[0] == later[0]
    assert plain[1] != later[1]


def test_reused_motion_and_trained_seams_are_part_of_the_keys():
    upscaled = settings(deliverable=Deliverable.UPSCALED)
    reusing = replace(upscaled, reuse_flows=True)
    treated, retrained = (
        replace(upscaled, seam=WeightsFile(Path("/w.safetensors"), digest * 64)) for digest in "ab"
    )
    ways = (upscaled, reusing, treated, retrained)
    first = [keys(some_settings=way, stage=RenderStage.UPSCALE)[0] for way in ways]
    assert len(set(first)) == 4
    # A plate without its motion is none to reuse it from; seams come after all plates.
    assert keys(some_settings=reusing)[0] != keys(some_settings=upscaled)[0]
    assert keys(some_settings=treated) == keys(some_settings=upscaled)


def test_a_window_cut_in_two_keeps_the_keys_before_it_and_its_halves_have_their_own():
    whole = plan_render(edit(), settings(), masks()).of_stage(RenderStage.PLATE)
    halved = settings(halved_windows=(20,))
    parts = plan_render(edit(), halved, masks()).of_stage(RenderStage.PLATE)
    assert [piece.key for piece in parts[:2]] == [piece.key for piece in whole[:2]]
    assert [str(piece.window.core) for piece in parts[2:]] == ["[20, 25)", "[25, 30)", "[30, 40)"]
    assert [str(piece.window.span) for piece in parts[2:4]] == ["[17, 28)", "[22, 33)"]
    assert [piece.after_key for piece in parts[1:]] == [piece.key for piece in parts[:-1]]
    assert not {piece.key for piece in parts[2:]} & {piece.key for piece in whole}
