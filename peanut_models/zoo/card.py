"""What a model card says: files, addresses, hashes, licence, paper, and what it is good for.

Nothing here imports torch, so the daemon's gRPC face can answer from it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from peanut_models.errors import InvalidInputError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHA256 = re.compile(r"([0-9a-f]{8}|[0-9a-f]{64})?")
_ADDRESS = re.compile(r"(https?://\S+)?")


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
    DEAOT = "deaot"
    LAMA = "lama"
    RAFT = "raft"
    TOKENIZER = "tokenizer"
    DETECTOR = "detector"
    SAM3 = "sam3"

    @property
    def takes_folder(self) -> bool:
        """Whether its files come as a folder in transformers' layout."""
        return self in (Reader.TOKENIZER, Reader.DETECTOR, Reader.SAM3)


class Commercial(Enum):
    """Whether results may be used commercially, as we read the licences."""

    YES = "yes"
    NO = "no"
    CONDITIONS = "conditions"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFile:
    """One file as its publisher offers it.

    Attributes:
        name: the published file's name.
        url: where it lies; empty where the publisher has no plain address.
        sha256: 64 hexadecimal digits, or the first 8 where the publisher gives no more; empty
            where it gives none: then what comes first is recorded and enforced.
        size_bytes: 0 where the publisher does not say.

    Raises:
        InvalidInputError: a name that is a path, no address, no hash, or a negative size.
    """

    name: str
    url: str = ""
    sha256: str = ""
    size_bytes: int = 0

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InvalidInputError(
                f"{self.name!r} is no plain file name: use letters, digits, ._-"
            )
        if not _SHA256.fullmatch(self.sha256):
            raise InvalidInputError(
                f"{self.name}: {self.sha256!r} is no SHA-256: give 64 or the first 8 digits"
            )
        if not _ADDRESS.fullmatch(self.url):
            raise InvalidInputError(f"{self.name}: {self.url!r} is no http or https address")
        if self.size_bytes < 0:
            raise InvalidInputError(f"{self.name}: size_bytes is {self.size_bytes}: 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The file, or the folder of files, that a model needs.

    Attributes:
        name: the published file's name, or the folder's.
        origin: where the publisher offers it, in words.
        reader: how it is read.
        files: one for most readers, several for those that take a folder.

    Raises:
        InvalidInputError: no file, or several for a reader of one.
    """

    name: str
    origin: str
    reader: Reader
    files: tuple[PublishedFile, ...]

    def __post_init__(self) -> None:
        if not self.files or (len(self.files) > 1 and not self.reader.takes_folder):
            raise InvalidInputError(f"{self.name} has {len(self.files)} files: one was expected")

    @property
    def size_bytes(self) -> int:
        """Of all files whose size is published."""
        return sum(file.size_bytes for file in self.files)


def one_file(
    name: str, origin: str, reader: Reader, *, url: str = "", sha256: str = "", size_bytes: int = 0
) -> Weights:
    """Weights that are a single file; see `PublishedFile`."""
    file = PublishedFile(name=name, url=url, sha256=sha256, size_bytes=size_bytes)
    return Weights(name=name, origin=origin, reader=reader, files=(file,))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """One back end of one stage.

    Attributes:
        name: unique.
        stage: what it does.
        description: one sentence on how.
        licence: SPDX name, for code and weights together.
        commercial: whether results may be used commercially.
        good_for: which material or machine it suits; empty where the description says it all.
        terms: what to know beyond the licence; empty where there is nothing.
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
    commercial: Commercial
    good_for: str = ""
    terms: str = ""
    paper: str = ""
    weights: Weights | None = None
    requires: tuple[str, ...] = ()
    understands_text: bool = False
    auxiliary: bool = False

    @property
    def commercial_use(self) -> bool:
        """Whether results may be used commercially without any condition."""
        return self.commercial is Commercial.YES
