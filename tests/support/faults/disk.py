"""No room, at every place where the daemon writes: each must be named, and lose nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.daemon import RunningDaemon, finished
from support.faults.editor import SHOTS, Editor, Results, file_hashes
from support.faults.full_disk import FullDisk

from peanut.v1 import edits_pb2, jobs_pb2
from peanut_client import PeanutError

NAMED = "DiskFullError"
CLICKS = next(shot for shot in SHOTS if shot.name == "clicks")
ENLARGED = next(shot for shot in SHOTS if shot.name == "enlarged")


class DiskPoints:
    """Fills the disk for one write after the other.

    Args:
        daemon: started with the environment of `full`.
        full: says what has no room.
        editor: at that daemon.
        calm: undisturbed results by shot.
        folder: for outputs.
    """

    def __init__(
        self,
        daemon: RunningDaemon,
        full: FullDisk,
        editor: Editor,
        calm: dict[str, Results],
        folder: Path,
    ) -> None:
        self._daemon = daemon
        self._full = full
        self._editor = editor
        self._calm = calm
        self._folder = folder
        self._reserve = daemon.data_dir / "journal.db.reserve"

    def all(self) -> Iterator[str]:
        """Go through all points; yields the name of each that held, raises at one that did not."""
        yield from self._decisions()
        yield from self._commits()
        for name in ("full.mkv", "full.matte.mkv", "full.otio", "full.report.json"):
            yield self._output(name)
        yield self._output("full.report.html")
        yield self._output("full.sheet.png")
        yield self._log()
        yield from self._start()

    def _decisions(self) -> Iterator[str]:
        """Edits, prompts, masks, approvals and jobs are confirmed only once they are written."""
        editor, daemon = self._editor, self._daemon
        with daemon.client() as client:
            clip = str(editor.clip(CLICKS))
            known = len(client.list_edits())
            self._refused(lambda: client.create_edit(clip))
            assert len(client.list_edits()) == known
            edit = client.create_edit(clip)
            yield "journal: edit"
            target = edits_pb2.Target(id="1", prompts=CLICKS.prompts)
            self._refused(lambda: list(client.track_masks(edit.id, [target])))
            assert not client.get_edit(edit.id).targets
            yield "journal: prompts"
            self._refused_in_the_middle(client.track_masks(edit.id, [target]))
            # Every mask that was sent is there, and the rest comes as if nothing had been.
            assert editor.track(edit.id, CLICKS.prompts) == self._calm["clicks"].first_masks
            yield "journal: mask"
            assert (
                editor.track(edit.id, CLICKS.prompts + CLICKS.correction)
                == self._calm["clicks"].masks
            )
            self._refused(lambda: client.approve_masks(edit.id, grow_px=2, feather_px=1))
            assert not client.get_edit(edit.id).HasField("approval")
            assert editor.approve(edit.id) == self._calm["clicks"].matte_hash
            yield "journal: approval"
            target_path = str(self._folder / "refused.mkv")
            self._refused(lambda: client.start_render(edit.id, target_path))
            assert not any(j.outputs.deliverable == target_path for j in client.list_jobs())
            yield "journal: job"

    def _commits(self) -> Iterator[str]:
        """A render that cannot commit fails by name, and goes on where it was."""
        with self._prepared("reserve") as (client, start):
            job = start()
            with self._full.full_for("journal.db-wal", while_there=self._reserve):
                self._fails(client, job)
            self._goes_on(client, job, CLICKS)
            yield "journal: commit, with the reserve"
        self._restart()
        with self._prepared("nothing") as (client, start):
            job = start()
            with self._full.full_for("journal.db-wal"):
                until = client.get_job(job)
                assert until.state in (jobs_pb2.JOB_STATE_QUEUED, jobs_pb2.JOB_STATE_RUNNING)
                self._wait_for_log("could not be ended properly")
        self._restart()
        with self._daemon.client() as client:
            self._goes_on(client, job, CLICKS, failed=False)
            yield "journal: commit, without any room"
        with self._prepared("plate") as (client, start):
            with self._full.full_for("/store/"):
                job = start()
                self._fails(client, job)
            self._goes_on(client, job, CLICKS)
            yield "artifact: plate"
        with self._prepared("upscale", ENLARGED) as (client, start):
            with self._full.full_for(".mkv.part"):
                job = start()
                self._fails(client, job)
            self._goes_on(client, job, ENLARGED)
            yield "artifact: upscaled segment"

    def _output(self, name: str) -> str:
        with self._prepared(name) as (client, start):
            with self._full.full_for(f".{name}.part"):
                job = start()
                self._fails(client, job)
            assert not list((self._folder / name).iterdir())
            self._goes_on(client, job, CLICKS)
        return f"output: {name}"

    def _log(self) -> str:
        with self._full.full_for("daemon.log"), self._prepared("log") as (client, start):
            self._goes_on(client, start(), CLICKS, failed=False)
        return "log"

    def _start(self) -> Iterator[str]:
        for name, parts in {
            "connection file": ("daemon.json",),
            "transfer folder": ("/transfer", "peanut-transfer"),
            "journal at the start": ("journal.db",),
        }.items():
            self._daemon.kill()
            with self._full.full_for(*parts):
                with pytest.raises(AssertionError, match="no room to write"):
                    self._daemon.start()
            self._daemon.start()
            yield name
        new = self._folder / "new"
        new.mkdir()
        with (
            self._full.full_for(f"{new}/"),
            pytest.raises(AssertionError, match="no room to write"),
        ):
            RunningDaemon(new, environment=self._full.environment).start()
        yield "a new data folder"

    # Helpers.

    def _refused(self, call: Callable[[], object]) -> None:
        with self._full.full_for("journal.db"), pytest.raises(PeanutError) as caught:
            call()
        assert caught.value.reason == NAMED, caught.value

    def _refused_in_the_middle(self, answers) -> None:
        next(answers)
        with self._full.full_for("journal.db"), pytest.raises(PeanutError) as caught:
            list(answers)
        assert caught.value.reason == NAMED, caught.value

    def _prepared(self, name: str, shot=CLICKS):
        return _Prepared(self._daemon, self._editor, shot, self._folder / name)

    def _fails(self, client, job_id: str) -> None:
        job = finished(client, job_id)
        assert job.state == jobs_pb2.JOB_STATE_FAILED, job
        assert job.error.reason == NAMED, job.error

    def _goes_on(self, client, job_id: str, shot, *, failed: bool = True) -> None:
        if failed:
            client.resume_job(job_id)
        job = finished(client, job_id)
        assert job.state == jobs_pb2.JOB_STATE_SUCCEEDED, job.error
        assert file_hashes(job.outputs) == self._calm[shot.name].files

    def _restart(self) -> None:
        self._daemon.kill()
        self._daemon.start()

    def _wait_for_log(self, text: str) -> None:
        self._editor.until(lambda: text in self._daemon.log())


class _Prepared:
    """An edit that is ready to be rendered to a folder of its own."""

    def __init__(self, daemon: RunningDaemon, editor: Editor, shot, folder: Path) -> None:
        self._daemon, self._editor, self._shot, self._folder = daemon, editor, shot, folder

    def __enter__(self):
        self._folder.mkdir()
        # The store is emptied, so that every window is computed.
        self._editor.again(lambda c: c.clean_store(0))
        edit_id = self._editor.create(self._shot)
        self._editor.track(edit_id, self._shot.prompts)
        self._editor.track(edit_id, self._shot.prompts + self._shot.correction)
        self._editor.approve(edit_id)
        self._client = self._daemon.client()
        name, deliverable, codec = self._shot.renders[0]
        path = self._folder / name

        def start() -> str:
            return self._editor.start(edit_id, path, deliverable, codec)

        return self._client, start

    def __exit__(self, *_):
        self._client.close()
