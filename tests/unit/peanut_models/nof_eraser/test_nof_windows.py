import numpy as np
import pytest
import torch

from peanut_models.errors import InvalidInputError
from peanut_models.nof_eraser.config import PredictorConfig
from peanut_models.nof_eraser.images import grown, masked_input, mirror_padded, truncated_pixels
from peanut_models.nof_eraser.regions import regions_of, runs_of
from peanut_models.nof_eraser.schedule import published_windows, streaming_windows
from peanut_models.nof_eraser.streaming import Streaming
from peanut_models.ranges import FrameRange

CONFIG = PredictorConfig()


def holes_at(length: int, size: tuple[int, int], boxes) -> np.ndarray:
    """Boxes (top, left, height, width) per frame."""
    holes = np.zeros((length, *size), np.bool_)
    for k in range(length):
        for top, left, tall, wide in boxes(k):
            holes[k, top : top + tall, left : left + wide] = True
    return holes


# --- windows


def test_the_published_default_over_twelve_frames():
    plans = published_windows(12)
    assert [(p.local.start, p.local.end, p.references) for p in plans] == [
        (0, 6, (10,)),
        (0, 11, ()),
        (5, 12, (0,)),
    ]


def test_a_bound_that_reaches_past_the_end_takes_no_frame_there():
    for plan in published_windows(10, reference_frames=4):
        assert all(k < 10 for k in plan.references)


@pytest.mark.parametrize("wrong", [{"length": 0}, {"length": 5, "step": 0}])
def test_impossible_schedules_are_refused(wrong):
    with pytest.raises(InvalidInputError, match="no windows over"):
        published_windows(**wrong)


@pytest.mark.parametrize("overlap", ["once", "published"])
@pytest.mark.parametrize(("length", "start", "end"), [(1, 0, 1), (2, 1, 2), (40, 7, 33), (9, 0, 9)])
def test_every_frame_with_a_hole_is_filled(overlap, length, start, end):
    holes = np.ones((length, 8, 8), np.bool_)
    core = FrameRange(start, end)
    windows = streaming_windows(holes, core, PredictorConfig(overlap=overlap))
    assert {k for window in windows for k in window.fills} == set(core)
    for window in windows:
        assert window.local.covers(window.fills)
        assert window.local.end <= length
        assert not set(window.local) & set(window.references)


def test_windows_side_by_side_share_one_frame():
    holes = np.ones((31, 8, 8), np.bool_)
    windows = streaming_windows(holes, FrameRange(0, 31), CONFIG)
    assert [(w.fills.start, w.fills.end) for w in windows] == [(0, 11), (10, 21), (20, 31)]


def test_windows_without_holes_are_left_out():
    holes = holes_at(40, (16, 16), lambda k: [(4, 4, 4, 4)] if k > 30 else [])
    windows = streaming_windows(holes, FrameRange(0, 40), CONFIG)
    assert windows
    assert all(holes[list(window.fills)].any() for window in windows)


def test_references_show_what_the_window_hides():
    # The object stands still for 30 frames, then it is gone.
    holes = holes_at(61, (32, 32), lambda k: [(8, 8, 8, 8)] if k < 30 else [])
    windows = streaming_windows(
        holes, FrameRange(0, 11), PredictorConfig(reference_frames=2, reference_reach_frames=60)
    )
    assert [set(window.references) for window in windows] == [{30, 40}]


def test_references_stay_within_reach():
    holes = np.ones((200, 8, 8), np.bool_)
    config = PredictorConfig(reference_frames=-1, reference_reach_frames=20)
    for window in streaming_windows(holes, FrameRange(0, 200), config):
        assert all(abs(k - window.centre) <= 20 for k in window.references)


# --- regions


def test_no_hole_needs_no_region():
    assert regions_of(np.zeros((240, 432), np.bool_), CONFIG) == ()


def test_a_small_hole_gets_a_small_region_around_it():
    anywhere = holes_at(1, (240, 432), lambda _: [(84, 180, 72, 72)])[0]
    (region,) = regions_of(anywhere, CONFIG)
    assert (region.height, region.width) == (120, 216)
    assert region.top <= 84 - 24
    assert region.top + region.height >= 84 + 72 + 24


def test_a_hole_in_the_corner_stays_inside_the_frame():
    anywhere = holes_at(1, (240, 432), lambda _: [(230, 420, 10, 12)])[0]
    (region,) = regions_of(anywhere, CONFIG)
    assert (region.top + region.height, region.left + region.width) == (240, 432)


def test_holes_far_apart_get_a_region_each():
    boxes = [(40, 40, 20, 20), (900, 1700, 20, 20)]
    regions = regions_of(holes_at(1, (1080, 1920), lambda _: boxes)[0], CONFIG)
    assert len(regions) == 2
    assert sum(region.area_px for region in regions) < 0.02 * 1080 * 1920


