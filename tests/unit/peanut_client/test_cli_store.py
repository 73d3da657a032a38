from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from support.fake_daemon import FakeService
from typer.testing import Result

from peanut.v1 import edits_pb2, frames_pb2, jobs_pb2

Run = Callable[..., Result]


def test_show_says_how_large_the_store_is_and_may_become(run: Run, service: FakeService) -> None:
    stdout = run("store", "show").stdout
    for words in ("0.7 GiB in 4 windows", "200 MiB by edits and jobs", "50.0 GiB", "80.0 GiB free"):
        assert words in stdout
    document = json.loads(run("store", "show", "--json").stdout)
    assert document["store"]["size_bytes"] == 700 * 2**20


def test_clean_keeps_to_the_budget_unless_all_is_to_go(run: Run, service: FakeService) -> None:
    assert "1 window and 2 leftovers deleted, 3 MiB free again" in run("store", "clean").stdout
    document = json.loads(run("store", "clean", "--all", "--json").stdout)
    assert document["removed_artifacts"] == 1
    to_budget, everything = service.named("CleanStore")
    assert not to_budget.HasField("budget_bytes")
    assert everything.HasField("budget_bytes")
    assert everything.budget_bytes == 0


def test_edits_are_listed_and_deleted(run: Run, service: FakeService) -> None:
    assert run("edits", "list").stdout == "no edits yet\n"
    service.edits["edit1"] = edits_pb2.Edit(
        id="edit1",
        clip=frames_pb2.Clip(path="/films/a.mov"),
        range=frames_pb2.FrameRange(start_frame=12, end_frame=30),
        approval=edits_pb2.Approval(matte_hash="abc"),
    )
    for words in ("edit1", "12:30", "approved", "/films/a.mov"):
        assert words in run("edits", "list").stdout
    assert "results stay" in run("edits", "delete", "edit1").stdout
    assert json.loads(run("edits", "list", "--json").stdout) == {"edits": []}


def test_a_job_is_deleted(run: Run, service: FakeService) -> None:
    service.jobs["job7"] = jobs_pb2.Job(id="job7", state=jobs_pb2.JOB_STATE_SUCCEEDED)
    assert run("jobs", "delete", "job7").exit_code == 0
    assert service.jobs == {}
    assert run("jobs", "delete", "job7").exit_code == 1


@pytest.mark.slow
def test_a_damaged_journal_is_put_aside(run: Run, data_dir: Path) -> None:
    data_dir.mkdir(mode=0o700, exist_ok=True)
    (data_dir / "journal.db").write_bytes(b"not a journal")
    result = run("store", "rebuild")
    assert result.exit_code == 0, result.stderr
    (kept,) = data_dir.glob("journal.damaged-*.db")
    assert str(kept) in result.stdout
    assert kept.read_bytes() == b"not a journal"
    journal = sqlite3.connect(data_dir / "journal.db")
    assert journal.execute("SELECT count(*) FROM edits").fetchone() == (0,)
    journal.close()
