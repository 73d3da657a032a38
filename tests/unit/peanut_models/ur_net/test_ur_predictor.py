from functools import lru_cache

import numpy as np
import pytest
import torch
from support import basicvsr

from peanut_models.errors import InvalidInputError
from peanut_models.ranges import FrameRange
from peanut_models.stages import Upscaler
from peanut_models.ur_net.config import NetworkConfig, PredictorConfig
from peanut_models.ur_net.images import pixels
from peanut_models.ur_net.network import UrNetNetwork
from peanut_models.ur_net.predictor import UrNet
from peanut_models.ur_net.tiles import TiledSteps
from peanut_models.ur_net.windows import WindowedRun

CLIP = basicvsr.clip(3, 64, 80)


def run(frames: np.ndarray = CLIP, *, flows=None, box=None, **config) -> np.ndarray:
    predictor = UrNet(basicvsr.seeded_network(), PredictorConfig(**config))
    return predictor.enlarge(frames, flows=flows, box_xyxy_px=box)


@lru_cache(maxsize=1)
def plain() -> np.ndarray:
    """The network on the whole clip at once, as pixels."""
    with torch.inference_mode():
        out = basicvsr.seeded_network()(basicvsr.network_input(CLIP))[0]
    return out.clamp(0, 1).mul(255).round().permute(0, 2, 3, 1).numpy().astype(np.uint8)


@lru_cache(maxsize=1)
def own_flows() -> tuple[np.ndarray, np.ndarray]:
    with torch.inference_mode():
        flows = basicvsr.seeded_network().estimate_flows(basicvsr.network_input(CLIP))
    return flows.fwd[0].numpy(), flows.bwd[0].numpy()


def levels(ours: np.ndarray, theirs: np.ndarray) -> int:
    assert ours.shape == theirs.shape
    return int(np.abs(ours.astype(np.int32) - theirs).max())


def psnr_db(ours: np.ndarray, theirs: np.ndarray) -> float:
    error = np.square(ours.astype(np.float64) - theirs).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def test_it_is_an_upscaler_and_gives_the_networks_pixels():
    upscaler = UrNet(basicvsr.seeded_network())
    assert isinstance(upscaler, Upscaler)
    assert np.array_equal(upscaler.upscale(CLIP), plain())


def test_windows_come_close_to_the_whole_clip():
    # One frame each way is the least there is; the benchmark says what more of them give.
    frames = basicvsr.clip(4, 64, 64)
    flows = tuple(np.full((3, 2, 1, 1), shift, np.float32) for shift in (0.04, -0.04))
    ours = run(frames, window_frames=1, lookahead_frames=1, flows=flows)
    whole = run(frames, flows=flows)
    assert 40 < psnr_db(ours, whole) < 60
    # The last frames have all the clip after them; what they carry on from the first is less.
    assert psnr_db(ours[-1], whole[-1]) > psnr_db(ours[1], whole[1])


@pytest.mark.parametrize("spill", [False, True])
def test_tiles_give_the_same_pixels(spill):
    ours = run(tile_px=32, spill=spill, flows=own_flows())
    assert levels(ours, plain()) <= 1
    assert (ours != plain()).mean() < 1e-4


def test_tiles_hold_where_motion_is_larger_than_a_tile():
    flows = tuple(flow + np.float32(36) for flow in own_flows())
    assert levels(run(tile_px=40, flows=flows), run(flows=flows)) <= 1


def test_half_precision_is_close():
    # float16 takes minutes on a CPU; it keeps three bits more.
    assert psnr_db(run(precision="bfloat16", tile_px=64, flows=own_flows()), plain()) > 45


def test_sixteen_bits_in_sixteen_bits_out():
    ours = run(CLIP[:1].astype(np.uint16) * 257)
    assert ours.dtype == np.uint16
    assert levels(np.rint(ours / 257), run(CLIP[:1])) <= 1


@pytest.mark.parametrize(("height", "width"), [(20, 90), (70, 33), (1, 1)])
def test_any_size_works_and_shows_its_own_picture(height, width):
    frames = basicvsr.clip(2, height, width)
    ours = run(frames)
    assert ours.shape == (2, 4 * height, 4 * width, 3)
    # Noise for weights adds detail, but the picture underneath is the one given.
    small = ours.reshape(2, height, 4, width, 4, 3).mean(axis=(2, 4))
    assert np.abs(small - frames).mean() < 40


def test_small_frames_are_mirrored_and_cropped():
    frames = basicvsr.clip(1, 40, 64)
    mirrored = np.concatenate((frames, frames[:, ::-1]), axis=1)[:, :64]
    assert np.array_equal(run(frames), run(mirrored)[:, :160])


def test_a_region_is_the_same_part_of_the_whole():
    flows = own_flows()
    box = (30, 0, 50, 20)
    ours = run(box=box, region_halo_px=24, flows=flows)
    assert ours.shape == (3, 80, 80, 3)
    # Of the right place: one source pixel off is far worse.
    assert psnr_db(ours, plain()[:, :80, 120:200]) > 45
    assert psnr_db(ours, plain()[:, :80, 124:204]) < 35


@pytest.mark.parametrize("box", [(0, 0, 0, 5), (5, 5, 81, 20), (-1, 0, 5, 5), (9, 9, 5, 20)])
def test_a_region_outside_the_frame_is_refused(box):
    with pytest.raises(InvalidInputError, match="box"):
        run(box=box)


