"""From a publisher, a mirror or a folder into the store: fetched, checked, converted once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from peanut_models.errors import InvalidInputError, ModelError
from peanut_models.zoo.card import ModelCard
from peanut_models.zoo.cards import PROFILES, card, needed, profile
from peanut_models.zoo.download import DownloadSettings, download, forget_part
from peanut_models.zoo.errors import (
    LicenceNotAcceptedError,
    NoAddressError,
    StoreBusyError,
    WrongHashError,
    WrongSizeError,
)
from peanut_models.zoo.install import add
from peanut_models.zoo.room import check_room, full_disk_named
from peanut_models.zoo.sources import Publisher, Source
from peanut_models.zoo.store import Installed, ModelStore

Tell = Callable[[dict[str, Any]], None]
"""Told what happens: `event` is model, fetch, wait, check, ready or failed; see `__main__`."""


def _silent(event: dict[str, Any]) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class PullSettings:
    """How weights are fetched."""

    source: Source = field(default_factory=Publisher)
    """Where from."""

    accept_licence: bool = False
    """Somebody said yes to licences that restrict use."""

    trust_anew: bool = False
    """Fetch what is here too, and record it as if it came for the first time."""

    download: DownloadSettings = field(default_factory=DownloadSettings)
    """How patient."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """What a pull came to.

    Attributes:
        installed: all models that are here now, also those that were before.
        failed: by model's name, what kept it from coming.
    """

    installed: tuple[Installed, ...]
    failed: dict[str, ModelError]


def cards_for(name: str) -> tuple[ModelCard, ...]:
    """The cards with weights behind a model's or a profile's name, required ones first.

    Raises:
        ModelNotFoundError: neither a model nor a profile has that name.
    """
    known = name in {p.name for p in PROFILES}
    asked = profile(name).cards() if known else (card(name),)
    return tuple(c for c in needed(asked) if c.weights is not None)


def pull(
    store: ModelStore,
    cards: Sequence[ModelCard],
    settings: PullSettings | None = None,
    tell: Tell = _silent,
) -> Pulled:
    """Fetch what is missing of some cards; one that fails keeps no other from coming.

    Raises:
        LicenceNotAcceptedError: one restricts use and nobody said yes; nothing was fetched.
    """
    settings = settings or PullSettings()
    missing = [c for c in cards if settings.trust_anew or store.find(c) is None]
    _check_licences(missing, settings)
    failed: dict[str, ModelError] = {}
    for one in missing:
        tell({"event": "model", "model": one.name})
        try:
            found = _pull_one(store, one, settings, tell)
            tell({"event": "ready", "model": one.name, "bytes": found.bytes})
        except ModelError as error:
            failed[one.name] = error
            tell({"event": "failed", "model": one.name, "message": str(error)})
    here = (store.find(c) for c in cards if c.name not in failed)
    return Pulled(installed=tuple(found for found in here if found), failed=failed)


def _check_licences(cards: Sequence[ModelCard], settings: PullSettings) -> None:
    restricted = [c for c in cards if not c.commercial_use]
    if restricted and not settings.accept_licence:
        raise LicenceNotAcceptedError(
            "; ".join(
                f"{c.name} is under {c.licence} (commercial use: {c.commercial.value}). "
                f"{c.terms}".strip()
                for c in restricted
            )
            + " If your use is allowed, add --accept-licence"
        )


def _pull_one(store: ModelStore, one: ModelCard, settings: PullSettings, tell: Tell) -> Installed:
    if one.weights is None:
        raise InvalidInputError(
            f"model {one.name} ships with the package: there is nothing to pull"
        )
    folder = store.partial(one)
    with full_disk_named(), _alone(folder):
        try:
            paths, origins = _fetched(one, folder, settings, tell)
            installed = _stored(store, one, paths, origins, settings.trust_anew, tell)
        except (WrongHashError, WrongSizeError, InvalidInputError):
            # Going on from a wrong file would only give the wrong file again.
            _clear(folder)
            raise
        _clear(folder)
        return installed


def _fetched(
    one: ModelCard, folder: Path, settings: PullSettings, tell: Tell
) -> tuple[list[Path], dict[str, str]]:
    """Where the files lie on this machine now, and where each came from."""
    assert one.weights is not None
    places = {file.name: settings.source.place(one, file) for file in one.weights.files}
    paths = []
    for file in one.weights.files:
        place, here = places[file.name], folder / file.name
        note = {"event": "fetch", "model": one.name, "file": file.name}

        def report(done: int, total: int, note: dict[str, Any] = note) -> None:
            tell({**note, "done_bytes": done, "total_bytes": total})

        def waiting(reason: str, wait_s: float, note: dict[str, Any] = note) -> None:
            tell({**note, "event": "wait", "reason": reason, "wait_s": wait_s})

        if isinstance(place, str):
            download(
                place,
                here,
                size_bytes=file.size_bytes,
                settings=settings.download,
                report=report,
                waiting=waiting,
            )
        elif one.weights.reader.takes_folder:
            check_room(folder, 2 * place.stat().st_size, settings.download.spare_bytes)
            forget_part(here)
            shutil.copyfile(place, here)
        else:
            check_room(folder, place.stat().st_size, settings.download.spare_bytes)
            here = place
        paths.append(here)
    return paths, {name: str(place) for name, place in places.items()}


def _stored(
    store: ModelStore,
    one: ModelCard,
    paths: list[Path],
    origins: dict[str, str],
    trust_anew: bool,
    tell: Tell,
) -> Installed:
    assert one.weights is not None

    def report(done: int, total: int) -> None:
        tell({"event": "check", "model": one.name, "done_bytes": done, "total_bytes": total})

    path = paths[0].parent if one.weights.reader.takes_folder else paths[0]
    return add(store, one, path, origins=origins, trust_anew=trust_anew, report=report)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes from fetching the same model."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder.with_name(f"{folder.name}.lock")
    try:
        with FileLock(lock, timeout=0):
            yield
    except Timeout as error:
        raise StoreBusyError(
            f"another process fetches {folder.name} already: wait for it, or stop it"
        ) from error


def _clear(folder: Path) -> None:
    """Drop what was fetched."""
    shutil.rmtree(folder, ignore_errors=True)


def summary(failed: dict[str, ModelError]) -> ModelError | None:
    """All failures as one error, of the class of the one that matters most; None if none."""
    if not failed:
        return None
    errors = sorted(failed.values(), key=lambda e: isinstance(e, NoAddressError))
    if len(errors) == 1:
        return errors[0]
    text = "; ".join(f"{name}: {error}" for name, error in failed.items())
    return type(errors[0])(text)
