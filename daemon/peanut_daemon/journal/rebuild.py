"""A damaged journal: put aside, and all that can still be read of it taken into a new one."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from peanut_daemon.errors import JournalError
from peanut_daemon.journal.database import Journal, connect, open_database


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """Where the damaged journal lies now, and how many rows of each table came over."""

    kept: Path
    rows: dict[str, int]


def rebuild_journal(path: Path) -> Rebuilt:
    """Put a journal aside and start a new one with what can be read of it.

    Nothing is deleted: the damaged file and its log lie beside the new one.

    Raises:
        JournalError: there is none, or it cannot be moved.
        DiskFullError: no room for the new one; everything is as it was.
    """
    if not path.is_file():
        raise JournalError(f"there is no journal {path}: nothing to rebuild")
    kept = path.with_name(f"journal.damaged-{time.strftime('%Y%m%d-%H%M%S')}.db")
    new_path = path.with_name("journal.rebuilt.db")
    _remove(new_path)
    _move(path, kept)
    try:
        with closing(open_database(new_path)) as new, closing(connect(kept)) as old:
            rows = _save(old, new)
    except BaseException:
        _move(kept, path)
        _remove(new_path)
        raise
    _move(new_path, path)
    return Rebuilt(kept=kept, rows=rows)


def _save(old: Journal, new: Journal) -> dict[str, int]:
    """Copy what can be read, table by table; the number of rows of each."""
    rows: dict[str, int] = {}
    new.execute("PRAGMA foreign_keys=OFF")
    tables = new.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    with new.transaction():
        for table in (row["name"] for row in tables):
            rows[table] = sum(_insert(new, table, values) for values in _readable(old, table))
        # What belonged to a row that is lost would never be found again.
        for table, rowid, *_ in new.execute("PRAGMA foreign_key_check").fetchall():
            new.execute(f"DELETE FROM {table} WHERE rowid = ?", (rowid,))
            rows[table] -= 1
    return rows


def _insert(new: Journal, table: str, values: sqlite3.Row) -> int:
    """Add a row unless it is there; 1 if it was added."""
    columns, marks = ", ".join(values.keys()), ", ".join("?" for _ in values)
    statement = f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})"
    try:
        return new.execute(statement, tuple(values)).rowcount
    except (sqlite3.OperationalError, sqlite3.IntegrityError):
        return 0  # Damaged so that the table cannot have it.


def _move(path: Path, target: Path) -> None:
    """Rename a journal with its log."""
    try:
        for suffix in ("-wal", ""):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.rename(target.with_name(target.name + suffix))
        _remove(path)
    except OSError as error:
        raise JournalError(
            f"the journal {path} cannot be moved to {target} ({error.strerror}): check that its "
            "folder can be written"
        ) from error


def _remove(path: Path) -> None:
    """Delete a journal with what SQLite and we keep beside it."""
    for suffix in ("", "-wal", "-shm", ".reserve"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _readable(old: Journal, table: str) -> Iterator[sqlite3.Row]:
    """Rows from both ends of a table, each time up to where the damage is."""
    for order in ("", "ORDER BY rowid DESC"):
        try:
            yield from old.execute(f"SELECT * FROM {table} {order}")
        except (JournalError, sqlite3.Error):
            continue
        return
