from dataclasses import replace
from pathlib import Path

import pytest
from support.renders import edit_of, settings_of

from peanut_daemon.config import USUAL_WINDOW_FRAMES
from peanut_daemon.deliverable import ChosenModel, Codec, Deliverable
from peanut_daemon.errors import DiskFullError, WontFitError
from peanut_daemon.jobs.admission import Machine, admit, admit_tracking, window_that_fits
from peanut_daemon.jobs.costs import COSTS, cost_of
from peanut_daemon.jobs.estimate import Estimate, estimate, estimate_tracking
from peanut_models.errors import ModelNotFoundError
from peanut_models.zoo import CARDS

GIB = 2**30
HD = {"width": 1920, "height": 1080}
UHD = {"width": 3840, "height": 2160}
NETWORK = {"eraser": ChosenModel("e2fgvi_hq", "a" * 64)}
UR_NET = {
    "deliverable": Deliverable.UPSCALED,
    "upscaler": ChosenModel("basicvsr_pp/reds4", "b" * 64),
}


def machine(**changes):
    values = {
        "device": "cpu",
        "device_bytes": 0,
        "host_bytes": 12 * GIB,
        "store": Path("/data"),
        "store_free_bytes": 100 * GIB,
        "output": Path("/renders"),
        "output_free_bytes": 100 * GIB,
        "one_disk": False,
    }
    return Machine(**values | changes)


def needs(clip=HD, frames=96, matte_share=0.1, device="cpu", **settings):
    return estimate(
        edit_of(frames=frames, **clip),
        settings_of(window_frames=48, context_frames=16, **settings),
        device=device,
        matte_share=matte_share,
    )


@pytest.mark.parametrize("kind", ["cpu", "cuda", "mps"])
def test_every_model_that_can_be_chosen_has_a_row(kind):
    for card in CARDS:
        if not card.auxiliary:
            assert cost_of(card.name, kind).host.fixed > 0


def test_a_model_without_a_row_is_named():
    with pytest.raises(ModelNotFoundError, match="'magic'"):
        cost_of("magic", "cpu")


def test_a_row_of_a_device_that_was_not_at_hand_is_marked():
    assert needs(**NETWORK).measured
    assert not needs(**NETWORK, device="cuda:0").measured
    assert needs(device="cuda:0").measured  # nothing of it runs there
    assert all(row["cpu"].host.fixed for row in COSTS.values())


def test_more_pixels_frames_and_matte_need_more():
    small = needs()
    for larger in (needs(clip=UHD), needs(matte_share=0.5)):
        assert larger.host_bytes > small.host_bytes
        assert larger.store_bytes > small.store_bytes
        assert larger.seconds > small.seconds
    longer = needs(frames=960)
    assert longer.host_bytes == pytest.approx(small.host_bytes, rel=0.3)  # windows bound it
    assert longer.seconds > 5 * small.seconds
    assert longer.output_bytes > 5 * small.output_bytes


def test_a_network_takes_memory_where_it_runs():
    on_cpu, on_gpu = needs(**NETWORK), needs(**NETWORK, device="cuda:1")
    assert (on_cpu.device, on_cpu.device_bytes) == ("cpu", 0)
    assert (on_gpu.device, on_gpu.device_bytes > GIB) == ("cuda:1", True)
    assert on_gpu.seconds < on_cpu.seconds
    assert needs(**NETWORK, working_scale=4).host_bytes < on_cpu.host_bytes


def test_a_patch_and_a_lossy_codec_take_less_room_and_four_times_the_size_more():
    full = needs()
    assert needs(deliverable=Deliverable.PATCH).output_bytes < full.output_bytes / 2
    h264 = needs(codec=Codec.H264, output_path=Path("/renders/a.mp4"))
    assert h264.output_bytes < full.output_bytes / 2
    upscaled = needs(deliverable=Deliverable.UPSCALED)
    assert upscaled.output_bytes > 5 * full.output_bytes
    assert upscaled.store_bytes > 10 * full.store_bytes
    assert {stage.stage for stage in upscaled.stages} == {"plate", "upscale", "encode"}


def test_an_estimate_survives_the_journal():
    found = needs(**UR_NET)
    assert Estimate.from_dict(found.to_dict()) == found


def test_what_fits_is_admitted_with_its_estimate():
    edit, settings = edit_of(frames=48, **HD), settings_of(window_frames=48, context_frames=16)
    found = admit(edit, settings, machine(), matte_share=0.1)
    assert found == estimate(edit, settings, device="cpu", matte_share=0.1)


def suggested(error, option):
    words = str(error).split()
    return words[words.index(option) + 1]


