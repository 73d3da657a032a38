"""The registry: which back ends there are, what they need, under which licence.

It is literal: adding a back end is adding a card here and a branch where the worker builds it.
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


class Reader(Enum):
    """How a weight file is read and checked before it is stored."""

    E2FGVI = "e2fgvi"
    BASICVSR_PP = "basicvsr_pp"
    SAM2 = "sam2"
    SAMWISE = "samwise"
    TOKENIZER = "tokenizer"
    DETECTOR = "detector"

    @property
    def takes_folder(self) -> bool:
        """Whether its files come as a folder in transformers' layout."""
        return self in (Reader.TOKENIZER, Reader.DETECTOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsFile:
    """One file (or folder) of weights as its publisher offers it.

    Attributes:
        name: the published file's name.
        origin: where the publisher offers it, in words.
        reader: how it is read.
        sha256: of the published file; empty where the publisher gives none.
    """

    name: str
    origin: str
    reader: Reader
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """One back end of one stage.

    Attributes:
        name: unique.
        stage: what it does.
        description: one sentence on how.
        licence: SPDX name, for code and weights together.
        commercial_use: whether results may be used commercially.
        terms: what to know beyond that; empty where there is nothing.
        paper: where it was published; empty for our own.
        weights: what it needs; None where nothing.
        requires: other cards that must be there too, by name.
        understands_text: of P-MASK: whether a sentence is enough.
        auxiliary: only a part of others; cannot be chosen by itself.
    """

    name: str
    stage: Stage
    description: str
    licence: str
    commercial_use: bool
    terms: str = ""
    paper: str = ""
    weights: WeightsFile | None = None
    requires: tuple[str, ...] = ()
    understands_text: bool = False
    auxiliary: bool = False


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


_SPYNET_TERMS = (
    "Contains SPyNet, whose terms name films and television programmes among forbidden uses."
)

CARDS: tuple[ModelCard, ...] = (
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
        name="e2fgvi",
        stage=Stage.NOF_ERASER,
        description="True pixels first; the rest by the flow-guided network at 432x240.",
        licence="CC-BY-NC-4.0",
        commercial_use=False,
        terms=_SPYNET_TERMS,
        paper="Li et al., CVPR 2022",
        weights=WeightsFile(
            name="E2FGVI-CVPR22.pth",
            origin="Google Drive, id 1tNJMTJ2gmWdIXJoHVi5-H504uImUiJW9",
            reader=Reader.E2FGVI,
        ),
    ),
    ModelCard(
        name="e2fgvi_hq",
        stage=Stage.NOF_ERASER,
        description="True pixels first; the rest by the flow-guided network at any size.",
        licence="CC-BY-NC-4.0",
        commercial_use=False,
        terms=_SPYNET_TERMS,
        paper="Li et al., CVPR 2022",
        weights=WeightsFile(
            name="E2FGVI-HQ-CVPR22.pth",
            origin="Google Drive, id 10wGdKSUOie0XmCr8SQ2A2FeDe-mfn5w3",
            reader=Reader.E2FGVI,
        ),
    ),
    ModelCard(
        name="embedded/lanczos",
        stage=Stage.UR_NET,
        description="Classical: Lanczos interpolation with back-projection, frame by frame.",
        licence="Apache-2.0",
        commercial_use=True,
    ),
)

CARDS += tuple(
    ModelCard(
        name=f"basicvsr_pp/{name}",
        stage=Stage.UR_NET,
        description=f"Second-order grid propagation; trained on {trained_on}.",
        licence="Apache-2.0",
        commercial_use=False,
        terms="Its flow part started from SPyNet, whose terms name films and television programmes "
        "among forbidden uses.",
        paper="Chan et al., CVPR 2022",
        weights=WeightsFile(
            name=f"basicvsr_plusplus_{file}.pth",
            origin="download.openmmlab.com/mmediting/restorers/basicvsr_plusplus",
            reader=Reader.BASICVSR_PP,
            # The publisher puts the first eight digits into the name.
            sha256=file[-8:],
        ),
    )
    for name, trained_on, file in (
        ("reds4", "camera footage (REDS), for fairly clean camera footage",
         "c64n7_8x1_600k_reds4_20210217-db622b2f"),
        ("vimeo_bi", "bicubically shrunk clips (Vimeo-90K), for clean rendered material",
         "c64n7_4x2_300k_vimeo90k_bi_20210305-4ef437e2"),
        ("vimeo_bd", "blurred and shrunk clips (Vimeo-90K), for soft sources",
         "c64n7_4x2_300k_vimeo90k_bd_20210305-ab315ab1"),
        ("ntire", "camera footage, wider and deeper (NTIRE 2021), slow",
         "c128n25_ntire_vsr_20210311-1ff35292"),
    )
)  # fmt: skip

CARDS += tuple(
    ModelCard(
        name=f"sam2.1/{size}",
        stage=Stage.P_MASK,
        description=f"Masks from clicks, boxes and painted masks; {what}.",
        licence="Apache-2.0",
        commercial_use=True,
        paper="Ravi et al., SAM 2, 2024",
        weights=WeightsFile(
            name=f"sam2.1_hiera_{size}.pt",
            origin="dl.fbaipublicfiles.com/segment_anything_2/092824",
            reader=Reader.SAM2,
        ),
    )
    for size, what in (
        ("tiny", "the fastest"),
        ("small", "fast"),
        ("base_plus", "a good choice on a GPU"),
        ("large", "the most exact"),
    )
)

CARDS += (
    ModelCard(
        name="roberta/tokenizer",
        stage=Stage.P_MASK,
        description="Cuts sentences into the tokens that SAMWISE reads; no model by itself.",
        licence="MIT",
        commercial_use=True,
        paper="Liu et al., RoBERTa, 2019",
        weights=WeightsFile(
            name="roberta-base",
            origin="hub id FacebookAI/roberta-base: tokenizer.json, vocab.json, merges.txt",
            reader=Reader.TOKENIZER,
        ),
        auxiliary=True,
    ),
    ModelCard(
        name="samwise/mevis",
        stage=Stage.P_MASK,
        description="Masks from a sentence, followed through time; clicks correct.",
        licence="CC-BY-NC-SA-4.0",
        commercial_use=False,
        terms="No licence of its own: the code is Apache-2.0, the training data (MeViS) "
        "non-commercial.",
        paper="Cuttano et al., SAMWISE, CVPR 2025",
        weights=WeightsFile(
            name="final_model_mevis.pth",
            origin="Google Drive, id 1Molt2up2bP41ekeczXWQU-LWTskKJOV2",
            reader=Reader.SAMWISE,
        ),
        requires=("roberta/tokenizer",),
        understands_text=True,
    ),
    ModelCard(
        name="grounding/dino_tiny",
        stage=Stage.P_MASK,
        description="A detector finds what a sentence names on key frames; SAM 2.1 follows it.",
        licence="Apache-2.0",
        commercial_use=True,
        paper="Liu et al., Grounding DINO, 2023",
        weights=WeightsFile(
            name="grounding-dino-tiny",
            origin="hub id IDEA-Research/grounding-dino-tiny",
            reader=Reader.DETECTOR,
        ),
        requires=("sam2.1/base_plus",),
        understands_text=True,
    ),
)

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
