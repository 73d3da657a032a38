"""Where a model's files come from: the publisher, a folder on this machine, a mirror."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

from peanut_models.errors import InvalidInputError, WeightsMissingError
from peanut_models.zoo.card import ModelCard, PublishedFile
from peanut_models.zoo.errors import NoAddressError


class Source(Protocol):
    """Knows where each file lies."""

    def place(self, card: ModelCard, file: PublishedFile) -> Path | str:
        """A path on this machine, or an http(s) address.

        Raises:
            NoAddressError: only a browser can get it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Publisher:
    """The addresses of the cards."""

    def place(self, card: ModelCard, file: PublishedFile) -> Path | str:
        """See `Source`."""
        if file.url:
            return file.url
        origin = card.weights.origin if card.weights else "its publisher"
        yes = "" if card.commercial_use else " --accept-licence"
        raise NoAddressError(
            f"{file.name} of {card.name} has no plain address: get it in a browser ({origin}), "
            f"then run: peanut models add {card.name} {file.name}{yes}"
        )


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder with the files by name, in a folder of the model's name where there are several.

    What it lacks comes from the publisher: so a folder of what only a browser could get is
    enough.
    """

    path: Path

    def place(self, card: ModelCard, file: PublishedFile) -> Path | str:
        """See `Source`."""
        assert card.weights is not None
        own = self.path / card.weights.name
        at = (own if card.weights.reader.takes_folder and own.is_dir() else self.path) / file.name
        if at.is_file():
            return at
        try:
            return Publisher().place(card, file)
        except NoAddressError as error:
            raise NoAddressError(f"{file.name} is not in {self.path}; {error}") from None


@dataclass(frozen=True, slots=True)
class Mirror:
    """A server with the files by name, laid out as `Folder`; the publisher is not asked."""

    address: str

    def place(self, card: ModelCard, file: PublishedFile) -> Path | str:
        """See `Source`."""
        assert card.weights is not None
        inner = f"{quote(card.weights.name)}/" if card.weights.reader.takes_folder else ""
        return f"{self.address.rstrip('/')}/{inner}{quote(file.name)}"


def source_of(text: str) -> Source:
    """The source that `--from` names; empty: the publisher.

    Raises:
        InvalidInputError: an address that is neither http, https nor a folder's.
        WeightsMissingError: there is no such folder.
    """
    if not text:
        return Publisher()
    scheme = urlsplit(text).scheme.lower()
    if scheme in ("http", "https"):
        return Mirror(text)
    # One letter is a drive of Windows.
    if scheme not in ("", "file") and len(scheme) > 1:
        raise InvalidInputError(f"--from {text!r}: give a folder, or an http or https address")
    path = Path(url2pathname(urlsplit(text).path)) if scheme == "file" else Path(text).expanduser()
    if not path.is_dir():
        raise WeightsMissingError(
            f"--from {text!r}: there is no such folder; one file is added with: peanut models add"
        )
    return Folder(path.absolute())
