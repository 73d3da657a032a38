"""The three attentions of a gated propagation block.

Source: Yang and Yang, "Decoupling Features in Hierarchical Propagation for Video Object
Segmentation", NeurIPS 2022, section 4.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from peanut_models.deaot.config import CHANNELS, KEY_CHANNELS, RADIUS, VALUE_CHANNELS, WINDOW

Grid = tuple[int, int]
"""Rows and columns of tokens."""


class Memory(NamedTuple):
    """What one block keeps of one or more frames.

    Attributes:
        key: what a place looks like.
        value: its visual content.
        id_value: which target it is.
    """

    key: Float[Tensor, "b m k"]
    value: Float[Tensor, "b m v"]
    id_value: Float[Tensor, "b m v"]

    @property
    def values(self) -> Float[Tensor, "b m v2"]:
        """Both kinds of content."""
        return torch.cat([self.value, self.id_value], dim=-1)


class Gated(nn.Module):
    """What follows each attention: a gate, a look at the neighbours, and a projection."""

    def __init__(self) -> None:
        super().__init__()
        both = 2 * VALUE_CHANNELS
        self.depthwise = nn.Conv2d(both, both, 5, padding=2, groups=both, bias=False)
        self.project = nn.Linear(both, 2 * CHANNELS)

    def gated(
        self, found: Float[Tensor, "b n v2"], gate: Float[Tensor, "b n v2"], grid: Grid
    ) -> Float[Tensor, "b n c2"]:
        """Both streams, visual first (paper, equation 5)."""
        places = laid_out(found * gate, grid)
        result: Tensor = self.project(self.depthwise(places).flatten(2).transpose(1, 2))
        return result


class LongTerm(Gated):
    """Attention to every remembered place."""

    def forward(
        self,
        query: Float[Tensor, "b n k"],
        memory: Memory,
        gate: Float[Tensor, "b n v2"],
        grid: Grid,
    ) -> Float[Tensor, "b n c2"]:
        """Any number of remembered frames; their order does not matter."""
        return self.gated(attended(query, memory.key, memory.values), gate, grid)


class ShortTerm(Gated):
    """Attention to a window of the frame before, with a learned term for the displacement."""

    def __init__(self) -> None:
        super().__init__()
        self.relative = nn.Conv2d(KEY_CHANNELS, WINDOW * WINDOW, 1)

    def forward(
        self,
        query: Float[Tensor, "b n k"],
        memory: Memory,
        gate: Float[Tensor, "b n v2"],
        grid: Grid,
    ) -> Float[Tensor, "b n c2"]:
        """`memory` is of one frame."""
        return self.gated(self.weights(query, memory.key, grid) @ memory.values, gate, grid)

    def weights(
        self, query: Float[Tensor, "b n k"], key: Float[Tensor, "b n k"], grid: Grid
    ) -> Float[Tensor, "b n n"]:
        """How much each place takes from each other one; 0 outside its window."""
        entry, outside = (x.to(query.device) for x in window(grid))
        # parity: the displacement's term comes from the query before it is scaled.
        relative: Tensor = self.relative(laid_out(query, grid)).flatten(2)
        moved = relative.transpose(1, 2).gather(2, entry.expand(len(query), -1, -1))
        scores = query @ key.transpose(1, 2) / math.sqrt(KEY_CHANNELS) + moved
        weights: Tensor = scores.masked_fill(outside, -torch.inf).softmax(dim=-1)
        return weights


class Itself(Gated):
    """Attention of a frame's places to each other, on both streams (paper, equation 9)."""

    def __init__(self) -> None:
        super().__init__()
        self.key = nn.Linear(2 * CHANNELS, KEY_CHANNELS)
        self.value, self.id_value = (nn.Linear(CHANNELS, VALUE_CHANNELS) for _ in range(2))
        self.gate, self.id_gate = (nn.Linear(CHANNELS, VALUE_CHANNELS) for _ in range(2))

    def forward(
        self, visual: Float[Tensor, "b n c"], identity: Float[Tensor, "b n c"], grid: Grid
    ) -> Float[Tensor, "b n c2"]:
        """Both streams after their norms."""
        key = self.key(torch.cat([visual, identity], dim=-1))
        values = F.silu(torch.cat([self.value(visual), self.id_value(identity)], dim=-1))
        gate = F.silu(torch.cat([self.gate(visual), self.id_gate(identity)], dim=-1))
        return self.gated(attended(key, key, values), gate, grid)


def laid_out(tokens: Float[Tensor, "b n c"], grid: Grid) -> Float[Tensor, "b c h w"]:
    """Tokens, row by row, as a picture."""
    return tokens.transpose(1, 2).reshape(len(tokens), -1, *grid)


def attended(
    query: Float[Tensor, "b n k"], key: Float[Tensor, "b m k"], values: Float[Tensor, "b m v"]
) -> Float[Tensor, "b n v"]:
    """Softmax attention with one head, scaled by the root of the key's width."""
    return F.scaled_dot_product_attention(query[:, None], key[:, None], values[:, None])[:, 0]


@lru_cache(maxsize=4)
def window(grid: Grid) -> tuple[Int64[Tensor, "n n"], Bool[Tensor, "n n"]]:
    """For each place and each other: its entry in the window, and whether it lies outside."""
    rows, columns = (x.flatten() for x in torch.meshgrid(*map(torch.arange, grid), indexing="ij"))
    dy, dx = rows[None] - rows[:, None], columns[None] - columns[:, None]
    outside = (dy.abs() > RADIUS) | (dx.abs() > RADIUS)
    entry = (dy + RADIUS) * WINDOW + dx + RADIUS
    return entry.masked_fill(outside, 0), outside
