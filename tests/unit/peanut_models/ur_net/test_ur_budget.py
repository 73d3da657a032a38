from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from support import basicvsr
from torch.profiler import ProfilerActivity, profile

from peanut_models.errors import OutOfDeviceMemoryError
from peanut_models.ur_net.budget import Holding, held_bytes, peak_bytes, weight_bytes
from peanut_models.ur_net.config import NetworkConfig, PredictorConfig
from peanut_models.ur_net.planning import USABLE_SHARE, plan
from peanut_models.ur_net.predictor import UrNet

GIB = 2**30
PUBLISHED = NetworkConfig()
SETTINGS = {"tile_px": 256, "precision": "float16"}


def measured_peak(work: Callable[[], object]) -> int:
    """The most that tensors took at once, whichever library asked for it."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as seen:
        work()
    events = [e for e in seen.profiler.kineto_results.events() if e.name() == "[memory]"]
    held = most = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        most = max(most, held)
    return most


@pytest.mark.parametrize("tile_px", [None, 40])
def test_the_predicted_peak_is_within_a_quarter_of_the_measured_one(tile_px):
    network = basicvsr.seeded_network()
    config = PredictorConfig(window_frames=1, lookahead_frames=1, tile_px=tile_px)
    frames = basicvsr.clip(4, 64, 64)
    upscaler = UrNet(network, config)
    flows = [(np.full((2, 1, 1), 0.05, np.float32),) * 2] * 3
    measured = measured_peak(lambda: [None for _ in upscaler.stream(frames, flows=flows)])
    predicted = peak_bytes(
        network.config,
        64,
        64,
        Holding(window_frames=1, lookahead_frames=1),
        tile_px=tile_px,
        precision="float32",
        max_flow_px=4,
    )
    # The weights were there before.
    predicted -= weight_bytes(network.config)
    assert predicted == pytest.approx(measured, rel=0.25)


def test_a_full_hd_job_fits_eight_gib():
    found = plan(PUBLISHED, 1080, 1920, PredictorConfig(precision="float16"), budget_bytes=8 * GIB)
    assert found.holding.spill
    assert found.device_bytes <= 8 * GIB * USABLE_SHARE
    assert found.tile_px is not None and found.tile_px >= 128


def test_small_frames_stay_on_the_device_in_one_piece():
    config = PredictorConfig(precision="float16")
    found = plan(PUBLISHED, 180, 320, config, budget_bytes=8 * GIB)
    assert not found.holding.spill
    # Only the frames wait in host memory.
    assert found.host_bytes == found.holding.frames * 180 * 320 * 3 * 4
    assert found.holding.window_frames >= 96


def test_less_memory_means_smaller_pieces_until_nothing_fits():
    config = PredictorConfig(precision="float16")
    large, small = (
        plan(PUBLISHED, 540, 960, config, budget_bytes=budget) for budget in (64 * GIB, 2 * GIB)
    )
    assert small.device_bytes < large.device_bytes
    with pytest.raises(OutOfDeviceMemoryError, match=r"540x960 need .* 0\.0 GiB and any may be"):
        plan(PUBLISHED, 540, 960, config, budget_bytes=2**20)
    with pytest.raises(
        OutOfDeviceMemoryError, match=r"host memory .* 8\.0 GiB and 1\.0 GiB may be"
    ):
        plan(PUBLISHED, 1080, 1920, config, budget_bytes=8 * GIB, host_bytes=GIB)


def test_a_full_hd_job_stays_within_the_host_memory_it_may_use():
    config = PredictorConfig(precision="float16")
    plans = [
        plan(PUBLISHED, 1080, 1920, config, budget_bytes=8 * GIB, host_bytes=limit * GIB)
        for limit in (16, 32, 64, 256)
    ]
    for limit, found in zip((16, 32, 64, 256), plans, strict=True):
        assert found.host_bytes <= limit * GIB
        assert found.device_bytes <= 8 * GIB * USABLE_SHARE
    assert not plans[0].holding.hold_extracted
    assert plans[3].holding.hold_extracted
    windows = [found.holding.window_frames for found in plans]
    assert windows == sorted(windows)
    assert windows[0] < windows[3]


def test_features_are_halved_where_single_precision_takes_too_much():
    # A CPU has one memory for everything, and computes in float32.
    config = PredictorConfig(spill=False, tile_px=256)
    roomy, tight = (
        plan(PUBLISHED, 540, 960, config, budget_bytes=limit * GIB) for limit in (128, 12)
    )
    assert not roomy.holding.halve
    assert tight.holding.halve
    whole, half = (
        held_bytes(PUBLISHED, 540, 960, replace(tight.holding, halve=halve), "float32")
        for halve in (False, True)
    )
    assert 0.5 < half / whole < 0.55


def test_a_choice_of_the_caller_is_kept():
    config = PredictorConfig(precision="float16", spill=False)
    with pytest.raises(OutOfDeviceMemoryError):
        plan(PUBLISHED, 1080, 1920, config, budget_bytes=4 * GIB)


def test_memory_grows_with_what_is_held_and_not_when_it_is_spilled():
    def peak(frames: int, spill: bool) -> int:
        holding = Holding(window_frames=frames, lookahead_frames=4, spill=spill)
        return peak_bytes(PUBLISHED, 360, 640, holding, **SETTINGS)

    assert peak(16, False) > peak(8, False) > peak(8, True) == peak(16, True)


def test_a_predictor_within_a_budget_stays_in_it_and_gives_the_same_pixels():
    network = basicvsr.seeded_network()
    frames = basicvsr.clip(2, 64, 128)
    free = UrNet(network)
    needs = peak_bytes(
        network.config,
        64,
        128,
        Holding(window_frames=4, lookahead_frames=1),
        tile_px=64,
        precision="float32",
    )
    config = PredictorConfig(
        window_frames=4, lookahead_frames=1, memory_bytes=int(needs / USABLE_SHARE) + 1
    )
    tight = UrNet(network, config)
    assert free.plan(64, 128).tile_px == PredictorConfig().tile_px
    assert (tight.plan(64, 128).tile_px or 0) < 128
    flows = (np.full((1, 2, 1, 1), 0.05, np.float32),) * 2
    ours = []
    measured = measured_peak(lambda: ours.append(tight.enlarge(frames, flows=flows)))
    assert measured + weight_bytes(network.config) <= config.memory_bytes
    assert abs(ours[0].astype(int) - free.enlarge(frames, flows=flows)).max() <= 1
