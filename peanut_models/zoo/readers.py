"""Published files of tensors: read without executing, and checked to be the card's network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from peanut_models.checkpoints import read_checkpoint
from peanut_models.deaot import convert as deaot
from peanut_models.errors import InvalidInputError
from peanut_models.flow.raft import Raft, Size
from peanut_models.lama import convert as lama
from peanut_models.nof_eraser import convert as e2fgvi
from peanut_models.nof_eraser.config import NetworkConfig
from peanut_models.p_mask import convert as p_mask
from peanut_models.ur_net import convert as basicvsr_pp
from peanut_models.zoo.card import ModelCard, Reader, Weights


def converted(card: ModelCard, weights: Weights, path: Path) -> Callable[[Path], None]:
    """What writes a published file's tensors as safetensors, once they are checked.

    Raises:
        InvalidInputError: it is another model's file, damaged, or would have to be unpickled.
    """
    read = lama.read_published if weights.reader is Reader.LAMA else read_checkpoint
    published = read(path, weights.name)
    _CHECKS[weights.reader](card, published)
    tensors = {name: tensor.contiguous() for name, tensor in published.items()}
    return lambda part: save_file(tensors, part)


def _check_raft(card: ModelCard, published: Mapping[str, Tensor]) -> None:
    size: Size = "small" if card.name.endswith("small") else "large"
    try:
        Raft(size).network.load_state_dict(published, strict=True)
    except RuntimeError as error:
        raise InvalidInputError(
            f"not the checkpoint of torchvision's raft_{size}: {str(error)[:200]}"
        ) from error


def _check_e2fgvi(card: ModelCard, published: Mapping[str, Tensor]) -> None:
    config = NetworkConfig(variant="hq" if card.name.endswith("_hq") else "base")
    e2fgvi.build_network(published, config)


def _check_basicvsr_pp(card: ModelCard, published: Mapping[str, Tensor]) -> None:
    config = basicvsr_pp.build_network(published).config
    if not config.low_res_input:
        raise InvalidInputError(
            f"this checkpoint restores frames at their own size: {card.name} enlarges four times"
        )


def _check_sam2(card: ModelCard, published: Mapping[str, Tensor]) -> None:
    p_mask.build_sam2(published, p_mask.sam2_config_of(published))


def _check_samwise(card: ModelCard, published: Mapping[str, Tensor]) -> None:
    p_mask.samwise_to_ours(published, p_mask.samwise_config_of(published))


def _check_deaot(card: ModelCard, published: Mapping[str, Tensor]) -> None:
    config = deaot.build_network(published).config
    if config.encoder != "resnet50":
        raise InvalidInputError(
            f"this checkpoint is DeAOT's on {config.encoder}: {card.name} is the one on resnet50"
        )


def _check_lama(card: ModelCard, published: Mapping[str, Tensor]) -> None:
    lama.build_network(published)


_CHECKS: dict[Reader, Callable[[ModelCard, Mapping[str, Tensor]], None]] = {
    Reader.E2FGVI: _check_e2fgvi,
    Reader.BASICVSR_PP: _check_basicvsr_pp,
    Reader.SAM2: _check_sam2,
    Reader.SAMWISE: _check_samwise,
    Reader.DEAOT: _check_deaot,
    Reader.LAMA: _check_lama,
    Reader.RAFT: _check_raft,
}
