"""The journal: old schemas, torn logs, damage, and disks without room."""

import shutil
import sqlite3

import pytest
from support.journals import restore

from peanut_daemon.edits.model import Box, FrozenMask, PaintedMask, Point
from peanut_daemon.edits.store import EditStore
from peanut_daemon.errors import (
    DiskFullError,
    JournalDamagedError,
    JournalError,
    VersionMismatchError,
)
from peanut_daemon.jobs.model import JobState
from peanut_daemon.jobs.store import JobStore
from peanut_daemon.journal.database import connect, open_database
from peanut_daemon.journal.schema import MIGRATIONS
from peanut_models.ranges import FrameRange


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path):
    database = open_database(path)
    database.execute("CREATE TABLE notes (number INTEGER PRIMARY KEY, content BLOB)")
    yield database
    database.close()


def write(journal, number, size=100):
    journal.execute("INSERT INTO notes VALUES (?, zeroblob(?))", (number, size))


def numbers(journal):
    return [row["number"] for row in journal.execute("SELECT number FROM notes ORDER BY number")]


# Old schemas.


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS) + 1))
def test_a_journal_of_every_schema_opens_with_all_that_was_in_it(path, version):
    """A dump is missing? `python tests/support/journals.py` makes it."""
    restore(version, path)
    journal = open_database(path)
    (edit,) = EditStore(journal).all()
    assert (edit.id, edit.frame_range, edit.otio) == ("edit1", FrameRange(0, 3), "otio text")
    assert (edit.clip.start_timecode.label, edit.clip.width) == ("01:00:00:00", 64)
    car, other = edit.targets
    assert car.prompts == (
        Point(frame_index=1, x_px=3.5, y_px=4, positive=False),
        Box(frame_index=0, x0_px=1, y0_px=2, x1_px=30, y1_px=40),
        PaintedMask(frame_index=2, png=b"\x89PNG"),
    )
    assert [(t.name, t.mask_frames, t.revision) for t in (car, other)] == [
        ("car", 3, 0),
        ("", 1, 0),
    ]
    store = EditStore(journal)
    assert [m.png for m in store.masks("edit1", edit.frame_range, "1")] == [
        b"mask0",
        b"mask1",
        b"mask2",
    ]
    assert (edit.approval.matte_hash, edit.approval.grow_px) == ("hash1", 4)
    assert store.matte("hash1", FrameRange(1, 2)) == {1: [FrozenMask(b"mask1")]}
    jobs = JobStore(journal)
    running, failed, succeeded = jobs.all()
    assert (running.state, running.retries) == (JobState.RUNNING, 2)
    assert failed.error is not None and failed.error.reason == "DiskFullError"
    assert (succeeded.progress.done, succeeded.finished_at) == (3, 1003.0)
    assert succeeded.settings.eraser.name == "embedded/propagation"
    assert jobs.artifact_hashes() == {"key1": "sha1", "key2": "sha2"}
    assert [a.used_at for a in jobs.artifacts()] == [1002.75, 1002.8]
    journal.close()


def test_an_upgrade_that_fails_changes_nothing(path, monkeypatch):
    restore(1, path)
    broken = (MIGRATIONS[0], MIGRATIONS[1] + "INSERT INTO nowhere VALUES (1);")
    monkeypatch.setattr("peanut_daemon.journal.database.MIGRATIONS", broken)
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        open_database(path)
    monkeypatch.undo()
    journal = open_database(path)
    assert len(EditStore(journal).get("edit1").targets) == 2
    journal.close()


def test_a_journal_of_a_newer_version_is_refused(path, journal):
    journal.execute(f"PRAGMA user_version={len(MIGRATIONS) + 1}")
    with pytest.raises(VersionMismatchError, match="newer one has written it"):
        open_database(path)


# Power cuts.


def test_a_log_torn_anywhere_after_the_last_commit_loses_nothing_confirmed(path, journal, tmp_path):
    log = path.with_name("journal.db-wal")
    write(journal, 1)
    confirmed = log.stat().st_size
    write(journal, 2, size=9000)
    content = log.read_bytes()
    assert len(content) > confirmed
    for case, end in enumerate([*range(confirmed, len(content), 2900), len(content)]):
        for garbage in (b"", b"\xff" * 5000):
            folder = tmp_path / f"case{case}{bool(garbage)}"
            folder.mkdir()
            shutil.copy(path, folder)
            (folder / log.name).write_bytes(content[:end] + garbage)
            torn = open_database(folder / path.name)
            assert numbers(torn) == ([1, 2] if end == len(content) else [1])
            torn.close()


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: b"\x00" * len(content), id="zeros"),
        pytest.param(lambda content: b"garbage" + content[7:], id="header"),
        pytest.param(lambda content: content[: len(content) // 2], id="half"),
        pytest.param(
            lambda content: content[:4096] + b"\xa5" * (len(content) - 4096), id="all but the head"
        ),
    ],
)
def test_a_damaged_journal_is_named_and_left_as_it_is(path, journal, damage):
    for number in range(20):
        write(journal, number, size=3000)
    journal.close()
    path.write_bytes(damage(path.read_bytes()))
    before = path.read_bytes()
    with pytest.raises(JournalDamagedError, match="peanut store rebuild"):
        open_database(path)
    assert path.read_bytes() == before


def test_damage_that_is_met_later_is_named_too(path, journal):
    for number in range(20):
        write(journal, number, size=3000)
    journal.close()
    later = connect(path)
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))
    with pytest.raises(JournalDamagedError):
        list(later.execute("SELECT * FROM notes"))
    later.close()


def test_a_folder_in_its_place_is_named(path):
    path.mkdir()
    with pytest.raises(JournalError, match="cannot be read or written"):
        open_database(path)


# No room.


def fill(journal):
    """As a full disk does: what is there can be read, and nothing can be added."""
    pages = journal.execute("PRAGMA page_count").fetchone()[0]
    journal.execute(f"PRAGMA max_page_count={pages}")


def test_without_room_nothing_is_half_written(journal):
    write(journal, 1)
    fill(journal)
    with pytest.raises(DiskFullError, match="free space"):
        with journal.transaction():
            write(journal, 2)
            write(journal, 3, size=100_000)
    assert numbers(journal) == [1]
    journal.execute("PRAGMA max_page_count=100000")
    write(journal, 2)
    assert numbers(journal) == [1, 2]


def test_a_failed_transaction_leaves_nothing_and_lets_the_next_one_in(journal):
    with pytest.raises(ZeroDivisionError):
        with journal.transaction():
            write(journal, 1)
            raise ZeroDivisionError
    with journal.transaction():
        write(journal, 2)
    assert numbers(journal) == [2]


def test_the_reserve_is_there_once_and_can_be_taken_again(path, journal):
    reserve = path.with_name("journal.db.reserve")
    assert reserve.stat().st_size == 2**20
    assert journal.give_reserve()
    assert not reserve.exists()
    assert not journal.give_reserve()
    journal.keep_reserve()
    assert reserve.stat().st_size == 2**20
