"""Weights on this machine: blobs named by their content, and a manifest per model.

    models/blobs/<sha256>.safetensors
    models/manifests/<model>.json

Both appear complete or not at all, so a crash leaves nothing half installed. Nothing here imports
torch: the daemon's face asks what is installed.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from peanut_models.errors import InvalidInputError, WeightsMissingError
from peanut_models.zoo.cards import ModelCard


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What the store holds for one model.

    Attributes:
        model: the card's name.
        source_name: name of the file that was added.
        source_sha256: of that file.
        blob_sha256: of the tensors as stored here; results are keyed by it.
        bytes: size of the blob.
    """

    model: str
    source_name: str
    source_sha256: str
    blob_sha256: str
    bytes: int


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
        return found if self._blob(found.blob_sha256).is_file() else None

    def ready(self, card: ModelCard) -> bool:
        """Whether the model can be used: it needs no weights, or they are here."""
        return card.weights is None or self.find(card) is not None

    def path(self, card: ModelCard) -> Path:
        """The blob of a card.

        Raises:
            WeightsMissingError: it is not here; the message names the command that adds it.
        """
        return self._blob(self.require(card).blob_sha256)

    def require(self, card: ModelCard) -> Installed:
        """What is installed for a card that needs weights, or raise WeightsMissingError."""
        found = self.find(card)
        if found is None:
            file = card.weights.name if card.weights else "its weights"
            origin = card.weights.origin if card.weights else "its publisher"
            raise WeightsMissingError(
                f"the weights of {card.name} are not on this machine: get {file} ({origin}; "
                f"licence {card.licence}), then run: peanut models add {card.name} {file}"
            )
        return found

    def put(
        self, card: ModelCard, source: Path, write: Callable[[Path], None], source_sha256: str
    ) -> Installed:
        """Store a blob and make it the card's.

        Args:
            card: of the model.
            source: the file that was added.
            write: writes the blob to a path.
            source_sha256: of the source.
        """
        blobs = self._folder / "blobs"
        blobs.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=blobs, suffix=".part")
        os.close(handle)
        part = Path(name)
        try:
            write(part)
            digest = file_sha256(part)
            part.replace(self._blob(digest))
        finally:
            part.unlink(missing_ok=True)
        installed = Installed(
            model=card.name,
            source_name=source.name,
            source_sha256=source_sha256,
            blob_sha256=digest,
            bytes=self._blob(digest).stat().st_size,
        )
        manifest = self._manifest(card.name)
        manifest.parent.mkdir(parents=True, exist_ok=True)
        draft = manifest.with_suffix(".part")
        draft.write_text(json.dumps(asdict(installed), indent=2), encoding="utf-8")
        draft.replace(manifest)
        return installed

    def remove(self, card: ModelCard) -> bool:
        """Forget a model; its blob goes unless another model uses it. False if none was there."""
        found = self.find(card)
        self._manifest(card.name).unlink(missing_ok=True)
        if found is None:
            return False
        others = (self._folder / "manifests").rglob("*.json")
        if not any(found.blob_sha256 in other.read_text(encoding="utf-8") for other in others):
            self._blob(found.blob_sha256).unlink(missing_ok=True)
        return True

    def verify(self, card: ModelCard) -> Installed:
        """Read the blob and compare it with its name.

        Raises:
            WeightsMissingError: nothing is installed.
            InvalidInputError: the blob is damaged.
        """
        found = self.require(card)
        actual = file_sha256(self._blob(found.blob_sha256))
        if actual != found.blob_sha256:
            raise InvalidInputError(
                f"the stored weights of {card.name} are damaged (SHA-256 {actual[:12]}, expected "
                f"{found.blob_sha256[:12]}): run peanut models add {card.name} FILE again"
            )
        return found

    def _blob(self, sha256: str) -> Path:
        return self._folder / "blobs" / f"{sha256}.safetensors"

    def _manifest(self, model: str) -> Path:
        return self._folder / "manifests" / f"{model}.json"


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
