"""Published E2FGVI checkpoints to our state dict and back, every tensor accounted for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from peanut_models.checkpoints import check_tensor, counted, read_checkpoint
from peanut_models.errors import InvalidInputError
from peanut_models.flow import spynet
from peanut_models.nof_eraser.config import BLOCKS, NetworkConfig, Variant
from peanut_models.nof_eraser.network import NofEraserNetwork
from peanut_models.nof_eraser.transformer import rolled_index

SPYNET_PREFIX = "update_spynet."
ROLLED_INDEX = "attn.valid_ind_rolled"

_PREFIXES = (
    (
        "feat_prop_module.deform_align.backward_.conv_offset.",
        "propagation.backward_pass.align.offsets.",
    ),
    ("feat_prop_module.deform_align.backward_.", "propagation.backward_pass.align."),
    (
        "feat_prop_module.deform_align.forward_.conv_offset.",
        "propagation.forward_pass.align.offsets.",
    ),
    ("feat_prop_module.deform_align.forward_.", "propagation.forward_pass.align."),
    ("feat_prop_module.backbone.backward_.", "propagation.backward_pass.residual."),
    ("feat_prop_module.backbone.forward_.", "propagation.forward_pass.residual."),
    ("feat_prop_module.fusion.", "propagation.fusion."),
    ("ss.", "soft_split."),
    ("sc.", "soft_composite."),
)
"""Published prefix, ours; the first that fits counts, so longer ones come first."""

_BLOCK_PREFIXES = (
    ("pool_layers.0.", "attention.pool."),
    ("attn.qkv.", "attention.qkv."),
    ("attn.proj.", "attention.out."),
    ("mlp.conv1.0.", "f3n.expand."),
    ("mlp.conv2.1.", "f3n.contract."),
    ("norm1.", "norm1."),
    ("norm2.", "norm2."),
)

_DECODER = {"0.conv.": "0.", "2.": "1.", "4.conv.": "2.", "6.": "3."}
"""Published place of the decoder's convolutions, ours."""


def our_name(published: str) -> str | None:
    """Our name of a published tensor; None where the network has no such tensor."""
    if published.startswith(SPYNET_PREFIX):
        try:
            return "flow." + spynet.our_name(published.removeprefix(SPYNET_PREFIX))
        except InvalidInputError:
            return None
    if match := re.fullmatch(r"encoder\.layers\.(\d+)\.(weight|bias)", published):
        return f"encoder.convs.{int(match[1]) // 2}.{match[2]}" if int(match[1]) % 2 == 0 else None
    if match := re.fullmatch(r"transformer\.(\d+)\.(.+)", published):
        inner = _renamed(match[2], _BLOCK_PREFIXES)
        return None if inner is None else f"blocks.{match[1]}.{inner}"
    if published.startswith("decoder."):
        inner = _renamed(published.removeprefix("decoder."), tuple(_DECODER.items()))
        return None if inner is None else f"decoder.convs.{inner}"
    return _renamed(published, _PREFIXES)


def _renamed(name: str, prefixes: tuple[tuple[str, str], ...]) -> str | None:
    for before, after in prefixes:
        if name.startswith(before):
            return after + name.removeprefix(before)
    return None


def published_name(ours: str) -> str:
    """The published name of one of our tensors.

    Raises:
        InvalidInputError: the network has no such tensor.
    """
    if ours.startswith("flow."):
        return SPYNET_PREFIX + spynet.published_name(ours.removeprefix("flow."))
    if match := re.fullmatch(r"encoder\.convs\.(\d+)\.(weight|bias)", ours):
        return f"encoder.layers.{2 * int(match[1])}.{match[2]}"
    if match := re.fullmatch(r"blocks\.(\d+)\.(.+)", ours):
        inner = _renamed(match[2], tuple((b, a) for a, b in _BLOCK_PREFIXES))
        name = None if inner is None else f"transformer.{match[1]}.{inner}"
    elif ours.startswith("decoder.convs."):
        inner = _renamed(
            ours.removeprefix("decoder.convs."), tuple((b, a) for a, b in _DECODER.items())
        )
        name = None if inner is None else f"decoder.{inner}"
    else:
        name = _renamed(ours, tuple((b, a) for a, b in _PREFIXES))
    if name is None:
        raise InvalidInputError(f"{ours!r} is no tensor of NOF-Eraser")
    return name


