from contextlib import closing
from dataclasses import replace

import pytest
from support.journals import restore

from peanut_daemon.config import Settings
from peanut_daemon.deliverable import RenderStage
from peanut_daemon.edits.store import EditStore
from peanut_daemon.errors import DiskFullError, JobNotFoundError
from peanut_daemon.jobs.housekeeping import Housekeeping
from peanut_daemon.jobs.model import JobState
from peanut_daemon.jobs.render import RenderWork, remove_leftovers
from peanut_daemon.jobs.store import JobStore
from peanut_daemon.journal.database import open_database
from peanut_daemon.media.atomic import leftover_of
from peanut_daemon.worker.store import ArtifactStore
from peanut_models.ranges import FrameRange

NOW = 2000.0


@pytest.fixture
def settings(tmp_path):
    made = Settings(data_dir=tmp_path, store_budget_bytes=250, min_free_disk_bytes=0)
    made.store_dir.mkdir()
    return made


@pytest.fixture
def journal(settings):
    """With one edit, and a running, a failed and a succeeded job of its approved matte."""
    restore(1, settings.data_dir / "journal.db")
    with closing(open_database(settings.data_dir / "journal.db")) as database:
        database.execute("DELETE FROM artifacts")
        yield database


@pytest.fixture
def jobs(journal):
    return JobStore(journal, clock=lambda: NOW)


@pytest.fixture
def artifacts(settings):
    return ArtifactStore(settings.store_dir)


@pytest.fixture
def housekeeping(settings, journal, jobs, artifacts):
    return Housekeeping(
        settings,
        journal,
        edits=EditStore(journal),
        jobs=jobs,
        artifacts=artifacts,
        clock=lambda: NOW,
    )


def commit(jobs, artifacts, key, size=100):
    path = artifacts.prepared(key, RenderStage.PLATE)
    path.write_bytes(b"x" * size)
    jobs.commit_artifact(key, size, "sha")
    return path


def in_store(artifacts):
    return sorted(file.key for file in artifacts.files())


async def test_over_the_budget_what_nobody_needs_goes(housekeeping, jobs, artifacts):
    for key in ("aa", "bb", "cc", "dd"):
        commit(jobs, artifacts, key)
    jobs.plans("job3", {"aa", "zz"})  # It runs.
    jobs.plans("job1", {"bb"})  # It succeeded, and a newer render of the matte took its place.
    cleaned = await housekeeping.clean()
    assert (cleaned.artifacts, cleaned.freed_bytes) == (2, 200)
    assert "aa" in in_store(artifacts)
    assert sorted(jobs.artifact_hashes()) == in_store(artifacts)
    state = housekeeping.state()
    assert (state.size_bytes, state.needed_bytes, state.budget_bytes) == (200, 100, 250)


async def test_a_budget_of_nothing_leaves_what_is_needed(housekeeping, jobs, artifacts):
    for key in ("aa", "bb"):
        commit(jobs, artifacts, key, size=500)
    jobs.plans("job3", {"aa"})
    assert (await housekeeping.clean(0)).artifacts == 1
    assert in_store(artifacts) == ["aa"]


async def test_what_crashes_leave_is_cleared_away_but_not_under_a_worker(
    housekeeping, jobs, artifacts
):
    commit(jobs, artifacts, "aa")
    jobs.plans("job3", {"bb", "cc"})
    being_written = artifacts.prepared("bb", RenderStage.PLATE).with_name(".bb.npz.part")
    about_to_be_committed = artifacts.prepared("cc", RenderStage.UPSCALE)
    left = artifacts.prepared("dd", RenderStage.UPSCALE).with_name(".dd.mkv.part")
    orphan = artifacts.prepared("ee", RenderStage.PLATE)
    for path in (being_written, about_to_be_committed, left, orphan):
        path.write_bytes(b"half")
    cleaned = await housekeeping.clean()
    assert (cleaned.leftovers, cleaned.artifacts, cleaned.freed_bytes) == (2, 0, 8)
    assert in_store(artifacts) == ["aa", "bb", "cc"]


async def test_a_commit_without_its_file_is_forgotten(housekeeping, jobs, artifacts):
    commit(jobs, artifacts, "aa").unlink()
    commit(jobs, artifacts, "bb")
    assert (await housekeeping.clean()).missing == 1
    assert list(jobs.artifact_hashes()) == ["bb"]


async def test_nothing_is_deleted_that_the_journal_still_promises(
    housekeeping, journal, jobs, artifacts
):
    for number in range(30):
        commit(jobs, artifacts, f"key{number:03}", size=1)
    journal.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages = journal.execute("PRAGMA page_count").fetchone()[0]
    journal.execute(
        "CREATE TRIGGER no_room BEFORE DELETE ON artifacts WHEN old.key = 'key010' "
        "BEGIN INSERT INTO mattes (matte_hash, frame_index, target_id, png) "
        "VALUES ('big', 0, '1', zeroblob(100000)); END"
    )
    journal.execute(f"PRAGMA max_page_count={pages + 2}")
    with pytest.raises(DiskFullError):
        await housekeeping.clean(0)
    assert len(in_store(artifacts)) == len(jobs.artifact_hashes()) == 30


async def test_a_job_that_has_not_started_keeps_what_it_will_reuse(
    housekeeping, journal, jobs, artifacts
):
    jobs.move("job3", JobState.QUEUED)
    (key,) = RenderWork.of(jobs.get("job3"), EditStore(journal)).keys()
    commit(jobs, artifacts, key)
    commit(jobs, artifacts, "aa")
    await housekeeping.clean(0)
    assert in_store(artifacts) == [key]


async def test_frozen_masks_go_with_the_last_that_refers_to_them(housekeeping, journal, jobs):
    edits = EditStore(journal)
    journal.execute(
        "INSERT INTO mattes (matte_hash, frame_index, target_id, png) "
        "VALUES ('unused', 0, '1', x'00')"
    )
    await housekeeping.clean()
    assert edits.matte("hash1", FrameRange(0, 3))
    assert not edits.matte("unused", FrameRange(0, 3))
    edits.delete("edit1")
    await housekeeping.clean()
    assert not edits.matte("hash1", FrameRange(0, 3))


def test_a_deleted_job_is_gone_and_its_windows_lose_their_protection(jobs):
    jobs.plans("job1", {"aa"})
    jobs.delete("job1")
    assert jobs.planned("job1") == frozenset()
    with pytest.raises(JobNotFoundError, match="job1"):
        jobs.delete("job1")


def test_outputs_of_an_ended_job_are_removed_where_they_are_its_own(jobs, tmp_path):
    job = jobs.get("job2")
    job = replace(job, settings=replace(job.settings, output_path=tmp_path / "out.mkv"))
    whole = tmp_path / "out.matte.mkv"
    whole.write_bytes(b"of an earlier render")
    for path in (job.outputs.deliverable, job.outputs.report):
        leftover_of(path).write_bytes(b"half")
    remove_leftovers(job, tried=False)
    assert [path.name for path in tmp_path.glob("*out*")] == [whole.name]
    remove_leftovers(replace(job, settings=replace(job.settings, overwrite=True)), tried=True)
    assert whole.is_file()
    remove_leftovers(job, tried=True)
    assert not whole.exists()
