"""A disk that is full for chosen files of a child process (Linux, with a C compiler)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOURCE = Path(__file__).with_name("full_disk.c")


def why_not() -> str:
    """Why it cannot be had here; empty where it can."""
    if sys.platform != "linux":
        return "the failing disk is made for Linux"
    return "" if shutil.which("cc") else "no C compiler here"


class FullDisk:
    """Builds the library and says which files have no room."""

    def __init__(self, folder: Path) -> None:
        self._list = folder / "full.list"
        self._library = folder / "full_disk.so"
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-O1", "-o", str(self._library), str(SOURCE)],
            check=True,
            capture_output=True,
        )

    @property
    def environment(self) -> dict[str, str]:
        """For the child; a sanitizer of somebody else's stays loaded."""
        loaded = " ".join(filter(None, [str(self._library), os.environ.get("LD_PRELOAD", "")]))
        return {"LD_PRELOAD": loaded, "FULL_DISK": str(self._list)}

    @contextmanager
    def full_for(self, *parts: str, while_there: Path | None = None) -> Iterator[None]:
        """Paths that contain one of `parts` have no room in this block.

        Args:
            parts: of paths.
            while_there: only as long as this file exists.
        """
        witness = f"|{while_there}" if while_there else ""
        part = self._list.with_suffix(".part")
        part.write_text("".join(f"{each}{witness}\n" for each in parts))
        part.replace(self._list)
        try:
            yield
        finally:
            self._list.unlink()
