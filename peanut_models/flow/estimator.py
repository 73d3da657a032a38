"""What every network that estimates flow offers, and what it asks of its images."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from peanut_models.errors import InvalidInputError


@runtime_checkable
class FlowEstimator(Protocol):
    """Any network that finds the flow between two batches of images."""

    def __call__(
        self, source: Float[Tensor, "n 3 h w"], target: Float[Tensor, "n 3 h w"]
    ) -> Float[Tensor, "n 2 h w"]:
        """The flow of `source` to `target`: RGB in [0, 1]; pixels, channel 0 right, 1 down."""
        ...


def check_pair(source: Tensor, target: Tensor) -> None:
    """Refuse images that no flow can be estimated between.

    Raises:
        InvalidInputError: the shapes differ or are not `n 3 h w`.
    """
    if source.shape != target.shape or source.ndim != 4 or source.shape[1] != 3:
        raise InvalidInputError(
            f"flow between images of shape {tuple(source.shape)} and {tuple(target.shape)}: "
            "both must be (n, 3, h, w) and equal"
        )
