"""Which paths clients may name: symlinks are resolved first, and nothing but files is opened."""

from __future__ import annotations

import errno
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from peanut_daemon.errors import InvalidRequestError, PathRefusedError

# What the kernel makes up, among it the memory of this very process.
_KERNEL = (Path("/proc"), Path("/sys"))
# Folders inside the data folder that clients are told of: they write there and read from there.
_SHARED_NAMES = ("hosts",)
# Windows has neither.
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NO_BLOCK = getattr(os, "O_NONBLOCK", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Roots:
    """What clients may name.

    Attributes:
        allowed: the folders; empty means all that the daemon's user may read.
        private: the daemon's data folder, which is refused but for what it shares on purpose.
    """

    allowed: tuple[Path, ...] = ()
    private: Path

    def checked_input(self, path: Path) -> Path:
        """The path of a file that a client may have read, without symlinks where roots are set.

        The file is opened here once, and the opened one is compared with what was checked, so that
        a link that is put there meanwhile is found out.

        Raises:
            PathRefusedError: it lies elsewhere, by itself or through a link, whether something is
                there or not; or it is no file.
            InvalidRequestError: a relative path, or one that no system can open.
        """
        real = self._resolved(path)
        self._refuse_outside(path, real)
        if any(real.is_relative_to(folder) for folder in _KERNEL):
            raise PathRefusedError(
                f"path {_shown(path)} is no place for clips: give a file on a disk"
            )
        mode = _mode(real)
        if mode is not None and not stat.S_ISDIR(mode):
            _open_and_compare(path, real)
        elif self.allowed:
            # A folder of pictures, or a pattern for the names of some.
            self._refuse_links_in(real if mode is not None else real.parent)
        return real if self.allowed else path

    def checked_output(self, path: Path) -> Path:
        """The path of a file that a client may have written; its folder is what counts.

        Files are written beside their name and renamed, so a link in that very place is replaced
        and not followed.

        Raises:
            PathRefusedError, InvalidRequestError: as `checked_input`.
        """
        real = self._resolved(path.parent)
        self._refuse_outside(path, real / path.name)
        return real / path.name if self.allowed else path

    def _refuse_links_in(self, folder: Path) -> None:
        try:
            entries = [Path(entry.path) for entry in os.scandir(folder) if entry.is_symlink()]
        except OSError:
            return  # Nothing there; whoever reads it says so.
        for entry in entries:
            self._refuse_outside(entry, self._resolved(entry))

    def _resolved(self, path: Path) -> Path:
        if not path.is_absolute():
            raise InvalidRequestError(
                f"path {str(path)!r} is relative: give the whole path, since the daemon runs in a "
                "folder of its own"
            )
        try:
            return path.resolve()
        except (OSError, ValueError, RuntimeError) as error:
            # A zero byte, a loop of links, or a name longer than the system knows.
            reason = getattr(error, "strerror", None) or error
            raise InvalidRequestError(
                f"path {_shown(path)} names no file ({reason}): check it"
            ) from error

    def _refuse_outside(self, path: Path, real: Path) -> None:
        private = self.private.resolve()
        shared = any(real.is_relative_to(private / name) for name in _SHARED_NAMES)
        if real.is_relative_to(private) and not shared:
            raise PathRefusedError(
                f"path {_shown(path)} lies in the daemon's own folder: choose another place"
            )
        inside = any(real.is_relative_to(root.resolve()) for root in self.allowed)
        if self.allowed and not inside and not shared:
            raise PathRefusedError(
                f"path {_shown(path)} is outside the folders that this daemon may use "
                f"({', '.join(str(root) for root in self.allowed)}): put the file there, or let "
                "whoever runs the daemon add its folder to allowed_roots"
            )


def _mode(real: Path) -> int | None:
    try:
        return real.stat().st_mode
    except OSError:
        return None  # Nothing there, or nothing to be seen; whoever reads it says so.


def _open_and_compare(path: Path, real: Path) -> None:
    """Open a file as nobody else can redirect it; what cannot be read is left to its reader."""
    try:
        if not stat.S_ISREG(real.stat().st_mode):
            raise PathRefusedError(
                f"path {_shown(path)} is a device, a pipe or a socket: give a file on a disk"
            )
        # Not blocking: a pipe that was put there meanwhile would be waited for.
        handle = os.open(real, os.O_RDONLY | _NO_FOLLOW | _NO_BLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _redirected(path) from error
        return
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise _redirected(path)
        if sys.platform == "linux" and Path(f"/proc/self/fd/{handle}").readlink() != real:
            raise _redirected(path)
    finally:
        os.close(handle)


def _redirected(path: Path) -> PathRefusedError:
    return PathRefusedError(
        f"path {_shown(path)} became something else while it was opened: try again, and find out "
        "who changes that folder"
    )


def _shown(path: Path) -> str:
    return repr(str(path)[:200])
