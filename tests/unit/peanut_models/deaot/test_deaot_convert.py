"""Published DeAOT files: every tensor accounted for, whatever wrote them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from support import deaot
from torch import Tensor

from peanut_models.deaot.config import NetworkConfig
from peanut_models.deaot.convert import (
    build_network,
    config_of,
    load_network,
    plain,
    published_name,
    to_published,
)
from peanut_models.errors import InvalidInputError, WeightsMissingError


@pytest.fixture
def published() -> dict[str, Tensor]:
    network = deaot.seeded_network()
    return to_published(network.state_dict())


@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_published_file_loads_with_what_lies_beside_the_weights(
    tmp_path: Path, published: dict[str, Tensor], prefix: str
):
    path = tmp_path / "DeAOTT.pth"
    state = {prefix + name: tensor for name, tensor in published.items()}
    torch.save({"state_dict": state, "optimizer": {"state": {}, "param_groups": []}}, path)
    network = load_network(path)
    assert network.config == deaot.SMALL
    assert not network.training
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, deaot.seeded_network().state_dict()[name]), name


@pytest.mark.parametrize("config", [NetworkConfig(), NetworkConfig(encoder="mobilenet_v2")])
def test_the_network_is_known_by_its_names(config: NetworkConfig):
    shapes = deaot.published_shapes(config)
    assert config_of(plain({name: torch.empty(0) for name in shapes})) == config


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda s: s.pop("id_norm.bias"), r"1 missing \(id_norm.bias\)"),
        (lambda s: s.update({"id_norm.other": torch.ones(1)}), "1 unexpected"),
        (lambda s: s.update({"id_norm.bias": torch.ones(5)}), "shape"),
        (lambda s: s.update({"id_norm.bias": torch.full((256,), torch.inf)}), "infinite"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(
    published: dict[str, Tensor],
    change: Callable[[dict[str, Tensor]], object],
    complaint: str,
):
    change(published)
    with pytest.raises(InvalidInputError, match=complaint):
        build_network(published)


def test_another_networks_file_and_a_missing_one_are_refused(tmp_path: Path):
    with pytest.raises(InvalidInputError, match="not a DeAOT checkpoint"):
        build_network({"LSTT.layers.0.linear_Q.weight": torch.ones(3)})
    with pytest.raises(WeightsMissingError, match="no weights"):
        load_network(tmp_path / "absent.pth")


def test_a_name_of_no_tensor_and_a_config_of_no_network_are_refused():
    with pytest.raises(InvalidInputError, match="no tensor of DeAOT"):
        published_name("blocks.0.other.weight")
    with pytest.raises(InvalidInputError, match="encoder is 'swin'"):
        NetworkConfig(encoder="swin")
    with pytest.raises(InvalidInputError, match="blocks is 0"):
        NetworkConfig(blocks=0)
