"""One file over HTTP into a part file that survives cuts, restarts and full disks.

Only the standard library: proxies come from the environment (`https_proxy`, `no_proxy`), roots of
trust from the system's.
"""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from peanut_models.errors import InvalidInputError
from peanut_models.zoo.answers import PassingError, extent, opened, reason, validator
from peanut_models.zoo.errors import SourceUnreachableError, WrongSizeError
from peanut_models.zoo.room import check_room, full_disk_named

Report = Callable[[int, int], None]
"""Called with the bytes that are here and those of the whole file, 0 where unknown."""

_MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadSettings:
    """How patient a download is.

    Raises:
        InvalidInputError: a value outside its range.
    """

    attempts: int = 5
    """Connections in a row that may fail, unless one brings `progress_bytes`."""

    progress_bytes: int = 8 * _MIB
    """A connection that brought so much was worth it: the attempts are counted anew."""

    first_wait_s: float = 1.0
    """Before the second attempt; doubles each time."""

    longest_wait_s: float = 60.0
    """Bound of that doubling, and of what a server may ask for."""

    timeout_s: float = 30.0
    """Without an answer or a byte; also the time over which the least rate is taken."""

    least_bytes_per_s: float = 1024.0
    """A slower connection is cut and tried again: below it 100 MB take more than a day."""

    chunk_bytes: int = _MIB
    """Read at once."""

    spare_bytes: int = 256 * _MIB
    """Left free on the disk, so that other work does not fail for this."""

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.chunk_bytes < 1:
            raise InvalidInputError("attempts and chunk_bytes must be 1 or more")
        if self.timeout_s <= 0 or min(self.first_wait_s, self.longest_wait_s) < 0:
            raise InvalidInputError("timeout_s must be positive, waits 0 or more")
        if min(self.least_bytes_per_s, self.spare_bytes, self.progress_bytes) < 0:
            raise InvalidInputError("rates and sizes must be 0 or more")


@dataclass(frozen=True, slots=True)
class _Known:
    """What is noted beside a part file, to know whether the rest still belongs to it."""

    url: str
    validator: str
    total: int


def download(
    url: str,
    part: Path,
    *,
    size_bytes: int = 0,
    settings: DownloadSettings | None = None,
    report: Report = lambda done, total: None,
    waiting: Callable[[str, float], None] = lambda reason, wait_s: None,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Fetch a file, going on where an earlier call stopped.

    Args:
        url: http or https.
        part: where to; complete when this returns, kept for the next call when it raises
            for want of an answer, time or room.
        size_bytes: of the published file; 0: unknown.
        settings: see there.
        report: told about progress.
        waiting: told why an attempt failed, and in how many seconds the next one begins.
        sleep: waits between attempts.

    Raises:
        SourceRefusedError: the server answered, but not with the file.
        SourceUnreachableError: no attempt brought it to its end.
        WrongSizeError: the server's file has another size.
        StoreFullError: too little room.
    """
    settings = settings or DownloadSettings()
    failed = 0
    while True:
        before = _size(part)
        try:
            with full_disk_named():
                _attempt(url, part, size_bytes, settings, report)
            return
        except PassingError as error:
            if error.start_over:
                forget_part(part)
            failed = 1 if _size(part) - before >= settings.progress_bytes else failed + 1
            if failed >= settings.attempts:
                raise SourceUnreachableError(
                    f"{url} failed {failed} times in a row, at last: {error}; "
                    f"{_size(part)} bytes are kept, and the same command goes on from there"
                ) from error
            wait_s = max(error.wait_s, settings.first_wait_s * 2 ** (failed - 1))
            wait_s = min(wait_s, settings.longest_wait_s)
            waiting(str(error), wait_s)
            sleep(wait_s)


def forget_part(part: Path) -> None:
    """Delete a part file and what is noted of it."""
    part.unlink(missing_ok=True)
    _notes(part).unlink(missing_ok=True)


def _attempt(
    url: str, part: Path, size_bytes: int, settings: DownloadSettings, report: Report
) -> None:
    """One connection."""
    known = _known(part)
    offset = _size(part) if known and known.url == url and known.validator else 0
    if known and offset and offset == known.total:
        return
    same_as = known.validator if known else ""
    with opened(url, offset, same_as, settings.timeout_s) as answer:
        offset, total = extent(answer, offset, url)
        if size_bytes and total and total != size_bytes:
            raise WrongSizeError(
                f"{url} has {total} bytes, but the published file has {size_bytes}: it is another "
                "file, or the publisher replaced it; try another source with --from"
            )
        # Twice: the tensors are written once more as safetensors while the part is still there.
        check_room(part.parent, 2 * total - offset if total else 0, settings.spare_bytes)
        if not offset:
            # First, so that no old bytes lie beside the new notes if this process is killed.
            forget_part(part)
        noted = _Known(url, validator(answer.headers), total)
        _notes(part).write_text(json.dumps(asdict(noted)), encoding="utf-8")
        have = _copied(answer, part, offset, total, settings, report)
    whole = total or size_bytes
    if have < whole:
        raise PassingError(f"the connection was cut after {have} of {whole} bytes")
    if size_bytes and have != size_bytes:
        forget_part(part)
        raise WrongSizeError(f"{url} gave {have} bytes, but the published file has {size_bytes}")


def _copied(
    answer: Any, part: Path, offset: int, total: int, settings: DownloadSettings, report: Report
) -> int:
    """Write what comes behind the first `offset` bytes; returns how many there are then."""
    have, mark, marked_at = offset, offset, time.monotonic()
    room_at = have + 64 * _MIB
    try:
        with _writable(part, offset) as file:
            report(have, total)
            while chunk := answer.read1(settings.chunk_bytes):
                _write(file, chunk)
                have += len(chunk)
                report(have, total)
                elapsed = time.monotonic() - marked_at
                if elapsed >= settings.timeout_s:
                    if have - mark < settings.least_bytes_per_s * elapsed:
                        raise PassingError(f"only {have - mark} bytes came in {elapsed:.0f} s")
                    mark, marked_at = have, time.monotonic()
                if not total and have >= room_at:
                    check_room(part.parent, 0, settings.spare_bytes)
                    room_at = have + 64 * _MIB
    except (TimeoutError, ConnectionError, ssl.SSLError, http.client.HTTPException) as error:
        raise PassingError(reason(error, settings.timeout_s)) from error
    return have


def _writable(part: Path, offset: int) -> IO[bytes]:
    """The part file behind its first `offset` bytes; unbuffered, so that no kill loses a chunk."""
    file = part.open("r+b" if offset else "wb", buffering=0)
    file.truncate(offset)
    file.seek(offset)
    return file


def _write(file: IO[bytes], chunk: bytes) -> None:
    """All of it: an unbuffered file may take less than it is given."""
    rest = memoryview(chunk)
    while rest:
        rest = rest[file.write(rest) :]


def _known(part: Path) -> _Known | None:
    try:
        stored: Mapping[str, Any] = json.loads(_notes(part).read_text(encoding="utf-8"))
        return _Known(str(stored["url"]), str(stored["validator"]), int(stored["total"]))
    except (OSError, ValueError, TypeError, KeyError):
        # Without notes nobody knows what the part belongs to: it is fetched anew.
        return None


def _notes(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _size(part: Path) -> int:
    try:
        return part.stat().st_size
    except FileNotFoundError:
        return 0
