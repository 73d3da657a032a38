"""Published LaMa checkpoints to our state dict and back, every tensor accounted for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from peanut_models.checkpoints import check_tensor, counted
from peanut_models.errors import InvalidInputError
from peanut_models.lama.archive import read_archive
from peanut_models.lama.config import DOWN_STEPS, NetworkConfig
from peanut_models.lama.network import LamaNetwork

GENERATOR = "generator."
"""What the published training framework puts in front of the network's own tensors."""

PREFIXES = ("model.generator.", GENERATOR)
"""The first is that of files exported for other programs."""

STEM, SPLIT, FIRST_BLOCK = 1, 1 + DOWN_STEPS, 2 + DOWN_STEPS
"""Places in the published list of layers; what pads or has no weights counts there too."""

_INSIDE = (
    ("first.", "conv1."),
    ("second.", "conv2."),
    ("near_to_near.", "ffc.convl2l."),
    ("near_to_far.", "ffc.convl2g."),
    ("far_to_near.", "ffc.convg2l."),
    ("far_to_far.reduce.", "ffc.convg2g.conv1.0."),
    ("far_to_far.norm.", "ffc.convg2g.conv1.1."),
    ("far_to_far.fourier.mix.", "ffc.convg2g.fu.conv_layer."),
    ("far_to_far.fourier.norm.", "ffc.convg2g.fu.bn."),
    ("far_to_far.expand.", "ffc.convg2g.conv2."),
    ("norm_near.", "bn_l."),
    ("norm_far.", "bn_g."),
)
"""Parts of a block: ours, published."""

_DOWN = (("conv.", "ffc.convl2l."), ("norm.", "bn_l."))
_SPLIT = (("near.", "ffc.convl2l."), ("far.", "ffc.convl2g."), *_INSIDE[-2:])


def published_name(ours: str, config: NetworkConfig) -> str:
    """The published name of one of our tensors, without a prefix.

    Raises:
        InvalidInputError: the network has no such tensor.
    """
    part, _, rest = ours.partition(".")
    # After the blocks: their results joined, then three times convolution, norm and ReLU.
    joined = FIRST_BLOCK + config.blocks
    if part == "stem":
        return f"model.{STEM}.{_renamed(rest, _DOWN)}"
    if part == "split":
        return f"model.{SPLIT}.{_renamed(rest, _SPLIT)}"
    if part == "last":
        return f"model.{joined + 2 + 3 * DOWN_STEPS}.{rest}"
    number, _, rest = rest.partition(".")
    if part == "down":
        return f"model.{STEM + 1 + int(number)}.{_renamed(rest, _DOWN)}"
    if part == "blocks":
        return f"model.{FIRST_BLOCK + int(number)}.{_renamed(rest, _INSIDE)}"
    if part == "up":
        layer, _, kind = rest.partition(".")
        place = joined + 1 + 3 * int(number) + (layer == "norm")
        return f"model.{place}.{kind}"
    raise InvalidInputError(f"{ours!r} is no tensor of LaMa")


def _renamed(name: str, table: tuple[tuple[str, str], ...]) -> str:
    for ours, published in table:
        if name.startswith(ours):
            return published + _renamed(name.removeprefix(ours), table)
    return name


def generator_of(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The network's own tensors without their prefix; other modules of the training are left.

    Raises:
        InvalidInputError: there are none.
    """
    for prefix in PREFIXES:
        found = {n.removeprefix(prefix): x for n, x in published.items() if n.startswith(prefix)}
        if found:
            return found
    first = ", ".join(sorted(published)[:3]) or "nothing"
    raise InvalidInputError(
        f"not a LaMa checkpoint: no name starts with {GENERATOR}, and it holds {first}, ...; give "
        "the published best.ckpt or the archive it came in"
    )


def config_of(generator: Mapping[str, Tensor]) -> NetworkConfig:
    """Width and depth of the network that a checkpoint belongs to, by its shapes.

    Args:
        generator: as `generator_of` gives it.

    Raises:
        InvalidInputError: it is no LaMa generator.
    """
    stem = generator.get(f"model.{STEM}.ffc.convl2l.weight")
    block = re.compile(r"model\.(\d+)\.conv1\.ffc\.convl2l\.weight")
    blocks = [name for name in generator if block.fullmatch(name)]
    if stem is None or not blocks:
        raise InvalidInputError(
            "not a LaMa checkpoint with Fourier convolutions: it lacks the first layer or all "
            "blocks; give Big-LaMa's best.ckpt"
        )
    return NetworkConfig(channels=len(stem), blocks=len(blocks))


def to_ours(generator: Mapping[str, Tensor], config: NetworkConfig) -> dict[str, Tensor]:
    """A published generator as ours.

    Args:
        generator: as `generator_of` gives it.
        config: the network it is meant for.

    Raises:
        InvalidInputError: another model; a tensor that is missing, unexpected, of the wrong shape
            or type, or not finite.
    """
    with torch.device("meta"):
        expected = LamaNetwork(config).state_dict()
    names = {published_name(ours, config): ours for ours in expected}
    missing, unexpected = names.keys() - generator.keys(), generator.keys() - names.keys()
    if missing or unexpected:
        raise InvalidInputError(
            f"not a LaMa checkpoint of {config.channels} channels and {config.blocks} blocks: "
            f"{counted('missing', list(missing))}; {counted('unexpected', list(unexpected))}"
        )
    for name, ours in names.items():
        check_tensor(name, generator[name], expected[ours])
    return {ours: generator[name] for name, ours in names.items()}


def to_published(ours: Mapping[str, Tensor], config: NetworkConfig) -> dict[str, Tensor]:
    """Our state dict under the published names, prefix included."""
    return {GENERATOR + published_name(name, config): tensor for name, tensor in ours.items()}


def read_published(path: Path, wanted: str = "Big-LaMa's big-lama.zip") -> dict[str, Tensor]:
    """The network's own tensors of a file under their published names, prefix included.

    Args:
        path: see `archive.read_archive`.
        wanted: what the file should be, for the errors.

    Raises:
        WeightsMissingError: there is no such file.
        InvalidInputError: see `archive.read_archive` and `generator_of`.
    """
    found = generator_of(read_archive(path, wanted))
    return {GENERATOR + name: tensor for name, tensor in found.items()}


def load_network(path: Path) -> LamaNetwork:
    """The network with a published checkpoint's weights, ready for inference.

    Args:
        path: see `archive.read_archive`.

    Raises:
        WeightsMissingError: there is no such file.
        InvalidInputError: see `to_ours`.
    """
    return build_network(read_published(path))


def build_network(published: Mapping[str, Tensor]) -> LamaNetwork:
    """The network with published weights already in memory; see `load_network`."""
    generator = generator_of(published)
    config = config_of(generator)
    with torch.device("meta"):
        network = LamaNetwork(config)
    state = {
        name: tensor.to(torch.float32) if tensor.is_floating_point() else tensor
        for name, tensor in to_ours(generator, config).items()
    }
    network.load_state_dict(state, strict=True, assign=True)
    network.requires_grad_(False)
    network.eval()
    return network
