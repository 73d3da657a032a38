"""The memory that the C library keeps after it was freed."""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Callable


def give_back() -> None:
    """Return freed memory to the system, where the C library can be told to.

    Decoders free their pictures on threads of their own, and glibc keeps what each thread has
    freed: without this a worker grows for hundreds of jobs before it settles.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@functools.cache
def _trim() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim
