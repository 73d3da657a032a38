"""Conditional Memory Encoder (CME): when the memory should follow another object.

A memory-less prediction of the same frame shows what the text alone would select. If it differs
from what the memory holds on to, the frame's memory is written from it, and later frames may
switch target; the frame's own mask stays.

Source: Cuttano et al., SAMWISE, CVPR 2025, section on the Conditional Memory Encoder.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float
from torch import Tensor, nn

from peanut_models.errors import InvalidInputError
from peanut_models.p_mask.config import CHANNELS, HEADS, CmeConfig, SwitchMode

SWITCH = 1
"""Index of the logit that says: follow the memory-less prediction."""

FEED_FORWARD = 128
"""Channels inside the transformer layer."""

REWEIGHT = 10.0
"""By how much `reweight` strengthens the memory-less logits."""


class ConditionalMemoryEncoder(nn.Module):
    """One post-norm transformer layer over a decision token and the two predictions."""

    def __init__(self) -> None:
        super().__init__()
        self.decision = nn.Embedding(1, CHANNELS)
        self.attention = nn.MultiheadAttention(CHANNELS, HEADS, dropout=0.1)
        self.norm_attention = nn.LayerNorm(CHANNELS)
        self.expand = nn.Linear(CHANNELS, FEED_FORWARD)
        self.contract = nn.Linear(FEED_FORWARD, CHANNELS)
        self.norm_feed_forward = nn.LayerNorm(CHANNELS)
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(CHANNELS, 2)

    def forward(
        self, pointer: Float[Tensor, "n 256"], memoryless: Float[Tensor, "n 256"]
    ) -> Float[Tensor, "n 2"]:
        """Logits of keeping and of switching.

        Args:
            pointer: the frame's object pointer, predicted with memory.
            memoryless: the mask token of the memory-less pass, after the mask decoder's first
                layer and not projected to a pointer.
        """
        decision = self.decision.weight.expand(len(pointer), -1)
        tokens = torch.stack((decision, pointer, memoryless))
        attended, _ = self.attention(tokens, tokens, tokens, need_weights=False)
        tokens = self.norm_attention(tokens + self.dropout(attended))
        inner = self.contract(self.dropout(F.relu(self.expand(tokens))))
        logits: Tensor = self.head(self.norm_feed_forward(tokens + self.dropout(inner))[0])
        return logits


def switches(logits: Float[Tensor, "n 2"]) -> list[bool]:
    """The decisions; a tie keeps."""
    return [bool(row[SWITCH] > row[1 - SWITCH]) for row in logits]


def switched_logits(
    memory: Float[Tensor, "n 1 h w"], memoryless: Float[Tensor, "n 1 h w"], mode: SwitchMode
) -> Float[Tensor, "n 1 h w"]:
    """The mask logits that go into memory after a switch.

    Args:
        memory: predicted with memory.
        memoryless: predicted without.
        mode: `reweight` puts the strengthened memory-less logits where they are positive;
            `all_mask` puts the memory-less prediction everywhere; `avg` takes the mean.

    Raises:
        InvalidInputError: no such mode.
    """
    if mode == "reweight":
        return torch.where(memoryless > 0, REWEIGHT * memoryless, memory)
    if mode == "all_mask":
        return memoryless
    if mode == "avg":
        return (memory + memoryless) / 2
    raise InvalidInputError(f"no switch mode is called {mode!r}: use reweight, all_mask or avg")


class CmeSchedule:
    """On which frames the CME is asked: late enough, and not soon after a switch."""

    def __init__(self, config: CmeConfig) -> None:
        self._config = config
        self._last_switch = 0

    def is_due(self, step: int) -> bool:
        """Whether to ask on the frame that is `step` frames after the first."""
        config = self._config
        return (
            config.enabled
            and step > config.window
            and step - self._last_switch >= config.window - 1
        )

    def switched(self, step: int) -> None:
        """Take note of a switch."""
        self._last_switch = step

    def copy(self) -> CmeSchedule:
        """One that goes its own way from here."""
        other = CmeSchedule(self._config)
        other._last_switch = self._last_switch
        return other
