"""The journal: one SQLite file (WAL) that holds every decision and every commit.

A change is durable before it is acknowledged: `synchronous=FULL` syncs the log at each commit.
What a power cut tears off the end of the log was not acknowledged, and SQLite leaves it out.
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from peanut_daemon.errors import (
    DaemonError,
    DiskFullError,
    JournalDamagedError,
    JournalError,
    VersionMismatchError,
)
from peanut_daemon.journal.schema import MIGRATIONS

logger = logging.getLogger(__name__)

# Room that is given up when the disk is full, so that the end of a job can still be written.
RESERVE_BYTES = 1 * 2**20
# A journal of that size is looked through in a tenth of a second.
CHECKED_BYTES = 64 * 2**20


class Journal(sqlite3.Connection):
    """A connection whose failures are the daemon's own errors.

    Every statement outside a transaction commits by itself. Every method may raise:
        DiskFullError: no room for the change; nothing of it is left.
        JournalDamagedError: the file is not what SQLite wrote.
        JournalError: it cannot be read or written for another reason.
    """

    path = Path()

    def execute(self, sql: str, parameters: Any = (), /) -> _Cursor:
        """Run one statement."""
        return self.cursor(_Cursor).execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> _Cursor:
        """Run a statement for each row of parameters."""
        return self.cursor(_Cursor).executemany(sql, parameters)

    def executescript(self, sql_script: str, /) -> _Cursor:
        """Run several statements."""
        return self.cursor(_Cursor).executescript(sql_script)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the statements of the block durable together, or none of them."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            # SQLite has rolled back by itself where the disk is full.
            if self.in_transaction:
                self.execute("ROLLBACK")
            raise

    def keep_reserve(self) -> None:
        """Take the reserve if there is room for it."""
        reserve = self._reserve
        try:
            if not reserve.is_file() or reserve.stat().st_size < RESERVE_BYTES:
                with reserve.open("wb") as file:
                    file.write(os.urandom(RESERVE_BYTES))  # such as no file system leaves out
                    os.fsync(file.fileno())
        except OSError as error:
            logger.warning("no reserve for the journal in %s: %s", reserve.parent, error.strerror)

    def give_reserve(self) -> bool:
        """Free the reserve for one last change; says whether there was any."""
        try:
            self._reserve.unlink()
        except OSError:
            return False
        return True

    @property
    def _reserve(self) -> Path:
        return self.path.with_name(f"{self.path.name}.reserve")


class _Cursor(sqlite3.Cursor):
    def execute(self, sql: str, parameters: Any = (), /) -> Self:
        with _named_errors(self.connection):
            return super().execute(sql, parameters)

    def executemany(self, sql: str, seq_of_parameters: Iterable[Any], /) -> Self:
        with _named_errors(self.connection):
            return super().executemany(sql, seq_of_parameters)

    def executescript(self, sql_script: str, /) -> Self:
        with _named_errors(self.connection):
            super().executescript(sql_script)
        return self

    def fetchone(self) -> Any:
        with _named_errors(self.connection):
            return super().fetchone()

    def fetchall(self) -> list[Any]:
        with _named_errors(self.connection):
            return super().fetchall()

    def __next__(self) -> Any:
        with _named_errors(self.connection):
            return super().__next__()


@contextmanager
def _named_errors(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except (sqlite3.DatabaseError, sqlite3.OperationalError) as error:
        assert isinstance(connection, Journal)
        named = _named(error, connection.path)
        if named is None:
            raise
        raise named from error


_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_OUT_OF_REACH = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
)


def _named(error: sqlite3.Error, path: Path) -> DaemonError | None:
    """Our error for one of SQLite's; None for a mistake in a statement."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the upper bits tell where it happened
    if code in _DAMAGED:
        return _damaged(path, str(error))
    # Without room for the file that SQLite maps into memory, it only says that something failed.
    if code == sqlite3.SQLITE_FULL or (code in _OUT_OF_REACH and _is_full(path)):
        return DiskFullError(
            f"no room to write the journal {path}: free space on that disk and try again; "
            "everything that was confirmed is in it"
        )
    if code in _OUT_OF_REACH:
        return JournalError(
            f"the journal {path} cannot be read or written ({error}): check that the disk is there "
            "and that no other program has the file open"
        )
    return None


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < 2**16
    except OSError:
        return False


def _damaged(path: Path, found: str) -> JournalDamagedError:
    return JournalDamagedError(
        f"the journal {path} is damaged ({found}): nothing was changed in it. Put it aside and "
        "start a new one with all that can still be read of it: peanut store rebuild"
    )


def open_database(path: Path) -> Journal:
    """Open the journal, creating or upgrading it.

    Raises:
        JournalDamagedError: it is damaged; it is left as it is.
        VersionMismatchError: a newer version has written it.
        DiskFullError, JournalError: see `Journal`.
    """
    journal = connect(path)
    try:
        _check(journal)
        journal.execute("PRAGMA journal_mode=WAL")
        journal.execute("PRAGMA synchronous=FULL")
        journal.execute("PRAGMA foreign_keys=ON")
        _upgrade(journal)
    except BaseException:
        journal.close()
        raise
    journal.keep_reserve()
    return journal


def connect(path: Path) -> Journal:
    """Open the file as it is.

    Raises:
        JournalError: it cannot be opened.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        journal = sqlite3.connect(path, isolation_level=None, factory=Journal)
    except sqlite3.OperationalError as error:
        named = _named(error, path)
        if named is None:
            raise
        raise named from error
    assert isinstance(journal, Journal)
    journal.path = path
    journal.row_factory = sqlite3.Row
    return journal


def _check(journal: Journal) -> None:
    """Look at every page, unless that takes long and the journal was closed properly."""
    log = journal.path.with_name(f"{journal.path.name}-wal")
    torn = log.exists() and log.stat().st_size > 0
    if torn or journal.path.stat().st_size <= CHECKED_BYTES:
        found = journal.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise _damaged(journal.path, found)


def _upgrade(journal: Journal) -> None:
    version = journal.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise VersionMismatchError(
            f"the journal {journal.path} has schema {version}, and this version knows up to "
            f"{len(MIGRATIONS)}: a newer one has written it; update, or choose another data folder"
        )
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        journal.executescript(f"BEGIN; {script} PRAGMA user_version={number}; COMMIT;")
