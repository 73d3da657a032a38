"""DeAOT's network, in the paper's order: encoder, identities, propagation, decoder.

Source: Yang and Yang, "Decoupling Features in Hierarchical Propagation for Video Object
Segmentation", NeurIPS 2022; the identity bank: Yang, Wei and Yang, AOT, NeurIPS 2021.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float, Int64
from torch import Tensor, nn

from peanut_models.deaot.attention import Grid, Itself, LongTerm, Memory, ShortTerm, laid_out
from peanut_models.deaot.config import (
    CHANNELS,
    ENCODED,
    IDS,
    KEY_CHANNELS,
    STRIDE_PX,
    VALUE_CHANNELS,
    NetworkConfig,
)
from peanut_models.deaot.encoders import Levels, make_encoder
from peanut_models.errors import InvalidInputError


class Encoded(NamedTuple):
    """One frame.

    Attributes:
        levels: for the decoder.
        tokens: for the blocks, row by row.
        grid: rows and columns of them.
    """

    levels: Levels
    tokens: Float[Tensor, "1 n c"]
    grid: Grid


class Looked(NamedTuple):
    """What a block makes of a frame before it looks at any memory.

    Attributes:
        key: what each place looks like, as a query and for the memory.
        value: visual content, for the memory.
        gate: what each place lets through.
        identity: the stream of identities after its norm; None in the first block.
    """

    key: Float[Tensor, "b n k"]
    value: Float[Tensor, "b n v"]
    gate: Float[Tensor, "b n v2"]
    identity: Float[Tensor, "b n c"] | None


class Block(nn.Module):
    """A gated propagation block: long-term, short-term and self-propagation (paper, section 4)."""

    def __init__(self, *, first: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(CHANNELS)
        self.query_value = nn.Linear(CHANNELS, KEY_CHANNELS + VALUE_CHANNELS)
        self.gate = nn.Linear(CHANNELS, VALUE_CHANNELS)
        self.id_norm = None if first else nn.LayerNorm(CHANNELS)
        self.id_gate = None if first else nn.Linear(CHANNELS, VALUE_CHANNELS)
        self.id_value = nn.Linear((1 if first else 2) * CHANNELS, VALUE_CHANNELS)
        self.long = LongTerm()
        self.short = ShortTerm()
        self.self_norm = nn.LayerNorm(CHANNELS)
        self.self_id_norm = nn.LayerNorm(CHANNELS)
        self.itself = Itself()

    def look(
        self, visual: Float[Tensor, "b n c"], identity: Float[Tensor, "b n c"] | None
    ) -> Looked:
        """Both streams before the block; the first block has no identities yet."""
        x = self.norm(visual)
        key, value = self.query_value(x).split((KEY_CHANNELS, VALUE_CHANNELS), dim=-1)
        gate = self.gate(x)
        if self.id_norm is None or self.id_gate is None or identity is None:
            gate = F.silu(gate)
            # parity: the first block lets all of the identities through.
            return Looked(key, F.silu(value), torch.cat([gate, torch.ones_like(gate)], -1), None)
        y = self.id_norm(identity)
        gate = F.silu(torch.cat([gate, self.id_gate(y)], dim=-1))
        return Looked(key, F.silu(value), gate, y)

    def remember(self, looked: Looked, embedded: Float[Tensor, "b n c"]) -> Memory:
        """What a frame leaves, once its mask is known as `DeaotNetwork.identify` gives it."""
        parts = [embedded] if looked.identity is None else [looked.identity, embedded]
        return Memory(looked.key, looked.value, F.silu(self.id_value(torch.cat(parts, dim=-1))))

    def forward(
        self,
        visual: Float[Tensor, "b n c"],
        identity: Float[Tensor, "b n c"] | None,
        looked: Looked,
        memories: tuple[Memory, Memory],
        grid: Grid,
    ) -> tuple[Float[Tensor, "b n c"], Float[Tensor, "b n c"]]:
        """Both streams after the block; `memories` are the long-term and the short-term one."""
        long, short = memories
        found = self.long(looked.key, long, looked.gate, grid)
        found = found + self.short(looked.key, short, looked.gate, grid)
        seen, named = found.split(CHANNELS, dim=-1)
        visual = visual + seen
        identity = named if identity is None else identity + named
        own = self.itself(self.self_norm(visual), self.self_id_norm(identity), grid)
        seen, named = own.split(CHANNELS, dim=-1)
        return visual + seen, identity + named


class ConvNorm(nn.Module):
    """A convolution and a norm."""

    def __init__(self, inputs: int, outputs: int, side: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, side, padding=side // 2)
        self.norm = nn.GroupNorm(8, outputs)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h w"]:
        """Before ReLU."""
        result: Tensor = self.norm(self.conv(x))
        return result


class Decoder(nn.Module):
    """Propagated tokens to logits at a quarter of the size, with the encoder's finer levels."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        half = CHANNELS // 2
        self.first = ConvNorm(2 * CHANNELS, CHANNELS, 1)
        self.sixteenth = ConvNorm(CHANNELS, CHANNELS, 3)
        self.eighth = ConvNorm(CHANNELS, half, 3)
        self.quarter = ConvNorm(half, half, 3)
        self.adapt_sixteenth = nn.Conv2d(channels[2], CHANNELS, 1)
        self.adapt_eighth = nn.Conv2d(channels[1], CHANNELS, 1)
        self.adapt_quarter = nn.Conv2d(channels[0], half, 1)
        self.last = nn.Conv2d(half, IDS + 1, 1)

    def forward(
        self, x: Float[Tensor, "b c2 h16 w16"], levels: Levels
    ) -> Float[Tensor, "b 11 h4 w4"]:
        """Background and `IDS` targets."""
        x = torch.relu(self.first(x))
        x = torch.relu(self.sixteenth(x + self.adapt_sixteenth(levels.sixteenth)))
        finer = self.adapt_eighth(levels.eighth)
        x = torch.relu(self.eighth(enlarged(x, finer.shape[-2:]) + finer))
        finer = self.adapt_quarter(levels.quarter)
        x = torch.relu(self.quarter(enlarged(x, finer.shape[-2:]) + finer))
        result: Tensor = self.last(x)
        return result