def test_a_window_that_does_not_fit_is_refused_with_one_that_does():
    edit, settings = edit_of(frames=480, **UHD), settings_of(window_frames=96, context_frames=8)
    limit = machine(host_bytes=16 * GIB)
    with pytest.raises(WontFitError, match=r"3840x2160.*16\.0 GiB may be used") as refused:
        admit(edit, settings, limit, matte_share=0.1)
    frames = int(suggested(refused.value, "--window-frames"))
    admit(edit, replace(settings, window_frames=frames), limit, matte_share=0.1)
    with pytest.raises(WontFitError):
        admit(edit, replace(settings, window_frames=frames + 1), limit, matte_share=0.1)


def test_a_network_that_does_not_fit_the_device_is_sent_to_a_smaller_size():
    edit = edit_of(frames=480, **UHD)
    settings = settings_of(window_frames=24, context_frames=8, **NETWORK)
    limit = machine(device="cuda:0", device_bytes=16 * GIB, host_bytes=64 * GIB)
    with pytest.raises(WontFitError, match="on cuda:0") as refused:
        admit(edit, settings, limit, matte_share=0.9)
    assert suggested(refused.value, "--working-size") == "half"
    admit(edit, replace(settings, working_scale=2), limit, matte_share=0.9)


def test_an_upscaler_that_does_not_fit_is_sent_to_the_one_that_ships():
    edit = edit_of(frames=48, **HD)
    settings = settings_of(window_frames=24, context_frames=8, **UR_NET)
    with pytest.raises(WontFitError, match="upscaling") as refused:
        admit(edit, settings, machine(), matte_share=0.1)
    assert suggested(refused.value, "--ur-net") == "embedded"


def test_what_can_live_in_two_places_needs_room_in_one_of_them():
    edit = edit_of(frames=48, **HD)
    settings = settings_of(window_frames=24, context_frames=8, **UR_NET)
    large_device = machine(device="cuda:0", device_bytes=24 * GIB, host_bytes=8 * GIB)
    large_host = machine(device="cuda:0", device_bytes=6 * GIB, host_bytes=48 * GIB)
    for enough in (large_device, large_host):
        admit(edit, settings, enough, matte_share=0.1)
    neither = machine(device="cuda:0", device_bytes=6 * GIB, host_bytes=8 * GIB)
    with pytest.raises(WontFitError, match="upscaling"):
        admit(edit, settings, neither, matte_share=0.1)


def test_where_no_setting_helps_the_refusal_says_so():
    edit, settings = edit_of(frames=48, **UHD), settings_of(window_frames=24, context_frames=8)
    with pytest.raises(WontFitError, match="no setting makes it fit"):
        admit(edit, settings, machine(host_bytes=GIB), matte_share=0.1)


def test_without_a_wish_the_window_is_the_largest_usual_one_and_says_why():
    edit, settings = edit_of(frames=480, **UHD), settings_of(window_frames=1, context_frames=8)
    usual = window_that_fits(edit, settings, machine(host_bytes=64 * GIB), matte_share=0.1)
    assert usual == (USUAL_WINDOW_FRAMES, "the usual number")
    limit = machine(host_bytes=12 * GIB)
    frames, why = window_that_fits(edit, settings, limit, matte_share=0.1)
    assert 1 <= frames < USUAL_WINDOW_FRAMES
    assert "12.0 GiB" in why
    admit(edit, replace(settings, window_frames=frames), limit, matte_share=0.1)


def test_a_full_disk_is_refused_with_the_range_that_would_fit():
    edit, settings = edit_of(frames=1000, **HD), settings_of(window_frames=48, context_frames=16)
    limit = machine(output_free_bytes=GIB)
    with pytest.raises(DiskFullError, match="the disk of /renders has 1024 MiB left") as refused:
        admit(edit, settings, limit, matte_share=0.1)
    start, end = map(int, suggested(refused.value, "--range").split(":"))
    assert start == edit.frame_range.start
    shorter = replace(edit, frame_range=type(edit.frame_range)(start, end))
    admit(shorter, settings, limit, matte_share=0.1)


def test_store_and_deliverable_on_one_disk_need_room_together():
    edit, settings = edit_of(frames=200, **HD), settings_of(window_frames=48, context_frames=16)
    found = estimate(edit, settings, device="cpu", matte_share=1.0)
    free = max(found.store_bytes, found.output_bytes) + GIB // 100
    two = machine(store_free_bytes=free, output_free_bytes=free)
    admit(edit, settings, two)
    with pytest.raises(DiskFullError):
        admit(edit, settings, replace(two, one_disk=True))
    admit(edit, settings, replace(two, one_disk=True), stored_bytes=found.store_bytes)


def test_a_tracker_that_does_not_fit_is_refused():
    clip = edit_of(frames=48, **UHD).clip
    common = {"device": "cpu", "working_long_side_px": 960}
    small = estimate_tracking(clip, 48, 1, model="embedded/masks", **common)
    admit_tracking(small, machine(host_bytes=2 * GIB))
    large = estimate_tracking(clip, 48, 2, model="sam2.1/large", **common)
    with pytest.raises(WontFitError, match=r"computing masks.*--p-mask"):
        admit_tracking(large, machine(host_bytes=2 * GIB))
    assert large.seconds > small.seconds
