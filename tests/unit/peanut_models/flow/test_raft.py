import pytest
import torch

from peanut_models.errors import InvalidInputError, WeightsMissingError
from peanut_models.flow.raft import Raft, load_raft


def test_small_and_odd_images_get_a_flow_of_their_size():
    torch.manual_seed(0)
    network = Raft("small", updates=1).eval()
    images = torch.rand(2, 3, 45, 71)
    with torch.inference_mode():
        flow = network(images, images.flip(0))
    assert flow.shape == (2, 2, 45, 71)
    assert torch.isfinite(flow).all()


def test_weights_come_from_a_file(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "raft_small.pth"
    torch.save(Raft("small").network.state_dict(), path)
    loaded = load_raft(path, "small")
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_weights_of_the_other_size_are_refused(tmp_path):
    path = tmp_path / "raft.pth"
    torch.save(Raft("small").network.state_dict(), path)
    with pytest.raises(InvalidInputError, match="raft_large"):
        load_raft(path, "large")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsMissingError, match=r"no weights at .*raft_large"):
        load_raft(tmp_path / "absent.pth")


def test_images_of_different_size_are_refused():
    with pytest.raises(InvalidInputError, match="both must be"):
        Raft("small")(torch.zeros(1, 3, 32, 32), torch.zeros(1, 3, 32, 64))


def test_no_update_is_refused():
    with pytest.raises(InvalidInputError, match="1 update or more"):
        Raft("small", updates=0)
