"""LaMa against what the published one gave for the same weights and pictures."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from support import lama, seeded
from support.lama import TOLERANCE, worst

from peanut_models.lama.config import NetworkConfig
from peanut_models.lama.network import Features, FourierUnit, LamaNetwork, SpectralTransform
from peanut_models.lama.predictor import LamaFiller, composed, prepared

BIG = NetworkConfig()


@pytest.mark.parametrize(
    ("keys", "config"), [("big_lama.keys.json", BIG), ("lama_small.keys.json", lama.SMALL)]
)
def test_the_published_names_and_shapes_are_ours(keys: str, config: NetworkConfig):
    assert lama.published_shapes(config) == lama.recorded_keys(keys)


def layers(network: LamaNetwork, x: torch.Tensor) -> dict[int, torch.Tensor | Features]:
    """What each step gives, by its place in the published list of layers."""
    found: dict[int, torch.Tensor | Features] = {}
    found[1] = x = network.stem(x)
    for k, halve in enumerate(network.down):
        found[2 + k] = x = halve(x)
    found[4] = features = network.split(x)
    for k, block in enumerate(network.blocks):
        found[5 + k] = features = block(features)
    joined = 5 + network.config.blocks
    found[joined] = x = torch.cat(features, dim=1)
    for k, double in enumerate(network.up):
        found[joined + 3 + 3 * k] = x = double(x)
    found[joined + 11] = network.last(x)
    return found


@pytest.mark.parametrize(("case", "config"), [("case_small", lama.SMALL), ("case_big", BIG)])
def test_every_recorded_layer_and_the_output_are_matched(case: str, config: NetworkConfig):
    network = lama.seeded_network(config)
    with np.load(lama.recorded(f"{case}.npz")) as stored, torch.inference_mode():
        x = torch.cat([(p := prepared(stored["image_u8"], stored["mask_u8"] > 0))[0], p[1]], dim=1)
        x[:, :3] *= 1 - x[:, 3:]
        found = layers(network, x)
        compared = 0
        for name in stored.files:
            match = re.fullmatch(r"stage(\d+)(?:_([lg]))?_s(\d+)", name)
            if match is None:
                continue
            value = found[int(match[1])]
            if isinstance(value, Features):
                value = value.far if match[2] == "g" else value.near
            step = int(match[3])
            assert worst(value[0, :, ::step, ::step], stored[name]) <= TOLERANCE, name
            compared += 1
        assert compared > 12
        assert worst(network(x)[0], stored["output"]) <= TOLERANCE


def test_the_whole_prediction_path_matches_to_the_last_grey_level():
    network = lama.seeded_network(lama.SMALL)
    with np.load(lama.recorded("case_predict.npz")) as stored, torch.inference_mode():
        # Everything above 0 is hole, whatever its grey.
        hole = stored["mask_u8"] > 0
        image, mask = prepared(stored["image_u8"], hole)
        assert np.array_equal(np.rint(image[0].numpy() * 255), stored["padded_image"])
        assert np.array_equal(mask[0].numpy(), stored["padded_mask"])
        predicted = network(torch.cat([image * (1 - mask), mask], dim=1))
        assert worst(predicted[0], stored["predicted"]) <= TOLERANCE
        assert worst(composed(predicted, image, mask)[0], stored["inpainted"]) <= TOLERANCE
        filled = LamaFiller(network).fill(stored["image_u8"], hole)
        off = np.abs(filled.astype(int) - stored["result_u8"].astype(int))
        # Rounding may cross one step of the truncation.
        assert off[hole].max() <= 1
        assert not off[~hole].any()


def named_module(module: torch.nn.Module, prefix: str, names: dict[str, str]) -> torch.nn.Module:
    """A module of its own with the weights of a unit test: ours by `names` to published."""
    state = {
        name: lama.seeded_tensor(
            prefix
            + next(
                theirs + name.removeprefix(o) for o, theirs in names.items() if name.startswith(o)
            ),
            tuple(tensor.shape),
        )
        for name, tensor in module.state_dict().items()
    }
    module.load_state_dict(state)
    return module.eval()


def noise(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    return torch.from_numpy(seeded.normal(name, shape).astype(np.float32))


FOURIER = {"mix.": "conv_layer.", "norm.": "bn."}
SPECTRAL = {
    "reduce.": "conv1.0.",
    "norm.": "conv1.1.",
    "fourier.mix.": "fu.conv_layer.",
    "fourier.norm.": "fu.bn.",
    "expand.": "conv2.",
}


@pytest.mark.parametrize(
    ("case", "size"),
    [("even", (12, 16)), ("odd", (9, 11)), ("evenh_oddw", (10, 13)), ("oddh_evenw", (7, 8))],
)
def test_the_fourier_unit_matches_at_even_and_odd_sides(case: str, size: tuple[int, int]):
    unit = named_module(FourierUnit(6), "unit.fu.", FOURIER)
    spectrum: list[torch.Tensor] = []
    unit.norm.register_forward_hook(lambda module, given, result: spectrum.append(result))
    with np.load(lama.recorded("units.npz")) as stored, torch.inference_mode():
        ours = unit(noise(f"unit.fu.x_{case}", (2, 6, *size)))
        assert worst(ours, stored[f"fu_{case}"]) <= TOLERANCE
        if f"fu_{case}_before_relu" in stored.files:
            assert worst(spectrum[0], stored[f"fu_{case}_before_relu"]) <= TOLERANCE


@pytest.mark.parametrize(("case", "size"), [("even", (12, 16)), ("odd", (11, 15))])
def test_the_spectral_transform_matches(case: str, size: tuple[int, int]):
    unit = named_module(SpectralTransform(8, 12), "unit.st.", SPECTRAL)
    with np.load(lama.recorded("units.npz")) as stored, torch.inference_mode():
        ours = unit(noise(f"unit.st.x_{case}", (2, 8, *size)))
        assert worst(ours, stored[f"st_{case}"]) <= TOLERANCE


def test_a_fourier_convolution_a_block_and_a_doubling_match():
    network = lama.seeded_network(lama.SMALL)
    block = network.blocks[0]
    given = Features(noise("unit.block.l", (1, 32, 10, 13)), noise("unit.block.g", (1, 96, 10, 13)))
    with np.load(lama.recorded("units.npz")) as stored, torch.inference_mode():
        for name, ours in (
            ("ffc", block.first.mixed(given)),
            ("ffc_bn_act", block.first(given)),
            ("block", block(given)),
        ):
            assert worst(ours.near, stored[f"{name}_l"]) <= TOLERANCE, name
            assert worst(ours.far, stored[f"{name}_g"]) <= TOLERANCE, name
        doubled = network.up[0].conv(noise("unit.up.x", (1, 128, 5, 6)))
        assert worst(doubled, stored["up"]) <= TOLERANCE


@pytest.mark.parametrize(
    ("size", "result"), [((9, 9), (16, 16)), ((61, 75), (64, 80)), ((101, 50), (104, 56))]
)
def test_sizes_come_out_as_the_published_network_gives_them(
    size: tuple[int, int], result: tuple[int, int]
):
    with torch.inference_mode():
        assert lama.seeded_network()(torch.zeros(1, 4, *size)).shape[-2:] == result
