import pickle

import pytest
import torch

from peanut_models.checkpoints import read_checkpoint
from peanut_models.errors import InvalidInputError, WeightsMissingError
from peanut_models.nof_eraser.config import NetworkConfig
from peanut_models.nof_eraser.convert import (
    build_network,
    load_network,
    our_name,
    published_name,
    to_ours,
    to_published,
    variant_of,
)
from peanut_models.nof_eraser.discriminator import TPatchDiscriminator, discriminator_to_ours
from peanut_models.nof_eraser.network import NofEraserNetwork

HQ = NetworkConfig(variant="hq")


@pytest.fixture(scope="module")
def checkpoint() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return to_published(NofEraserNetwork(HQ).state_dict())


@pytest.mark.parametrize(("variant", "tensors"), [("base", 243), ("hq", 244)])
def test_every_tensor_goes_there_and_back(variant, tensors):
    with torch.device("meta"):
        ours = NofEraserNetwork(NetworkConfig(variant=variant)).state_dict()
    published = to_published(ours)
    assert len(published) == tensors
    assert variant_of(published) == variant
    for name in ours:
        assert our_name(published_name(name)) == name


def test_conversion_keeps_every_value(checkpoint):
    back = to_published(to_ours(checkpoint, HQ))
    assert back.keys() == checkpoint.keys()
    assert all(torch.equal(back[name], tensor) for name, tensor in checkpoint.items())


def test_a_saved_checkpoint_loads_frozen(checkpoint, tmp_path):
    torch.save(checkpoint, tmp_path / "hq.pth")
    network = load_network(tmp_path / "hq.pth")
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert network.config.variant == "hq"


@pytest.mark.parametrize(
    "name", ["ss.embedding.bias", "transformer.3.attn.valid_ind_rolled", "update_spynet.mean"]
)
def test_a_missing_tensor_is_named(checkpoint, name):
    partial = {key: tensor for key, tensor in checkpoint.items() if key != name}
    with pytest.raises(InvalidInputError, match=name):
        to_ours(partial, HQ)


@pytest.mark.parametrize(
    "name",
    ["module.ss.embedding.bias", "encoder.layers.1.weight", "decoder.9.weight", "transformer.8.x"],
)
def test_an_unexpected_tensor_is_named(checkpoint, name):
    with pytest.raises(InvalidInputError, match=name):
        to_ours({**checkpoint, name: torch.zeros(1)}, HQ)


def test_a_wrong_shape_is_refused(checkpoint):
    with pytest.raises(InvalidInputError, match="another model"):
        to_ours({**checkpoint, "ss.embedding.bias": torch.zeros(3)}, HQ)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(checkpoint, value):
    bad = checkpoint["ss.embedding.bias"].clone()
    bad[7] = value
    with pytest.raises(InvalidInputError, match=r"ss\.embedding\.bias holds NaN or infinite"):
        to_ours({**checkpoint, "ss.embedding.bias": bad}, HQ)


def test_integers_in_place_of_weights_are_refused(checkpoint):
    bad = torch.zeros(512, dtype=torch.int64)
    with pytest.raises(InvalidInputError, match="floating point"):
        to_ours({**checkpoint, "ss.embedding.bias": bad}, HQ)


def test_another_attention_window_is_refused(checkpoint):
    name = "transformer.0.attn.valid_ind_rolled"
    with pytest.raises(InvalidInputError, match="another attention window"):
        to_ours({**checkpoint, name: checkpoint[name].flip(0)}, HQ)


def test_the_other_variant_is_refused(checkpoint):
    with pytest.raises(InvalidInputError, match="use NetworkConfig"):
        build_network(checkpoint, NetworkConfig(variant="base"))


@pytest.mark.parametrize("state", [{}, {"conv1.weight": torch.zeros(3)}])
def test_another_model_is_refused(state):
    with pytest.raises(InvalidInputError, match="not an E2FGVI generator"):
        to_ours(state, HQ)


def test_a_discriminator_is_not_a_generator_and_the_other_way_round(checkpoint):
    state = {
        name.replace("convs", "conv"): x for name, x in TPatchDiscriminator().state_dict().items()
    }
    with pytest.raises(InvalidInputError, match="not an E2FGVI generator"):
        to_ours(state, HQ)
    with pytest.raises(InvalidInputError, match="not a T-PatchGAN checkpoint"):
        discriminator_to_ours(checkpoint)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsMissingError, match="absent"):
        load_network(tmp_path / "absent.pth")


def test_garbage_is_refused(tmp_path):
    (tmp_path / "x.pth").write_bytes(b"not a checkpoint")
    with pytest.raises(InvalidInputError, match="no plain checkpoint"):
        read_checkpoint(tmp_path / "x.pth")


class Malicious:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("executed",))


def test_nothing_in_a_file_is_executed(tmp_path, capsys):
    torch.save({"a": Malicious()}, tmp_path / "x.pth", pickle_module=pickle)
    with pytest.raises(InvalidInputError):
        read_checkpoint(tmp_path / "x.pth")
    assert "executed" not in capsys.readouterr().out


def test_a_wrapped_state_dict_is_refused(tmp_path):
    torch.save({"netG": {"a": torch.zeros(1)}}, tmp_path / "x.pth")
    with pytest.raises(InvalidInputError, match="plain state dict"):
        read_checkpoint(tmp_path / "x.pth")
