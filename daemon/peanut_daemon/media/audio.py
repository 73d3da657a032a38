"""The source's own audio, packet by packet, never decoded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.container import InputContainer, OutputContainer
from av.stream import Stream

from peanut_daemon.errors import MediaUnreadableError, UnsupportedMediaError
from peanut_daemon.media.index import index_of
from peanut_daemon.media.source import open_input, reason_of
from peanut_models.ranges import FrameRange


@dataclass(frozen=True, slots=True)
class AudioRange:
    """Which audio to carry over: all audio streams of `path` while these frames are shown.

    Attributes:
        path: the source.
        start, end: seconds on the file's own clock, half-open.
    """

    path: Path
    start: Fraction
    end: Fraction

    @classmethod
    def of(cls, path: Path, frame_range: FrameRange) -> AudioRange:
        """The audio of a range of the clip's frames.

        Raises:
            MediaError: as `probe` raises.
        """
        index = index_of(path)
        return cls(path, index.time_of(frame_range.start), index.time_of(frame_range.end))


class AudioCopy:
    """Copies the packets of an `AudioRange` into an output, in step with its video.

    Packets keep their bytes; their times are moved so that the range starts at 0. The first packet
    is the first that begins at or after the start of the range: what is before it stays silent for
    less than a packet, and sync is kept.
    """

    def __init__(self, audio: AudioRange, output: OutputContainer) -> None:
        self._audio = audio
        self._output = output
        self._input = open_input(audio.path)
        self._streams: dict[int, Stream] = {}
        self._waiting: av.Packet[Stream] | None = None
        try:
            for stream in self._input.streams.audio:
                self._streams[stream.index] = output.add_stream_from_template(stream)
            self._packets = _packets_in(audio, self._input)
        except (av.FFmpegError, ValueError) as error:
            self._input.close()
            raise UnsupportedMediaError(
                f"the audio of {audio.path} cannot be copied into a {output.format.name} file "
                f"({reason_of(error)}): render without audio, or with codec ffv1, whose mkv files "
                "take any audio"
            ) from error
        except BaseException:
            self._input.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._input.close()

    def copy_until(self, time: Fraction | None) -> None:
        """Copy the packets that begin before `time`, in seconds after the start; None: all."""
        while (packet := self._waiting or next(self._packets, None)) is not None:
            self._waiting = packet
            base = packet.time_base
            begins = (packet.pts or 0) * base - self._audio.start
            if time is not None and begins >= time:
                return
            self._waiting = None
            shift = round(self._audio.start / base)
            packet.pts = (packet.pts or 0) - shift
            packet.dts = None if packet.dts is None else packet.dts - shift
            packet.stream = self._streams[packet.stream_index]
            self._output.mux(packet)


def audio_hashes(audio: AudioRange) -> list[str]:
    """SHA-256 (hex) over the packets of each audio stream in the range, in order of streams.

    Over their bytes alone: containers cut uncompressed sound into packets as they like.

    Raises:
        MediaError: the file or its audio cannot be read.
    """
    with open_input(audio.path) as container:
        digests = {stream.index: hashlib.sha256() for stream in container.streams.audio}
        for packet in _packets_in(audio, container):
            digests[packet.stream_index].update(memoryview(packet))
    return [digest.hexdigest() for digest in digests.values()]


def _packets_in(audio: AudioRange, container: InputContainer) -> Iterator[av.Packet[Stream]]:
    """The packets that begin in the range, of all audio streams, as the file interleaves them."""
    streams = container.streams.audio
    if not streams:
        return
    ended: set[int] = set()
    try:
        # A second early, because containers land near and not on the time; av counts in µs.
        container.seek(max(0, int((audio.start - 1) * 1_000_000)))
        for packet in container.demux(*streams):
            if packet.pts is None or packet.size == 0:
                continue
            begins = packet.pts * packet.time_base
            if begins >= audio.end:
                ended.add(packet.stream_index)
                if len(ended) == len(streams):
                    return
            elif begins >= audio.start:
                yield packet
    except (av.FFmpegError, ValueError) as error:
        raise MediaUnreadableError(
            f"the audio of {audio.path} cannot be read ({reason_of(error)}): the file is cut off "
            "or damaged; copy it again, or render without audio"
        ) from error
