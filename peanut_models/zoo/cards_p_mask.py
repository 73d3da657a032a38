"""Cards of P-MASK: prompts to masks.

SHA-256 and sizes of SAM 2, Grounding DINO and OWLv2 are those of the published files as the model
hub states them or independent users measured them; files without one are recorded at first pull.
"""

from __future__ import annotations

from peanut_models.zoo.card import (
    Commercial,
    ModelCard,
    PublishedFile,
    Reader,
    Stage,
    Weights,
    one_file,
)

_HUB = "https://huggingface.co"
_SAM = "https://dl.fbaipublicfiles.com/segment_anything_2"
_FOLDERS = {"2.0": ("072824", "sam2_hiera"), "2.1": ("092824", "sam2.1_hiera")}


def _sam2(version: str, size: str, sha256: str, size_bytes: int, good_for: str) -> ModelCard:
    folder, prefix = _FOLDERS[version]
    name = f"{prefix}_{size}.pt"
    return ModelCard(
        name=f"sam{version}/{size}",
        stage=Stage.P_MASK,
        description=f"Masks from clicks, boxes and painted masks, by SAM {version} ({size}).",
        licence="Apache-2.0",
        commercial=Commercial.YES,
        good_for=good_for,
        paper="Ravi et al., SAM 2, 2024",
        weights=one_file(
            name,
            f"the publisher's own server, {_SAM.removeprefix('https://')}/{folder}",
            Reader.SAM2,
            url=f"{_SAM}/{folder}/{name}",
            sha256=sha256,
            size_bytes=size_bytes,
        ),
    )


def _from_hub(repository: str, revision: str, reader: Reader, *files: PublishedFile) -> Weights:
    """A folder of files of one revision: a later one cannot slip in."""
    base = f"{_HUB}/{repository}/resolve/{revision}"
    return Weights(
        name=repository.split("/")[1],
        origin=f"hub id {repository}, revision {revision[:8]}",
        reader=reader,
        files=tuple(
            PublishedFile(
                name=f.name, url=f"{base}/{f.name}", sha256=f.sha256, size_bytes=f.size_bytes
            )
            for f in files
        ),
    )


def _named(*names: str) -> tuple[PublishedFile, ...]:
    return tuple(PublishedFile(name=name) for name in names)


def _grounding(name: str, what: str, good_for: str, paper: str, weights: Weights) -> ModelCard:
    return ModelCard(
        name=f"grounding/{name}",
        stage=Stage.P_MASK,
        description=f"{what} finds what a sentence names on key frames; SAM 2.1 follows it.",
        licence="Apache-2.0",
        commercial=Commercial.YES,
        good_for=good_for,
        paper=paper,
        weights=weights,
        requires=("sam2.1/base_plus",),
        understands_text=True,
    )


_DINO_FILES = _named(
    "config.json",
    "preprocessor_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
)
_OWL_FILES = _named(
    "config.json",
    "preprocessor_config.json",
    "added_tokens.json",
    "special_tokens_map.json",
    "tokenizer_config.json",
    "vocab.json",
    "merges.txt",
)

