"""What LaMa's network is made of."""

from __future__ import annotations

from dataclasses import dataclass

from peanut_models.errors import InvalidInputError

DOWN_STEPS = 3
"""Halvings before the blocks, and doublings after them; the same in every published variant."""

STRIDE_PX = 1 << DOWN_STEPS
"""Sides of the input must be multiples of this, or the output is larger than the input."""

MIN_SIDE_PX = 2 * STRIDE_PX
"""Least side: the blocks pad by reflection, which needs two cells."""

GLOBAL_QUARTERS = 3
"""Of the blocks' channels, in quarters, those that see the whole picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """Which network.

    Raises:
        InvalidInputError: a value outside its range.
    """

    channels: int = 64
    """Of the first layer; eight times as many in the blocks. 64 in Big-LaMa."""

    blocks: int = 18
    """Residual blocks; 18 in Big-LaMa."""

    def __post_init__(self) -> None:
        for name, value in (("channels", self.channels), ("blocks", self.blocks)):
            if value < 1:
                raise InvalidInputError(f"{name} is {value}: it must be 1 or more")

    @property
    def global_channels(self) -> int:
        """Of the blocks, those that see the whole picture."""
        return self.channels * STRIDE_PX * GLOBAL_QUARTERS // 4

    @property
    def local_channels(self) -> int:
        """Of the blocks, those that see their neighbourhood."""
        return self.channels * STRIDE_PX - self.global_channels