def test_flows_may_come_at_a_quarter_of_the_size():
    flows = own_flows()
    quarter = tuple(
        torch.nn.functional.interpolate(torch.from_numpy(flow), scale_factor=0.25, mode="area") / 4
        for flow in flows
    )
    assert psnr_db(run(flows=quarter), plain()) > 30
    still = tuple(np.zeros((2, 2, 16, 20), np.float32) for _ in range(2))
    assert psnr_db(run(flows=still), plain()) < psnr_db(run(flows=quarter), plain())


@pytest.mark.parametrize(
    ("flows", "message"),
    [
        ((np.zeros((3, 2, 9, 9), np.float32),) * 2, "3 and 3 flows for 3 frames"),
        ((np.zeros((2, 3, 9, 9), np.float32),) * 2, r"\(3, 9, 9\)"),
        ((np.full((2, 2, 9, 9), np.nan, np.float32),) * 2, "NaN"),
    ],
)
def test_flows_that_do_not_fit_are_refused(flows, message):
    with pytest.raises(InvalidInputError, match=message):
        run(flows=flows)


def test_a_stream_with_too_few_flows_says_where():
    upscaler = UrNet(basicvsr.seeded_network())
    still = np.zeros((2, 18, 20), np.float32)
    with pytest.raises(InvalidInputError, match="between frame 1 and 2"):
        list(upscaler.stream(iter(CLIP), flows=iter([(still, still)])))


def test_flows_that_are_missing_are_estimated():
    there, back = own_flows()
    upscaler = UrNet(basicvsr.seeded_network())
    mixed = list(upscaler.stream(CLIP, flows=[None, (there[1], back[1])]))
    assert np.array_equal(np.stack(mixed), plain())


def test_context_frames_count_but_are_not_given():
    upscaler = UrNet(basicvsr.seeded_network())
    flows = list(zip(*own_flows(), strict=True))
    done = []
    core = list(upscaler.stream(CLIP, flows=flows, core=FrameRange(1, 2), on_progress=done.append))
    assert len(core) == 1
    assert np.array_equal(core[0], plain()[1])
    # Four branches of three frames, less the last one behind the core.
    assert done == [k / 4 for k in range(1, 12)]


def test_features_kept_in_half_precision_change_next_to_nothing():
    network = basicvsr.seeded_network()
    steps = TiledSteps(network, 64, 80, halve=True)
    run = WindowedRun(steps, window_frames=3, lookahead_frames=1, hold_extracted=False)
    frames = basicvsr.network_input(CLIP)
    there, back = (torch.from_numpy(flow)[:, None] for flow in own_flows())
    given = [None, *zip(there, back, strict=True)]
    halved = np.zeros_like(plain())

    with torch.inference_mode():
        ready = [one for k in range(3) for one in run.push(frames[:, k], given[k])]
        for one in [*ready, *run.finish()]:
            assert all(x.dtype == torch.float16 for x in one.maps)

            def take(box, part, index=one.index):
                del box
                halved[index] = pixels(part, halved.dtype)

            steps.reconstruct(one.frame, one.maps, take)
    assert psnr_db(halved, plain()) > 60


def test_a_stream_reads_no_further_than_it_must_and_keeps_the_callers_mode():
    taken = []

    def source():
        for k in range(5):
            taken.append(k)
            yield CLIP[k % 3]

    config = PredictorConfig(window_frames=1, lookahead_frames=1)
    still = np.zeros((2, 1, 1), np.float32)
    flows = ((still, still) for _ in range(4))
    stream = UrNet(basicvsr.seeded_network(), config).stream(source(), flows=flows)
    assert next(stream).shape == (256, 320, 3)
    assert taken == [0, 1, 2, 3]
    assert not torch.is_inference_mode_enabled()
    stream.close()


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((2, 64, 64, 4), np.uint8),
        np.zeros((64, 64, 3), np.uint8),
        np.zeros((2, 64, 64, 3), np.float32),
        np.zeros((0, 64, 64, 3), np.uint8),
        np.zeros((2, 0, 64, 3), np.uint8),
    ],
)
def test_what_is_no_clip_is_refused(frames):
    with pytest.raises(InvalidInputError, match=r"\(|frame"):
        run(frames)


def test_frames_of_several_sizes_are_refused():
    upscaler = UrNet(basicvsr.seeded_network())
    with pytest.raises(InvalidInputError, match="all frames of a clip must be alike"):
        list(upscaler.stream([CLIP[0], CLIP[1, :-1]]))


def test_the_same_size_variant_restores_but_does_not_enlarge():
    torch.manual_seed(1)
    network = UrNetNetwork(NetworkConfig(channels=8, blocks=1, low_res_input=False)).eval()
    frames = basicvsr.clip(2, 258, 261)
    restored = UrNet(network).enlarge(frames, box_xyxy_px=(100, 90, 231, 258))
    assert restored.shape == (2, 168, 131, 3)
    # What the last layer adds is small before training, so the frames shine through.
    assert np.abs(restored.astype(int) - frames[:, 90:258, 100:231]).mean() < 40
    with pytest.raises(InvalidInputError, match="at their own size"):
        UrNet(network).upscale(frames)
