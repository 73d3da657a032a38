"""Writing image sequences: one file per frame, all of them or none."""

from __future__ import annotations

import contextlib
import shutil
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import av
from numpy import ndarray

from peanut_daemon.errors import InvalidRequestError, OutputExistsError, UnsupportedMediaError
from peanut_daemon.media.atomic import leftover_of, output_error, sync_folder, write_atomically
from peanut_daemon.media.audio import AudioRange
from peanut_daemon.media.encode import ClipWriter, set_colour
from peanut_daemon.media.formats import OutputFormat, checked_codec, stored_as
from peanut_daemon.media.frame import SourceFrame
from peanut_daemon.media.layout import layout_of
from peanut_daemon.media.pictures import PictureStore
from peanut_daemon.media.sequence import Sequence, pattern_of
from peanut_daemon.media.source import reason_of


class SequenceWriter:
    """Writes one file per frame; they appear under their names only after a clean end.

    A context manager like `ClipWriter`. Until then the files lie in a hidden folder beside them.
    Files carry colour tags where their format has a place for them, and no timecode: the number in
    the name says which frame it is.

    Args:
        target: a pattern such as "shot.%04d.exr"; the suffix must be the codec's.
        codec: the name in `CODECS` of one that writes sequences.
        output: what the pictures are.
        overwrite: replace existing files of these numbers (at the end).

    Raises:
        InvalidRequestError: as `ClipWriter`; no place for the number in the name.
        OutputExistsError: files of this name exist, or, with `overwrite`, other numbers of it.
        OutputNotWritableError, DiskFullError: the target cannot be written.
    """

    def __init__(
        self, target: Path, codec: str, output: OutputFormat, *, overwrite: bool = False
    ) -> None:
        self._codec = checked_codec(codec, target, output)
        self._files = cast(Sequence, pattern_of(target))
        self._target = target
        self._output = output
        self._pictures = PictureStore(output, *stored_as(self._codec, output))
        self._overwrite = overwrite
        self._hidden = leftover_of(target)
        self._written = 0

    def __enter__(self) -> Self:
        if not self._overwrite:
            self._refuse_existing(set())
        try:
            shutil.rmtree(self._hidden, ignore_errors=True)
            self._hidden.mkdir()
        except OSError as error:
            raise output_error(error, self._target) from error
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if exc_type is None:
                self.finish()
                self._move_into_place()
        finally:
            shutil.rmtree(self._hidden, ignore_errors=True)

    def finish(self) -> Path:
        """The pattern by which the files can be read until the context is left.

        Raises:
            InvalidRequestError: no picture was written.
        """
        if not self._written:
            raise InvalidRequestError(
                f"no picture was written to {self._target}: a deliverable has at least one frame"
            )
        return self._hidden / self._files.pattern.name

    @property
    def frames_written(self) -> int:
        """How many pictures were given so far."""
        return self._written

    def write(self, picture: SourceFrame | ndarray, *, time: Fraction | None = None) -> None:
        """Add the next picture, as `ClipWriter.write`; the time is of no use here.

        Raises:
            InvalidRequestError: a picture of another size or kind.
            DiskFullError, OutputNotWritableError: it cannot be written.
        """
        data = self._encoded(self._pictures.frame_of(picture))
        name = self._path_of(self._written).name
        write_atomically(self._hidden / name, data, overwrite=True)
        self._written += 1

    def _encoded(self, frame: av.VideoFrame) -> bytes:
        # An encoder per file, so that no state of one picture reaches the next.
        context = cast(av.VideoCodecContext, av.CodecContext.create(self._codec.encoder, "w"))
        stored = self._pictures.stored
        context.width, context.height, context.pix_fmt = frame.width, frame.height, stored.name
        context.framerate = self._output.rate.fraction
        context.time_base = self._output.rate.frame_duration
        context.sample_aspect_ratio = self._output.sample_aspect
        context.thread_count = 1
        set_colour(context, self._pictures.colour)
        context.options = dict(self._codec.options)
        if stored.floating:
            source = layout_of(self._output.pixel_format)
            half = source.floating and source.bits == 16
            context.options["format"] = "half" if half else "float"
        frame.pts = 0
        frame.time_base = context.time_base
        try:
            packets = [*context.encode(frame), *context.encode(None)]
        except (av.FFmpegError, ValueError) as error:
            raise UnsupportedMediaError(
                f"{self._codec.encoder} refuses {stored.name} {frame.width}x{frame.height} "
                f"({reason_of(error)}): choose another codec"
            ) from error
        return b"".join(bytes(packet) for packet in packets)

    def _path_of(self, index: int) -> Path:
        return self._files.path_of(self._output.first_number + index)

    def _move_into_place(self) -> None:
        first = self._output.first_number
        self._refuse_existing(
            set(range(first, first + self._written)) if self._overwrite else set()
        )
        moved: list[Path] = []
        try:
            for index in range(self._written):
                path = self._path_of(index)
                (self._hidden / path.name).replace(path)
                moved.append(path)
            sync_folder(self._files.folder)
        except OSError as error:
            for path in moved:
                with contextlib.suppress(OSError):
                    path.unlink()
            raise output_error(error, self._target) from error

    def _refuse_existing(self, replaced: set[int]) -> None:
        """Other numbers of the same name would become part of the clip, so they are refused too."""
        if not self._files.folder.is_dir():
            return
        others = [k for k in self._files.numbers_there() if k not in replaced]
        if others:
            hint = "other numbers are never removed" if replaced else "or allow overwriting"
            raise OutputExistsError(
                f"{self._target} has files already, such as {self._files.path_of(others[0])}: "
                f"choose another name, {hint}"
            )


Writer = ClipWriter | SequenceWriter


def writer_of(
    target: Path,
    codec: str,
    output: OutputFormat,
    *,
    audio: AudioRange | None = None,
    overwrite: bool = False,
) -> Writer:
    """The writer for a deliverable: a movie file or an image sequence (which takes no audio)."""
    if pattern_of(target) is not None:
        return SequenceWriter(target, codec, output, overwrite=overwrite)
    return ClipWriter(target, codec, output, audio=audio, overwrite=overwrite)
