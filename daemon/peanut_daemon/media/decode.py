"""Reading frames by number, exactly."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import cv2
from av.video.stream import VideoStream
from jaxtyping import UInt8
from numpy import ndarray

from peanut_daemon.errors import MediaUnreadableError, UnsupportedMediaError
from peanut_daemon.media.colour import ColourTags
from peanut_daemon.media.convert import CodeScale, Rgb, code_scale, rgb_from_components
from peanut_daemon.media.index import FrameIndex, index_of
from peanut_daemon.media.layout import Layout, components_of, layout_of
from peanut_daemon.media.source import colour_of, open_input, reason_of, video_stream_of
from peanut_models.errors import FrameRangeError
from peanut_models.ranges import FrameRange

_CACHED_FRAMES = 16
_CACHED_BYTES = 256 << 20


@dataclass(frozen=True, slots=True, eq=False)
class SourceFrame:
    """One decoded frame in the source's own code values.

    Attributes:
        frame_index: 0-based, in order of presentation.
        time: when it is shown, in seconds on the file's own clock.
        frame: the decoded frame; never written to.
        colour: the stream's tags.
    """

    frame_index: int
    time: Fraction
    frame: av.VideoFrame = field(repr=False)
    colour: ColourTags

    @property
    def width(self) -> int:
        """In pixels."""
        return self.frame.width

    @property
    def height(self) -> int:
        """In pixels."""
        return self.frame.height

    @property
    def pixel_format(self) -> str:
        """FFmpeg's name, such as "yuv420p"."""
        return self.frame.format.name

    @property
    def layout(self) -> Layout:
        """How code values are stored.

        Raises:
            UnsupportedMediaError: a pixel format that is not handled.
        """
        return layout_of(self.frame.format.name)

    @property
    def scale(self) -> CodeScale:
        """What code values mean."""
        return code_scale(self.layout, self.colour, self.height)

    def components(self) -> list[ndarray]:
        """Code values of Y, U, V or R, G, B or Y (then alpha): read-only views, see `layout`."""
        return components_of(self.frame)

    def to_rgb(self) -> Rgb:
        """RGB at source size: uint8 for 8-bit sources, uint16 (0 to 65535) for deeper ones.

        The tagged matrix and range are used. An unspecified matrix is taken as 601 below 720 lines
        and 709 from there on; an unspecified range as limited for YUV. Transfer and primaries are
        left alone: the picture stays display-referred in its own colour space.

        Raises:
            UnsupportedMediaError: a pixel format or matrix that is not handled.
        """
        return rgb_from_components(self.components(), self.layout, self.scale)

    def working_rgb(self, long_side: int) -> UInt8[ndarray, "h w 3"]:
        """An 8-bit RGB proxy whose longer side is at most `long_side` pixels; never enlarged."""
        rgb = rgb_from_components(self.components(), self.layout, self.scale, eight_bit=True)
        width, height = working_size(self.width, self.height, long_side)
        if (width, height) == (self.width, self.height):
            return rgb
        return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)


def working_size(width: int, height: int, long_side: int) -> tuple[int, int]:
    """Width and height of the proxy that `SourceFrame.working_rgb` makes."""
    longer = max(width, height)
    if longer <= long_side:
        return width, height
    scaled = (width * long_side / longer, height * long_side / longer)
    return max(1, round(scaled[0])), max(1, round(scaled[1]))


class ClipReader:
    """Random and sequential access to the frames of one clip.

    A context manager. Not safe for use from several threads at once.

    Raises:
        MediaError: as `probe` raises.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._index: FrameIndex = index_of(path)
        self._frame_of_pts = {pts: k for k, pts in enumerate(self._index.pts)}
        self._cache: OrderedDict[int, av.VideoFrame] = OrderedDict()
        self._threads = "AUTO"
        self._open()
        self._colour = colour_of(self._stream)
        context = self._stream.codec_context
        self._picture = (context.width, context.height, context.pix_fmt)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; frames that were read stay valid."""
        self._cache.clear()
        self._container.close()

    @property
    def frame_range(self) -> FrameRange:
        """All frames of the clip."""
        return FrameRange(0, len(self._index))

    @property
    def index(self) -> FrameIndex:
        """When each frame is shown."""
        return self._index

    def read(self, frame_index: int) -> SourceFrame:
        """The frame with that number.

        Raises:
            FrameRangeError: the clip has no such frame.
            MediaUnreadableError: it cannot be decoded; the message says which frame.
            UnsupportedMediaError: its size or pixel format is not that of the clip.
        """
        if frame_index not in self.frame_range:
            raise FrameRangeError(
                f"frame {frame_index} is not in {self._path.name}, which has frames "
                f"{self.frame_range}: ask for one of those"
            )
        frame = self._cache.get(frame_index)
        if frame is None:
            frame = self._decode(frame_index)
        found = (frame.width, frame.height, frame.format.name)
        if found != self._picture:
            raise UnsupportedMediaError(
                f"{self._path} changes from {self._picture} to {found} (width, height, pixel "
                f"format) at frame {frame_index}: convert it to one format first"
            )
        time = self._index.time_of(frame_index)
        return SourceFrame(frame_index, time, frame, self._colour)

    def frames(self, frame_range: FrameRange) -> Iterator[SourceFrame]:
        """The frames of a range in order, decoded one by one.

        Raises:
            FrameRangeError: at once, if the clip does not cover the range.
            MediaUnreadableError: on the frame that cannot be decoded.
        """
        if not self.frame_range.covers(frame_range):
            raise FrameRangeError(
                f"frame range {frame_range} is not in {self._path.name}, which has frames "
                f"{self.frame_range}: ask for frames that exist"
            )
        return (self.read(frame_index) for frame_index in frame_range)

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

    def _remember(self, frame_index: int, frame: av.VideoFrame) -> None:
        self._cache[frame_index] = frame
        frame_bytes = sum(plane.buffer_size for plane in frame.planes)
        while len(self._cache) > max(1, min(_CACHED_FRAMES, _CACHED_BYTES // max(1, frame_bytes))):
            self._cache.popitem(last=False)
