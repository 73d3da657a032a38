import pickle

import pytest
import torch
from support import basicvsr

from peanut_models.checkpoints import read_checkpoint
from peanut_models.errors import InvalidInputError, WeightsMissingError
from peanut_models.flow.spynet import SpyNet, published_name
from peanut_models.ur_net.config import NetworkConfig
from peanut_models.ur_net.convert import (
    build_network,
    config_of,
    generator_of,
    load_network,
    our_name,
    to_ours,
    to_published,
)
from peanut_models.ur_net.network import UrNetNetwork

SMALL = NetworkConfig(channels=8, blocks=1)
SHAPES = [
    SMALL,
    NetworkConfig(channels=64, blocks=7),
    NetworkConfig(channels=64, blocks=7, low_res_input=False),
    NetworkConfig(channels=64, blocks=25),
    NetworkConfig(channels=128, blocks=25),
    NetworkConfig(channels=64, blocks=15, low_res_input=False),
]


@pytest.fixture(scope="module")
def checkpoint() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return to_published(UrNetNetwork(SMALL).state_dict(), SMALL)


@pytest.mark.parametrize("config", SHAPES)
def test_width_depth_and_input_follow_from_the_shapes(config):
    with torch.device("meta"):
        ours = UrNetNetwork(config).state_dict()
    generator = generator_of(to_published(ours, config))
    assert config_of(generator) == config
    assert {our_name(name) for name in generator} == set(ours)


def test_conversion_keeps_every_value(checkpoint):
    back = to_published(to_ours(generator_of(checkpoint), SMALL), SMALL)
    assert back.keys() == checkpoint.keys()
    assert all(torch.equal(back[name], tensor) for name, tensor in checkpoint.items())


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_saved_checkpoint_loads_frozen(checkpoint, tmp_path, wrapped):
    content = {"meta": {"epoch": 3}, "state_dict": checkpoint} if wrapped else checkpoint
    torch.save(content, tmp_path / "published.pth")
    network = load_network(tmp_path / "published.pth")
    assert network.config == SMALL
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_the_moving_average_is_told_from_the_plain_weights(checkpoint):
    plain = {n: x for n, x in checkpoint.items() if n != "step_counter"}
    average = {
        n.replace("generator.", "generator_ema."): 2 * x if "spynet" not in n else x
        for n, x in plain.items()
    }
    name = "reconstruction.last.weight"
    expected = checkpoint["generator.conv_last.weight"]
    both = checkpoint | average
    assert torch.equal(build_network(both).state_dict()[name], expected)
    assert torch.equal(build_network(both, averaged=True).state_dict()[name], 2 * expected)
    assert torch.equal(build_network(average).state_dict()[name], 2 * expected)
    with pytest.raises(InvalidInputError, match="no moving average"):
        build_network(checkpoint, averaged=True)


def test_names_without_a_prefix_load(checkpoint):
    bare = {name.removeprefix("generator."): tensor for name, tensor in checkpoint.items()}
    assert build_network(bare).config == SMALL


def test_flow_constants_may_be_absent_and_flow_may_come_from_its_own_file(checkpoint, tmp_path):
    lean = {n: x for n, x in checkpoint.items() if not n.endswith(("spynet.mean", "spynet.std"))}
    torch.manual_seed(5)
    other = SpyNet().state_dict()
    alone = {published_name(n): x for n, x in other.items() if n not in ("mean", "std")}
    torch.save(lean, tmp_path / "net.pth")
    torch.save(alone, tmp_path / "spynet.pth")
    kept = load_network(tmp_path / "net.pth").flow.state_dict()
    taken = load_network(tmp_path / "net.pth", spynet_path=tmp_path / "spynet.pth")
    assert torch.equal(kept["mean"], other["mean"])
    assert all(torch.equal(x, other[n]) for n, x in taken.flow.state_dict().items())


@pytest.mark.parametrize(
    "name", ["generator.conv_hr.bias", "generator.backbone.forward_2.main.2.0.conv2.weight"]
)
def test_a_missing_tensor_is_named(checkpoint, name):
    partial = {key: tensor for key, tensor in checkpoint.items() if key != name}
    with pytest.raises(InvalidInputError, match=f"1 missing .{name.removeprefix('generator.')}"):
        build_network(partial)


@pytest.mark.parametrize(
    "name",
    ["generator.image_cleaning.0.weight", "discriminator.conv.weight", "generator.spynet.extra"],
)
def test_an_unexpected_tensor_is_named(checkpoint, name):
    with pytest.raises(InvalidInputError, match="1 unexpected"):
        build_network({**checkpoint, name: torch.zeros(3)})


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        ("generator.conv_last.weight", torch.zeros(3, 64, 5, 5), "another model"),
        ("generator.conv_last.bias", torch.full((3,), torch.nan), "NaN"),
        ("generator.conv_last.bias", torch.zeros(3, dtype=torch.int64), "floating point"),
    ],
)
def test_a_damaged_tensor_is_refused(checkpoint, name, tensor, message):
    with pytest.raises(InvalidInputError, match=message):
        build_network({**checkpoint, name: tensor})


def test_the_checkpoint_of_another_model_is_refused():
    spynet = {published_name(n): x for n, x in SpyNet().state_dict().items()}
    with pytest.raises(InvalidInputError, match=r"not a BasicVSR\+\+ checkpoint"):
        build_network(spynet)


def test_files_that_are_no_checkpoints_are_refused(tmp_path):
    with pytest.raises(WeightsMissingError, match="no weights"):
        read_checkpoint(tmp_path / "absent.pth")
    (tmp_path / "text.pth").write_bytes(b"no tensors")
    (tmp_path / "code.pth").write_bytes(pickle.dumps({"x": Exception}, protocol=2))
    torch.save({"state_dict": {"epoch": 3}}, tmp_path / "numbers.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    for name in ("text", "code", "numbers", "list"):
        with pytest.raises(InvalidInputError, match=name):
            read_checkpoint(tmp_path / f"{name}.pth")


def test_seeded_weights_do_not_depend_on_the_prefix():
    bare = basicvsr.seeded_tensor("conv_hr.bias", (64,))
    assert torch.equal(bare, basicvsr.seeded_tensor("generator.conv_hr.bias", (64,)))
