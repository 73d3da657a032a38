"""SAM 2's memory attention with the published weights, read at the memory's own width.

The published order projects a memory's 64 channels to 256 and then mixes them. Mixing is linear
and its weights sum to 1, so the memory is mixed first and projected after: the same result up to
rounding, with a quarter of that product. What depends on the image alone is computed once for all
targets: everything before the first look at the memory.

Source: Ravi et al., "SAM 2", 2024, section 4 (memory attention); Su et al., "RoFormer", 2021, in
two dimensions.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float
from torch import Tensor
from transformers.models.sam2_video.modeling_sam2_video import apply_rotary_pos_emb_2d

POSITION_SHARE = 0.1
"""How much of the frame's position code is added to its features."""

QUERY_BLOCK = 256
"""Cells that look at the memory at once where the weights are materialised: 30 MB at 1024 px with
a full memory in float32. Measured on one core: 256 is faster than 128 and 512."""

Turns = tuple[Tensor, Tensor]
"""Cosines and sines of every cell's rotary code."""


def read_memory(
    attention: Any,
    image: Float[Tensor, "f hw c"],
    position: Float[Tensor, "f hw c"],
    memory: Float[Tensor, "n m v"],
    codes: Float[Tensor, "_ m v"],
    *,
    pointers: int,
) -> Float[Tensor, "n hw c"]:
    """A frame's features after `n` targets have read their memories.

    Args:
        attention: transformers' `Sam2VideoMemoryAttention`, whose weights are used.
        image: the frame's features, shared by all targets (`f` = 1) or one each.
        position: their sine code.
        memory: tokens, those of whole maps first.
        codes: their place and time, shared by all targets or one each.
        pointers: so many tokens at the end have no place.
    """
    turns: Turns = attention.rotary_emb(image, attention.position_ids)
    hidden, keyed = image + POSITION_SHARE * position, memory + codes
    for layer in attention.layers:
        hidden = hidden + _among_cells(layer.self_attn, layer.layer_norm1(hidden), turns)
        looked = _at_memory(
            layer.cross_attn_image, layer.layer_norm2(hidden), keyed, memory, turns, pointers
        )
        hidden = hidden + looked
        inner = layer.activation(layer.linear1(layer.layer_norm3(hidden)))
        hidden = hidden + layer.linear2(inner)
    read: Tensor = attention.layer_norm(hidden)
    return read


def _among_cells(attend: Any, cells: Float[Tensor, "f hw c"], turns: Turns) -> Tensor:
    """What each cell of a frame sees in the others."""
    query, key = apply_rotary_pos_emb_2d(attend.q_proj(cells), attend.k_proj(cells), *turns)
    # Fused kernels want the heads' dimension, which is 1 here.
    mixed = F.scaled_dot_product_attention(
        query[:, None], key[:, None], attend.v_proj(cells)[:, None]
    )
    seen: Tensor = attend.o_proj(mixed[:, 0])
    return seen


def _at_memory(
    attend: Any,
    cells: Float[Tensor, "f hw c"],
    keyed: Float[Tensor, "n m v"],
    memory: Float[Tensor, "n m v"],
    turns: Turns,
    pointers: int,
) -> Float[Tensor, "n hw c"]:
    """What each cell sees in the memory."""
    query, key = apply_rotary_pos_emb_2d(
        attend.q_proj(cells)[:, None],
        attend.k_proj(keyed)[:, None],
        *turns,
        num_k_exclude_rope=pointers,
        repeat_freqs_k=True,
    )
    mixed = _mixed(query[:, 0].expand(len(memory), -1, -1), key[:, 0], memory)
    seen: Tensor = attend.o_proj(attend.v_proj(mixed))
    return seen


def _mixed(
    query: Float[Tensor, "n hw c"], key: Float[Tensor, "n m c"], memory: Float[Tensor, "n m v"]
) -> Float[Tensor, "n hw v"]:
    """The memory, weighted by each query; weights of all queries never exist at once."""
    if query.is_cuda:
        # The memory-efficient kernel takes values of another width than keys.
        fused = F.scaled_dot_product_attention(query[:, None], key[:, None], memory[:, None])
        return fused[:, 0]
    # Elsewhere no fused kernel does. One target at a time keeps the products large.
    scaled = query * query.shape[-1] ** -0.5
    return torch.stack(
        [
            torch.cat([torch.softmax(part @ k.T, dim=-1) @ v for part in q.split(QUERY_BLOCK)])
            for q, k, v in zip(scaled, key, memory, strict=True)
        ]
    )
