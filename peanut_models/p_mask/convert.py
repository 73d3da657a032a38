"""Published SAMWISE and SAM 2 checkpoints to our state dicts and back, tensor by tensor."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers.models.clip.modeling_clip import CLIPTextEmbeddings
from transformers.models.roberta.modeling_roberta import RobertaEmbeddings
from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoMemoryAttention

from peanut_models.checkpoints import check_tensor, counted, read_checkpoint
from peanut_models.errors import InvalidInputError
from peanut_models.p_mask import names
from peanut_models.p_mask.backbone import Sam2
from peanut_models.p_mask.config import (
    CHANNELS,
    CLIP_TEXT,
    HIERA,
    HieraConfig,
    NetworkConfig,
    Sam2Config,
    TextConfig,
)
from peanut_models.p_mask.network import PMaskNetwork

POINT_LABELS = 4
"""Kinds of points that have an embedding: off, on, and the two corners of a box."""

TOKEN_TYPES = "text.roberta.embeddings.token_type_embeddings.weight"
"""A table that transformers wants and the published encoder lacks: zero."""

_POINT = "sam_prompt_encoder.point_embeddings.{}.weight"
_OUR_POINT = "heads.prompt_encoder.point_embed.weight"
_HSA_POSITION = "hsa.position"
_TEXT_DOWN = "cmt_adapters.0.proj_text_down.0.weight"

_OBJECT_SCORE = {"sam.heads.no_object_pointer", "sam.heads.mask_decoder.obj_score_token.weight"}

_UNUSED = re.compile(
    r".*\.total_(ops|params)"  # a profiler's counters
    r"|text_encoder\._float_tensor"
    r"|text_encoder\.model\.encoder\.sentence_encoder\.version"
    r"|text_encoder\.model\.encoder\.lm_head\..*"
    r"|conditional_memory_encoder\.transformerBlock\.norm2\.(weight|bias)"
)
"""Tensors that published files hold and no computation reads."""


def samwise_to_ours(
    published: Mapping[str, Tensor],
    config: NetworkConfig,
    base: Mapping[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """A published SAMWISE state dict as ours.

    Args:
        published: tensors by published name.
        config: the network they are meant for.
        base: a SAM 2 state dict for what the file lacks; the image pre-training's files have no
            object score head.

    Raises:
        InvalidInputError: a tensor that is missing, unexpected, of the wrong shape or type, or
            not finite.
    """
    with torch.device("meta"):
        expected = PMaskNetwork(config).state_dict()
    merged = {f"sam.{name}": tensor for name, tensor in (base or {}).items()}
    merged.update(plain_names(published))
    ours, unexpected = _converted(merged, names.SAMWISE, "sam.")
    if base is None and not _OBJECT_SCORE & ours.keys():
        raise InvalidInputError(
            "the checkpoint has no object score head, as those of SAMWISE's image pre-training: "
            "give the SAM 2.0 file that it was trained on as `base` too"
        )
    if config.hsa:
        for name in [name for name in ours if name.endswith(_HSA_POSITION)]:
            # Another number of dimensions is left for the check of shapes to name.
            ours[name] = ours[name][0, 0, 0] if ours[name].ndim == 5 else ours[name]
    if config.text.encoder == "roberta":
        ours[TOKEN_TYPES] = torch.zeros(1, config.text.width)
    _check(ours, expected, unexpected, "SAMWISE")
    return ours


def samwise_to_published(ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict under SAMWISE's names, without the tensors that nothing reads."""
    kept = {name: tensor for name, tensor in ours.items() if name != TOKEN_TYPES}
    published = _published(kept, names.SAMWISE, "sam.")
    for name, tensor in published.items():
        if name.endswith(".spatial_pos_embed"):
            published[name] = tensor[None, None, None]
    return published


