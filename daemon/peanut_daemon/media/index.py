"""When each frame of a file is shown, and where decoding can start.

The index is built from the packets, never from the header's frame count, which is often a guess.
Frame k is the k-th picture in order of presentation, whatever its timestamp.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from peanut_daemon.errors import MediaUnreadableError, UnsupportedMediaError
from peanut_daemon.media import limits
from peanut_daemon.media.rate import Rate
from peanut_daemon.media.sequence import find_sequence
from peanut_daemon.media.source import checked_file, open_input, reason_of, video_stream_of

SEQUENCE_TIME_BASE = Fraction(1, 24)
"""Any would do: a sequence's rate is the edit's, and no sound goes with it."""


@dataclass(frozen=True, slots=True)
class FrameIndex:
    """The frames of one video stream.

    Attributes:
        pts: presentation time of each frame in `time_base`, strictly increasing.
        key_pts: those of the frames at which decoding can start, increasing.
        time_base: seconds per unit.
        generated_pts: the file has no presentation times of its own; they were derived.
    """

    pts: tuple[int, ...]
    key_pts: tuple[int, ...]
    time_base: Fraction
    generated_pts: bool = False

    def __len__(self) -> int:
        return len(self.pts)

    def key_before(self, pts: int) -> int:
        """The place in `key_pts` of the last key frame shown at or before `pts`."""
        return max(0, bisect_right(self.key_pts, pts) - 1)

    def time_of(self, frame_index: int) -> Fraction:
        """When the frame is shown, in seconds on the file's own clock.

        The frame after the last is allowed: it is where the last one ends.
        """
        if frame_index < len(self.pts):
            return self.pts[frame_index] * self.time_base
        step = self.pts[-1] - self.pts[-2] if len(self.pts) > 1 else 0
        return (self.pts[-1] + step) * self.time_base

    def constant_rate(self, candidates: Iterable[Fraction | None]) -> Rate | None:
        """The first candidate that puts every frame within one tick of its timestamp."""
        for candidate in candidates:
            if candidate is None or candidate <= 0:
                continue
            for rate in (Rate.snapped(candidate), Rate.from_fraction(Fraction(candidate))):
                if self._fits(rate):
                    return rate
        return None

    def mean_rate(self) -> Fraction | None:
        """Frames per second over the whole file; None with fewer than two frames."""
        if len(self.pts) < 2:
            return None
        return (len(self.pts) - 1) / ((self.pts[-1] - self.pts[0]) * self.time_base)

    def _fits(self, rate: Rate) -> bool:
        # Cross-multiplied, because this loop sees every frame of long clips.
        step = rate.frame_duration / self.time_base
        num, den, first = step.numerator, step.denominator, self.pts[0]
        return all(abs((p - first) * den - k * num) <= den for k, p in enumerate(self.pts))


class _Listed(NamedTuple):
    """A frame as the file lists it; what the edit list cuts off is decoded but not shown."""

    pts: int | None
    is_key: bool
    is_shown: bool


def index_of(path: Path) -> FrameIndex:
    """The index of a file's first video stream, remembered while the file does not change.

    An image sequence has no times of its own: its frame k is at k units of `SEQUENCE_TIME_BASE`.

    Costs one pass over the file, except where the container lists its samples (ProRes and other
    intra codecs in mov or mp4).

    Raises:
        MediaNotFoundError, NoVideoError: no such file; no video.
        MediaUnreadableError: not media, cut off, or without a single frame.
        UnsupportedMediaError: no presentation times.
    """
    sequence = find_sequence(path)
    if sequence is not None:
        numbers = tuple(range(sequence.count))
        return FrameIndex(numbers, numbers, SEQUENCE_TIME_BASE)
    absolute = checked_file(path)
    facts = absolute.stat()
    return _cached_index(str(absolute), facts.st_size, facts.st_mtime_ns)


@lru_cache(maxsize=32)
def _cached_index(path: str, size_bytes: int, mtime_ns: int) -> FrameIndex:
    return _build(Path(path), size_bytes, generate_pts=False)


def _build(path: Path, size_bytes: int, *, generate_pts: bool) -> FrameIndex:
    with open_input(path, generate_pts=generate_pts) as container:
        stream = video_stream_of(container, path)
        frames = _from_sample_table(container, stream, path, size_bytes)
        if frames is None:
            frames = _from_packets(container, stream, path)
        if any(frame.pts is None for frame in frames):
            if generate_pts:
                raise UnsupportedMediaError(
                    f"{path} has no presentation times (a raw stream?): rewrap it as mp4, mov or "
                    "mkv first"
                )
            return _build(path, size_bytes, generate_pts=True)
        time_base = stream.time_base
    keys = [frame.pts for frame in frames if frame.is_key and frame.pts is not None]
    # Frames shown before the first key frame need pictures from before the file began.
    pts = {
        frame.pts
        for frame in frames
        if keys and frame.pts is not None and frame.is_shown and frame.pts >= keys[0]
    }
    if not pts or time_base is None:
        raise MediaUnreadableError(
            f"{path} has no frame that can be decoded: it is cut off or damaged; copy it again"
        )
    return FrameIndex(tuple(sorted(pts)), tuple(sorted(set(keys))), time_base, generate_pts)


def _from_sample_table(
    container: InputContainer, stream: VideoStream, path: Path, size_bytes: int
) -> list[_Listed] | None:
    """Frames as the container lists them, or None where that list cannot be relied on.

    With an intra codec, decode order is presentation order, so the listed times are what packets
    would say, and the file need not be read: that is minutes for an hour of ProRes.
    """
    is_mov = "mov" in container.format.name.split(",")
    if not is_mov or not stream.codec_context.codec.intra_only or not len(stream.index_entries):
        return None
    limits.check_frame_count(len(stream.index_entries), path)
    entries = list(stream.index_entries)
    whole = [entry for entry in entries if entry.pos + entry.size <= size_bytes]
    _refuse_if_short(len(whole), len(entries), path)
    return [_Listed(entry.timestamp, True, not entry.is_discard) for entry in entries]


def _from_packets(container: InputContainer, stream: VideoStream, path: Path) -> list[_Listed]:
    frames: list[_Listed] = []
    packets = 0
    try:
        for packet in container.demux(stream):
            if packet.size == 0:
                continue
            packets += not packet.is_corrupt
            frames.append(_Listed(packet.pts, packet.is_keyframe, not packet.is_discard))
            limits.check_frame_count(len(frames), path)
    except (av.FFmpegError, ValueError) as error:
        raise MediaUnreadableError(
            f"{path} cannot be read after {len(frames)} frames ({reason_of(error)}): it is cut "
            "off or damaged; copy it again"
        ) from error
    if "mov" in container.format.name.split(","):
        _refuse_if_short(packets, len(stream.index_entries), path)
    return frames


def _refuse_if_short(present: int, listed: int, path: Path) -> None:
    if present < listed:
        raise MediaUnreadableError(
            f"{path} is cut off: it lists {listed} frames and holds {present}; copy it again"
        )
