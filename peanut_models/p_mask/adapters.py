"""Cross-modal temporal (CMT) adapters: where frames and text meet inside the frozen encoders.

Source: Cuttano et al., "SAMWISE: Infusing Wisdom in SAM2 for Text-Driven Video Segmentation",
CVPR 2025, section on the CMT adapter.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from peanut_models.errors import InvalidInputError
from peanut_models.p_mask.config import CHANNELS, HEADS


class Adapted(NamedTuple):
    """What an adapter adds to both streams.

    Attributes:
        vision: to the image encoder's stage output; never negative.
        text: to the text encoder's hidden state.
    """

    vision: Float[Tensor, "bt c h w"]
    text: Float[Tensor, "b l d"]


class CmtAdapter(nn.Module):
    """Frames of a clip attend to each other (HSA), then frames to text and text to frames.

    Args:
        vision_width: channels of the image encoder's stage.
        text_width: channels of a text token.
        window: side of an HSA window in cells; 0 builds no HSA (image pre-training).
    """

    def __init__(self, vision_width: int, text_width: int, window: int) -> None:
        super().__init__()
        self.vision_down = _projected(nn.Conv2d(vision_width, CHANNELS, 1, bias=False), CHANNELS)
        self.text_down = nn.Linear(text_width, CHANNELS, bias=False)
        self.hsa = HierarchicalSelectiveAttention(window) if window else None
        self.vision_from_text = GatedCrossAttention()
        self.text_from_vision = GatedCrossAttention()
        up = nn.ConvTranspose2d(CHANNELS, vision_width, 1, bias=False)
        self.vision_up = _projected(up, vision_width)
        self.text_up = nn.Linear(CHANNELS, text_width, bias=False)

    def forward(self, vision: Float[Tensor, "bt c h w"], text: Float[Tensor, "b l d"]) -> Adapted:
        """The residuals of one stage.

        Args:
            vision: a stage's output for the frames of `b` clips, time fastest.
            text: the clips' tokens; padding is not masked here.

        Raises:
            InvalidInputError: the frames are not a whole number of clips, or windows do not tile
                the map.
        """
        if len(vision) % len(text):
            raise InvalidInputError(
                f"{len(vision)} frames for {len(text)} texts: each clip needs as many frames"
            )
        t, (height, width) = len(vision) // len(text), vision.shape[-2:]
        v, words = self.vision_down(vision), self.text_down(text)
        attended = v if self.hsa is None else v + self.hsa(v, t)
        seen = self.vision_from_text(_tokens(attended), words.repeat_interleave(t, dim=0))
        # Text looks at the frames before HSA, averaged over time.
        clip_mean = v.reshape(len(text), t, *v.shape[1:]).mean(dim=1)
        said = self.text_from_vision(words, _tokens(clip_mean))
        raised = self.vision_up(seen.transpose(1, 2).reshape(-1, CHANNELS, height, width))
        return Adapted(raised, self.text_up(said))


class HierarchicalSelectiveAttention(nn.Module):
    """Self-attention inside windows of space and the whole clip's time."""

    def __init__(self, window: int) -> None:
        super().__init__()
        self.window = window
        self.position = nn.Parameter(torch.zeros(window * window, CHANNELS))
        self.norm = nn.LayerNorm(CHANNELS)
        self.attention = WindowAttention()

    def forward(self, vision: Float[Tensor, "bt 256 h w"], t: int) -> Float[Tensor, "bt 256 h w"]:
        """What HSA adds; there is no residual inside."""
        b, (height, width) = len(vision) // t, vision.shape[-2:]
        tokens: Tensor = self.attention(self.norm(self.windows(vision, t)))
        side, rows, columns = self.window, height // self.window, width // self.window
        grid = tokens.reshape(b, rows, columns, t, side, side, CHANNELS)
        return grid.permute(0, 3, 6, 1, 4, 2, 5).reshape(b * t, CHANNELS, height, width)

    def windows(
        self, vision: Float[Tensor, "bt 256 h w"], t: int
    ) -> Float[Tensor, "windows tokens 256"]:
        """Windows row by row, each a sequence by time, row and column, with both codes added.

        Raises:
            InvalidInputError: windows do not tile the map.
        """
        b, (height, width), side = len(vision) // t, vision.shape[-2:], self.window
        if height % side or width % side:
            raise InvalidInputError(
                f"a map of {height}x{width} cells does not split into windows of {side}x{side}: "
                f"pad the input to a multiple of {side} cells"
            )
        grid = vision.reshape(b, t, CHANNELS, height // side, side, width // side, side)
        grid = grid.permute(0, 3, 5, 1, 4, 6, 2).reshape(-1, t, side * side, CHANNELS)
        time = time_code(t).to(vision)[:, None]
        return (grid + time + self.position).flatten(1, 2)


class WindowAttention(nn.Module):
    """Eight-head self-attention and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        # Sequence first, since batch first materialises all weights in PyTorch's inference path:
        # 2 GB at stage 2 with eight frames.
        self.attend = nn.MultiheadAttention(CHANNELS, HEADS, dropout=0.1)
        self.out = nn.Linear(CHANNELS, CHANNELS)

    def forward(self, tokens: Float[Tensor, "n l 256"]) -> Float[Tensor, "n l 256"]:
        """One sequence per window."""
        sequence = tokens.transpose(0, 1)
        attended, _ = self.attend(sequence, sequence, sequence, need_weights=False)
        mixed: Tensor = self.out(attended)
        return mixed.transpose(0, 1)


class GatedCrossAttention(nn.Module):
    """Attention whose result multiplies the queries: a gate, without residual or norm."""

    def __init__(self) -> None:
        super().__init__()
        self.attend = nn.MultiheadAttention(CHANNELS, HEADS)

    def forward(
        self, queries: Float[Tensor, "n l 256"], context: Float[Tensor, "n m 256"]
    ) -> Float[Tensor, "n l 256"]:
        """Queries times what they see in the context."""
        q, kv = queries.transpose(0, 1), context.transpose(0, 1)
        gate: Tensor = self.attend(q, kv, kv, need_weights=False)[0]
        return queries * gate.transpose(0, 1)


def time_code(t: int) -> Float[Tensor, "t 256"]:
    """The sine code of each frame's place in a clip of `t`; float32.

    Places are 1 to t, scaled to one turn, so a frame's code depends on the clip's length
    (parity). Even channels are sines, odd ones cosines, with periods up to 10000.
    """
    place = torch.arange(1, t + 1, dtype=torch.float32) / (t + 1e-6) * (2 * math.pi)
    channel = torch.arange(CHANNELS, dtype=torch.float32)
    period = 10000 ** (2 * torch.div(channel, 2, rounding_mode="floor") / CHANNELS)
    angle = place[:, None] / period
    return torch.stack((angle[:, 0::2].sin(), angle[:, 1::2].cos()), dim=2).flatten(1)


def _projected(projection: nn.Module, width: int) -> nn.Sequential:
    return nn.Sequential(projection, nn.BatchNorm2d(width), nn.ReLU())


def _tokens(vision: Float[Tensor, "n c h w"]) -> Float[Tensor, "n hw c"]:
    return vision.flatten(2).transpose(1, 2)
