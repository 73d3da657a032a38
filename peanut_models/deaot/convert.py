"""Published DeAOT checkpoints to our state dict and back, every tensor accounted for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from peanut_models.checkpoints import check_tensor, counted, read_checkpoint
from peanut_models.deaot.config import NetworkConfig
from peanut_models.deaot.network import DeaotNetwork
from peanut_models.errors import InvalidInputError

PARALLEL = "module."
"""What training on several devices puts in front of every name."""

_PARTS = (
    ("encoder.", "encoder."),
    ("projector.", "encoder_projector."),
    ("norm.", "LSTT.decoder_norms.0.gn."),
    ("decoder.", "decoder."),
    ("id_bank.", "patch_wise_id_bank."),
    ("id_norm.", "id_norm."),
)
"""Parts of the network: ours, published."""

_BLOCK = (
    ("norm.", "norm1."),
    ("query_value.", "linear_QV."),
    ("gate.", "linear_U."),
    ("id_norm.", "id_norm1."),
    ("id_gate.", "linear_ID_U."),
    ("id_value.", "linear_ID_V."),
    ("self_norm.", "norm2."),
    ("self_id_norm.", "id_norm2."),
)
_ATTENTIONS = (
    ("long.", "long_term_attn."),
    ("short.", "short_term_attn."),
    ("itself.", "self_attn."),
)
_ATTENTION = (
    ("depthwise.", "dw_conv.conv."),
    ("project.", "projection."),
    ("relative.", "relative_emb_k."),
    ("key.", "linear_QK."),
    ("value.", "linear_V1."),
    ("id_value.", "linear_V2."),
    ("gate.", "linear_U1."),
    ("id_gate.", "linear_U2."),
)
_DECODER = (
    ("first.", "conv_in."),
    ("sixteenth.", "conv_16x."),
    ("eighth.", "conv_8x."),
    ("quarter.", "conv_4x."),
    ("adapt_sixteenth.", "adapter_16x."),
    ("adapt_eighth.", "adapter_8x."),
    ("adapt_quarter.", "adapter_4x."),
    ("last.", "conv_out."),
)

Table = tuple[tuple[str, str], ...]


def published_name(ours: str) -> str:
    """The published name of one of our tensors.

    Raises:
        InvalidInputError: the network has no such tensor.
    """
    if match := re.fullmatch(r"blocks\.(\d+)\.(.+)", ours):
        name = match[2]
        part = _first(name, _ATTENTIONS)
        if part is not None:
            inner = _swapped(name.removeprefix(part[0]), _ATTENTION)
            return f"LSTT.layers.{match[1]}.{part[1]}{inner}"
        return f"LSTT.layers.{match[1]}.{_swapped(name, _BLOCK)}"
    if ours.startswith("decoder."):
        name = _swapped(ours.removeprefix("decoder."), _DECODER)
        return "decoder." + re.sub(r"\.norm\.", ".gn.", name)
    return _swapped(ours, _PARTS)


def _first(name: str, table: Table) -> tuple[str, str] | None:
    return next((pair for pair in table if name.startswith(pair[0])), None)


def _swapped(name: str, table: Table) -> str:
    pair = _first(name, table)
    if pair is None:
        raise InvalidInputError(f"{name!r} is no tensor of DeAOT")
    return pair[1] + name.removeprefix(pair[0])


def plain(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors without the prefix of training on several devices."""
    return {name.removeprefix(PARALLEL): tensor for name, tensor in published.items()}


def config_of(published: Mapping[str, Tensor]) -> NetworkConfig:
    """Which of the published networks a checkpoint belongs to, by its names.

    Args:
        published: as `plain` gives it.

    Raises:
        InvalidInputError: it is none of them.
    """
    blocks = {
        match[1]
        for name in published
        if (match := re.fullmatch(r"LSTT\.layers\.(\d+)\.linear_QV\.weight", name))
    }
    if not blocks:
        first = ", ".join(sorted(published)[:3]) or "nothing"
        raise InvalidInputError(
            "not a DeAOT checkpoint: it lacks LSTT.layers.0.linear_QV.weight, and holds "
            f"{first}, ...; give R50_DeAOTL_PRE_YTB_DAV.pth (AOT without De- is another network)"
        )
    mobile = "encoder.features.0.0.weight" in published
    return NetworkConfig(encoder="mobilenet_v2" if mobile else "resnet50", blocks=len(blocks))


def to_ours(published: Mapping[str, Tensor], config: NetworkConfig) -> dict[str, Tensor]:
    """A published state dict as ours.

    Args:
        published: as `plain` gives it.
        config: the network it is meant for.

    Raises:
        InvalidInputError: another model; a tensor that is missing, unexpected, of the wrong shape
            or type, or not finite.
    """
    with torch.device("meta"):
        expected = DeaotNetwork(config).state_dict()
    names = {published_name(ours): ours for ours in expected}
    missing, unexpected = names.keys() - published.keys(), published.keys() - names.keys()
    if missing or unexpected:
        raise InvalidInputError(
            f"not a DeAOT checkpoint of {config.blocks} blocks on {config.encoder}: "
            f"{counted('missing', list(missing))}; {counted('unexpected', list(unexpected))}"
        )
    for name, ours in names.items():
        check_tensor(name, published[name], expected[ours])
    return {ours: published[name] for name, ours in names.items()}


def to_published(ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict under the published names."""
    return {published_name(name): tensor for name, tensor in ours.items()}


def load_network(path: Path) -> DeaotNetwork:
    """The network with a published checkpoint's weights, ready for inference.

    Raises:
        WeightsMissingError: there is no such file.
        InvalidInputError: see `to_ours`.
    """
    return build_network(read_checkpoint(path, "R50_DeAOTL_PRE_YTB_DAV.pth"))


def build_network(published: Mapping[str, Tensor]) -> DeaotNetwork:
    """The network with published weights already in memory; see `load_network`."""
    tensors = plain(published)
    config = config_of(tensors)
    with torch.device("meta"):
        network = DeaotNetwork(config)
    state = {name: tensor.to(torch.float32) for name, tensor in to_ours(tensors, config).items()}
    network.load_state_dict(state, strict=True, assign=True)
    network.requires_grad_(False)
    network.eval()
    return network
