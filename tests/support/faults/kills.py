"""Kills at random moments, as `kill -9` does, and a look at the journal right before each."""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

from support.daemon import RunningDaemon
from support.faults.editor import Editor, Phase

from peanut_client import PeanutError

# As often as each is hit; a render has the most that can go wrong.
PHASES = (Phase.TRACKING, Phase.CORRECTING, *[Phase.RENDERING] * 3)


class Tormentor:
    """Kills the worker and the daemon from a thread of its own while somebody works.

    Args:
        daemon: whom; killed, it is started again at once.
        generator: decides moments.
        pause_s: longest time between two kills.
    """

    def __init__(self, daemon: RunningDaemon, generator: random.Random, pause_s: float) -> None:
        self._daemon = daemon
        self._generator = generator
        self._pause_s = pause_s
        self.kills = {"worker": 0, "daemon": 0}
        self.kills_by_phase = dict.fromkeys(Phase, 0)
        # Windows that were committed before a kill: they must stay as they are.
        self.committed: dict[str, float] = {}
        self.pids: set[int] = set()
        # Whom there was no occasion to kill.
        self.spared: list[str] = []
        self.failure: BaseException | None = None
        self._thread: threading.Thread | None = None

    def start(self, victims: list[str], editor: Editor) -> None:
        """Begin with a list of victims, spread over an editor's work; returns at once."""
        editor.phase = Phase.IDLE
        phases = sorted(self._generator.choices(PHASES, k=len(victims)))
        self._thread = threading.Thread(
            target=self._run, args=([*zip(victims, phases, strict=True)], editor), name="tormentor"
        )
        self._thread.start()

    def finish(self) -> None:
        """Wait until all are killed and the daemon answers."""
        assert self._thread is not None
        self._thread.join()
        if self.failure is not None:
            raise self.failure

    def _run(self, victims: list[tuple[str, Phase]], editor: Editor) -> None:
        try:
            for victim, phase in victims:
                editor.until(lambda phase=phase: editor.phase >= phase)
                self._wait_for_a_moment(editor)
                if not self._kill(victim, editor):
                    self.spared.append(victim)
        except BaseException as error:
            self.failure = error

    def _wait_for_a_moment(self, editor: Editor) -> None:
        """Any moment; of a render half of the time one right after a commit."""
        if editor.phase is not Phase.RENDERING or self._generator.random() < 0.5:
            time.sleep(self._generator.uniform(0.0, self._pause_s))
            return
        known = len(commits(self._daemon.data_dir))
        editor.until(
            lambda: editor.phase is Phase.DONE or len(commits(self._daemon.data_dir)) > known
        )
        time.sleep(self._generator.uniform(0.0, 0.1))

    def _kill(self, victim: str, editor: Editor) -> bool:
        """Kill one of them; False if nobody needs the worker any more, so that none is up."""
        while True:
            try:
                with self._daemon.client() as client:
                    pid = client.get_server_info().worker.pid
            except PeanutError:
                pid = 0
            if pid > 0:
                break
            if editor.phase is Phase.DONE:
                return False
            time.sleep(0.02)  # Not up again yet since the last kill.
        self.pids.add(pid)
        self.committed |= commits(self._daemon.data_dir)
        phase = editor.phase
        if victim == "worker":
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                return self._kill(victim, editor)
        else:
            self._daemon.kill()
            self._daemon.start()
        self.kills[victim] += 1
        self.kills_by_phase[phase] += 1
        return True

    def still_running(self) -> list[int]:
        """Workers that outlived what should have ended them."""
        return [pid for pid in self.pids if _lives(pid)]


def commits(data_dir: Path) -> dict[str, float]:
    """When each window was committed."""
    with closing(sqlite3.connect(data_dir / "journal.db", timeout=10)) as journal:
        return dict(journal.execute("SELECT key, committed_at FROM artifacts"))


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except OSError:
        return False
    return state != b"Z"
