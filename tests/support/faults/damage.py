"""Damaged, missing and torn files of every kind: noticed, named where it matters, and mended."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.daemon import RunningDaemon
from support.faults.editor import SHOTS, Editor, Results, file_hashes


def cut_short(path: Path, generator: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: generator.randrange(1, len(content))])


def emptied(path: Path, generator: random.Random) -> None:
    path.write_bytes(b"")


def bytes_flipped(path: Path, generator: random.Random) -> None:
    content = bytearray(path.read_bytes())
    for at in generator.sample(range(len(content)), 8):
        content[at] ^= generator.randrange(1, 256)
    path.write_bytes(content)


def missing(path: Path, generator: random.Random) -> None:
    path.unlink()


def of_another(path: Path, generator: random.Random) -> None:
    others = [p for p in path.parents[1].rglob(f"*{path.suffix}") if p != path]
    shutil.copyfile(generator.choice(others), path)


DAMAGES = (cut_short, emptied, bytes_flipped, missing, of_another)


class DamagePoints:
    """Damages one file after the other.

    Args:
        daemon: whose files.
        editor: at that daemon.
        calm: undisturbed results by shot.
        folder: for outputs.
        generator: decides where the damage is.
    """

    def __init__(
        self,
        daemon: RunningDaemon,
        editor: Editor,
        calm: dict[str, Results],
        folder: Path,
        generator: random.Random,
    ) -> None:
        self._daemon = daemon
        self._editor = editor
        self._calm = calm
        self._folder = folder
        self._generator = generator

    def all(self) -> Iterator[str]:
        """Go through all points; yields the name of each that held, raises at one that did not."""
        yield from self._artifacts()
        yield from self._small_files()
        yield from self._journal()

    def _artifacts(self) -> Iterator[str]:
        """A committed window that is not what was committed is computed again."""
        shot = next(shot for shot in SHOTS if shot.name == "enlarged")
        name, deliverable, codec = shot.renders[0]
        store = self._daemon.data_dir / "store"
        edit_id = self._editor.create(shot)
        self._editor.track(edit_id, shot.prompts)
        self._editor.track(edit_id, shot.prompts + shot.correction)
        self._editor.approve(edit_id)

        def render(label: str) -> None:
            folder = self._folder / label
            folder.mkdir()
            job_id = self._editor.start(edit_id, folder / name, deliverable, codec)
            assert file_hashes(self._editor.wait(job_id)) == self._calm[shot.name].files, label

        render("whole")
        for suffix in (".npz", ".mkv"):
            for damage in DAMAGES:
                label = f"artifact {suffix}: {damage.__name__.replace('_', ' ')}"
                damage(self._generator.choice(sorted(store.rglob(f"*{suffix}"))), self._generator)
                render(label)
                yield label

    def _small_files(self) -> Iterator[str]:
        """What a killed process leaves half-written is replaced or cleared away."""
        data, garbage = self._daemon.data_dir, self._generator.randbytes(300)
        for name in ("daemon.json", ".daemon.json.part", "transfer.path", "journal.db.reserve"):
            self._damaged_while_down(lambda name=name: (data / name).write_bytes(garbage))
            yield f"garbage in {name}"
        orphans = [data / "store/ab/abcd.npz", data / "store/ab/.abce.mkv.part"]
        orphans[0].parent.mkdir(parents=True, exist_ok=True)
        for path in orphans:
            path.write_bytes(garbage)
        with self._daemon.client() as client:
            client.clean_store()
        assert not any(path.exists() for path in orphans)
        yield "files in the store without a commit"

    def _journal(self) -> Iterator[str]:
        """A torn log loses nothing that was confirmed; a damaged journal is refused and kept."""
        data = self._daemon.data_dir
        journal, log = data / "journal.db", data / "journal.db-wal"

        def torn() -> None:
            content = log.read_bytes()
            # A frame as the next one would begin, cut off in its page.
            log.write_bytes(content + content[32 : 32 + 24] + self._generator.randbytes(1000))

        self._damaged_while_down(torn)
        yield "journal: torn end of the log"
        with self._daemon.client() as client:
            client.shutdown()  # All of the log goes into the journal.
        self._daemon.wait_until_it_ends()
        content = journal.read_bytes()
        for damage, change in self._beyond_repair(content).items():
            journal.write_bytes(change)
            with pytest.raises(AssertionError, match="is damaged"):
                self._daemon.start()
            assert journal.read_bytes() == change
            yield f"journal: {damage}"
        journal.write_bytes(content)
        self._daemon.start()

    def _beyond_repair(self, content: bytes) -> dict[str, bytes]:
        middle = bytearray(content)
        assert len(middle) > 2 * 4096
        for at in range(4096, len(content), 4096):
            middle[at : at + 512] = self._generator.randbytes(512)
        return {
            "no journal at all": bytes(self._generator.randbytes(len(content))),
            "pages overwritten": bytes(middle),
        }

    def _damaged_while_down(self, damage: Callable[[], object]) -> None:
        """Kill the daemon, damage something, start it: all that was confirmed is there."""
        before = self._known()
        self._daemon.kill()
        damage()
        self._daemon.start()
        assert self._known() == before

    def _known(self) -> tuple[bytes, ...]:
        with self._daemon.client() as client:
            messages = [*client.list_edits(), *client.list_jobs()]
        return tuple(message.SerializeToString(deterministic=True) for message in messages)
