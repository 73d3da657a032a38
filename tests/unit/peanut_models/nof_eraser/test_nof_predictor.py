import numpy as np
import pytest
import torch

from peanut_models.errors import FrameRangeError, InvalidInputError
from peanut_models.nof_eraser.config import NetworkConfig, PredictorConfig
from peanut_models.nof_eraser.network import NofEraserNetwork
from peanut_models.nof_eraser.predictor import NofEraser
from peanut_models.nof_eraser.reference import fill_by_windows
from peanut_models.nof_eraser.schedule import published_windows, streaming_windows
from peanut_models.ranges import FrameRange
from peanut_models.stages import GENERATED, SOURCE

SIZE = (60, 108)


@pytest.fixture(scope="module")
def network() -> NofEraserNetwork:
    torch.manual_seed(0)
    network = NofEraserNetwork().eval()
    with torch.no_grad():
        # Untrained output is flat grey; this gives it contrast, so that differences show.
        network.decoder.convs[-1].weight.mul_(20)
    return network


def noise(length: int, size: tuple[int, int] = SIZE, dtype=np.uint8) -> np.ndarray:
    generator = np.random.default_rng(3)
    return generator.integers(0, np.iinfo(dtype).max + 1, (length, *size, 3), dtype)


def middle(length: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    holes = np.zeros((length, *size), np.bool_)
    holes[:, size[0] // 3 : size[0] // 2, size[1] // 3 : size[1] // 2] = True
    return holes


def psnr(a: np.ndarray, b: np.ndarray, holes: np.ndarray) -> float:
    error = ((a.astype(np.float64) - b) ** 2)[holes].mean()
    return float("inf") if error == 0 else 10 * np.log10(255**2 / error)


@pytest.mark.parametrize("procedure", ["streaming", "reference"])
@pytest.mark.parametrize("length", [1, 2])
def test_short_clips_change_inside_the_holes_only(network, procedure, length):
    frames, holes = noise(length), middle(length)
    eraser = NofEraser(network, PredictorConfig(procedure=procedure))
    plate = eraser.erase(frames, holes, core=FrameRange(0, length))
    assert np.array_equal(plate.frames[~holes], frames[~holes])
    assert (plate.frames[holes] != frames[holes]).mean() > 0.5
    assert set(np.unique(plate.provenance)) == {GENERATED, SOURCE}
    assert np.array_equal(plate.provenance == GENERATED, holes)


@pytest.mark.parametrize("procedure", ["streaming", "reference"])
def test_without_holes_frames_pass_through_untouched(network, procedure):
    frames = noise(3)
    plate = NofEraser(network, PredictorConfig(procedure=procedure)).erase(
        frames, np.zeros((3, *SIZE), np.bool_), core=FrameRange(1, 3)
    )
    assert np.array_equal(plate.frames, frames[1:])
    assert (plate.provenance == SOURCE).all()
    assert not np.shares_memory(plate.frames, frames)


def test_a_hole_all_over_is_filled_all_over(network):
    frames = noise(2)
    plate = NofEraser(network).erase(frames, np.ones((2, *SIZE), np.bool_), core=FrameRange(0, 2))
    assert (plate.provenance == GENERATED).all()


@pytest.mark.parametrize("size", [(61, 109), (17, 23), (1, 1)])
def test_odd_and_tiny_sizes_work(network, size):
    frames, holes = noise(1, size), np.ones((1, *size), np.bool_)
    plate = NofEraser(network).erase(frames, holes, core=FrameRange(0, 1))
    assert plate.frames.shape == frames.shape


def test_what_lies_under_a_hole_does_not_matter(network):
    frames, holes = noise(2), middle(2)
    other = frames.copy()
    other[holes] = 0
    eraser, core = NofEraser(network), FrameRange(0, 2)
    first = eraser.erase(frames, holes, core=core)
    again = eraser.erase(other, holes, core=core)
    assert np.array_equal(first.frames, again.frames)


def test_sixteen_bit_frames_keep_their_depth(network):
    frames, holes = noise(1, dtype=np.uint16), middle(1)
    plate = NofEraser(network).erase(frames, holes, core=FrameRange(0, 1))
    assert plate.frames.dtype == np.uint16
    assert len(np.unique(plate.frames[holes] % 257)) > 1


def test_streaming_equals_the_reference_procedure_on_the_same_windows(network):
    frames, holes = noise(5), middle(5)
    config = PredictorConfig(neighbor_stride=1, step=2, reference_frames=1)
    windows = streaming_windows(holes, FrameRange(0, 5), config)
    assert len(windows) == 2
    streamed = NofEraser(network, config).erase(frames, holes, core=FrameRange(0, 5))
    expected = fill_by_windows(network, frames, holes, windows)
    assert psnr(streamed.frames, expected, holes) > 45


def test_streaming_with_published_overlap_equals_the_published_procedure(network):
    frames, holes = noise(4), middle(4)
    config = PredictorConfig(neighbor_stride=2, step=3, reference_frames=-1, overlap="published")
    streamed = NofEraser(network, config).erase(frames, holes, core=FrameRange(0, 4))
    expected = fill_by_windows(
        network, frames, holes, published_windows(4, neighbor_stride=2, step=3)
    )
    assert psnr(streamed.frames, expected, holes) > 45


@pytest.mark.parametrize(("precision", "least_db"), [("bfloat16", 40), ("float16", 45)])
def test_half_precision_stays_close(precision, least_db):
    torch.manual_seed(0)
    network = NofEraserNetwork()
    frames, holes, core = noise(3), middle(3), FrameRange(0, 3)
    exact = NofEraser(network).erase(frames, holes, core=core)
    half = NofEraser(network, PredictorConfig(precision=precision)).erase(frames, holes, core=core)
    assert psnr(half.frames, exact.frames, holes) > least_db


def test_the_same_call_gives_the_same_plate(network):
    frames, holes = noise(2), middle(2)
    plates = [NofEraser(network).erase(frames, holes, core=FrameRange(0, 2)) for _ in range(2)]
    assert np.array_equal(plates[0].frames, plates[1].frames)


def test_progress_ends_at_all_core_frames_and_can_cancel(network):
    frames, holes = noise(3), middle(3)
    seen: list[float] = []
    config = PredictorConfig(neighbor_stride=1, step=10)
    NofEraser(network, config).erase(frames, holes, core=FrameRange(1, 3), on_progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 2

    def cancel(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        NofEraser(network, config).erase(frames, holes, core=FrameRange(1, 3), on_progress=cancel)


def test_the_reference_procedure_reports_within_a_window_and_can_be_cancelled_there(network):
    frames, holes, core = noise(1), middle(1), FrameRange(0, 1)
    eraser = NofEraser(network, PredictorConfig(procedure="reference"))
    seen: list[float] = []
    expected = eraser.erase(frames, holes, core=core, on_progress=seen.append)
    assert len(seen) > 8
    assert seen == sorted(seen)
    assert seen[-1] == 1

    def cancel(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        eraser.erase(frames, holes, core=core, on_progress=cancel)
    # Nothing is left hanging on the network.
    again = NofEraser(network, PredictorConfig(procedure="reference")).erase(
        frames, holes, core=core
    )
    assert np.array_equal(again.frames, expected.frames)


@pytest.mark.parametrize(
    ("frames", "holes"),
    [
        (np.zeros((2, 60, 108, 3), np.uint8), np.zeros((3, 60, 108), np.bool_)),
        (np.zeros((2, 60, 108, 3), np.uint8), np.zeros((2, 60, 107), np.bool_)),
        (np.zeros((2, 60, 108, 3), np.uint8), np.zeros((2, 60, 108), np.uint8)),
        (np.zeros((2, 60, 108, 3), np.float32), np.zeros((2, 60, 108), np.bool_)),
        (np.zeros((2, 60, 108, 4), np.uint8), np.zeros((2, 60, 108), np.bool_)),
        (np.zeros((2, 0, 108, 3), np.uint8), np.zeros((2, 0, 108), np.bool_)),
    ],
)
def test_frames_and_holes_that_disagree_are_refused(network, frames, holes):
    with pytest.raises(InvalidInputError):
        NofEraser(network).erase(frames, holes, core=FrameRange(0, 2))


def test_a_core_beyond_the_frames_is_refused(network):
    with pytest.raises(FrameRangeError, match="goes beyond"):
        NofEraser(network).erase(noise(2), middle(2), core=FrameRange(0, 3))


def test_the_base_variant_fills_other_sizes_through_its_own():
    torch.manual_seed(1)
    eraser = NofEraser(NofEraserNetwork(NetworkConfig(variant="base")))
    frames, holes = noise(1, (100, 150)), middle(1, (100, 150))
    plate = eraser.erase(frames, holes, core=FrameRange(0, 1))
    assert np.array_equal(plate.frames[~holes], frames[~holes])
    assert (plate.frames[holes] != frames[holes]).any()


@pytest.mark.parametrize(
    "wrong",
    [
        {"procedure": "fast"},
        {"overlap": "twice"},
        {"precision": "int8"},
        {"neighbor_stride": 0},
        {"reference_frames": -2},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(InvalidInputError):
        PredictorConfig(**wrong)