def sam2_to_ours(published: Mapping[str, Tensor], config: Sam2Config) -> dict[str, Tensor]:
    """A released SAM 2.0 or 2.1 state dict as ours; see `samwise_to_ours`."""
    with torch.device("meta"):
        expected = Sam2(config).state_dict()
    ours, unexpected = _converted(plain_names(published), names.SAM, "")
    _check(ours, expected, unexpected, f"SAM {config.version}")
    return ours


def sam2_to_published(ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict under SAM 2's names."""
    return _published(ours, names.SAM, "")


def plain_names(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Without the prefix of data-parallel training and without tensors that nothing reads."""
    plain = {name.removeprefix("module."): tensor for name, tensor in published.items()}
    return {name: tensor for name, tensor in plain.items() if not _UNUSED.fullmatch(name)}


def _converted(
    published: Mapping[str, Tensor], rules: names.Rules, prefix: str
) -> tuple[dict[str, Tensor], list[str]]:
    """Tensors by our names, and the published names that no rule knows."""
    points = [prefix + _POINT.format(k) for k in range(POINT_LABELS)]
    ours: dict[str, Tensor] = {}
    unexpected = []
    for name, tensor in published.items():
        if name in points:
            continue
        renamed = names.renamed(name, rules)
        if renamed is None:
            unexpected.append(name)
        else:
            ours[renamed] = tensor
    if all(name in published for name in points):
        rows = [published[name] for name in points]
        if len({row.shape for row in rows}) > 1 or rows[0].ndim != 2:
            raise InvalidInputError(
                f"{points[0]} and its like have shapes {[tuple(row.shape) for row in rows]}: "
                f"expected (1, {CHANNELS}) each"
            )
        ours[prefix + _OUR_POINT] = torch.cat(rows)
    return ours, unexpected


def _published(ours: Mapping[str, Tensor], rules: names.Rules, prefix: str) -> dict[str, Tensor]:
    published: dict[str, Tensor] = {}
    for name, tensor in ours.items():
        if name == prefix + _OUR_POINT:
            for k, row in enumerate(torch.split(tensor, 1)):
                published[prefix + _POINT.format(k)] = row
            continue
        renamed = names.renamed(name, rules, back=True)
        if renamed is None:
            raise InvalidInputError(f"{name!r} is no tensor of P-MASK")
        published[renamed] = tensor
    return published


def _check(
    ours: Mapping[str, Tensor], expected: Mapping[str, Tensor], unexpected: list[str], what: str
) -> None:
    """Refuse a state dict that is not exactly the expected network's."""
    missing = list(expected.keys() - ours.keys())
    unexpected = unexpected + list(ours.keys() - expected.keys())
    if missing or unexpected:
        raise InvalidInputError(
            f"not a complete {what} checkpoint of this configuration: "
            f"{counted('missing', missing)}; {counted('unexpected', unexpected)}"
        )
    for name, tensor in ours.items():
        check_tensor(name, tensor, expected[name])


def hiera_of(published: Mapping[str, Tensor]) -> HieraConfig:
    """Which released image encoder a SAM 2 or SAMWISE state dict holds.

    Raises:
        InvalidInputError: none of tiny, small, base+ and large.
    """
    table = "image_encoder.trunk.pos_embed"
    plain = plain_names(published)
    found = plain.get(table, plain.get(f"sam.{table}"))
    blocks = {n.split("trunk.blocks.")[1].split(".")[0] for n in plain if "trunk.blocks." in n}
    for hiera in HIERA.values():
        if found is not None and found.shape[1] == hiera.width and len(blocks) == sum(hiera.blocks):
            return hiera
    first = ", ".join(sorted(published)[:3]) or "nothing"
    raise InvalidInputError(
        f"not a SAM 2 or SAMWISE checkpoint of size {', '.join(HIERA)}: it holds {first}, ..."
    )


def samwise_config_of(published: Mapping[str, Tensor]) -> NetworkConfig:
    """The configuration that a published SAMWISE state dict belongs to.

    The text encoder is told by the width of its tokens, since it is frozen and may lie elsewhere.
    """
    plain = plain_names(published)
    down = plain.get(_TEXT_DOWN)
    is_clip = down is not None and down.shape[-1] == CLIP_TEXT.width
    return NetworkConfig(
        text=CLIP_TEXT if is_clip else TextConfig(),
        sam=Sam2Config(hiera=hiera_of(plain)),
        hsa=any(name.startswith("cmt_adapters.0.hsa.") for name in plain),
        motion_prompt=any(".project_motion_prompts." in name for name in plain),
    )


def sam2_config_of(published: Mapping[str, Tensor]) -> Sam2Config:
    """The configuration that a released SAM 2 state dict belongs to, as its own tracker runs it."""
    version = "2.1" if "no_obj_embed_spatial" in plain_names(published) else "2.0"
    return Sam2Config(
        hiera=hiera_of(published),
        version="2.1" if version == "2.1" else "2.0",
        stability_fallback=True,
    )


def load_samwise(
    path: Path, config: NetworkConfig | None = None, base: Path | None = None
) -> PMaskNetwork:
    """The network with a published SAMWISE checkpoint's weights, ready for inference.

    Args:
        path: for example `final_model_mevis.pth`.
        config: default: what the file holds.
        base: the SAM 2.0 file that an image pre-training's checkpoint is completed from.

    Raises:
        WeightsMissingError: there is no such file.
        InvalidInputError: see `samwise_to_ours`.
    """
    published = read_checkpoint(path)
    config = config or samwise_config_of(published)
    rest = None if base is None else read_checkpoint(base)
    return build_samwise(published, config, rest)


def build_samwise(
    published: Mapping[str, Tensor],
    config: NetworkConfig,
    base: Mapping[str, Tensor] | None = None,
) -> PMaskNetwork:
    """The network with published weights already in memory; see `load_samwise`."""
    with torch.device("meta"):
        network = PMaskNetwork(config)
    fill(network, samwise_to_ours(published, config, base))
    return network


def load_sam2(path: Path, config: Sam2Config | None = None) -> Sam2:
    """SAM 2 alone, for clicks, boxes and masks, from a released `.pt` file.

    Raises:
        WeightsMissingError: there is no such file.
        InvalidInputError: see `samwise_to_ours`.
    """
    published = read_checkpoint(path)
    return build_sam2(published, config or sam2_config_of(published))


def build_sam2(published: Mapping[str, Tensor], config: Sam2Config) -> Sam2:
    """SAM 2 with released weights already in memory; see `load_sam2`."""
    with torch.device("meta"):
        sam = Sam2(config)
    fill(sam, sam2_to_ours(published, config))
    return sam


def fill(module: nn.Module, state: Mapping[str, Tensor], *, strict: bool = True) -> None:
    """Give a module that was built without memory its weights, for inference.

    Args:
        module: built on the meta device.
        state: by our names; used as it is where it is float32 already.
        strict: False fills only a part; the rest stays without memory and cannot be used.
    """
    ready = {n: t.to(torch.float32) if t.is_floating_point() else t for n, t in state.items()}
    module.load_state_dict(ready, strict=strict, assign=True)
    _restore_constants(module)
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    module.eval()


def _restore_constants(module: nn.Module) -> None:
    """Tables that are computed and not stored, which the meta device leaves without values."""
    for part in module.modules():
        # Any: mypy takes transformers' buffers for a type of their own.
        target: Any = part
        if isinstance(part, Sam2VideoMemoryAttention):
            target.rotary_emb = type(part.rotary_emb)(config=part.config)
            target.position_ids = part.precompute_positions(part.config)
        if isinstance(part, CLIPTextEmbeddings):
            target.position_ids = torch.arange(part.position_ids.shape[-1])[None]
        if isinstance(part, RobertaEmbeddings):
            target.position_ids = torch.arange(part.position_ids.shape[-1])[None]
            target.token_type_ids = torch.zeros_like(target.position_ids)
