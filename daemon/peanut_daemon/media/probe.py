"""What a media file is: the facts that the rest of the daemon works from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from peanut_daemon.errors import InvalidRequestError, MediaUnreadableError
from peanut_daemon.media.colour import ColourTags
from peanut_daemon.media.index import FrameIndex, index_of
from peanut_daemon.media.rate import Rate
from peanut_daemon.media.source import checked_file, colour_of, open_input, video_stream_of
from peanut_daemon.media.timecode import Timecode

_FIELD_ORDERS = ("unknown", "progressive", "tt", "bb", "tb", "bt")
_CHUNK_BYTES = 1 << 20

SAMPLE_ASPECT_TAG = "PEANUT_SAMPLE_ASPECT"
"""Matroska stream tag for the pixel shape, which the muxer cannot be told (see `encode`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipInfo:
    """The facts of one clip's video.

    Attributes:
        path: absolute.
        width, height: of the stored picture, in pixels, before `sample_aspect`.
        rate: exact; for variable rate the mean, and `variable_rate` is set.
        variable_rate: frames are not evenly spaced; `ClipReader` knows when each is shown.
        frame_count: frames that are shown, counted from the packets.
        time_base: seconds per unit of the file's own timestamps.
        start_timecode: of frame 0; None where the file has none.
        pixel_format: FFmpeg's name, such as "yuv422p10le".
        bit_depth: significant bits per component, 8 to 16.
        colour: tags as found, unspecified included.
        sample_aspect: width of a pixel over its height; 1 where the file does not say.
        field_order: "unknown", "progressive", or the order of fields: "tt", "bb", "tb", "bt".
        codec: FFmpeg's name of the codec, such as "prores".
        has_audio, has_alpha: whether there is an audio stream, an alpha component.
        rotation_deg: how far the stored picture is turned counter-clockwise to be shown: 0, 90, 180
            or 270. Frames are read and written as stored; deliverables carry it along.
        fingerprint: tells this file's content from another's (`fingerprint_of`).
    """

    path: Path
    width: int
    height: int
    rate: Rate
    variable_rate: bool
    frame_count: int
    time_base: Fraction
    start_timecode: Timecode | None
    pixel_format: str
    bit_depth: int
    colour: ColourTags
    sample_aspect: Fraction
    field_order: str
    codec: str
    has_audio: bool
    has_alpha: bool
    fingerprint: str
    rotation_deg: int = 0

    @property
    def interlaced(self) -> bool:
        """Whether a frame holds two moments."""
        return self.field_order not in ("unknown", "progressive")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types only; `from_dict` reads it back."""
        values: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        timecode = self.start_timecode
        values["path"] = str(self.path)
        values["rate"] = [self.rate.num, self.rate.den]
        values["start_timecode"] = None if timecode is None else timecode.label
        values["time_base"] = [self.time_base.numerator, self.time_base.denominator]
        values["colour"] = self.colour.to_dict()
        values["sample_aspect"] = [self.sample_aspect.numerator, self.sample_aspect.denominator]
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ClipInfo:
        """The facts that `to_dict` wrote."""
        rate = Rate(*values["rate"])
        label = values["start_timecode"]
        return cls(
            **{
                **values,
                "path": Path(values["path"]),
                "rate": rate,
                "start_timecode": None if label is None else Timecode.parse(label, rate),
                "time_base": Fraction(*values["time_base"]),
                "colour": ColourTags.from_dict(values["colour"]),
                "sample_aspect": Fraction(*values["sample_aspect"]),
            }
        )


def probe(path: Path) -> ClipInfo:
    """Look at a file; nothing but a few first frames is decoded, and nothing if it is damaged.

    Raises:
        MediaNotFoundError: no file there.
        NoVideoError: audio only.
        MediaUnreadableError: not media, a folder, cut off, or damaged.
        UnsupportedMediaError: no presentation times.
    """
    absolute = checked_file(path)
    index = index_of(absolute)
    with open_input(absolute, generate_pts=index.generated_pts) as container:
        stream = video_stream_of(container, absolute)
        context = stream.codec_context
        pixel_format = av.VideoFormat(str(context.pix_fmt))
        rate, constant = _rate_of(stream, index)
        order = context.field_order
        return ClipInfo(
            path=absolute,
            width=context.width,
            height=context.height,
            rate=rate,
            variable_rate=not constant,
            frame_count=len(index),
            time_base=index.time_base,
            start_timecode=_start_timecode(container, stream, rate),
            pixel_format=pixel_format.name,
            bit_depth=max(component.bits for component in pixel_format.components),
            colour=colour_of(stream),
            sample_aspect=_sample_aspect(stream),
            field_order=_FIELD_ORDERS[order] if 0 <= order < len(_FIELD_ORDERS) else "unknown",
            codec=context.codec.canonical_name,
            has_audio=bool(container.streams.audio),
            has_alpha=any(component.is_alpha for component in pixel_format.components),
            fingerprint=fingerprint_of(absolute),
            rotation_deg=_rotation(container, stream),
        )


def fingerprint_of(path: Path) -> str:
    """SHA-256 (hex) over the size and three chunks of 1 MiB: head, middle and tail.

    Cheap for files of any size, and every edit that a media program makes changes the head or the
    tail. It is no proof against somebody who changes a few bytes on purpose.

    Raises:
        MediaUnreadableError: the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        size = path.stat().st_size
        digest.update(size.to_bytes(8, "big"))
        with path.open("rb") as file:
            for start in sorted(
                {0, max(0, (size - _CHUNK_BYTES) // 2), max(0, size - _CHUNK_BYTES)}
            ):
                file.seek(start)
                digest.update(file.read(_CHUNK_BYTES))
    except OSError as error:
        raise MediaUnreadableError(f"cannot read {path}: {error.strerror}") from error
    return digest.hexdigest()


def _rate_of(stream: VideoStream, index: FrameIndex) -> tuple[Rate, bool]:
    """The rate, and whether it puts every frame where its timestamp is."""
    mean = index.mean_rate()
    candidates = (stream.average_rate, stream.guessed_rate, stream.base_rate, mean)
    constant = index.constant_rate(candidates)
    if constant is not None:
        return constant, True
    known = next((rate for rate in (mean, stream.average_rate, stream.guessed_rate) if rate), None)
    return (Rate.snapped(known), False) if known else (Rate(25), True)


def _start_timecode(container: InputContainer, stream: VideoStream, rate: Rate) -> Timecode | None:
    tagged = [stream.metadata, *(data.metadata for data in container.streams.data)]
    for metadata in (*tagged, container.metadata):
        for key, value in metadata.items():
            if key.lower() != "timecode":
                continue
            try:
                return Timecode.parse(value, rate)
            except InvalidRequestError:
                # A tag that makes no sense at this rate (some cameras count half of 50 or 60):
                # no timecode is safer than a wrong one.
                continue
    return None


def _rotation(container: InputContainer, stream: VideoStream) -> int:
    """From the first picture, because the stream itself does not tell."""
    try:
        return next(container.decode(stream)).rotation % 360
    except (StopIteration, av.FFmpegError, ValueError):
        # Whoever reads that frame learns what is wrong with it.
        return 0


def _sample_aspect(stream: VideoStream) -> Fraction:
    tag = stream.metadata.get(SAMPLE_ASPECT_TAG, "")
    width, _, height = tag.partition(":")
    if width.isdecimal() and height.isdecimal() and int(width) and int(height):
        return Fraction(int(width), int(height))
    return stream.sample_aspect_ratio or Fraction(1)
