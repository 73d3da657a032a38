from contextlib import closing

import pytest
from support.journals import restore

from peanut_daemon.edits.store import EditStore
from peanut_daemon.errors import DiskFullError, JournalDamagedError, JournalError
from peanut_daemon.jobs.store import JobStore
from peanut_daemon.journal.database import open_database
from peanut_daemon.journal.rebuild import rebuild_journal


@pytest.fixture
def path(tmp_path):
    restore(1, tmp_path / "journal.db")
    with closing(open_database(tmp_path / "journal.db")):
        pass  # Upgraded, and closed properly.
    return tmp_path / "journal.db"


def test_all_rows_of_a_readable_journal_come_over(path):
    with closing(open_database(path)) as before:
        edits, jobs = EditStore(before).all(), JobStore(before).all()
    content = path.read_bytes()
    rebuilt = rebuild_journal(path)
    with closing(open_database(path)) as after:
        assert (EditStore(after).all(), JobStore(after).all()) == (edits, jobs)
    assert rebuilt.rows["prompts"] == 4
    assert rebuilt.kept.read_bytes() == content


def test_what_lies_before_and_after_the_damage_is_saved(path):
    with closing(open_database(path)) as journal, journal.transaction():
        for number in range(400):
            journal.execute(
                "INSERT INTO mattes (matte_hash, frame_index, target_id, png) "
                "VALUES ('long', ?, '1', ?)",
                (number, b"png" * 300),
            )
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xa5" * 4096
    path.write_bytes(content)
    with pytest.raises(JournalDamagedError):
        open_database(path)
    rebuilt = rebuild_journal(path)
    with closing(open_database(path)) as journal:
        assert EditStore(journal).get("edit1").approval is not None
        assert 300 < rebuilt.rows["mattes"] < 403
        assert len(JobStore(journal).all()) == 3
    assert rebuilt.kept.read_bytes() == bytes(content)


def test_nothing_that_can_be_read_leaves_an_empty_journal_and_the_old_file(path):
    path.write_bytes(b"not a journal " * 1000)
    rebuilt = rebuild_journal(path)
    assert set(rebuilt.rows.values()) == {0}
    assert rebuilt.kept.read_bytes().startswith(b"not a journal")
    with closing(open_database(path)) as journal:
        assert EditStore(journal).all() == []


def test_without_a_journal_there_is_nothing_to_rebuild(tmp_path):
    with pytest.raises(JournalError, match="nothing to rebuild"):
        rebuild_journal(tmp_path / "journal.db")


def test_without_room_for_a_new_one_everything_is_as_it_was(path, monkeypatch):
    content = path.read_bytes()
    monkeypatch.setattr("peanut_daemon.journal.rebuild.open_database", no_room)
    with pytest.raises(DiskFullError):
        rebuild_journal(path)
    assert path.read_bytes() == content
    assert [p.name for p in path.parent.glob("journal.*.db*")] == []


def no_room(path):
    path.write_bytes(b"half")
    raise DiskFullError("no room")
