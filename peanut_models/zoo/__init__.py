"""Which back ends there are, what a profile chooses of them, and where their weights lie."""

from peanut_models.zoo.cards import (
    CARDS,
    PROFILES,
    ModelCard,
    Profile,
    Reader,
    Stage,
    WeightsFile,
    card,
    chosen,
    profile,
)
from peanut_models.zoo.store import Installed, ModelStore

__all__ = [
    "CARDS",
    "PROFILES",
    "Installed",
    "ModelCard",
    "ModelStore",
    "Profile",
    "Reader",
    "Stage",
    "WeightsFile",
    "card",
    "chosen",
    "profile",
]
