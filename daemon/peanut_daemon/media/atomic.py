"""Output files that appear under their name only when they are whole."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from peanut_daemon.errors import (
    DiskFullError,
    OutputError,
    OutputExistsError,
    OutputNotWritableError,
)

# EFBIG: past the largest file that the file system or a quota allows (FAT32 stops at 4 GiB).
_FULL = frozenset(
    code
    for name in ("ENOSPC", "EDQUOT", "EFBIG")
    if (code := getattr(errno, name, None)) is not None
)
# ERROR_DISK_FULL and ERROR_HANDLE_DISK_FULL, where Python has no errno for them.
_FULL_ON_WINDOWS = frozenset({112, 39})


def output_error(error: OSError, path: Path) -> OutputError:
    """Our error for a failure to write `path`."""
    reason = error.strerror or str(error)
    if error.errno in _FULL or getattr(error, "winerror", None) in _FULL_ON_WINDOWS:
        return DiskFullError(
            f"no room to write {path} ({reason}): free space on that disk, or choose another "
            "folder; nothing was left there"
        )
    return OutputNotWritableError(
        f"cannot write {path} ({reason}): check that the folder exists and that the daemon's user "
        "may write there"
    )


def write_private(path: Path, text: str) -> None:
    """Replace a small file in one step; nobody but this user can ever read it.

    Raises:
        DiskFullError, OutputNotWritableError: it cannot be written; the old one stays.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        part.replace(path)
    except OSError as error:
        raise output_error(error, path) from error


def leftover_of(target: Path) -> Path:
    """The hidden file that a killed process leaves of an `AtomicFile`."""
    return target.with_name(f".{target.name}.part")


def sync_folder(folder: Path) -> None:
    """Make the names of the files in a folder durable; a file's own sync does not cover them.

    Raises:
        OSError: the disk reports a failure.
    """
    if os.name == "nt":  # Folders cannot be opened there, and NTFS keeps a log of names itself.
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems do not know this; then it is as durable as they make it.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


class AtomicFile(io.RawIOBase):
    """A binary file written under a hidden name beside its target and renamed by `commit`.

    As a context manager it is removed unless it was committed. The hidden name does not vary, so
    that what a killed process left behind is replaced by the next attempt.

    Raises:
        OutputExistsError: the target exists and `overwrite` is False.
        OutputNotWritableError, DiskFullError: it cannot be created.
    """

    def __init__(self, target: Path, *, overwrite: bool = False) -> None:
        super().__init__()
        self.target = target
        self.overwrite = overwrite
        self.temporary = leftover_of(target)
        self.failure: OSError | None = None
        self._refuse_existing()
        try:
            self._file = self.temporary.open("w+b", buffering=0)
        except OSError as error:
            raise output_error(error, target) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.discard()

    def writable(self) -> bool:
        """Always."""
        return True

    def readable(self) -> bool:
        """Always: some muxers look back at what they wrote."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def write(self, data: object) -> int:
        """Write all of `data`; the first failure is kept in `failure` too.

        Libraries between us and the disk lose the reason, so it is remembered here.
        """
        rest = memoryview(data).cast("B")  # type: ignore[arg-type]
        total = len(rest)
        try:
            while rest:
                written = self._file.write(rest)
                rest = rest[written or 0 :]
        except OSError as error:
            self.failure = self.failure or error
            raise
        return total

    def readinto(self, buffer: object) -> int:
        """Read back."""
        return self._file.readinto(buffer) or 0  # type: ignore[arg-type]

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """The position."""
        return self._file.tell()

    def commit(self) -> None:
        """Make the file durable and give it its name.

        Raises:
            OutputExistsError: something else took the name meanwhile.
            DiskFullError, OutputNotWritableError: it cannot be finished; it is removed.
        """
        try:
            if self.failure is not None:
                raise output_error(self.failure, self.target) from self.failure
            try:
                os.fsync(self._file.fileno())
                self.close()
                self._refuse_existing()
                self.temporary.replace(self.target)
                sync_folder(self.target.parent)
            except OSError as error:
                raise output_error(error, self.target) from error
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Remove the hidden file; nothing happens after `commit`."""
        self.close()
        try:
            self.temporary.unlink(missing_ok=True)
        except OSError:
            # It is hidden and the next attempt replaces it; the first failure is what matters.
            return

    def close(self) -> None:
        """Close without committing."""
        if not self.closed and hasattr(self, "_file"):
            self._file.close()
        super().close()

    def _refuse_existing(self) -> None:
        if not self.overwrite and self.target.exists():
            raise OutputExistsError(
                f"{self.target} exists already: choose another name, or allow overwriting"
            )


def write_atomically(target: Path, data: bytes, *, overwrite: bool = False) -> None:
    """Write a small file in one go.

    Raises:
        OutputExistsError, OutputNotWritableError, DiskFullError: as `AtomicFile`.
    """
    with AtomicFile(target, overwrite=overwrite) as file:
        try:
            file.write(data)
        except OSError as error:
            raise output_error(error, target) from error
        file.commit()
