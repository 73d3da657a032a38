"""Starting a daemon as a process of its own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from peanut_client.config import Settings
from peanut_client.errors import DaemonUnavailableError

# What the extra `daemon` installs, as modules. The wheel has `peanut_daemon` itself even without
# the extra, so only these tell whether a daemon can run here.
DAEMON_MODULES = (
    "peanut_daemon",
    "av",
    "cv2",
    "filelock",
    "grpc_health",
    "grpc_reflection",
    "jaxtyping",
    "numpy",
    "opentimelineio",
    "prometheus_client",
    "torch",
    "torchvision",
)

# Exit code of a daemon when another one holds its folder.
_EXIT_FOLDER_IN_USE = 3
_TAIL_LINES = 12
_TAIL_BYTES = 16 * 1024


@dataclass(slots=True, kw_only=True)
class DaemonProcess:
    """A daemon that was just started, until it answers."""

    process: subprocess.Popen[bytes]
    log_file: Path
    # Length of the log before the start: what comes after it is this daemon's.
    log_start: int

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return self.process.returncode

    def ended(self) -> bool:
        """Whether it is gone."""
        return self.process.poll() is not None

    def end(self) -> None:
        """End it and wait until it is gone."""
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def gave_way(self) -> bool:
        """Whether it ended because another daemon holds its folder."""
        return self.ended() and self.exit_code == _EXIT_FOLDER_IN_USE

    def log_tail(self) -> str:
        """The last lines that it wrote."""
        try:
            with self.log_file.open("rb") as log:
                size = log.seek(0, os.SEEK_END)
                log.seek(max(self.log_start, size - _TAIL_BYTES))
                text = log.read().decode("utf-8", errors="replace")
        except OSError:
            return ""
        return "\n".join(text.rstrip().splitlines()[-_TAIL_LINES:])


def missing_daemon_modules() -> tuple[str, ...]:
    """The modules that a daemon needs and that are not installed here."""
    return tuple(name for name in DAEMON_MODULES if importlib.util.find_spec(name) is None)


def check_daemon_installed() -> None:
    """Make sure that a daemon can run in this Python.

    Raises:
        DaemonUnavailableError: something is not installed.
    """
    if missing := missing_daemon_modules():
        raise DaemonUnavailableError(
            "DaemonNotInstalledError",
            f"the daemon is not installed here (missing: {', '.join(missing)}): "
            'pip install "peanut[daemon]"',
        )


def process_lives(pid: int) -> bool:
    """Whether a process with that id runs; on Windows always no, where asking would end it."""
    if sys.platform == "win32" or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:  # in a container nobody may have taken note of its end: state Z in Linux's own list
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except (OSError, IndexError):
        return True
    return state != b"Z"


def launch_daemon(settings: Settings) -> DaemonProcess:
    """Start a daemon that outlives this process and writes to the log in its data folder.

    Raises:
        DaemonUnavailableError: it is not installed, or its folder cannot be written.
    """
    if "peanut_daemon" in settings.daemon_command:
        check_daemon_installed()
    command = [*settings.daemon_command, "--data-dir", str(settings.data_dir)]
    try:
        # 0700: the folder holds the token and pictures of the user's clips.
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with settings.log_file.open("ab") as log:
            log_start = log.seek(0, os.SEEK_END)
            process = _detached(command, log.fileno())
    except OSError as error:
        raise DaemonUnavailableError(
            "DaemonStartError",
            f"cannot start the daemon for {settings.data_dir}: {error.strerror or error}; "
            "make the folder writable, or set PEANUT_DATA_DIR to another one",
        ) from error
    return DaemonProcess(process=process, log_file=settings.log_file, log_start=log_start)


def _detached(command: list[str], log: int) -> subprocess.Popen[bytes]:
    """Start a process that a Ctrl-C or a closed terminal of ours does not end."""
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=sys.platform != "win32",
        creationflags=flags,
    )
    # A host that lives longer than its daemon would otherwise keep it as a zombie.
    threading.Thread(target=process.wait, name="peanut-reaper", daemon=True).start()
    return process
