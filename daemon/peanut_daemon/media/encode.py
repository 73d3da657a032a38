"""Writing deliverables: exact rate, timecode, colour tags, audio, and no half-written files."""

from __future__ import annotations

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import av
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy import ndarray

from peanut_daemon.errors import InvalidRequestError, UnsupportedMediaError
from peanut_daemon.media.atomic import AtomicFile, output_error
from peanut_daemon.media.audio import AudioCopy, AudioRange
from peanut_daemon.media.colour import ColourTags
from peanut_daemon.media.formats import OutputFormat, checked_codec, stored_as
from peanut_daemon.media.frame import SourceFrame
from peanut_daemon.media.pictures import PictureStore
from peanut_daemon.media.probe import SAMPLE_ASPECT_TAG
from peanut_daemon.media.source import reason_of


def set_colour(context: av.VideoCodecContext, colour: ColourTags) -> None:
    """Tell an encoder the tags."""
    context.color_primaries, context.color_trc = colour.primaries, colour.transfer
    context.colorspace, context.color_range = colour.matrix, colour.range


class ClipWriter:
    """Writes one movie file; the file appears under its name only after a clean end.

    A context manager: leaving it after an exception (cancelling is one) removes what was written.
    Tags are the format's, except where pixels had to be converted: RGB pictures are tagged so,
    YUV made from RGB gets the matrix that was used, and ProRes and DNxHR are always limited range.
    Matroska counts in milliseconds, so an mkv's timestamps are rounded to those; its rate is exact.

    Args:
        target: where the deliverable goes; the suffix must be the codec's.
        codec: a name in `CODECS`.
        output: what the pictures are.
        audio: carried over packet by packet; None for a silent file.
        overwrite: replace an existing file (at the end, in one step).

    Raises:
        InvalidRequestError: an unknown codec, a wrong suffix, alpha or a size it cannot hold.
        UnsupportedMediaError: a pixel format that is not handled; audio that cannot be copied.
        OutputExistsError, OutputNotWritableError, DiskFullError: the target cannot be written.
    """

    def __init__(
        self,
        target: Path,
        codec: str,
        output: OutputFormat,
        *,
        audio: AudioRange | None = None,
        overwrite: bool = False,
    ) -> None:
        self._target = target
        self._codec = checked_codec(codec, target, output)
        self._output = output
        self._pictures = PictureStore(output, *stored_as(self._codec, output))
        self._audio_range = audio
        self._overwrite = overwrite
        self._resources = ExitStack()
        self._written = 0
        self._finished = False
        self._first_time = Fraction(0)
        self._last_pts = -1

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._file = stack.enter_context(AtomicFile(self._target, overwrite=self._overwrite))
            self._container = self._open_container()
            stack.callback(self._close_container_without_trailer)
            self._stream = self._add_video()
            self._audio: AudioCopy | None = None
            if self._audio_range is not None:
                self._audio = stack.enter_context(AudioCopy(self._audio_range, self._container))
            self._resources = stack.pop_all()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._resources:
            if exc_type is None:
                self.finish()
                self._file.commit()

    def finish(self) -> Path:
        """End the file; until the context is left it can be read under the hidden name returned.

        Raises:
            InvalidRequestError: no picture was written.
            UnsupportedMediaError, DiskFullError, OutputNotWritableError: it cannot be ended.
        """
        if not self._finished:
            self._end_file()
            self._finished = True
        return self._file.temporary

    @property
    def frames_written(self) -> int:
        """How many pictures were given so far."""
        return self._written

    def write(self, picture: SourceFrame | ndarray, *, time: Fraction | None = None) -> None:
        """Add the next picture.

        Args:
            picture: a `SourceFrame` (its code values are stored as they are wherever the codec
                can), or RGB, or with `alpha` RGBA, `h w c` of uint8 or uint16 full scale.
            time: for variable rate, when it is shown, in seconds on any clock; a `SourceFrame`
                brings its own.

        Raises:
            InvalidRequestError: a picture of another size or kind, or a time that does not advance.
            DiskFullError, OutputNotWritableError: it cannot be written.
        """
        frame = self._pictures.frame_of(picture)
        frame.pts = self._pts_of(picture, time)
        frame.time_base = self._time_base
        self._guarded(frame)
        self._written += 1

    @property
    def _muxer(self) -> str:
        return self._codec.muxers[self._target.suffix.lower()]

    def _options(self) -> dict[str, str]:
        """The codec's options, with what only the encoder itself can write into the stream."""
        options, hdr = dict(self._codec.options), self._output.hdr
        if self._codec.encoder == "libx265":
            words = ["log-level=error"]
            if hdr is not None:
                words += hdr.encoder_parameters(mastering_key="master-display", light_key="max-cll")
            options["x265-params"] = ":".join(words)
        if self._codec.encoder == "libx264":
            # Without it equal pictures gave other bytes in 7 of 970 runs on a busy machine.
            words = ["cpu-independent=1"]
            if hdr is not None:
                words += hdr.encoder_parameters(mastering_key="mastering-display", light_key="cll")
            options["x264-params"] = ":".join(words)
        return options

    @property
    def _time_base(self) -> Fraction:
        return self._output.time_base or self._output.rate.frame_duration

    def _guarded(self, frame: av.VideoFrame | None) -> None:
        """Encode one frame (None: what is left) and the audio that goes with it."""
        try:
            self._container.mux(self._stream.encode(frame))
            if self._audio is not None:
                end = (
                    None
                    if frame is None or frame.pts is None
                    else (frame.pts + 1) * self._time_base
                )
                self._audio.copy_until(end)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._write_error(error) from error

    def _end_file(self) -> None:
        if not self._written:
            raise InvalidRequestError(
                f"no picture was written to {self._target}: a deliverable has at least one frame"
            )
        self._guarded(None)
        try:
            self._container.close()
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._write_error(error) from error

    def _write_error(self, error: Exception) -> Exception:
        if self._file.failure is not None:
            return output_error(self._file.failure, self._target)
        if isinstance(error, OSError):
            return output_error(error, self._target)
        return UnsupportedMediaError(
            f"{self._codec.encoder} in {self._target.suffix} refuses {self._pictures.stored.name} "
            f"{self._output.width}x{self._output.height} or the audio that goes with it "
            f"({reason_of(error)}): choose another codec, or render without audio"
        )

    def _open_container(self) -> OutputContainer:
        # Large writes: each one is a call into Python. Bit-exact: no random ids and no library
        # versions in the file, so that the same job writes the same bytes.
        return av.open(
            self._file,
            "w",
            format=self._muxer,
            buffer_size=1 << 20,
            container_options={"fflags": "+bitexact"},
        )

    def _close_container_without_trailer(self) -> None:
        # With its file closed, the container lets go without writing anything more.
        self._file.close()
        self._container.close()

    def _add_video(self) -> VideoStream:
        output = self._output
        stream = cast(
            VideoStream,
            self._container.add_stream(
                self._codec.encoder, rate=output.rate.fraction, options=self._options()
            ),
        )
        context = stream.codec_context
        context.width, context.height = output.width, output.height
        context.pix_fmt = self._pictures.stored.name
        context.time_base = self._time_base
        set_colour(context, self._pictures.colour)
        if self._codec.encoder == "libx265" and self._muxer in ("mov", "mp4"):
            # The other of the two tags that there are, hev1, is not played by QuickTime.
            context.codec_tag = "hvc1"
        if output.sample_aspect != 1:
            context.sample_aspect_ratio = output.sample_aspect
            if self._muxer == "matroska":
                aspect = output.sample_aspect
                # PyAV cannot set the track's display size, so the shape goes into a tag.
                stream.metadata[SAMPLE_ASPECT_TAG] = f"{aspect.numerator}:{aspect.denominator}"
        if output.rotation_deg:
            stream.set_display_rotation(output.rotation_deg)
        if output.start_timecode is not None:
            stream.metadata["timecode"] = output.start_timecode.label
        return stream

    def _pts_of(self, picture: SourceFrame | ndarray, time: Fraction | None) -> int:
        if self._output.time_base is None:
            return self._written
        if time is None and isinstance(picture, SourceFrame):
            time = picture.time
        if time is None:
            raise InvalidRequestError(
                f"frame {self._written} of {self._target.name} has no time, and the clip's rate "
                "varies: give the source frame's time"
            )
        if not self._written:
            self._first_time = time
        pts = round((time - self._first_time) / self._output.time_base)
        if pts <= self._last_pts:
            raise InvalidRequestError(
                f"frame {self._written} of {self._target.name} is shown at {float(time)} s, not "
                "after the frame before it: write frames in order"
            )
        self._last_pts = pts
        return pts
