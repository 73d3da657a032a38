"""From a published file to a stored blob: checked, and kept as safetensors.

Torch is loaded only once a file of tensors has the right size and hash.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open

from peanut_models.errors import InvalidInputError, WeightsMissingError
from peanut_models.zoo.card import ModelCard, Reader, Weights
from peanut_models.zoo.check import check
from peanut_models.zoo.record import Recorded, recorded
from peanut_models.zoo.room import full_disk_named
from peanut_models.zoo.store import Installed, ModelStore

SAFETENSORS = ".safetensors"

Report = Callable[[int, int], None]
"""Called with how many bytes of how many were checked."""


def _silent(done: int, total: int) -> None:
    pass


def add(
    store: ModelStore,
    card: ModelCard,
    path: Path,
    *,
    origins: Mapping[str, str] | None = None,
    trust_anew: bool = False,
    report: Report = _silent,
) -> Installed:
    """Add a model's weights from a file on this machine.

    Args:
        store: where to.
        card: the model they are for.
        path: the published file, or the same tensors as safetensors; a folder for some models.
        origins: by file name, where each came from; default: its path.
        trust_anew: what was recorded at the first time does not count; this is recorded instead.
        report: told about the progress of checking.

    Raises:
        InvalidInputError: the model needs no weights, the file is another's or is damaged.
        WeightsMissingError: there is no such file.
        WrongSizeError: its size is not the published one.
        WrongHashError: its hash is not the published one, or not that of the first time.
        StoreFullError: too little room.
    """
    if card.weights is None:
        raise InvalidInputError(
            f"model {card.name} ships with the package: there is nothing to add"
        )
    trust = store.trust(card)
    known = {} if trust_anew else trust.files()
    with full_disk_named():
        if card.weights.reader.takes_folder:
            found, files = _add_folder(
                store, card, card.weights, path, origins or {}, known, report
            )
        else:
            found, files = _add_file(store, card, card.weights, path, origins or {}, known, report)
    if trust_anew:
        trust.forget()
    for name, facts in files.items():
        trust.note(name, facts)
    return found


def _add_file(
    store: ModelStore,
    card: ModelCard,
    weights: Weights,
    path: Path,
    origins: Mapping[str, str],
    known: Mapping[str, Recorded],
    report: Report,
) -> tuple[Installed, dict[str, Recorded]]:
    if not path.is_file():
        raise WeightsMissingError(f"no weights at {path}: give the path of {weights.name}")
    (file,) = weights.files
    sha256 = check(path, file, known, report=report)
    # Here and not at the top: it loads torch, which a file that is refused need not wait for.
    from peanut_models.zoo.readers import converted

    write, origin = converted(card, weights, path), origins.get(file.name, str(path))
    installed = store.put(card, path, write, sha256, origin=origin)
    # Under another name it may be a converted file, which says nothing about the published one.
    facts = {file.name: recorded(path, sha256, origin)} if path.name == file.name else {}
    return installed, facts


def _add_folder(
    store: ModelStore,
    card: ModelCard,
    weights: Weights,
    folder: Path,
    origins: Mapping[str, str],
    known: Mapping[str, Recorded],
    report: Report,
) -> tuple[Installed, dict[str, Recorded]]:
    there = {file.name for file in folder.iterdir()} if folder.is_dir() else set()
    sets = _NEEDED_FILES[weights.reader]
    if not any(set(names) <= there for names in sets):
        needed = " or ".join(" and ".join(names) for names in sets)
        raise WeightsMissingError(
            f"{folder} is no folder with {needed}: give the folder of {weights.origin}"
        )
    hashes = {
        file.name: check(folder / file.name, file, known, report=report)
        for file in weights.files
        if file.name in there
    }
    _check_folder(folder, weights.reader)
    # Pickles and code are left where they are: nothing reads them, so nothing can run them.
    kept = [name for name in there if Path(name).suffix in (".json", ".txt", SAFETENSORS)]
    origin = " and ".join(sorted({o.rpartition("/")[0] for o in origins.values()}))
    installed = store.put_folder(card, folder, kept, origin=origin)
    return installed, {
        name: recorded(folder / name, sha256, origins.get(name, str(folder / name)))
        for name, sha256 in hashes.items()
    }


_NEEDED_FILES = {
    Reader.TOKENIZER: (("tokenizer.json",), ("vocab.json", "merges.txt")),
    Reader.DETECTOR: (("config.json", "model.safetensors", "preprocessor_config.json"),),
    Reader.SAM3: (("config.json", "model.safetensors"),),
}
"""Per kind of folder, the sets of files of which one must be there."""

_KINDS = {
    Reader.DETECTOR: {"grounding-dino", "mm-grounding-dino", "owlv2"},
    Reader.SAM3: {"sam3_video"},
}
"""Kinds of models that a folder's `config.json` may name."""


def _check_folder(folder: Path, reader: Reader) -> None:
    """Refuse a folder whose files cannot be read, or whose model is of another kind."""
    texts = {}
    for file in folder.glob("*.json"):
        try:
            texts[file.name] = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InvalidInputError(f"{file} is no JSON ({error}): fetch it again") from error
    if reader not in _KINDS:
        return
    kind = texts["config.json"].get("model_type")
    if kind not in _KINDS[reader]:
        raise InvalidInputError(
            f"{folder} holds a model of kind {kind!r}: a {reader.value} is one of "
            f"{', '.join(sorted(_KINDS[reader]))}"
        )
    try:
        with safe_open(folder / "model.safetensors", framework="np") as tensors:
            empty = not tensors.keys()
    except SafetensorError as error:
        raise InvalidInputError(
            f"{folder / 'model.safetensors'} cannot be read ({error}): fetch it again"
        ) from error
    if empty:
        raise InvalidInputError(f"{folder / 'model.safetensors'} holds no tensor: fetch it again")
