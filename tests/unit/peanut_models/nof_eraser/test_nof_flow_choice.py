import numpy as np
import pytest
import torch

from peanut_models.errors import InvalidInputError
from peanut_models.flow.estimator import FlowEstimator
from peanut_models.nof_eraser.config import PredictorConfig
from peanut_models.nof_eraser.motion import RegionFlows, measured_by
from peanut_models.nof_eraser.network import NofEraserNetwork
from peanut_models.nof_eraser.predictor import NofEraser
from peanut_models.nof_eraser.regions import whole_frame
from peanut_models.ranges import FrameRange

HEIGHT, WIDTH = 60, 108
SHIFT = (3.0, -2.0)
OBJECT_SHIFT = -9.0
CPU = torch.device("cpu")


class KnownMotion:
    """An exact estimator: tells the direction by the brightness of the first pixel.

    The ground moves by `SHIFT`; the object, which is pure red, moves otherwise.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.sizes: set[tuple[int, ...]] = set()

    def __call__(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.sizes.add(tuple(source.shape))
        assert float(source.min()) >= 0
        assert float(source.max()) <= 1
        sign = 1.0 if source[0, 0, 0, 0] < target[0, 0, 0, 0] else -1.0
        flow = torch.tensor(SHIFT)[None, :, None, None].repeat(1, 1, *source.shape[2:]) * sign
        red = (source[:, :1] == 1) & (source[:, 1:2] == 0)
        return torch.where(red, torch.tensor(OBJECT_SHIFT) * sign, flow)


def clip(length: int, height: int = HEIGHT, width: int = WIDTH) -> tuple[np.ndarray, np.ndarray]:
    frames = np.full((length, height, width, 3), 90, np.uint8)
    frames += np.arange(length, dtype=np.uint8)[:, None, None, None]
    holes = np.zeros((length, height, width), np.bool_)
    holes[:, 20:40, 40:70] = True
    frames[holes] = (255, 0, 0)
    return frames, holes


def expected(sign: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """In pixels of the feature map, whose corners are the frame's."""
    scale = ((width // 4 - 1) / (width - 1), (height // 4 - 1) / (height - 1))
    return sign * np.array(SHIFT) * scale


def test_the_estimator_stands_in_for_an_estimator():
    assert isinstance(KnownMotion(), FlowEstimator)


@pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (50, 90)])
def test_flow_of_the_ground_goes_on_under_the_object(size):
    frames, holes = clip(2, *size)
    region = whole_frame(*size)
    flows = RegionFlows(frames, holes, region, measured_by(KnownMotion(), CPU), CPU)
    for flow, sign in zip(flows(0), (1, -1), strict=True):
        assert flow.shape == (2, HEIGHT // 4, WIDTH // 4)
        wanted = torch.from_numpy(expected(sign)).float()[:, None, None].expand_as(flow)
        torch.testing.assert_close(flow, wanted, atol=1e-3, rtol=0)


def test_propagation_gets_the_estimators_flow_once_per_pair():
    torch.manual_seed(0)
    network = NofEraserNetwork().eval()
    given: list[tuple[torch.Tensor, torch.Tensor]] = []
    network.propagation.register_forward_pre_hook(lambda _, args: given.append(args[1:]))
    network.flow.register_forward_pre_hook(lambda *_: pytest.fail("SPyNet was asked"))
    estimator = KnownMotion()
    frames, holes = clip(4)
    config = PredictorConfig(neighbor_stride=1, reference_frames=0, overlap="published")
    NofEraser(network, config, estimator).erase(frames, holes, core=FrameRange(0, 4))
    assert estimator.calls == 2 * 3
    assert estimator.sizes == {(1, 3, HEIGHT, WIDTH)}
    assert len(given) == 4
    for flow_fwd, flow_bwd in given:
        for flow, sign in ((flow_fwd, 1), (flow_bwd, -1)):
            assert np.abs(flow[0].mean(dim=(0, 2, 3)).numpy() - expected(sign)).max() < 1e-3
            assert float(flow.std(dim=(0, 1, 3, 4)).max()) < 1e-3


def test_the_estimator_changes_the_fill():
    torch.manual_seed(0)
    network = NofEraserNetwork().eval()
    frames, holes = clip(2)
    own = NofEraser(network).erase(frames, holes, core=FrameRange(0, 2))
    other = NofEraser(network, flow=KnownMotion()).erase(frames, holes, core=FrameRange(0, 2))
    assert np.array_equal(own.frames[~holes], other.frames[~holes])
    assert not np.array_equal(own.frames, other.frames)


def test_a_clip_covered_all_over_has_no_motion_to_measure():
    frames, holes = clip(2)
    holes[:] = True
    flows = RegionFlows(
        frames, holes, whole_frame(HEIGHT, WIDTH), measured_by(KnownMotion(), CPU), CPU
    )
    assert not flows(0)[0].any()


def test_the_published_procedure_refuses_another_flow():
    with pytest.raises(InvalidInputError, match="reference procedure"):
        NofEraser(NofEraserNetwork(), PredictorConfig(procedure="reference"), KnownMotion())


def test_flow_of_another_size_is_refused():
    measure = measured_by(lambda source, _: source[:, :2, ::2], CPU)
    frames, _ = clip(2)
    with pytest.raises(InvalidInputError, match="must give"):
        measure(frames[0], frames[1])
