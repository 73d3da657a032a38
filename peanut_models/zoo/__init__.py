"""Which back ends there are, under which licence, and which of them a profile chooses.

The registry is literal: adding a back end is adding a card here and a branch in `load`'s caller.
Nothing here imports torch, so the daemon's gRPC face can answer from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from peanut_models.errors import ModelNotFoundError


class Stage(Enum):
    """Which part of the work a back end does."""

    P_MASK = "p_mask"
    NOF_ERASER = "nof_eraser"
    UR_NET = "ur_net"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """One back end of one stage.

    Attributes:
        name: unique.
        stage: what it does.
        description: one sentence on how.
        licence: SPDX name, for code and weights together.
        commercial_use: whether results may be used commercially.
    """

    name: str
    stage: Stage
    description: str
    licence: str
    commercial_use: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A named choice of one back end per stage, by card name."""

    name: str
    p_mask: str
    nof_eraser: str
    ur_net: str

    def cards(self) -> tuple[ModelCard, ...]:
        """The three cards, in order of stages."""
        return tuple(card(name) for name in (self.p_mask, self.nof_eraser, self.ur_net))


CARDS = (
    ModelCard(
        name="embedded/masks",
        stage=Stage.P_MASK,
        description="Classical segmentation from clicks, boxes and painted masks, tracked by flow.",
        licence="Apache-2.0",
        commercial_use=True,
    ),
    ModelCard(
        name="embedded/propagation",
        stage=Stage.NOF_ERASER,
        description="True pixels propagated along completed flow; unseen rest filled by patches.",
        licence="Apache-2.0",
        commercial_use=True,
    ),
    ModelCard(
        name="embedded/lanczos",
        stage=Stage.UR_NET,
        description="Classical: Lanczos interpolation with back-projection, frame by frame.",
        licence="Apache-2.0",
        commercial_use=True,
    ),
)

PROFILES = (
    Profile(
        name="embedded",
        p_mask="embedded/masks",
        nof_eraser="embedded/propagation",
        ur_net="embedded/lanczos",
    ),
)


def card(name: str) -> ModelCard:
    """Return a card by its name, or raise ModelNotFoundError."""
    for candidate in CARDS:
        if candidate.name == name:
            return candidate
    raise ModelNotFoundError(
        f"no model is called {name!r}: known are {', '.join(c.name for c in CARDS)}"
    )


def profile(name: str) -> Profile:
    """Return a profile by its name, or raise ModelNotFoundError."""
    for candidate in PROFILES:
        if candidate.name == name:
            return candidate
    raise ModelNotFoundError(
        f"no profile is called {name!r}: known are {', '.join(p.name for p in PROFILES)}"
    )
