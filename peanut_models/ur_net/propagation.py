"""One branch of the second-order grid propagation (paper section 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from peanut_models.flow.spynet import warp
from peanut_models.ur_net.alignment import Alignment
from peanut_models.ur_net.blocks import ResidualBody
from peanut_models.ur_net.config import BRANCHES, NetworkConfig


class State(NamedTuple):
    """What a branch carries from frame to frame; None where the run is too young.

    Attributes:
        one_back: the branch's features one step back in the direction of travel.
        two_back: the same two steps back.
        flow_back: the flow from one step back to two steps back, in feature pixels.
    """

    one_back: Float[Tensor, "b c h w"] | None = None
    two_back: Float[Tensor, "b c h w"] | None = None
    flow_back: Float[Tensor, "b 2 h w"] | None = None

    def after(self, features: Tensor, flow: Tensor | None) -> State:
        """The state for the next frame, `flow` being the one that led to this one's neighbour."""
        return State(features, self.one_back, flow)


class Branch(nn.Module):
    """One pass over the frames, forwards or backwards.

    Args:
        config: widths and depths.
        earlier: how many branches ran before; their features are this one's input too (the grid).
    """

    def __init__(self, config: NetworkConfig, earlier: int) -> None:
        super().__init__()
        self.align = Alignment(config)
        self.body = ResidualBody((2 + earlier) * config.channels, config.channels, config.blocks)

    def forward(
        self,
        inputs: Sequence[Float[Tensor, "b c h w"]],
        state: State,
        flow: Float[Tensor, "b 2 h w"] | None,
    ) -> Float[Tensor, "b c h w"]:
        """The features of one frame.

        Args:
            inputs: the frame's extracted features, then those of the branches before.
            state: what the frames before left.
            flow: from this frame to one step back, in feature pixels; None on the first frame.

        Source: paper eq. 1 and 2.
        """
        if state.one_back is None or flow is None:
            return self.merge(inputs, torch.zeros_like(inputs[0]))
        two_back, flow_two = second_order(state, flow)
        aligned = self.align(inputs[0], state.one_back, two_back, flow, flow_two)
        return self.merge(inputs, aligned)

    def merge(
        self, inputs: Sequence[Float[Tensor, "b c h w"]], aligned: Float[Tensor, "b c h w"]
    ) -> Float[Tensor, "b c h w"]:
        """Eq. 2: the aligned features, also around the body."""
        aligned = aligned.to(inputs[0].dtype)
        result: Tensor = aligned + self.body(torch.cat((*inputs, aligned), dim=1))
        return result


def second_order(
    state: State, flow: Float[Tensor, "b 2 h w"]
) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, "b 2 h w"]]:
    """The features two steps back and the flow to them; zeros on the second frame of a run."""
    if state.one_back is None or state.two_back is None or state.flow_back is None:
        nothing = flow if state.one_back is None else state.one_back
        return torch.zeros_like(nothing), torch.zeros_like(flow)
    return state.two_back, flow + warp(state.flow_back, flow)


def is_backward(branch: str) -> bool:
    """Whether a branch runs from the last frame to the first."""
    return branch.startswith("backward")


def make_branches(config: NetworkConfig) -> nn.ModuleDict:
    """The four branches by name, in the order they run."""
    return nn.ModuleDict({name: Branch(config, k) for k, name in enumerate(BRANCHES)})
