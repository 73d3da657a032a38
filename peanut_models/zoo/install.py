"""From a published file to a stored blob: read without executing, checked, kept as safetensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from peanut_models.errors import InvalidInputError, WeightsMissingError
from peanut_models.nof_eraser import convert as e2fgvi
from peanut_models.nof_eraser.config import NetworkConfig
from peanut_models.p_mask import convert as p_mask
from peanut_models.ur_net import convert as basicvsr_pp
from peanut_models.zoo.cards import ModelCard, Reader
from peanut_models.zoo.store import Installed, ModelStore, file_sha256

SAFETENSORS = ".safetensors"


def add(store: ModelStore, card: ModelCard, path: Path) -> Installed:
    """Add a model's weights from a file on this machine.

    Args:
        store: where to.
        card: the model they are for.
        path: the published file, or the same tensors as safetensors.

    Raises:
        InvalidInputError: the model needs no weights, the file is another's, is damaged, or its
            hash is not the published one.
        WeightsMissingError: there is no such file.
    """
    if card.weights is None:
        raise InvalidInputError(
            f"model {card.name} ships with the package: there is nothing to add"
        )
    if card.weights.reader.takes_folder:
        _check_folder(card, path)
        return store.put_folder(card, path)
    if not path.is_file():
        raise WeightsMissingError(f"no weights at {path}: give the path of {card.weights.name}")
    sha256 = file_sha256(path)
    if card.weights.sha256 and not sha256.startswith(card.weights.sha256):
        raise InvalidInputError(
            f"{path} has SHA-256 {sha256[:16]}, but {card.weights.name} was published with "
            f"{card.weights.sha256[:16]}: it is another file or a damaged one"
        )
    published = read(path, card.weights.reader)
    _CHECKS[card.weights.reader](card, published)
    tensors = {name: tensor.contiguous() for name, tensor in published.items()}
    return store.put(card, path, lambda part: save_file(tensors, part), sha256)


def read(path: Path, reader: Reader = Reader.E2FGVI) -> dict[str, Tensor]:
    """The tensors of a stored file, or of a published one as its reader finds them."""
    if path.suffix == SAFETENSORS:
        return load_file(path)
    return _READERS[reader](path)


def _check_e2fgvi(card: ModelCard, published: Mapping[str, Tensor]) -> None:
    e2fgvi.build_network(published, e2fgvi_config(card))


def e2fgvi_config(card: ModelCard) -> NetworkConfig:
    """Which of the two networks a card means."""
    return NetworkConfig(variant="hq" if card.name.endswith("_hq") else "base")


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


_NEEDED_FILES = {
    Reader.TOKENIZER: (("tokenizer.json",), ("vocab.json", "merges.txt")),
    Reader.DETECTOR: (("config.json", "model.safetensors"),),
}
"""Per kind of folder, the sets of files of which one must be there."""


def _check_folder(card: ModelCard, folder: Path) -> None:
    """Refuse a folder that lacks files, or holds weights that would have to be unpickled."""
    assert card.weights is not None
    wanted = _NEEDED_FILES[card.weights.reader]
    there = {file.name for file in folder.iterdir()} if folder.is_dir() else set()
    if not any(set(names) <= there for names in wanted):
        needed = " or ".join(" and ".join(names) for names in wanted)
        raise WeightsMissingError(
            f"{folder} is no folder with {needed}: give the folder of {card.weights.origin}"
        )


_READERS: dict[Reader, Callable[[Path], dict[str, Tensor]]] = {
    Reader.E2FGVI: e2fgvi.read_checkpoint,
    Reader.BASICVSR_PP: basicvsr_pp.read_checkpoint,
    Reader.SAM2: p_mask.read_checkpoint,
    Reader.SAMWISE: p_mask.read_checkpoint,
}

_CHECKS: dict[Reader, Callable[[ModelCard, Mapping[str, Tensor]], None]] = {
    Reader.E2FGVI: _check_e2fgvi,
    Reader.BASICVSR_PP: _check_basicvsr_pp,
    Reader.SAM2: _check_sam2,
    Reader.SAMWISE: _check_samwise,
}
