"""Published BasicVSR++ checkpoints to our state dict and back, every tensor accounted for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from peanut_models.checkpoints import check_tensor, counted, read_checkpoint
from peanut_models.errors import InvalidInputError
from peanut_models.flow import spynet
from peanut_models.ur_net.config import BRANCHES, NetworkConfig
from peanut_models.ur_net.network import UrNetNetwork

GENERATOR, AVERAGED = "generator.", "generator_ema."
"""What the published training framework puts in front: the network, and its moving average."""

COUNTER = "step_counter"
"""Training steps so far, which the same framework stores."""

_CONVS = (
    ("upsample1.upsample_conv.", "reconstruction.double1."),
    ("upsample2.upsample_conv.", "reconstruction.double2."),
    ("conv_hr.", "reconstruction.fine."),
    ("conv_last.", "reconstruction.last."),
)
"""Published prefix, ours."""

_BODIES = (
    *((f"backbone.{name}.main.", f"branches.{name}.body.") for name in BRANCHES),
    ("reconstruction.main.", "reconstruction.body."),
    # Low-res input; for the same-size variant the body is the last of five layers.
    ("feat_extract.main.", "extraction.body."),
    ("feat_extract.4.main.", "extraction.body."),
)
_SHRINK = {"0": "0", "2": "1"}
_KIND = "(weight|bias)"


def our_name(published: str) -> str | None:
    """Our name of a published tensor, without its prefix; None where there is no such tensor."""
    if published.startswith("spynet."):
        try:
            return "flow." + spynet.our_name(published.removeprefix("spynet."))
        except InvalidInputError:
            return None
    for before, after in _CONVS:
        if published.startswith(before):
            return after + published.removeprefix(before)
    for before, after in _BODIES:
        if published.startswith(before):
            inner = _inside_body(published.removeprefix(before))
            return None if inner is None else after + inner
    if match := re.fullmatch(rf"feat_extract\.([02])\.{_KIND}", published):
        return f"extraction.shrink.{_SHRINK[match[1]]}.{match[2]}"
    if match := re.fullmatch(r"deform_align\.([a-z]+_\d)\.(conv_offset\.)?(.+)", published):
        return f"branches.{match[1]}.align.{'offsets.' if match[2] else ''}{match[3]}"
    return None


def _inside_body(name: str) -> str | None:
    if match := re.fullmatch(rf"0\.{_KIND}", name):
        return f"first.{match[1]}"
    if match := re.fullmatch(rf"2\.(\d+)\.(conv[12])\.{_KIND}", name):
        return f"blocks.{match[1]}.{match[2]}.{match[3]}"
    return None


def published_name(ours: str, config: NetworkConfig) -> str:
    """The published name of one of our tensors, without a prefix.

    Raises:
        InvalidInputError: the network has no such tensor.
    """
    if ours.startswith("flow."):
        return "spynet." + spynet.published_name(ours.removeprefix("flow."))
    for after, before in _CONVS:
        if ours.startswith(before):
            return after + ours.removeprefix(before)
    for after, before in _BODIES:
        fits = not after.startswith("feat_extract") or ("4" in after) != config.low_res_input
        if ours.startswith(before) and fits:
            inner = ours.removeprefix(before)
            inner = re.sub(r"^first\.", "0.", inner)
            return after + re.sub(r"^blocks\.", "2.", inner)
    if match := re.fullmatch(rf"extraction\.shrink\.([01])\.{_KIND}", ours):
        return f"feat_extract.{2 * int(match[1])}.{match[2]}"
    if match := re.fullmatch(r"branches\.([a-z]+_\d)\.align\.(offsets\.)?(.+)", ours):
        return f"deform_align.{match[1]}.{'conv_offset.' if match[2] else ''}{match[3]}"
    raise InvalidInputError(f"{ours!r} is no tensor of UR-Net")


def generator_of(published: Mapping[str, Tensor], *, averaged: bool = False) -> dict[str, Tensor]:
    """The network's own tensors, without prefix and counter.

    Args:
        published: all tensors of the file.
        averaged: take the moving average, where the file holds both. Where it holds one only, that
            one is taken.

    Raises:
        InvalidInputError: `averaged`, but there is no moving average.
    """
    rest = {name: tensor for name, tensor in published.items() if name != COUNTER}
    plain = {n: x for n, x in rest.items() if n.startswith(GENERATOR)}
    average = {n: x for n, x in rest.items() if n.startswith(AVERAGED)}
    if averaged and not average:
        raise InvalidInputError(
            f"the checkpoint holds no moving average (no name starts with {AVERAGED}): "
            "ask for the plain weights"
        )
    unused = average if plain and not averaged else plain if average else {}
    prefix = AVERAGED if average and (averaged or not plain) else GENERATOR
    # Names with neither prefix stay: bare ones are a generator's own file, others are reported.
    return {n.removeprefix(prefix): x for n, x in rest.items() if n not in unused}


def config_of(generator: Mapping[str, Tensor]) -> NetworkConfig:
    """Width, depth and input of the network that a checkpoint belongs to, by its shapes.

    Args:
        generator: as `generator_of` gives it.

    Raises:
        InvalidInputError: it is no BasicVSR++ generator.
    """
    low_res = "feat_extract.main.0.weight" in generator
    aligned = generator.get("deform_align.backward_1.bias")
    blocks = {
        match[1]
        for name in generator
        if (match := re.fullmatch(r"backbone\.backward_1\.main\.2\.(\d+)\.conv1\.weight", name))
    }
    if aligned is None or not blocks or not (low_res or "feat_extract.0.weight" in generator):
        first = ", ".join(sorted(generator)[:3]) or "nothing"
        raise InvalidInputError(
            "not a BasicVSR++ checkpoint: it lacks feat_extract, deform_align or backbone, and "
            f"holds {first}, ...; give the generator's own file"
        )
    return NetworkConfig(channels=aligned.numel(), blocks=len(blocks), low_res_input=low_res)


def to_ours(generator: Mapping[str, Tensor], config: NetworkConfig) -> dict[str, Tensor]:
    """A published generator as ours.

    Args:
        generator: as `generator_of` gives it. SPyNet's two constants may be absent, as they are
            in files written before they became buffers.
        config: the network it is meant for.

    Raises:
        InvalidInputError: another model; a tensor that is missing, unexpected, of the wrong shape
            or type, or not finite.
    """
    with torch.device("meta"):
        expected = UrNetNetwork(config).state_dict()
    constants = spynet.SpyNet().state_dict()
    ours = {f"flow.{name}": constants[name] for name in ("mean", "std")}
    unexpected: list[str] = []
    for name, tensor in generator.items():
        renamed = our_name(name)
        if renamed is None or renamed not in expected:
            unexpected.append(name)
        else:
            ours[renamed] = tensor
    missing = [published_name(name, config) for name in expected.keys() - ours.keys()]
    if missing or unexpected:
        raise InvalidInputError(
            f"not a BasicVSR++ checkpoint of {config.channels} channels and {config.blocks} "
            f"blocks: {counted('missing', missing)}; {counted('unexpected', unexpected)}"
        )
    for name, tensor in ours.items():
        check_tensor(published_name(name, config), tensor, expected[name])
    return ours


def to_published(ours: Mapping[str, Tensor], config: NetworkConfig) -> dict[str, Tensor]:
    """Our state dict under the published names, prefix and counter included."""
    published: dict[str, Tensor] = {COUNTER: torch.zeros(1)}
    for name, tensor in ours.items():
        published[GENERATOR + published_name(name, config)] = tensor
    return published


def load_network(
    path: Path, *, averaged: bool = False, spynet_path: Path | None = None
) -> UrNetNetwork:
    """The network with a published checkpoint's weights, ready for inference.

    Args:
        path: a BasicVSR++ checkpoint, of any width and depth.
        averaged: see `generator_of`.
        spynet_path: a separately published SPyNet to use instead of the checkpoint's own.

    Raises:
        WeightsMissingError: there is no such file.
        InvalidInputError: see `to_ours`.
    """
    network = build_network(read_checkpoint(path), averaged=averaged)
    if spynet_path is not None:
        network.flow.load_state_dict(spynet.convert_spynet(read_checkpoint(spynet_path)))
    return network


def build_network(published: Mapping[str, Tensor], *, averaged: bool = False) -> UrNetNetwork:
    """The network with published weights already in memory; see `load_network`."""
    generator = generator_of(published, averaged=averaged)
    config = config_of(generator)
    with torch.device("meta"):
        network = UrNetNetwork(config)
    state = {name: tensor.to(torch.float32) for name, tensor in to_ours(generator, config).items()}
    network.load_state_dict(state, strict=True, assign=True)
    network.requires_grad_(False)
    network.eval()
    return network
