"""The temporal focal transformer: windows of tokens over all frames, near fine, far coarse."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float, Int64
from torch import Tensor, nn

from peanut_models.nof_eraser.config import (
    F3N_CHANNELS,
    HEADS,
    REACH,
    TOKEN_CHANNELS,
    WINDOW,
    NetworkConfig,
)
from peanut_models.nof_eraser.patches import PATCH_AREA, fold, overlap_count, unfold

WINDOW_TOKENS = WINDOW[0] * WINDOW[1]
WINDOWS_AT_ONCE = 64
"""Attention windows computed together: their keys are copies, about 10 MB each at 14 frames."""

POOLED_REACH = (WINDOW[0] // 2, WINDOW[1] // 2)
"""How many pooled windows up/down and left/right an attention window sees."""


class FocalAttention(nn.Module):
    """Multi-head focal self-attention (MFSA) over one window and all frames: paper eq. 8 and 9.

    Every token asks, in every frame, the tokens of its own window, those up to `REACH` beyond it,
    and the 5 x 9 windows around it pooled to one token each. The frame wraps around at its border.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.overlap_counts_twice = config.overlap_keys == "published"
        self.pool = nn.Linear(WINDOW_TOKENS, 1)
        self.qkv = nn.Linear(TOKEN_CHANNELS, 3 * TOKEN_CHANNELS)
        self.out = nn.Linear(TOKEN_CHANNELS, TOKEN_CHANNELS)

    def forward(
        self, tokens: Float[Tensor, "b t m n c"], out_frames: int | None = None
    ) -> Float[Tensor, "b t_out m n c"]:
        """Attention's answer for the tokens of the first `out_frames` frames (default: all)."""
        b, t, rows, columns, c = tokens.shape
        grid = (rows // WINDOW[0], columns // WINDOW[1])
        asking = t if out_frames is None else out_frames
        # Eq. 8: f_q and f_kv are one linear layer; f_p pools each window over its positions.
        weight, bias = self.qkv.weight, self.qkv.bias
        pooled = self.pool(_windows(tokens, grid).transpose(-1, -2)).squeeze(-1)
        query = _windows(F.linear(tokens[:, :asking], weight[:c], bias[:c]), grid)
        fine = F.linear(tokens, weight[c:], bias[c:]).flatten(2, 3)
        coarse = F.linear(pooled, weight[c:], bias[c:])
        near, far = key_index(grid, tokens.device)
        added = key_bias(grid, self.overlap_counts_twice, fine.device, fine.dtype)
        answers = []
        for start in range(0, len(near), WINDOWS_AT_ONCE):
            part = slice(start, start + WINDOWS_AT_ONCE)
            keys = torch.cat((fine[:, :, near[part]], coarse[:, :, far[part]]), dim=3)
            answers.append(_attended(query[:, :, part], keys, added[part]))
        merged = self.out(torch.cat(answers, dim=1).flatten(0, 1))
        return _from_windows(merged, b, asking, grid)


def _attended(
    query: Float[Tensor, "b t_out w 45 c"],
    keys: Float[Tensor, "b t w k 2*c"],
    added: Float[Tensor, "w k"],
) -> Float[Tensor, "b w tk c"]:
    """Softmax attention of each window over all frames (eq. 9); `keys` holds keys, then values."""
    b, asking, w, _, c = query.shape
    mask = added.repeat(b, keys.shape[1])[:, None, None]
    answer = F.scaled_dot_product_attention(
        _heads(query),
        _heads(keys[..., :c]),
        _heads(keys[..., c:]),
        attn_mask=mask.expand(-1, -1, asking * WINDOW_TOKENS, -1),
    )
    return answer.transpose(1, 2).reshape(b, w, asking * WINDOW_TOKENS, c)


def _windows(
    tokens: Float[Tensor, "b t m n c"], grid: tuple[int, int]
) -> Float[Tensor, "b t w 45 c"]:
    """Tokens by window, windows in row order."""
    b, t, _, _, c = tokens.shape
    split = tokens.reshape(b, t, grid[0], WINDOW[0], grid[1], WINDOW[1], c)
    return split.transpose(3, 4).reshape(b, t, grid[0] * grid[1], WINDOW_TOKENS, c)


def _from_windows(
    merged: Float[Tensor, "bw tk c"], b: int, t: int, grid: tuple[int, int]
) -> Float[Tensor, "b t m n c"]:
    c = merged.shape[-1]
    split = merged.reshape(b, grid[0], grid[1], t, WINDOW[0], WINDOW[1], c)
    return split.permute(0, 3, 1, 4, 2, 5, 6).reshape(
        b, t, grid[0] * WINDOW[0], grid[1] * WINDOW[1], c
    )


def _heads(tokens: Float[Tensor, "b t w k c"]) -> Float[Tensor, "bw heads tk d"]:
    """One sequence per window, over all frames, heads apart."""
    b, t, w, k, c = tokens.shape
    split = tokens.reshape(b, t, w, k, HEADS, c // HEADS)
    return split.permute(0, 2, 4, 1, 3, 5).reshape(b * w, HEADS, t * k, c // HEADS)


@lru_cache(maxsize=16)
def key_index(
    grid: tuple[int, int], device: torch.device
) -> tuple[Int64[Tensor, "w near"], Int64[Tensor, "w far"]]:
    """Which tokens, and which pooled windows, each window sees.

    Args:
        grid: windows down and across.
        device: where the index is needed.

    Returns:
        Flat indices into the frame's tokens (9 x 17 around the window, wrapping around), and into
        its pooled windows (a block of at most 5 x 9; `key_bias` closes what is out of reach).
    """
    spans = [
        [
            [(w * size + k) % (count * size) for k in range(-reach, size + reach)]
            for w in range(count)
        ]
        for count, size, reach in zip(grid, WINDOW, REACH, strict=True)
    ]
    pooled = [
        [list(range(start, start + side)) for start in starts]
        for side, starts in (_pooled_block(count, axis) for axis, count in enumerate(grid))
    ]
    near = _flat(spans[0], spans[1], grid[1] * WINDOW[1])
    return near.to(device), _flat(pooled[0], pooled[1], grid[1]).to(device)


@lru_cache(maxsize=16)
def key_bias(
    grid: tuple[int, int], overlap_counts_twice: bool, device: torch.device, dtype: torch.dtype
) -> Float[Tensor, "w keys"]:
    """What is added to the logits of each key, in the order of `key_index`.

    parity: the published network takes the neighbours from four copies of the map, rolled
    diagonally; tokens straight above, below, left and right of the window's middle lie in two of
    them. The same key twice is the same as the logit plus log 2.
    parity: pooled windows outside the frame get -100 there; they get no key at all here.
    """
    once = torch.zeros(WINDOW[0] + 2 * REACH[0], WINDOW[1] + 2 * REACH[1])
    if overlap_counts_twice:
        once = copies_kept(WINDOW, REACH).clamp(min=1).to(torch.float32).log()
    far = torch.stack([_reachable(i, j, grid) for i in range(grid[0]) for j in range(grid[1])])
    near = once.flatten().expand(len(far), -1)
    return torch.cat((near, far), dim=1).to(device, dtype)


def copies_kept(window: tuple[int, int], reach: tuple[int, int]) -> Int64[Tensor, "h w"]:
    """In how many of the four rolled copies each cell around a window is kept; 0 inside it.

    Args:
        window: rows and columns.
        reach: rows and columns by which the copies are rolled.
    """
    count = torch.zeros(window[0] + 2 * reach[0], window[1] + 2 * reach[1], dtype=torch.int64)
    for index in rolled_index(window, reach).tolist():
        copy, position = divmod(index, window[0] * window[1])
        row, column = divmod(position, window[1])
        # Copy 0 was rolled up and left: its cell shows what lay below and right; and so on.
        down = row + (2 * reach[0] if copy < 2 else 0)
        right = column + (2 * reach[1] if copy % 2 == 0 else 0)
        count[down, right] += 1
    return count


def rolled_index(
    window: tuple[int, int] = WINDOW, reach: tuple[int, int] = REACH
) -> Int64[Tensor, " kept"]:
    """The constant that published checkpoints store as `valid_ind_rolled`.

    Flat positions, over four rolled copies of a window in the order up-left, up-right, down-left,
    down-right, of the cells that show something outside the window itself.
    """
    rows, columns = torch.meshgrid(torch.arange(window[0]), torch.arange(window[1]), indexing="ij")
    below, above = rows >= window[0] - reach[0], rows < reach[0]
    right, left = columns >= window[1] - reach[1], columns < reach[1]
    kept = torch.stack((below | right, below | left, above | right, above | left))
    return kept.flatten().nonzero().flatten()


def _pooled_block(count: int, axis: int) -> tuple[int, list[int]]:
    """Length of the block of pooled windows along one axis, and where it starts per window."""
    side = min(2 * POOLED_REACH[axis] + 1, count)
    return side, [min(max(w - POOLED_REACH[axis], 0), count - side) for w in range(count)]


def _reachable(row: int, column: int, grid: tuple[int, int]) -> Float[Tensor, " p"]:
    """0 for pooled windows in reach of window (row, column), minus infinity for the others."""
    inside = []
    for axis, at in enumerate((row, column)):
        side, starts = _pooled_block(grid[axis], axis)
        inside.append(
            (torch.arange(starts[at], starts[at] + side) - at).abs() <= POOLED_REACH[axis]
        )
    reachable = (inside[0][:, None] & inside[1]).flatten()
    return torch.zeros(len(reachable)).masked_fill(~reachable, -math.inf)


def _flat(rows: list[list[int]], columns: list[list[int]], stride: int) -> Int64[Tensor, "w k"]:
    """Flat indices of every window: all pairs of its rows and its columns."""
    down, across = torch.tensor(rows), torch.tensor(columns)
    index = down[:, None, :, None] * stride + across[None, :, None, :]
    return index.reshape(len(rows) * len(columns), -1)


class F3N(nn.Module):
    """Feed-forward network that mixes overlapping patches by folding them to a map and back.

    Source: paper eq. 11; FuseFormer (Liu et al. 2021), fusion feed-forward network.
    """

    def __init__(self) -> None:
        super().__init__()
        self.expand = nn.Linear(TOKEN_CHANNELS, F3N_CHANNELS * PATCH_AREA)
        self.contract = nn.Linear(F3N_CHANNELS * PATCH_AREA, TOKEN_CHANNELS)

    def forward(
        self, tokens: Float[Tensor, "b t m n c"], size: tuple[int, int]
    ) -> Float[Tensor, "b t m n c"]:
        """Mix each frame's tokens; `size` is that of the feature map they came from."""
        b, t, rows, columns, c = tokens.shape
        patches = self.expand(tokens).reshape(b * t, rows * columns, -1)
        folded = fold(patches, size) / overlap_count(size, patches)
        mixed: Tensor = self.contract(F.gelu(unfold(folded)))
        return mixed.reshape(b, t, rows, columns, c)


class FocalBlock(nn.Module):
    """One temporal focal transformer block: paper eq. 10 and 11."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(TOKEN_CHANNELS)
        self.attention = FocalAttention(config)
        self.norm2 = nn.LayerNorm(TOKEN_CHANNELS)
        self.f3n = F3N()

    def forward(
        self,
        tokens: Float[Tensor, "b t m n c"],
        size: tuple[int, int],
        out_frames: int | None = None,
    ) -> Float[Tensor, "b t_out m n c"]:
        """The next tokens of the first `out_frames` frames (default: all); all frames are asked.

        Args:
            tokens: of local and reference frames.
            size: height and width of the feature map the tokens came from.
            out_frames: frames beyond these are needed as keys only, as in the last block.
        """
        kept = tokens if out_frames is None else tokens[:, :out_frames]
        tokens = kept + self.attention(self.norm1(tokens), out_frames)  # Eq. 10.
        out: Tensor = tokens + self.f3n(self.norm2(tokens), size)  # Eq. 11.
        return out
