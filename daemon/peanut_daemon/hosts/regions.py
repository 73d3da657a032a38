"""Shared memory of a host and the daemon: registered once, then named for every frame.

A region is a file in the transfer folder, which lies in memory where there is such a place. The
client maps it; the daemon reads and writes it as a file, since whoever maps a file that its other
user cuts short is ended by the system.
"""

from __future__ import annotations

import os
import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy import ndarray

from peanut_daemon.errors import (
    DiskFullError,
    InvalidRequestError,
    LimitExceededError,
    MediaNotFoundError,
)
from peanut_daemon.hosts.transfer import TransferFolder
from peanut_daemon.media.atomic import output_error

# The largest frame of a session fits.
MAX_REGION_BYTES = 1 << 31
# A host has one per thread that renders.
MAX_REGIONS = 64
# What is held of a frame on its way from a region to a file.
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Where the rows of a picture lie in a region.

    Attributes:
        region_id: of the region.
        offset: of the first row, in bytes.
        stride: bytes from one row to the next; 0 where there are no gaps.
    """

    region_id: str
    offset: int = 0
    stride: int = 0


class Region:
    """One piece of shared memory."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self.id = path.name
        self.path = path
        self.size_bytes = size_bytes
        # Calls come from a pool of threads, and the file has one position.
        self._lock = threading.Lock()
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(handle, "r+b", buffering=0)
        try:
            if hasattr(os, "posix_fallocate"):
                # Now and not when the host writes, where a full memory would end it.
                os.posix_fallocate(handle, 0, size_bytes)
            else:
                self._file.truncate(size_bytes)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of it and take its name away; who has it mapped keeps it."""
        with self._lock:
            self._file.close()
        self.path.unlink(missing_ok=True)

    def copy_to(self, target: BinaryIO, rows: Rows, row_bytes: int, count: int) -> None:
        """Write the rows of a picture to a file, one behind the other.

        Raises:
            InvalidRequestError: they do not lie in the region, or it was cut short.
        """
        buffer = memoryview(bytearray(min(_CHUNK_BYTES, max(1, row_bytes * count))))
        for start, size in self._runs(rows, row_bytes, count):
            for at in range(start, start + size, len(buffer)):
                part = buffer[: min(len(buffer), start + size - at)]
                with self._lock:
                    self._file.seek(at)
                    read = self._file.readinto(part)
                if read != len(part):
                    raise InvalidRequestError(
                        f"region {self.id} ends at byte {at + (read or 0)} and not at "
                        f"{self.size_bytes}: it was cut short; hold a new one"
                    )
                target.write(part)

    def write(self, picture: ndarray, rows: Rows) -> None:
        """Put a picture `h w c` there.

        Raises:
            InvalidRequestError: it does not fit.
        """
        whole = np.ascontiguousarray(picture)
        count, row_bytes = whole.shape[0], whole.nbytes // whole.shape[0]
        content, done = whole.reshape(-1).view(np.uint8).data, 0
        for start, size in self._runs(rows, row_bytes, count):
            with self._lock:
                self._file.seek(start)
                self._file.write(content[done : done + size])
            done += size

    def _runs(self, rows: Rows, row_bytes: int, count: int) -> list[tuple[int, int]]:
        """Start and length of the pieces without gaps; one where the rows have none."""
        stride = rows.stride or row_bytes
        end = rows.offset + stride * (count - 1) + row_bytes
        if rows.offset < 0 or stride < row_bytes or end > self.size_bytes:
            raise InvalidRequestError(
                f"{count} rows of {row_bytes} bytes at offset {rows.offset} with stride {stride} "
                f"do not lie in region {self.id}, which has {self.size_bytes} bytes: correct them, "
                "or hold a larger region"
            )
        if stride == row_bytes:
            return [(rows.offset, row_bytes * count)]
        return [(rows.offset + k * stride, row_bytes) for k in range(count)]


class Regions:
    """All regions of one daemon."""

    def __init__(self, transfer: TransferFolder) -> None:
        self._transfer = transfer
        self._held: dict[str, Region] = {}

    @contextmanager
    def hold(self, size_bytes: int) -> Iterator[Region]:
        """A new region, until the block ends.

        Raises:
            InvalidRequestError: an impossible size.
            LimitExceededError: too many are held.
            DiskFullError, OutputNotWritableError: there is no room.
        """
        region = self._made(size_bytes)
        self._held[region.id] = region
        try:
            yield region
        finally:
            del self._held[region.id]
            region.close()

    def get(self, region_id: str) -> Region:
        """The region of that id.

        Raises:
            MediaNotFoundError: nobody holds it.
        """
        if (region := self._held.get(region_id)) is None:
            raise MediaNotFoundError(
                f"no region {region_id[:80]!r} is held: hold one, and keep that call open"
            )
        return region

    def _made(self, size_bytes: int) -> Region:
        if not 0 < size_bytes <= MAX_REGION_BYTES:
            raise InvalidRequestError(
                f"a region of {size_bytes} bytes was asked for: it must have 1 to "
                f"{MAX_REGION_BYTES}"
            )
        if len(self._held) >= MAX_REGIONS:
            raise LimitExceededError(
                f"{len(self._held)} regions are held, the most there may be: use one for several "
                "frames, or close some"
            )
        folder = self._transfer.path
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            free = shutil.disk_usage(folder).free
            # Half stays for everybody else, since it may be the machine's memory.
            if size_bytes > free // 2:
                raise DiskFullError(
                    f"{folder} has {free // 2**20} MiB left, too little for a region of "
                    f"{size_bytes // 2**20} MiB: close some, or send pixels in chunks"
                )
            return Region(folder / f"region-{secrets.token_hex(16)}", size_bytes)
        except OSError as error:
            raise output_error(error, folder) from error
