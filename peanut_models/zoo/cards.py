"""The registry: which back ends there are, and what a profile chooses of them.

It is literal: adding a back end is adding a card and a branch where the worker builds it.
Nothing here imports torch, so the daemon's gRPC face can answer from it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from peanut_models.errors import ModelNotFoundError
from peanut_models.zoo.card import ModelCard, Stage
from peanut_models.zoo.cards_p_mask import P_MASK_CARDS
from peanut_models.zoo.cards_plate import NOF_ERASER_CARDS, UR_NET_CARDS

CARDS: tuple[ModelCard, ...] = (*P_MASK_CARDS, *NOF_ERASER_CARDS, *UR_NET_CARDS)


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


PROFILES = (
    Profile(
        name="embedded",
        p_mask="embedded/masks",
        nof_eraser="embedded/propagation",
        ur_net="embedded/lanczos",
    ),
    Profile(
        name="paper",
        p_mask="samwise/mevis",
        nof_eraser="e2fgvi_hq",
        ur_net="basicvsr_pp/reds4",
    ),
    Profile(
        name="commercial",
        p_mask="grounding/dino_tiny",
        nof_eraser="embedded/propagation",
        ur_net="embedded/lanczos",
    ),
)

_EMBEDDED = "embedded"
"""Accepted for any stage: what ships with the package."""


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


def needed(cards: Iterable[ModelCard]) -> tuple[ModelCard, ...]:
    """The cards and all that they require, each once, what is required first."""
    found: dict[str, ModelCard] = {}
    for one in cards:
        for part in (*needed(card(name) for name in one.requires), one):
            found.setdefault(part.name, part)
    return tuple(found.values())


def profiles_with(wanted: ModelCard) -> tuple[Profile, ...]:
    """The profiles that a card is part of, also as a part of others."""
    return tuple(p for p in PROFILES if wanted.name in {c.name for c in needed(p.cards())})


def chosen(profile_name: str, stage: Stage, override: str = "") -> ModelCard:
    """The card of a stage: the profile's, or another of that stage asked for by name.

    Args:
        profile_name: of the profile.
        stage: which part of the work.
        override: a card's name, `embedded` for what ships with the package, or empty.

    Raises:
        ModelNotFoundError: no such profile or card, or the card is of another stage.
    """
    base = profile(_EMBEDDED if override == _EMBEDDED else profile_name)
    if not override or override == _EMBEDDED:
        return card(getattr(base, stage.value))
    found = card(override)
    if found.stage is not stage or found.auxiliary:
        fitting = [c.name for c in CARDS if c.stage is stage and not c.auxiliary]
        what = "a part of others" if found.auxiliary else f"for {found.stage.value}"
        raise ModelNotFoundError(
            f"model {override!r} is {what}, not for {stage.value}: "
            f"choose one of {', '.join(fitting)}"
        )
    return found
