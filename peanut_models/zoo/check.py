"""Whether a file is the published one: by its card, or by what came first."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from peanut_models.zoo.card import PublishedFile
from peanut_models.zoo.errors import WrongHashError, WrongSizeError
from peanut_models.zoo.record import Recorded


def check(
    path: Path,
    file: PublishedFile,
    known: Mapping[str, Recorded],
    *,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> str:
    """Refuse a file that is not the published one; its SHA-256.

    Args:
        path: the file.
        file: what was published.
        known: what came first, by file name; counts for files that bear the published name.
        report: told how many bytes of how many were read.

    Raises:
        WrongSizeError: another number of bytes.
        WrongHashError: other contents.
    """
    size = path.stat().st_size
    if file.size_bytes and size != file.size_bytes:
        raise WrongSizeError(
            f"{path} has {size} bytes, but {file.name} was published with {file.size_bytes}: it "
            "is another file, or was not fetched to its end"
        )
    sha256 = _sha256(path, report)
    if not sha256.startswith(file.sha256):
        raise WrongHashError(
            f"{path} has SHA-256 {sha256[:16]}, but {file.name} was published with "
            f"{file.sha256[:16]}: it is another file, damaged, or tampered with"
        )
    first = known.get(file.name) if path.name == file.name else None
    if first and first.sha256 != sha256:
        raise WrongHashError(
            f"{path} has SHA-256 {sha256[:16]}, but {file.name} had {first.sha256[:16]} when it "
            f"first came ({first.at[:10]}, {first.source}): somebody replaced it; if you know who "
            "and why, add --trust-anew"
        )
    return sha256


def _sha256(path: Path, report: Callable[[int, int], None]) -> str:
    digest, done, total = hashlib.sha256(), 0, path.stat().st_size
    with path.open("rb") as file:
        while chunk := file.read(2**22):
            digest.update(chunk)
            done += len(chunk)
            report(done, total)
    return digest.hexdigest()
