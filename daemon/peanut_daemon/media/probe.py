"""Looking at media files: what they are, and whether they can be worked on."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from peanut_daemon.errors import InvalidRequestError, MediaUnreadableError, UnsupportedMediaError
from peanut_daemon.media.clip import ClipInfo, Reading
from peanut_daemon.media.hdr import HdrMetadata
from peanut_daemon.media.index import FrameIndex, index_of
from peanut_daemon.media.layout import layout_of
from peanut_daemon.media.rate import Rate
from peanut_daemon.media.sequence import (
    DECODERS,
    Sequence,
    SequenceDecoder,
    find_sequence,
    fingerprint_of_sequence,
)
from peanut_daemon.media.source import checked_file, colour_of, open_input, video_stream_of
from peanut_daemon.media.timecode import Timecode

_FIELD_ORDERS = ("unknown", "progressive", "tt", "bb", "tb", "bt")
_CHUNK_BYTES = 1 << 20

SAMPLE_ASPECT_TAG = "PEANUT_SAMPLE_ASPECT"
"""Matroska stream tag for the pixel shape, which the muxer cannot be told (see `encode`)."""


def probe(path: Path, *, rate: Rate | None = None) -> ClipInfo:
    """Look at a clip; nothing but a few first frames is decoded, and nothing if it is damaged.

    Args:
        path: a movie file, or an image sequence: its folder, or a pattern such as "shot.%04d.exr"
            or "shot.####.exr".
        rate: of an image sequence, whose files mostly do not say it.

    Raises:
        MediaNotFoundError: no file there.
        NoVideoError: audio only.
        MediaUnreadableError: not media, a folder of something else, cut off, damaged, or a sequence
            with gaps.
        UnsupportedMediaError: no presentation times, or a sequence without a rate.
        InvalidRequestError: a rate for a movie, which has its own.
    """
    sequence = find_sequence(path)
    if sequence is not None:
        return _probe_sequence(sequence, rate)
    info = _probe_movie(path)
    if rate not in (None, info.rate):
        raise InvalidRequestError(
            f"a rate of {rate} was given for {path}, which runs at {info.rate}: leave the rate "
            "away; it is for image sequences"
        )
    return info


def probe_for_editing(path: Path, reading: Reading) -> ClipInfo:
    """The facts of a clip that can be worked on.

    Raises:
        MediaError, InvalidRequestError: as `probe` and `checked_for_editing`.
    """
    clip = probe(path, rate=reading.rate)
    return checked_for_editing(
        replace(clip, colourspace=reading.colourspace, deinterlace=reading.deinterlace)
    )


def checked_for_editing(clip: ClipInfo) -> ClipInfo:
    """The clip, if it can be worked on as it is read.

    Raises:
        UnsupportedMediaError: it is interlaced and shall not be deinterlaced; a pixel format or a
            colour space that is not handled here.
        InvalidRequestError: an unknown colour space.
    """
    if clip.interlaced and not clip.deinterlace:
        raise UnsupportedMediaError(
            f"{clip.path} is interlaced (field order {clip.field_order}): each frame holds two "
            "moments, which no model here can follow; take the progressive original, or say "
            "--deinterlace to have one progressive picture made of each frame"
        )
    layout_of(clip.pixel_format)
    _ = clip.transform
    return clip


def _probe_sequence(sequence: Sequence, rate: Rate | None) -> ClipInfo:
    decoder = SequenceDecoder(sequence)
    width, height, name = decoder.picture
    rate = rate or (Rate.snapped(decoder.rate) if decoder.rate else None)
    if rate is None:
        raise UnsupportedMediaError(
            f"{sequence.pattern} does not say how many frames a second it has: give its rate, "
            "such as --rate 24 or --rate 24000/1001"
        )
    layout = layout_of(name)
    return ClipInfo(
        path=sequence.pattern,
        width=width,
        height=height,
        rate=rate,
        variable_rate=False,
        frame_count=sequence.count,
        time_base=rate.frame_duration,
        start_timecode=_parsed_timecode(decoder.timecode, rate),
        pixel_format=name,
        bit_depth=layout.bits,
        colour=decoder.colour,
        sample_aspect=decoder.sample_aspect,
        field_order="unknown",
        codec=DECODERS[sequence.suffix.lower()],
        has_audio=False,
        has_alpha=layout.alpha,
        fingerprint=fingerprint_of_sequence(sequence),
        first_number=sequence.first,
    )


def _probe_movie(path: Path) -> ClipInfo:
    absolute = checked_file(path)
    index = index_of(absolute)
    with open_input(absolute, generate_pts=index.generated_pts) as container:
        stream = video_stream_of(container, absolute)
        context = stream.codec_context
        pixel_format = av.VideoFormat(str(context.pix_fmt))
        rate, constant = _rate_of(stream, index)
        # Decoding lets the codec's own tags, often unspecified, replace those of the container.
        colour = colour_of(stream)
        first = _first_picture(container, stream)
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
            colour=colour,
            sample_aspect=_sample_aspect(stream),
            field_order=_field_order(stream, first),
            codec=context.codec.canonical_name,
            has_audio=bool(container.streams.audio),
            has_alpha=any(component.is_alpha for component in pixel_format.components),
            fingerprint=fingerprint_of(absolute),
            rotation_deg=0 if first is None else first.rotation % 360,
            hdr=None if first is None else HdrMetadata.of(first),
        )


def fingerprint_of(path: Path) -> str:
    """SHA-256 (hex) over the size and three chunks of 1 MiB: head, middle and tail.

    Cheap for files of any size, and every edit that a media program makes changes the head or the
    tail. It is no proof against somebody who changes a few bytes on purpose.

    Raises:
        MediaError: the file cannot be read.
    """
    sequence = find_sequence(path)
    if sequence is not None:
        return fingerprint_of_sequence(sequence)
    path = checked_file(path)
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
            if key.lower() == "timecode":
                timecode = _parsed_timecode(value, rate)
                if timecode is not None:
                    return timecode
    return None


def _parsed_timecode(label: str, rate: Rate) -> Timecode | None:
    try:
        return Timecode.parse(label, rate) if label else None
    except InvalidRequestError:
        # A tag that makes no sense at this rate (some cameras count half of 50 or 60): no timecode
        # is safer than a wrong one.
        return None


def _first_picture(container: InputContainer, stream: VideoStream) -> av.VideoFrame | None:
    """The first picture, which knows what the stream itself does not tell."""
    try:
        return next(container.decode(stream))
    except (StopIteration, av.FFmpegError, ValueError):
        # Whoever reads that frame learns what is wrong with it.
        return None


def _field_order(stream: VideoStream, first: av.VideoFrame | None) -> str:
    order = stream.codec_context.field_order
    name = _FIELD_ORDERS[order] if 0 <= order < len(_FIELD_ORDERS) else "unknown"
    if name == "unknown" and first is not None and first.interlaced_frame:
        return "interlaced"
    return name


def _sample_aspect(stream: VideoStream) -> Fraction:
    tag = stream.metadata.get(SAMPLE_ASPECT_TAG, "")
    width, _, height = tag.partition(":")
    if width.isdecimal() and height.isdecimal() and int(width) and int(height):
        return Fraction(int(width), int(height))
    return stream.sample_aspect_ratio or Fraction(1)
