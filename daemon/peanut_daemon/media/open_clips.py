"""Clips that a process keeps open, so that the next frame of one is not a search from its start."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from peanut_daemon.errors import MediaNotFoundError
from peanut_daemon.media.decode import ClipReader
from peanut_daemon.media.sequence import find_sequence

_Key = tuple[Path, int, str, bool]


class OpenClips:
    """The readers that were used last.

    Args:
        limit: how many stay open.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._readers: OrderedDict[_Key, ClipReader] = OrderedDict()

    def reader(self, path: Path, *, colourspace: str = "", deinterlace: bool = False) -> ClipReader:
        """A reader, which stays this object's; a file that was replaced is opened anew.

        Raises:
            MediaNotFoundError: the clip is gone.
            MediaError: as `ClipReader` raises.
        """
        key = (path, _modified_ns(path), colourspace, deinterlace)
        reader = self._readers.pop(key, None)
        if reader is None:
            reader = ClipReader(path, colourspace=colourspace, deinterlace=deinterlace)
        self._readers[key] = reader
        while len(self._readers) > self._limit:
            self._readers.popitem(last=False)[1].close()
        return reader


def _modified_ns(path: Path) -> int:
    """When the file was last written; of a sequence, its first."""
    sequence = find_sequence(path)
    try:
        return (sequence.path_of(sequence.first) if sequence else path).stat().st_mtime_ns
    except OSError as error:
        raise MediaNotFoundError(
            f"{path} cannot be read ({error.strerror}): put the file back, or render it again"
        ) from error