P_MASK_CARDS: tuple[ModelCard, ...] = (
    ModelCard(
        name="embedded/masks",
        stage=Stage.P_MASK,
        description="Classical segmentation from clicks, boxes and painted masks, tracked by flow.",
        licence="Apache-2.0",
        commercial=Commercial.YES,
        good_for="objects that stand out, on a machine without a GPU",
    ),
    _sam2(
        "2.1",
        "tiny",
        "7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69",
        156_008_466,
        "clicks that must answer fast, or a CPU",
    ),
    _sam2(
        "2.1",
        "small",
        "6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38",
        184_416_285,
        "little memory",
    ),
    _sam2(
        "2.1",
        "base_plus",
        "a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5",
        323_606_802,
        "most clips, on a GPU",
    ),
    _sam2(
        "2.1",
        "large",
        "2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318",
        898_083_611,
        "thin and intricate outlines, on a large GPU",
    ),
    _sam2(
        "2.0",
        "tiny",
        "65b50056e05bcb13694174f51bb6da89c894b57b75ccdf0ba6352c597c5d1125",
        0,
        "results made with the first release",
    ),
    _sam2(
        "2.0",
        "small",
        "95949964d4e548409021d47b22712d5f1abf2564cc0c3c765ba599a24ac7dce3",
        0,
        "results made with the first release",
    ),
    _sam2(
        "2.0",
        "base_plus",
        "d0bb7f236400a49669ffdd1be617959a8b1d1065081789d7bbff88eded3a8071",
        0,
        "the release that SAMWISE was trained on",
    ),
    _sam2(
        "2.0",
        "large",
        "7442e4e9b732a508f80e141e7c2913437a3610ee0c77381a66658c3a445df87b",
        0,
        "results made with the first release",
    ),
    # A single third party gives a hash for this file: what comes first is recorded instead.
    ModelCard(
        name="deaot/r50_l",
        stage=Stage.P_MASK,
        description="The first frame's masks by the embedded profile or painted, carried on by "
        "R50-DeAOT-L, all targets at once.",
        licence="BSD-3-Clause",
        commercial=Commercial.CONDITIONS,
        good_for="several targets at once, lighter than SAM 2; painted masks carried on",
        terms="The licence is that of the code; the weights have none of their own and were "
        "trained on YouTube-VOS and DAVIS, whose terms may be narrower.",
        paper="Yang and Yang, DeAOT, NeurIPS 2022",
        weights=one_file(
            "R50_DeAOTL_PRE_YTB_DAV.pth",
            "Google Drive, id 1QoChMkTVxdYZ_eBlZhK2acq9KMQZccPJ",
            Reader.DEAOT,
        ),
    ),
    ModelCard(
        name="roberta/tokenizer",
        stage=Stage.P_MASK,
        description="Cuts sentences into the tokens that SAMWISE reads; no model by itself.",
        licence="MIT",
        commercial=Commercial.YES,
        paper="Liu et al., RoBERTa, 2019",
        weights=_from_hub(
            "FacebookAI/roberta-base",
            "e2da8e2f811d1448a5b465c236feacd80ffbac7b",
            Reader.TOKENIZER,
            *_named("tokenizer.json", "vocab.json", "merges.txt"),
        ),
        auxiliary=True,
    ),
    # The variant for Ref-YouTube-VOS is published without a file's name, so it has no card.
    ModelCard(
        name="samwise/mevis",
        stage=Stage.P_MASK,
        description="Masks from a sentence, followed through time; clicks correct.",
        licence="CC-BY-NC-SA-4.0",
        commercial=Commercial.NO,
        good_for="sentences that need motion: the dog that runs to the left",
        terms="No licence of its own: the code is Apache-2.0, the training data (MeViS) "
        "non-commercial.",
        paper="Cuttano et al., SAMWISE, CVPR 2025",
        weights=one_file(
            "final_model_mevis.pth",
            "Google Drive, id 1Molt2up2bP41ekeczXWQU-LWTskKJOV2",
            Reader.SAMWISE,
        ),
        requires=("roberta/tokenizer",),
        understands_text=True,
    ),
    _grounding(
        "dino_tiny",
        "Grounding DINO tiny",
        "sentences about looks, where the result is to be sold",
        "Liu et al., Grounding DINO, ECCV 2024",
        _from_hub(
            "IDEA-Research/grounding-dino-tiny",
            "a2bb814dd30d776dcf7e30523b00659f4f141c71",
            Reader.DETECTOR,
            *_DINO_FILES,
            PublishedFile(
                name="model.safetensors",
                sha256="1a2412ef99bd74bcd3c2a246fa1e48581f8889a1300c9051974741314fc042f3",
                size_bytes=689_359_096,
            ),
        ),
    ),
    _grounding(
        "dino_base",
        "Grounding DINO base",
        "as the tiny one, more exact and slower",
        "Liu et al., Grounding DINO, ECCV 2024",
        _from_hub(
            "IDEA-Research/grounding-dino-base",
            "12bdfa3120f3e7ec7b434d90674b3396eccf88eb",
            Reader.DETECTOR,
            *_DINO_FILES,
            PublishedFile(
                name="model.safetensors",
                sha256="5548f844c928c4b6f411fa8cbcc2bfa8dbbba437cb1d513975519f93c2a9ed21",
                size_bytes=933_400_872,
            ),
        ),
    ),
    _grounding(
        "owlv2",
        "OWLv2 base",
        "single nouns and rare things, where the result is to be sold",
        "Minderer et al., OWLv2, NeurIPS 2023",
        _from_hub(
            "google/owlv2-base-patch16-ensemble",
            "cfd3195ba4ea9592eec887ded089f4c08eff231d",
            Reader.DETECTOR,
            *_OWL_FILES,
            PublishedFile(
                name="model.safetensors",
                sha256="e1e130b9e404cf91a75ad45644c1da9d7fa5284085eecc864266a6923efb99e7",
                size_bytes=619_918_824,
            ),
        ),
    ),
    ModelCard(
        name="sam3",
        stage=Stage.P_MASK,
        description="Masks of everything that a short phrase names, followed through time.",
        licence="LicenseRef-SAM-License-2025-11-19",
        commercial=Commercial.CONDITIONS,
        good_for="short phrases for one or many things: the red cups",
        terms="SAM License (Meta, 2025-11-19): no military use among other conditions, the same "
        "terms for every copy; access is by a form and may be refused.",
        paper="Carion et al., SAM 3, 2025",
        weights=Weights(
            name="sam3",
            origin="hub id facebook/sam3, after its form",
            reader=Reader.SAM3,
            files=_named("config.json", "model.safetensors"),
        ),
        understands_text=True,
    ),
)
