"""Decoding a movie file so that frame k is always the same picture."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import av
from av.video.stream import VideoStream

from peanut_daemon.errors import MediaUnreadableError
from peanut_daemon.media import limits
from peanut_daemon.media.index import FrameIndex
from peanut_daemon.media.source import colour_of, open_input, reason_of, video_stream_of


class StreamDecoder:
    """Decodes frames of a movie file by number, going on where it stands if that is nearer.

    Attributes:
        picture: width, height and pixel format as the file's head says.
        colour: its tags.

    Args:
        remember: told of every frame that is decoded on the way.
    """

    def __init__(
        self, path: Path, index: FrameIndex, remember: Callable[[int, av.VideoFrame], None]
    ) -> None:
        self._path = path
        self._index = index
        self._remember = remember
        self._frame_of_pts = {pts: k for k, pts in enumerate(index.pts)}
        self._threads = "AUTO"
        self._open()
        self.colour = colour_of(self._stream)
        context = self._stream.codec_context
        self.picture = (context.width, context.height, str(context.pix_fmt))

    def close(self) -> None:
        """Let go of the file; frames that were decoded stay valid."""
        self._container.close()

    def decode(self, frame_index: int) -> av.VideoFrame:
        """The frame with that number.

        Raises:
            MediaUnreadableError: it cannot be decoded; the message says which frame.
        """
        with limits.watched(f"frame {frame_index} of {self._path}"):
            return self._decode(frame_index)

    def _decode(self, frame_index: int) -> av.VideoFrame:
        key = self._index.key_before(self._index.pts[frame_index])
        if self._goes_on_to(frame_index, key):
            frame = self._decode_forward_to(frame_index)
            if frame is not None:
                return frame
        for start in (key, max(0, key - 1)):
            self._seek(start)
            frame = self._decode_forward_to(frame_index)
            if frame is not None:
                return frame
            # Once more, from one key frame earlier, because some files mark frames as key frames
            # from which decoding cannot start; and without frame threads, which report damage too
            # late to tell what it touched.
            self._threads = "SLICE"
            self._reopen()
        raise MediaUnreadableError(
            f"frame {frame_index} of {self._path} cannot be decoded "
            f"({self._failure or 'it is missing from the decoded pictures'}): the file is cut off "
            "or damaged there; copy it again, or leave that frame out of the range"
        )

    def _goes_on_to(self, frame_index: int, key: int) -> bool:
        """Whether decoding on is better than seeking: with no key frame in between, always."""
        if self._next is None or self._next > frame_index:
            return False
        return self._index.key_pts[key] <= self._index.pts[self._next]

    def _seek(self, key: int) -> None:
        """Make the decoder start at that key frame, or at an earlier one."""
        while key >= 0:
            wanted = self._index.key_pts[key]
            # Containers seek by decode time or from a coarse table and may land late: look.
            try:
                self._container.seek(wanted, stream=self._stream)
                packets = self._container.demux(self._stream)
                first = next(packets, None)
            except (av.FFmpegError, ValueError) as error:
                self._failure = reason_of(error)
                break
            if first is not None and first.pts is not None and first.pts <= wanted:
                # What is shown before the key frame that we start at may lack its references.
                self._start(itertools.chain([first], packets), valid_from=first.pts)
                return
            key -= 1
        self._reopen()

    def _reopen(self) -> None:
        self._container.close()
        self._open()

    def _open(self) -> None:
        """Open the file, with the decoder at its head."""
        self._container = open_input(self._path, generate_pts=self._index.generated_pts)
        try:
            self._stream = video_stream_of(self._container, self._path)
            self._stream.codec_context.thread_type = self._threads
        except BaseException:
            self._container.close()
            raise
        self._start(self._container.demux(self._stream), valid_from=self._index.pts[0])

    def _start(self, packets: Iterator[av.Packet[VideoStream]], *, valid_from: int) -> None:
        self._decoder = self._decoded(packets)
        self._valid_from = valid_from
        self._next: int | None = None
        self._failure = ""

    def _decoded(self, packets: Iterator[av.Packet[VideoStream]]) -> Iterator[av.VideoFrame]:
        """Decode on past damage, leaving out every picture that it may have touched.

        Those are all up to the next key frame, but for pictures that were in the decoder before.
        """
        damaged = False
        sound: set[int | None] = set()
        try:
            for packet in packets:
                try:
                    frames = packet.decode()
                except (av.FFmpegError, ValueError) as error:
                    self._failure = reason_of(error)
                    damaged = True
                    continue
                if not damaged and self._threads == "SLICE":
                    sound.add(packet.pts)
                for frame in frames:
                    in_time = frame.pts in sound
                    sound.discard(frame.pts)
                    if not in_time:
                        damaged = (damaged and not frame.key_frame) or frame.is_corrupt
                    if (in_time or not damaged) and not frame.is_corrupt:
                        yield frame
        except (av.FFmpegError, ValueError) as error:
            self._failure = reason_of(error)

    def _decode_forward_to(self, frame_index: int) -> av.VideoFrame | None:
        """Decode on to that frame; None if it does not come."""
        for frame in self._decoder:
            if frame.pts is None or frame.pts < self._valid_from:
                continue
            found = self._frame_of_pts.get(frame.pts)
            if found is None:
                continue
            self._next = found + 1
            self._remember(found, frame)
            if found >= frame_index:
                return frame if found == frame_index else None
        self._next = None
        return None
