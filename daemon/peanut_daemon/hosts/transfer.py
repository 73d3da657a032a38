"""A folder through which plugin and daemon hand each other files, in memory where there is such."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

from peanut_daemon.errors import InvalidRequestError, MediaNotFoundError
from peanut_daemon.media.atomic import output_error

_MEMORY = Path("/dev/shm")
_PREFIX = "peanut-transfer-"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class TransferFolder:
    """One folder of a running daemon, for its user alone; the content does not outlive the daemon.

    Its name is random, since everybody may make folders where it lies.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        # Names the folder, so that the next daemon can remove what a killed one left.
        self._note = data_dir / "transfer.path"
        self.path = data_dir / "transfer"

    def open(self) -> None:
        """Remove what an earlier daemon left, and make a folder.

        Raises:
            OutputNotWritableError, DiskFullError: it cannot be made.
        """
        self.close()
        try:
            try:
                self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_MEMORY))
            except OSError:  # No such place on this system, or no room in it.
                self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._data_dir))
            self._note.write_text(str(self.path), encoding="utf-8")
        except OSError as error:
            raise output_error(error, self._data_dir) from error

    def close(self) -> None:
        """Remove it with what was never fetched."""
        try:
            left = Path(self._note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        if left.name.startswith(_PREFIX) and left.parent in (_MEMORY, self._data_dir):
            shutil.rmtree(left, ignore_errors=True)
        self._note.unlink(missing_ok=True)

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
        """A new file with that content, which the client deletes.

        Raises:
            OutputNotWritableError, DiskFullError: it cannot be written.
        """
        # It lies where others tidy up, too.
        try:
            self.path.mkdir(mode=0o700, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.path, prefix="picture-")
        except OSError as error:
            raise output_error(error, self.path) from error
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
        except OSError as error:
            Path(name).unlink(missing_ok=True)
            raise output_error(error, self.path) from error
        return Path(name)
