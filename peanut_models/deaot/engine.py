"""The recurrence over frames: which memory a frame reads, and which it leaves.

parity: as the published inference engine does it, but for the bound on the long-term memory.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float, Float32, Int64, UInt8
from numpy import ndarray
from torch import Tensor

from peanut_models.deaot.attention import Memory
from peanut_models.deaot.config import IDS, PredictorConfig, network_size
from peanut_models.deaot.network import DeaotNetwork, Encoded, Looked, enlarged
from peanut_models.errors import InvalidInputError

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

NEVER = -1e10
"""Logit of a target that is not there yet."""

CLAMP = 1e-5
"""Least and most probability, one minus this, when groups are put together."""


class Kept(NamedTuple):
    """One frame in the long-term memory.

    Attributes:
        memories: block by block.
        given: the user said what its mask is, so it is not forgotten before others.
    """

    memories: list[Memory]
    given: bool


class Predicted(NamedTuple):
    """A propagated frame.

    Attributes:
        quarter: logits as decoded, group by group.
        logits: at the frame's size, background first, groups put together; `NEVER` or the clamp
            where there is no such target.
        labels: 0 for background, 1 and up for targets.
    """

    quarter: Float[Tensor, "g 11 h4 w4"]
    logits: Float[Tensor, "1 k h w"]
    labels: Int64[Tensor, "h w"]


class Propagation:
    """Carries the masks of up to `targets` targets from frame to frame.

    It holds the short-term memory of one frame and the long-term one of at most
    `config.memory_frames`, so memory does not grow with the clip.

    Args:
        network: ready for inference, on its device.
        config: see there.
        targets: most that there will be; more than ten make further groups, which cost a pass of
            the blocks and the decoder each.
    """

    def __init__(self, network: DeaotNetwork, config: PredictorConfig, targets: int) -> None:
        if targets < 1:
            raise InvalidInputError(f"targets is {targets}: it must be 1 or more")
        self._network = network
        self._config = config
        self._groups = -(-targets // IDS)
        self._count = 0
        self._step = 0
        self._written = 0
        self._long: list[Kept] = []
        self._short: list[Memory] = []
        self._seen: list[Looked] = []

    @property
    def kept_frames(self) -> int:
        """Frames in the long-term memory."""
        return len(self._long)

    @property
    def kept_tokens(self) -> int:
        """Places in the long-term memory of one block."""
        return sum(kept.memories[0].key.shape[1] for kept in self._long)

    def refer(self, frame: Encoded, labels: Int64[Tensor, "h w"], count: int) -> None:
        """Take a frame's mask as given; later frames follow from it too.

        Args:
            frame: encoded; the one that `step` was called with last, or the first.
            labels: 0 for background, 1 to `count` for targets; of any size.
            count: targets that there are from now on.
        """
        self._count = count
        memories = self._network.refer(frame, self._embedded(labels, frame))
        self._short = memories
        self._keep(Kept(memories, given=True))

    def step(self, frame: Encoded, size: tuple[int, int]) -> Predicted:
        """Find the targets on the next frame; `remember` or `refer` must follow.

        Args:
            frame: encoded.
            size: of the masks to give.
        """
        self._step += 1
        long = [
            Memory(*(torch.cat(parts, dim=1) for parts in zip(*of_block, strict=True)))
            for of_block in zip(*(kept.memories for kept in self._long), strict=True)
        ]
        quarter, self._seen = self._network.propagate(frame, long, self._short)
        quarter = self._without_absent(quarter.float())
        logits = together(enlarged(quarter, size))
        return Predicted(quarter, logits, logits[0].argmax(dim=0))

    def remember(self, frame: Encoded, labels: Int64[Tensor, "h w"]) -> None:
        """Store what the frame leaves with the mask that was decided on."""
        memories = self._network.remember(self._seen, self._embedded(labels, frame))
        self._short = memories
        if self._step - self._written >= self._config.memory_gap:
            self._keep(Kept(memories, given=False))

    def _keep(self, kept: Kept) -> None:
        self._written = self._step
        self._long.append(kept)
        while len(self._long) > self._config.memory_frames:
            # The oldest that was predicted; where all were given, the oldest of these.
            self._long.pop(next((k for k, old in enumerate(self._long[:-1]) if not old.given), 0))

    def _embedded(self, labels: Int64[Tensor, "h w"], frame: Encoded) -> Float[Tensor, "g n c"]:
        small = at_network_size(labels, frame)
        groups = [
            torch.where((small > IDS * j) & (small <= IDS * (j + 1)), small - IDS * j, 0)
            for j in range(self._groups)
        ]
        return self._network.identify(torch.stack(groups))

    def _without_absent(self, logits: Float[Tensor, "g 11 h w"]) -> Float[Tensor, "g 11 h w"]:
        names = torch.arange(IDS + 1, device=logits.device)
        first = torch.arange(self._groups, device=logits.device)[:, None] * IDS
        absent = (names > 0) & (first + names > self._count)
        return logits.masked_fill(absent[:, :, None, None], NEVER)


def together(logits: Float[Tensor, "g 11 h w"]) -> Float[Tensor, "1 k h w"]:
    """Groups as one: what is background in all of them is background."""
    if len(logits) == 1:
        return logits
    shares = logits.softmax(dim=1)
    background = shares[:, :1].prod(dim=0, keepdim=True)
    targets = shares[:, 1:].flatten(0, 1)[None]
    return torch.cat([background, targets], dim=1).clamp(CLAMP, 1 - CLAMP).logit()


def at_network_size(labels: Int64[Tensor, "h w"], frame: Encoded) -> Int64[Tensor, "h2 w2"]:
    """The nearest label of each of the network's pixels."""
    quarter = frame.levels.quarter.shape[-2:]
    size = tuple(4 * (side - 1) + 1 for side in quarter)
    return F.interpolate(labels[None, None].float(), size=size, mode="nearest")[0, 0].long()


def prepared(image: UInt8[ndarray, "h w 3"], long_edge_px: int) -> Float32[Tensor, "1 3 h2 w2"]:
    """A frame as the encoder wants it: resized in full precision, then normalised."""
    height, width = image.shape[:2]
    size = network_size(height, width, long_edge_px)
    pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float()
    if tuple(pixels.shape[-2:]) != size:
        # parity: cubic without antialiasing; what overshoots white or black is not clipped.
        pixels = F.interpolate(pixels, size=size, mode="bicubic", align_corners=False)
    mean, std = (torch.tensor(each).reshape(1, 3, 1, 1) for each in (MEAN, STD))
    return (pixels / 255 - mean) / std