def variant_of(published: Mapping[str, Tensor]) -> Variant:
    """Which of the two published networks a checkpoint belongs to.

    Raises:
        InvalidInputError: neither.
    """
    if "sc.bias" in published:
        return "base"
    if "sc.bias_conv.weight" in published:
        return "hq"
    first = ", ".join(sorted(published)[:3]) or "nothing"
    raise InvalidInputError(
        "not an E2FGVI generator checkpoint: it holds neither sc.bias (base) nor "
        f"sc.bias_conv.weight (hq), but {first}, ...; give the generator's own file"
    )


def to_ours(published: Mapping[str, Tensor], config: NetworkConfig) -> dict[str, Tensor]:
    """A published state dict as ours.

    Args:
        published: tensors by published name, as the file holds them.
        config: the network they are meant for.

    Raises:
        InvalidInputError: another model or variant; a tensor that is missing, unexpected, of the
            wrong shape or type, or not finite.
    """
    found = variant_of(published)
    if found != config.variant:
        raise InvalidInputError(
            f"the checkpoint is of the {found} variant, the network is {config.variant}: "
            f"use NetworkConfig(variant={found!r})"
        )
    with torch.device("meta"):
        expected = NofEraserNetwork(config).state_dict()
    ours: dict[str, Tensor] = {}
    unexpected: list[str] = []
    for name, tensor in published.items():
        if name.endswith(ROLLED_INDEX):
            _check_rolled_index(name, tensor)
            continue
        renamed = our_name(name)
        if renamed is None or renamed not in expected:
            unexpected.append(name)
            continue
        ours[renamed] = tensor
    for k in range(BLOCKS):
        if f"transformer.{k}.{ROLLED_INDEX}" not in published:
            raise InvalidInputError(f"the checkpoint lacks transformer.{k}.{ROLLED_INDEX}")
    missing = [published_name(name) for name in expected.keys() - ours.keys()]
    if missing or unexpected:
        raise InvalidInputError(
            f"not a complete E2FGVI {found} checkpoint: {counted('missing', missing)}; "
            f"{counted('unexpected', unexpected)}"
        )
    for name, tensor in ours.items():
        check_tensor(published_name(name), tensor, expected[name])
    return ours


def to_published(ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict under the published names, with the constants that checkpoints store."""
    published = {published_name(name): tensor for name, tensor in ours.items()}
    for k in range(BLOCKS):
        published[f"transformer.{k}.{ROLLED_INDEX}"] = rolled_index()
    return published


def _check_rolled_index(name: str, tensor: Tensor) -> None:
    if not torch.equal(tensor.to(torch.int64).cpu(), rolled_index()):
        raise InvalidInputError(
            f"{name} is not the index of 5x9 windows: this checkpoint has another attention window"
        )


def load_network(path: Path, config: NetworkConfig | None = None) -> NofEraserNetwork:
    """The network with a published checkpoint's weights, ready for inference.

    Args:
        path: `E2FGVI-CVPR22.pth`, `E2FGVI-HQ-CVPR22.pth` or a file of the same form.
        config: default: the variant that the file holds, faithful to its quirks.

    Raises:
        WeightsMissingError: there is no such file.
        InvalidInputError: see `to_ours`.
    """
    published = read_checkpoint(path)
    config = config or NetworkConfig(variant=variant_of(published))
    return build_network(published, config)


def build_network(published: Mapping[str, Tensor], config: NetworkConfig) -> NofEraserNetwork:
    """The network with published weights already in memory; see `load_network`."""
    with torch.device("meta"):
        network = NofEraserNetwork(config)
    state = {name: tensor.to(torch.float32) for name, tensor in to_ours(published, config).items()}
    network.load_state_dict(state, strict=True, assign=True)
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return _evaluated(network)


def _evaluated(network: NofEraserNetwork) -> NofEraserNetwork:
    module: nn.Module = network.eval()
    assert isinstance(module, NofEraserNetwork)
    return module
