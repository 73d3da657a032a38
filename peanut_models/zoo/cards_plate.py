"""Cards of NOF-Eraser and UR-Net: masks to plate, plate to 4x."""

from __future__ import annotations

from peanut_models.zoo.card import Commercial, ModelCard, Reader, Stage, one_file

_SPYNET_TERMS = (
    "Contains SPyNet, whose terms name films and television programmes among forbidden uses."
)
_OPENMMLAB = "https://download.openmmlab.com/mmediting/restorers/basicvsr_plusplus"
_TORCHVISION = "https://download.pytorch.org/models"


def _e2fgvi(name: str, size: str, file: str, drive_id: str, good_for: str) -> ModelCard:
    return ModelCard(
        name=name,
        stage=Stage.NOF_ERASER,
        description=f"True pixels first; the rest by the flow-guided network at {size}.",
        licence="CC-BY-NC-4.0",
        commercial=Commercial.NO,
        good_for=good_for,
        terms=_SPYNET_TERMS,
        paper="Li et al., E2FGVI, CVPR 2022",
        weights=one_file(file, f"Google Drive, id {drive_id}", Reader.E2FGVI),
    )


def _raft(size: str, file: str, sha256: str, data: str) -> ModelCard:
    return ModelCard(
        name=f"raft/{size}",
        stage=Stage.NOF_ERASER,
        description=f"Flow by RAFT ({size}) in place of SPyNet, through the library; no model by "
        "itself.",
        licence="BSD-3-Clause",
        commercial=Commercial.CONDITIONS,
        good_for="large and fast motion, at several times SPyNet's cost",
        terms=f"The licence is that of code and weights; trained on {data}, some of which were "
        "released for research.",
        paper="Teed and Deng, RAFT, ECCV 2020",
        weights=one_file(
            file,
            "torchvision's own weight server",
            Reader.RAFT,
            url=f"{_TORCHVISION}/{file}",
            sha256=sha256,
        ),
        auxiliary=True,
    )


def _basicvsr_pp(name: str, good_for: str, trained_on: str, file: str) -> ModelCard:
    published = f"basicvsr_plusplus_{file}.pth"
    return ModelCard(
        name=f"basicvsr_pp/{name}",
        stage=Stage.UR_NET,
        description=f"Second-order grid propagation; trained on {trained_on}.",
        licence="Apache-2.0",
        commercial=Commercial.NO,
        good_for=good_for,
        terms="Its flow part started from SPyNet, whose terms name films and television programmes "
        "among forbidden uses.",
        paper="Chan et al., BasicVSR++, CVPR 2022",
        weights=one_file(
            published,
            "the publisher's own server, download.openmmlab.com",
            Reader.BASICVSR_PP,
            url=f"{_OPENMMLAB}/{published}",
            # The publisher puts the first eight digits into the name.
            sha256=file[-8:],
        ),
    )


NOF_ERASER_CARDS: tuple[ModelCard, ...] = (
    ModelCard(
        name="embedded/propagation",
        stage=Stage.NOF_ERASER,
        description="True pixels propagated along completed flow; unseen rest filled by patches.",
        licence="Apache-2.0",
        commercial=Commercial.YES,
        good_for="objects that pass, so that other frames show what is behind them",
    ),
    _e2fgvi(
        "e2fgvi",
        "432x240",
        "E2FGVI-CVPR22.pth",
        "1tNJMTJ2gmWdIXJoHVi5-H504uImUiJW9",
        "comparing with published figures",
    ),
    _e2fgvi(
        "e2fgvi_hq",
        "any size",
        "E2FGVI-HQ-CVPR22.pth",
        "10wGdKSUOie0XmCr8SQ2A2FeDe-mfn5w3",
        "backgrounds that no frame shows",
    ),
    ModelCard(
        name="lama/big",
        stage=Stage.NOF_ERASER,
        description="What no frame shows, made up on a key frame by Big-LaMa in place of patches, "
        "through the library; no model by itself.",
        licence="Apache-2.0",
        commercial=Commercial.CONDITIONS,
        good_for="large areas that no frame shows, with structure around them",
        terms="The licence is that of the code; the weights have no licence file of their own, an "
        "author has said that it holds for them, and they were trained on Places2.",
        paper="Suvorov et al., LaMa, WACV 2022",
        weights=one_file(
            "big-lama.zip",
            "hub id smartywu/big-lama, the mirror that the authors link to",
            Reader.LAMA,
            url="https://huggingface.co/smartywu/big-lama/resolve/main/big-lama.zip",
        ),
        auxiliary=True,
    ),
    _raft(
        "large",
        "raft_large_C_T_SKHT_V2-ff5fadd5.pth",
        "ff5fadd5",
        "FlyingChairs, FlyingThings3D, Sintel, KITTI and HD1K",
    ),
    _raft("small", "raft_small_C_T_V2-01064c6d.pth", "01064c6d", "FlyingChairs and FlyingThings3D"),
)

# NTIRE's networks for compressed clips keep the size, and stage UR-Net enlarges four times.
UR_NET_CARDS: tuple[ModelCard, ...] = (
    ModelCard(
        name="embedded/lanczos",
        stage=Stage.UR_NET,
        description="Classical: Lanczos interpolation with back-projection, frame by frame.",
        licence="Apache-2.0",
        commercial=Commercial.YES,
        good_for="any clip; adds no detail and invents none",
    ),
    _basicvsr_pp(
        "reds4",
        "fairly clean camera footage",
        "camera footage (REDS)",
        "c64n7_8x1_600k_reds4_20210217-db622b2f",
    ),
    _basicvsr_pp(
        "vimeo_bi",
        "clean rendered material",
        "bicubically shrunk clips (Vimeo-90K)",
        "c64n7_4x2_300k_vimeo90k_bi_20210305-4ef437e2",
    ),
    _basicvsr_pp(
        "vimeo_bd",
        "soft sources",
        "blurred and shrunk clips (Vimeo-90K)",
        "c64n7_4x2_300k_vimeo90k_bd_20210305-ab315ab1",
    ),
    _basicvsr_pp(
        "ntire",
        "camera footage where time does not matter: wider, deeper and slow",
        "camera footage (NTIRE 2021)",
        "c128n25_ntire_vsr_20210311-1ff35292",
    ),
)
