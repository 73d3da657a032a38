"""Which back ends there are, what a profile chooses of them, and where their weights lie."""

from peanut_models.zoo.card import Commercial, ModelCard, PublishedFile, Reader, Stage, Weights
from peanut_models.zoo.cards import (
    CARDS,
    PROFILES,
    Profile,
    card,
    chosen,
    needed,
    profile,
    profiles_with,
)
from peanut_models.zoo.store import Installed, ModelStore

__all__ = [
    "CARDS",
    "PROFILES",
    "Commercial",
    "Installed",
    "ModelCard",
    "ModelStore",
    "Profile",
    "PublishedFile",
    "Reader",
    "Stage",
    "Weights",
    "card",
    "chosen",
    "needed",
    "profile",
    "profiles_with",
]
