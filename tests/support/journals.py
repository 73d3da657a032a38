"""Journals of every schema as SQL, small and filled, to show that each can still be opened.

Run it after adding a migration: `python tests/support/journals.py` upgrades the newest dump, and
adds the next one. Old dumps are never written again: they are what was once on somebody's disk.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from peanut_daemon.journal.schema import MIGRATIONS

DUMPS = Path(__file__).resolve().parents[1] / "unit" / "peanut_daemon" / "journal" / "dumps"


def dump(version: int) -> Path:
    """Where the dump of a schema lies."""
    return DUMPS / f"v{version}.sql"


def restore(version: int, path: Path) -> None:
    """Make a journal of an old schema."""
    with closing(sqlite3.connect(path)) as journal:
        journal.executescript(dump(version).read_text(encoding="utf-8"))


def main() -> None:
    """Write the dumps that are missing, each from the one before."""
    for version in range(2, len(MIGRATIONS) + 1):
        if dump(version).is_file():
            continue
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as journal:
            journal.executescript(dump(version - 1).read_text(encoding="utf-8"))
            journal.executescript(MIGRATIONS[version - 1])
            lines = [*journal.iterdump(), f"PRAGMA user_version={version};"]
        dump(version).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
