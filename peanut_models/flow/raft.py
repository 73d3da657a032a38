"""RAFT, the paper's alternative to SPyNet, through torchvision and behind the same interface.

More accurate and several times as slow. Weights come from a file on this machine only: nothing is
downloaded here.

Source: Teed and Deng, "RAFT: Recurrent All-Pairs Field Transforms for Optical Flow", ECCV 2020.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float
from torch import Tensor, nn
from torchvision.models.optical_flow import raft_large, raft_small

from peanut_models.checkpoints import read_checkpoint
from peanut_models.errors import InvalidInputError
from peanut_models.flow.estimator import check_pair

Size = Literal["large", "small"]

MULTIPLE_PX = 8
"""RAFT works at an eighth of the image."""

LEAST_SIDE_PX = 128
"""Four correlation levels need 16 cells at an eighth; smaller images are enlarged first."""

UPDATES = 12
"""Iterations of the update operator; torchvision's default, near convergence for small motion."""


class Raft(nn.Module):
    """The flow between two images by iterated all-pairs lookups.

    Args:
        size: `large` (5.3 M parameters) or `small` (1 M).
        updates: iterations of the update operator.

    Raises:
        InvalidInputError: no such size, or no update at all.
    """

    def __init__(self, size: Size = "large", updates: int = UPDATES) -> None:
        super().__init__()
        if size not in ("large", "small"):
            raise InvalidInputError(f"no RAFT is called {size!r}: use large or small")
        if updates < 1:
            raise InvalidInputError(f"RAFT needs 1 update or more, got {updates}")
        self.updates = updates
        build = raft_large if size == "large" else raft_small
        self.network: nn.Module = build(weights=None, progress=False)

    def forward(
        self, source: Float[Tensor, "n 3 h w"], target: Float[Tensor, "n 3 h w"]
    ) -> Float[Tensor, "n 2 h w"]:
        """The flow of `source` to `target`.

        Args:
            source: RGB in [0, 1], any size.
            target: the same shape.

        Returns:
            Displacement in pixels of `source`; channel 0 is x (right), 1 is y (down).

        Raises:
            InvalidInputError: the shapes differ or are not `n 3 h w`.
        """
        check_pair(source, target)
        height, width = source.shape[-2:]
        size = [_working_side(side) for side in (height, width)]
        near, far = (
            F.interpolate(image * 2 - 1, size, mode="bilinear", align_corners=False)
            for image in (source, target)
        )
        flow: Tensor = self.network(near, far, num_flow_updates=self.updates)[-1]
        scale = flow.new_tensor((width / size[1], height / size[0])).view(1, 2, 1, 1)
        return F.interpolate(flow, (height, width), mode="bilinear", align_corners=False) * scale


def _working_side(side_px: int) -> int:
    return max(LEAST_SIDE_PX, -(-side_px // MULTIPLE_PX) * MULTIPLE_PX)


def load_raft(path: Path, size: Size = "large") -> Raft:
    """RAFT with torchvision's published weights, from a file.

    Raises:
        WeightsMissingError: there is no such file.
        InvalidInputError: it is no state dict of this RAFT.
    """
    state = read_checkpoint(path, f"torchvision's raft_{size} file")
    network = Raft(size)
    try:
        network.network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise InvalidInputError(
            f"{path} holds no weights of torchvision's raft_{size}: {str(error)[:200]}"
        ) from error
    network.requires_grad_(False)
    network.eval()
    return network
