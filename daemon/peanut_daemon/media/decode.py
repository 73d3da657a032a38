"""Reading frames by number, exactly."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import av

from peanut_daemon.errors import UnsupportedMediaError
from peanut_daemon.media.clip import ClipInfo
from peanut_daemon.media.colour import ColourTags
from peanut_daemon.media.deinterlace import deinterlaced
from peanut_daemon.media.frame import SourceFrame
from peanut_daemon.media.index import FrameIndex, index_of
from peanut_daemon.media.layout import layout_of
from peanut_daemon.media.sequence import SequenceDecoder, find_sequence
from peanut_daemon.media.stream import StreamDecoder
from peanut_daemon.media.working import working_transform
from peanut_models.errors import FrameRangeError
from peanut_models.ranges import FrameRange

_CACHED_FRAMES = 16
_CACHED_BYTES = 256 << 20


class _Decoder(Protocol):
    picture: tuple[int, int, str]
    colour: ColourTags

    def decode(self, frame_index: int) -> av.VideoFrame: ...

    def close(self) -> None: ...


class ClipReader:
    """Random and sequential access to the frames of one clip: a movie file or an image sequence.

    A context manager. Not safe for use from several threads at once.

    Args:
        path: as `probe` takes it.
        colourspace: what the pictures' values mean, see `working_transform`.
        deinterlace: make one progressive picture of each frame's two fields.

    Raises:
        MediaError: as `probe` raises.
        InvalidRequestError, UnsupportedMediaError: as `working_transform` raises.
    """

    def __init__(self, path: Path, *, colourspace: str = "", deinterlace: bool = False) -> None:
        self._path = path
        self._deinterlace = deinterlace
        self._index: FrameIndex = index_of(path)
        self._cache: OrderedDict[int, av.VideoFrame] = OrderedDict()
        self._decoder = self._open()
        layout = layout_of(self._decoder.picture[2])
        try:
            self._transform = working_transform(colourspace, layout, self._decoder.colour)
        except BaseException:
            self._decoder.close()
            raise

    @classmethod
    def of(cls, clip: ClipInfo) -> Self:
        """A reader of a clip as its edit wants it read."""
        return cls(clip.path, colourspace=clip.colourspace, deinterlace=clip.deinterlace)

    def _open(self) -> _Decoder:
        sequence = find_sequence(self._path)
        if sequence is not None:
            return SequenceDecoder(sequence)
        return StreamDecoder(self._path, self._index, self._remember)

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
        self._decoder.close()

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
        frame = self._picture(frame_index)
        if self._deinterlace:
            around = range(max(0, frame_index - 1), min(len(self._index), frame_index + 2))
            frame = deinterlaced([self._picture(k) for k in around], frame_index - around.start)
        time = self._index.time_of(frame_index)
        return SourceFrame(frame_index, time, frame, self._decoder.colour, self._transform)

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

    def _picture(self, frame_index: int) -> av.VideoFrame:
        frame = self._cache.get(frame_index)
        if frame is None:
            frame = self._decoder.decode(frame_index)
            self._remember(frame_index, frame)
        found, expected = (frame.width, frame.height, frame.format.name), self._decoder.picture
        if found != expected:
            raise UnsupportedMediaError(
                f"{self._path} changes from {expected} to {found} (width, height, pixel "
                f"format) at frame {frame_index}: convert it to one format first"
            )
        return frame

    def _remember(self, frame_index: int, frame: av.VideoFrame) -> None:
        self._cache[frame_index] = frame
        frame_bytes = sum(plane.buffer_size for plane in frame.planes)
        while len(self._cache) > max(1, min(_CACHED_FRAMES, _CACHED_BYTES // max(1, frame_bytes))):
            self._cache.popitem(last=False)
