"""Weights on this machine: blobs named by their content, and a manifest per model.

    models/blobs/<sha256>.safetensors (or a folder <sha256>, where a model comes as one)
    models/manifests/<model>.json
    models/trusted/<model>.json         what its files were when they first came
    models/partial/<model>/<file>       what is being fetched, and goes on after a cut

Blobs and manifests appear complete or not at all, so a crash leaves nothing half installed. Nothing
here imports torch: the daemon's face asks what is installed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from peanut_models.errors import InvalidInputError, WeightsMissingError
from peanut_models.zoo.card import ModelCard
from peanut_models.zoo.cards import card as named_card
from peanut_models.zoo.record import TrustRecord

_STALE_S = 24 * 3600
"""Older drafts were left behind by a process that was killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What the store holds for one model.

    Attributes:
        model: the card's name.
        source_name: name of the file that was added.
        source_sha256: of that file.
        blob_sha256: of the tensors as stored here; results are keyed by it.
        bytes: size of the blob.
        is_folder: the blob is a folder of files.
        source: where the file came from: an address, or a path on this machine.
    """

    model: str
    source_name: str
    source_sha256: str
    blob_sha256: str
    bytes: int
    is_folder: bool = False
    source: str = ""


class ModelStore:
    """A folder of weights.

    Args:
        folder: made when something is first put there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, card: ModelCard) -> Installed | None:
        """What is installed for a card; None if nothing, or if its blob is gone."""
        try:
            stored = json.loads(self._manifest(card.name).read_text(encoding="utf-8"))
            found = Installed(**stored)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError):
            # A manifest that cannot be read is as good as none: adding the model mends it.
            return None
        return found if self._blob(found).exists() else None

    def ready(self, card: ModelCard) -> bool:
        """Whether the model can be used: all that it needs is here."""
        own = card.weights is None or self.find(card) is not None
        return own and all(self.ready(named_card(name)) for name in card.requires)

    def path(self, card: ModelCard) -> Path:
        """The blob of a card.

        Raises:
            WeightsMissingError: it is not here; the message names the command that adds it.
        """
        return self._blob(self.require(card))

    def require(self, card: ModelCard) -> Installed:
        """What is installed for a card that needs weights.

        Raises:
            WeightsMissingError: they, or those of a model that it requires, are not here.
        """
        for name in card.requires:
            self.require(named_card(name))
        found = self.find(card)
        if found is None:
            raise WeightsMissingError(
                f"the weights of {card.name} (licence {card.licence}) are not on this machine: "
                f"{command_for(card)}"
            )
        return found

    def trust(self, card: ModelCard) -> TrustRecord:
        """What the card's files were when they first came; it outlives `remove`."""
        return TrustRecord(self._folder / "trusted" / f"{card.name}.json", card.name)

    def partial(self, card: ModelCard) -> Path:
        """Where the card's files lie while they are fetched; may not exist."""
        return self._folder / "partial" / card.name

    def put(
        self,
        card: ModelCard,
        source: Path,
        write: Callable[[Path], None],
        source_sha256: str,
        *,
        origin: str = "",
    ) -> Installed:
        """Store a blob and make it the card's.

        Args:
            card: of the model.
            source: the file that was added.
            write: writes the blob to a path.
            source_sha256: of the source.
            origin: where the source came from; default: its path.
        """
        blobs = self._blobs()
        handle, name = tempfile.mkstemp(dir=blobs, suffix=".part")
        os.close(handle)
        part = Path(name)
        try:
            write(part)
            digest = file_sha256(part)
            size = part.stat().st_size
            part.replace(blobs / f"{digest}.safetensors")
        finally:
            part.unlink(missing_ok=True)
        installed = Installed(
            model=card.name,
            source_name=source.name,
            source_sha256=source_sha256,
            blob_sha256=digest,
            bytes=size,
            source=origin or str(source),
        )
        self._write_manifest(card, installed)
        return installed

    def put_folder(
        self,
        card: ModelCard,
        source: Path,
        names: Iterable[str] | None = None,
        *,
        origin: str = "",
    ) -> Installed:
        """Store a copy of a folder's files and make it the card's.

        Args:
            card: of the model.
            source: the folder.
            names: of the files to copy; default: all.
            origin: where they came from; default: the folder's path.
        """
        blobs = self._blobs()
        part = Path(tempfile.mkdtemp(dir=blobs, suffix=".part"))
        try:
            for file in sorted(source.iterdir()):
                if file.is_file() and (names is None or file.name in names):
                    shutil.copyfile(file, part / file.name)
            digest = folder_sha256(part)
            target = blobs / digest
            if not target.exists():
                part.replace(target)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        installed = Installed(
            model=card.name,
            source_name=source.name,
            source_sha256=digest,
            blob_sha256=digest,
            bytes=sum(file.stat().st_size for file in target.iterdir()),
            is_folder=True,
            source=origin or str(source),
        )
        self._write_manifest(card, installed)
        return installed

    def _write_manifest(self, card: ModelCard, installed: Installed) -> None:
        """Make a blob the card's; the one before goes unless another model uses it."""
        before = self.find(card)
        manifest = self._manifest(installed.model)
        manifest.parent.mkdir(parents=True, exist_ok=True)
        draft = manifest.with_suffix(".part")
        draft.write_text(json.dumps(asdict(installed), indent=2), encoding="utf-8")
        draft.replace(manifest)
        if before is not None:
            self._drop_unused(before)

    def _drop_unused(self, found: Installed) -> None:
        manifests = (self._folder / "manifests").rglob("*.json")
        if not any(found.blob_sha256 in one.read_text(encoding="utf-8") for one in manifests):
            _delete(self._blob(found))

    def remove(self, card: ModelCard) -> bool:
        """Forget a model; its blob goes unless another model uses it. False if none was there."""
        found = self.find(card)
        shutil.rmtree(self.partial(card), ignore_errors=True)
        self._manifest(card.name).unlink(missing_ok=True)
        if found is None:
            return False
        self._drop_unused(found)
        return True

    def verify(self, card: ModelCard) -> Installed:
        """Read the blob and compare it with its name.

        Raises:
            WeightsMissingError: nothing is installed.
            InvalidInputError: the blob is damaged.
        """
        found = self.require(card)
        blob = self._blob(found)
        actual = folder_sha256(blob) if found.is_folder else file_sha256(blob)
        if actual != found.blob_sha256:
            raise InvalidInputError(
                f"the stored weights of {card.name} are damaged (SHA-256 {actual[:12]}, expected "
                f"{found.blob_sha256[:12]}): run peanut models remove {card.name}, then "
                f"{command_for(card)}"
            )
        return found

    def _blobs(self) -> Path:
        """The folder of blobs, without drafts that a killed process left behind."""
        blobs = self._folder / "blobs"
        blobs.mkdir(parents=True, exist_ok=True)
        for draft in blobs.glob("*.part"):
            if draft.stat().st_mtime < time.time() - _STALE_S:
                _delete(draft)
        return blobs

    def _blob(self, installed: Installed) -> Path:
        suffix = "" if installed.is_folder else ".safetensors"
        return self._folder / "blobs" / f"{installed.blob_sha256}{suffix}"

    def _manifest(self, model: str) -> Path:
        return self._folder / "manifests" / f"{model}.json"


def command_for(card: ModelCard) -> str:
    """What to do to get a card's weights, in words."""
    yes = "" if card.commercial_use else " --accept-licence"
    if card.weights is None or all(file.url for file in card.weights.files):
        return f"run: peanut models pull {card.name}{yes}"
    return (
        f"get {card.weights.name} in a browser ({card.weights.origin}), then run: "
        f"peanut models add {card.name} {card.weights.name}{yes}"
    )


def _delete(blob: Path) -> None:
    if blob.is_dir():
        shutil.rmtree(blob)
    else:
        blob.unlink(missing_ok=True)


def folder_sha256(folder: Path) -> str:
    """SHA-256 over the names and contents of a folder's files."""
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        digest.update(f"{file.name} {file_sha256(file)}\n".encode())
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