class DeaotNetwork(nn.Module):
    """Frames, masks and memories to logits; `engine.Propagation` says in which order."""

    def __init__(self, config: NetworkConfig | None = None) -> None:
        super().__init__()
        self.config = config or NetworkConfig()
        channels = ENCODED[self.config.encoder]
        self.encoder = make_encoder(self.config.encoder)
        self.projector = nn.Conv2d(channels[3], CHANNELS, 1)
        self.id_bank = nn.Conv2d(
            IDS + 1, CHANNELS, STRIDE_PX + 1, stride=STRIDE_PX, padding=STRIDE_PX // 2
        )
        self.id_norm = nn.LayerNorm(CHANNELS)
        self.blocks = nn.ModuleList(Block(first=k == 0) for k in range(self.config.blocks))
        self.norm = nn.GroupNorm(2, 2 * CHANNELS)
        self.decoder = Decoder(channels)

    def encode(self, frame: Float[Tensor, "1 3 h w"]) -> Encoded:
        """Features that know no target.

        Args:
            frame: normalised RGB; sides of 16 k + 1.

        Raises:
            InvalidInputError: another size.
        """
        if any((side - 1) % STRIDE_PX or side <= STRIDE_PX for side in frame.shape[-2:]):
            raise InvalidInputError(
                f"the frame is {frame.shape[-2]}x{frame.shape[-1]}: both sides must be a multiple "
                f"of {STRIDE_PX} and 1 more; resize it to what network_size says"
            )
        levels: Levels = self.encoder(frame)
        deep = self.projector(levels.deep)
        return Encoded(levels, deep.flatten(2).transpose(1, 2), tuple(deep.shape[-2:]))

    def identify(self, labels: Int64[Tensor, "b h w"]) -> Float[Tensor, "b n c"]:
        """A label map, 0 for background and 1 to `IDS` for targets, as the blocks read it."""
        hot = F.one_hot(labels, IDS + 1).movedim(-1, 1).to(self.id_bank.weight.dtype)
        embedded: Tensor = self.id_norm(self.id_bank(hot).flatten(2).transpose(1, 2))
        return embedded

    def refer(self, frame: Encoded, embedded: Float[Tensor, "b n c"]) -> list[Memory]:
        """Memories, block by block, of a frame whose mask is given."""
        visual = frame.tokens.expand(len(embedded), -1, -1)
        identity: Tensor | None = None
        memories: list[Memory] = []
        for block in self.blocks:
            assert isinstance(block, Block)
            looked = block.look(visual, identity)
            memory = block.remember(looked, embedded)
            visual, identity = block(visual, identity, looked, (memory, memory), frame.grid)
            memories.append(memory)
        return memories

    def propagate(
        self, frame: Encoded, long: Sequence[Memory], short: Sequence[Memory]
    ) -> tuple[Float[Tensor, "b 11 h4 w4"], list[Looked]]:
        """Logits of a frame from memories, block by block, and what `remember` wants of it."""
        visual = frame.tokens.expand(len(short[0].key), -1, -1)
        identity: Tensor | None = None
        seen: list[Looked] = []
        for block, *memories in zip(self.blocks, long, short, strict=True):
            assert isinstance(block, Block)
            seen.append(looked := block.look(visual, identity))
            pair = (memories[0], memories[1])
            visual, identity = block(visual, identity, looked, pair, frame.grid)
        assert identity is not None
        both = self.norm(torch.cat([visual, identity], dim=-1).transpose(1, 2)).transpose(1, 2)
        logits: Tensor = self.decoder(laid_out(both, frame.grid), frame.levels)
        return logits, seen

    def remember(self, seen: Sequence[Looked], embedded: Float[Tensor, "b n c"]) -> list[Memory]:
        """Memories, block by block, of a frame whose mask was predicted."""
        memories = []
        for block, looked in zip(self.blocks, seen, strict=True):
            assert isinstance(block, Block)
            memories.append(block.remember(looked, embedded))
        return memories


def enlarged(
    x: Float[Tensor, "b c h w"], size: tuple[int, int] | torch.Size
) -> Float[Tensor, "b c h2 w2"]:
    """Bilinear, corner on corner."""
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=True)
