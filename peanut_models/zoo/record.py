"""What a model's files were when they first came: trust on first use, enforced afterwards."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from peanut_models.errors import InvalidInputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What a file was when it first came.

    Attributes:
        sha256: of the file.
        size_bytes: of the file.
        source: where it came from: an address, or a path on this machine.
        at: when, ISO 8601 in UTC.
    """

    sha256: str
    size_bytes: int
    source: str
    at: str


class TrustRecord:
    """What the files of one model were when they first came.

    Args:
        path: the record; made when something is first noted. It outlives the weights.
        model: whose files.
    """

    def __init__(self, path: Path, model: str) -> None:
        self._path = path
        self._model = model

    def files(self) -> dict[str, Recorded]:
        """By file name.

        Raises:
            InvalidInputError: the record is damaged: it is not taken for none.
        """
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            return {name: Recorded(**facts) for name, facts in stored.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise InvalidInputError(
                f"the record of what {self._model} was at its first pull, {self._path}, cannot be "
                f"read ({error}): delete it to trust what comes next"
            ) from error

    def known(self) -> dict[str, Recorded]:
        """By file name; nothing where the record is damaged: to be shown, not to be relied on."""
        try:
            return self.files()
        except InvalidInputError:
            return {}

    def note(self, name: str, facts: Recorded) -> None:
        """Write down what a file is, unless something is noted already."""
        known = self.files()
        if name in known:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".part")
        entries = {key: asdict(value) for key, value in {**known, name: facts}.items()}
        draft.write_text(json.dumps(entries, indent=2), encoding="utf-8")
        draft.replace(self._path)

    def forget(self) -> None:
        """Trust whatever comes next."""
        self._path.unlink(missing_ok=True)


def recorded(path: Path, sha256: str, source: str) -> Recorded:
    """What is noted of a file that comes now."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Recorded(sha256=sha256, size_bytes=path.stat().st_size, source=source, at=now)