def test_holes_close_together_share_a_region():
    boxes = [(100, 100, 10, 10), (100, 130, 10, 10)]
    assert len(regions_of(holes_at(1, (480, 864), lambda _: boxes)[0], CONFIG)) == 1


def test_a_hole_all_over_gets_the_whole_padded_frame():
    (region,) = regions_of(np.ones((250, 400), np.bool_), CONFIG)
    assert (region.top, region.left, region.height, region.width) == (0, 0, 300, 432)


def test_scattered_holes_get_the_whole_frame():
    anywhere = np.zeros((480, 864), np.bool_)
    anywhere[::60, ::60] = True
    assert len(regions_of(anywhere, CONFIG)) == 1


def test_an_object_that_crosses_the_frame_is_followed():
    holes = holes_at(60, (240, 864), lambda k: [(80, 12 * k, 40, 40)])
    windows = streaming_windows(holes, FrameRange(0, 60), CONFIG)
    runs = runs_of(holes, windows, CONFIG)
    assert len(runs) > 1
    assert [window for run in runs for window in run.windows] == list(windows)
    for run in runs:
        covered = np.zeros((240, 864), np.bool_)
        for region in run.regions:
            region.part(covered[None])[...] = True
        for window in run.windows:
            assert not (holes[list(window.fills)] & ~covered).any()


def test_an_object_that_stays_makes_one_run():
    holes = holes_at(60, (240, 864), lambda k: [(80, 300 + k % 3, 40, 40)])
    assert len(runs_of(holes, streaming_windows(holes, FrameRange(0, 60), CONFIG), CONFIG)) == 1


# --- images


def test_growing_makes_a_diamond():
    hole = np.zeros((1, 9, 9), np.bool_)
    hole[0, 4, 4] = True
    assert grown(hole, 2).sum() == 13
    assert grown(hole, 0) is hole


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_holes_are_mid_grey_and_white_is_one(dtype):
    frames = np.full((1, 2, 2, 3), np.iinfo(dtype).max, dtype)
    holes = np.array([[[True, False], [False, False]]])
    given = masked_input(frames, holes)
    assert not given[0, :, 0, 0].any()
    assert (given[0, :, 1, 1] == 1).all()


def test_padding_mirrors_with_the_edge_repeated_even_when_it_is_larger_than_the_image():
    image = torch.arange(3.0).reshape(1, 1, 1, 3)
    padded = mirror_padded(image, (1, 10))
    assert padded.flatten().tolist() == [0, 1, 2, 2, 1, 0, 0, 1, 2, 2]


def test_published_pixels_are_cut_off_not_rounded():
    value = torch.full((1, 3, 1, 1), 2 * 100.9 / 255 - 1)
    assert (truncated_pixels(value, np.zeros((1, 1, 1, 3), np.uint8)) == 100).all()


# --- caches


class CountingNetwork:
    """Stands in for the network: counts what is asked of it."""

    def __init__(self) -> None:
        self.encoded = 0
        self.flows = 0
        self.split_frames = 0

    def parameters(self):
        yield torch.zeros(1)

    def encoder(self, frames):
        self.encoded += len(frames)
        return frames[:, :1].repeat(1, 128, 1, 1)

    def quarter(self, frames):
        return frames

    def flow(self, source, target):
        self.flows += 1
        return torch.zeros(len(source), 2, *source.shape[2:])

    def propagation(self, features, flow_fwd, flow_bwd):
        assert flow_fwd.shape[1] == flow_bwd.shape[1] == features.shape[1] - 1
        return features

    def split(self, features):
        self.split_frames += features.shape[1]
        return torch.zeros(1, features.shape[1], 1, 1, 1)

    def hallucinate(self, tokens, size, out_frames):
        return torch.zeros(1, out_frames, 128, *size)

    def decoder(self, features):
        return features[:, :3]


def streamed(length: int, overlap: str = "once") -> tuple[CountingNetwork, int]:
    holes = np.ones((length, 4, 4), np.bool_)
    config = PredictorConfig(overlap=overlap, reference_frames=3)
    windows = streaming_windows(holes, FrameRange(0, length), config)
    network = CountingNetwork()
    stream = Streaming(network, lambda wanted: torch.zeros(len(wanted), 3, 2, 2), windows)
    most = 0
    for _ in stream:
        most = max(most, stream.cached_frames())
    assert stream.cached_frames() == 0
    return network, most


@pytest.mark.parametrize("overlap", ["once", "published"])
@pytest.mark.parametrize("length", [1, 2, 30, 123])
def test_each_frame_is_encoded_once_and_each_pair_estimated_once(overlap, length):
    network, _ = streamed(length, overlap)
    assert network.encoded == length
    assert network.flows == 2 * (length - 1)


def test_the_cache_does_not_grow_with_the_clip():
    assert streamed(30)[1] <= streamed(300)[1] <= streamed(90)[1] + 1
