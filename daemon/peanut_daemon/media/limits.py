"""What a file may ask of the machine: bounds far beyond any clip, against files made to do harm."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from av.container import InputContainer
from av.video.stream import VideoStream

from peanut_daemon.errors import MediaLimitError

# The largest cinema camera has 141 million (17520x8040); one such picture takes a gigabyte.
MAX_PIXELS = 160_000_000
# A day at 60 frames a second; the index of so many takes half a gigabyte.
MAX_FRAMES = 24 * 3600 * 60
# Sound and subtitles in every language, timecode, and covers.
MAX_STREAMS = 256
# Seconds for one frame, the seek to it included: a long group of pictures in 8K takes a few.
FRAME_TIMEOUT_S = 300.0


def check_streams(container: InputContainer, path: Path) -> None:
    """Refuse a container with more streams than anybody has use for.

    Raises:
        MediaLimitError: too many.
    """
    if len(container.streams) > MAX_STREAMS:
        raise MediaLimitError(
            f"{path} has {len(container.streams)} streams, {MAX_STREAMS} at most are read: rewrap "
            "it with those that are needed"
        )


def limit_pixels(stream: VideoStream, path: Path) -> None:
    """Refuse a picture that is too large, and let the decoder refuse one that grows later.

    Raises:
        MediaLimitError: too many pixels.
    """
    context = stream.codec_context
    check_pixels(context.width, context.height, path)
    if not context.is_open:
        context.options = {**context.options, "max_pixels": str(MAX_PIXELS)}


def check_pixels(width: int, height: int, path: Path) -> None:
    """Refuse a picture of that size.

    Raises:
        MediaLimitError: too many pixels.
    """
    if width * height > MAX_PIXELS:
        raise MediaLimitError(
            f"{path} has pictures of {width}x{height} pixels, {MAX_PIXELS // 1_000_000} million at "
            "most are read: scale it down first"
        )


def check_frame_count(count: int, path: Path) -> None:
    """Refuse a clip, as soon as it has so many frames.

    Raises:
        MediaLimitError: too many.
    """
    if count > MAX_FRAMES:
        raise MediaLimitError(
            f"{path} has more than {MAX_FRAMES} frames, which is a day: cut it into shorter files"
        )


class Watchdog:
    """Tells when reading a frame takes too long; a decoder that hangs cannot be stopped otherwise.

    Args:
        limit_s: for one frame.
        on_hang: called in another thread, with what was read; it ends the process.
    """

    def __init__(self, limit_s: float, on_hang: Callable[[str], None]) -> None:
        self._limit_s = limit_s
        self._on_hang = on_hang
        self._begun = threading.Event()
        self._ended = threading.Event()
        self._what = ""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    @contextmanager
    def watching(self, what: str) -> Iterator[None]:
        """Watch over the block."""
        self._what = what
        self._ended.clear()
        self._begun.set()
        try:
            yield
        finally:
            self._ended.set()

    def _watch(self) -> None:
        while True:
            self._begun.wait()
            self._begun.clear()
            if not self._ended.wait(self._limit_s):
                self._on_hang(self._what)


_watchdog: Watchdog | None = None


def let_watch(watchdog: Watchdog) -> None:
    """Have every frame that this process reads from now on watched."""
    global _watchdog
    _watchdog = watchdog


def watched(what: str) -> AbstractContextManager[None]:
    """The block reads one frame; it is watched where the process said so."""
    return nullcontext() if _watchdog is None else _watchdog.watching(what)
