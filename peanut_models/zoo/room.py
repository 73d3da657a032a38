"""Room on the disk: asked for before, and named where it runs out."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from peanut_models.zoo.errors import StoreFullError

_MIB = 2**20
_FULL = {errno.ENOSPC, errno.EDQUOT}


def check_room(folder: Path, needed_bytes: int, spare_bytes: int = 0) -> None:
    """Refuse what would not fit.

    Raises:
        StoreFullError: it names both numbers.
    """
    free, wanted = shutil.disk_usage(folder).free, needed_bytes + spare_bytes
    if free < wanted:
        raise StoreFullError(
            f"{folder} has {free / _MIB:.0f} MiB free, but {wanted / _MIB:.0f} MiB are needed: "
            "make room, or set PEANUT_DATA_DIR to another disk; what came so far is kept"
        )


@contextmanager
def full_disk_named() -> Iterator[None]:
    """Say of a full disk what it is, whoever wrote.

    Raises:
        StoreFullError: in place of the system's or the safetensors library's own error.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        code = error.errno if isinstance(error, OSError) else _os_error(str(error))
        if code not in _FULL:
            raise
        raise StoreFullError(
            f"the disk is full ({error}): make room, or set PEANUT_DATA_DIR to another disk, and "
            "run the same command again; what was fetched is kept"
        ) from error


def _os_error(text: str) -> int:
    """The number that a library in Rust puts into its message; 0 if there is none."""
    found = re.search(r"os error (\d+)", text)
    return int(found[1]) if found else 0
