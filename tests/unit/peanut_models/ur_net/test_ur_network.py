import pytest
import torch
from support import basicvsr

from peanut_models.errors import InvalidInputError
from peanut_models.ur_net.config import NetworkConfig, PredictorConfig
from peanut_models.ur_net.network import Flows, UrNetNetwork

SAME_SIZE = NetworkConfig(channels=8, blocks=1, low_res_input=False)


def frames_of(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize(
    "shape", [(1, 2, 3, 63, 80), (1, 2, 3, 80, 40), (1, 2, 4, 64, 64), (1, 0, 3, 64, 64)]
)
def test_frames_it_cannot_take_are_refused(shape):
    with pytest.raises(InvalidInputError, match=str(shape[3])):
        basicvsr.seeded_network()(frames_of(*shape))


@pytest.mark.parametrize(("height", "width"), [(252, 256), (256, 258)])
def test_the_same_size_variant_refuses_what_it_cannot_halve_twice(height, width):
    network = UrNetNetwork(SAME_SIZE).eval()
    with pytest.raises(InvalidInputError, match=f"{height}x{width}"):
        network(frames_of(1, 1, 3, height, width))


def test_one_frame_needs_no_neighbours():
    network = basicvsr.seeded_network()
    frame = frames_of(1, 1, 3, 64, 72)
    with torch.inference_mode():
        alone = network(frame)
        twice = network(frame.expand(1, 2, -1, -1, -1))
    assert alone.shape == (1, 1, 3, 256, 288)
    assert not torch.allclose(alone, twice[:, :1])


def test_flows_of_another_size_are_refused():
    frames = frames_of(1, 2, 3, 64, 64)
    wrong = torch.zeros(1, 1, 2, 16, 16)
    with pytest.raises(InvalidInputError, match=r"flows.fwd .* \(1, 1, 2, 64, 64\)"):
        basicvsr.seeded_network()(frames, Flows(wrong, wrong))


def test_given_flows_are_used():
    network = basicvsr.seeded_network()
    frames = frames_of(1, 2, 3, 64, 64)
    with torch.inference_mode():
        own = network.estimate_flows(frames)
        still = Flows(*(torch.zeros_like(flow) for flow in own))
        assert torch.equal(network(frames), network(frames, own))
        assert not torch.allclose(network(frames), network(frames, still))


def test_every_weight_gets_a_gradient():
    network = UrNetNetwork(NetworkConfig(channels=8, blocks=1)).train()
    # Three frames: with fewer, nothing aligns to the second neighbour.
    network(frames_of(1, 3, 3, 64, 64)).square().mean().backward()
    without = [n for n, p in network.named_parameters() if p.grad is None]
    assert without == []


@pytest.mark.parametrize(
    "wrong", [{"channels": 12}, {"channels": 0}, {"blocks": 0}, {"max_residue_px": 0.0}]
)
def test_a_network_that_cannot_be_built_is_refused(wrong):
    with pytest.raises(InvalidInputError, match=next(iter(wrong))):
        NetworkConfig(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"window_frames": 0},
        {"lookahead_frames": 0},
        {"tile_px": 8},
        {"region_halo_px": -1},
        {"memory_bytes": 0},
        {"precision": "float8"},
    ],
)
def test_a_way_to_run_that_cannot_work_is_refused(wrong):
    with pytest.raises(InvalidInputError, match=next(iter(wrong))):
        PredictorConfig(**wrong)
