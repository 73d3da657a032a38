"""A folder through which plugin and daemon hand each other files, in memory where there is such."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from pathlib import Path

from peanut_daemon.errors import InvalidRequestError, MediaNotFoundError

_MEMORY = Path("/dev/shm")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class TransferFolder:
    """One folder per data folder and user; its content does not outlive the daemon."""

    def __init__(self, data_dir: Path) -> None:
        self.path = _place(data_dir)

    def open(self) -> None:
        """Make the folder anew, for this user alone."""
        self.close()
        self.path.mkdir(mode=0o700, parents=True)

    def close(self) -> None:
        """Remove it with what was never fetched."""
        shutil.rmtree(self.path, ignore_errors=True)

    def given(self, name: str) -> Path:
        """The file of that name that a client put there.

        Raises:
            InvalidRequestError: not a plain file name.
            MediaNotFoundError: no such file.
        """
        if not _NAME.fullmatch(name):
            raise InvalidRequestError(
                f"transfer file {name[:80]!r} is not a plain file name: put the file into the "
                "transfer folder and give its name only"
            )
        path = self.path / name
        # A link could lead anywhere; only what was really written here is taken.
        if path.is_symlink() or not path.is_file():
            raise MediaNotFoundError(
                f"no file {name} in the transfer folder {self.path}: write it there first"
            )
        return path

    def hand_out(self, content: bytes) -> Path:
        """A new file with that content, which the client deletes."""
        handle, name = tempfile.mkstemp(dir=self.path, prefix="picture-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
        return Path(name)


def _place(data_dir: Path) -> Path:
    if os.access(_MEMORY, os.W_OK | os.X_OK) and hasattr(os, "getuid"):
        digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
        return _MEMORY / f"peanut-{os.getuid()}-{digest}"
    return data_dir / "transfer"
