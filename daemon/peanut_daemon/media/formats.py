"""The codecs of deliverables, and what their pictures are."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal, cast

from peanut_daemon.errors import InvalidRequestError
from peanut_daemon.media.colour import (
    MATRIX_RGB,
    RANGE_FULL,
    RANGE_LIMITED,
    UNSPECIFIED,
    ColourTags,
    matrix_for,
)
from peanut_daemon.media.layout import Layout, layout_of
from peanut_daemon.media.probe import ClipInfo
from peanut_daemon.media.rate import Rate
from peanut_daemon.media.timecode import Timecode

CodecName = Literal["ffv1", "prores_hq", "prores_4444", "h264"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """One way to store a deliverable.

    Attributes:
        suffix: of the file name.
        muxer, encoder: FFmpeg's names.
        options: of the encoder.
        pixel_format: what every picture is converted to; None: the source's own code values.
        alpha_pixel_format: the same for pictures with alpha; "" if it cannot hold any.
        limited_range: the codec has no way to say "full range".
        even: the size must be even, across and down.
    """

    suffix: str
    muxer: str
    encoder: str
    options: dict[str, str]
    pixel_format: str | None
    alpha_pixel_format: str | None
    limited_range: bool = False
    even: tuple[bool, bool] = (False, False)


CODECS: dict[CodecName, Codec] = {
    # Every frame a key frame and every slice with a checksum: damage stays where it is, and shows.
    "ffv1": Codec(
        suffix=".mkv",
        muxer="matroska",
        encoder="ffv1",
        options={"level": "3", "g": "1", "slices": "4", "slicecrc": "1"},
        pixel_format=None,
        alpha_pixel_format=None,
    ),
    "prores_hq": Codec(
        suffix=".mov",
        muxer="mov",
        encoder="prores_ks",
        options={"profile": "3", "vendor": "apl0"},
        pixel_format="yuv422p10le",
        alpha_pixel_format="",
        limited_range=True,
        even=(True, False),
    ),
    "prores_4444": Codec(
        suffix=".mov",
        muxer="mov",
        encoder="prores_ks",
        options={"profile": "4", "vendor": "apl0", "alpha_bits": "16"},
        pixel_format="yuv444p10le",
        alpha_pixel_format="yuva444p10le",
        limited_range=True,
        even=(True, False),
    ),
    "h264": Codec(
        suffix=".mp4",
        muxer="mp4",
        encoder="libx264",
        options={"crf": "16", "preset": "medium"},
        pixel_format="yuv420p",
        alpha_pixel_format="",
        even=(True, True),
    ),
}

# FFV1 stores the same code values for these under another name.
_FFV1_NAMES = {
    "yuvj420p": "yuv420p", "yuvj422p": "yuv422p", "yuvj444p": "yuv444p", "yuvj440p": "yuv440p",
    "nv12": "yuv420p",
    "rgb24": "bgr0", "bgr24": "bgr0", "rgb0": "bgr0", "gbrp": "bgr0",
    "rgba": "bgra", "argb": "bgra", "abgr": "bgra", "gbrap": "bgra",
    "rgb48le": "gbrp16le", "rgba64le": "gbrap16le",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFormat:
    """What the pictures of a deliverable are.

    Attributes:
        width, height: in pixels.
        rate: exact; of timecode only where `time_base` is given.
        pixel_format: the source's; it decides depth and subsampling where the codec lets it.
        colour: tags, carried as they are (but see `ClipWriter`).
        alpha: pictures are RGBA (a patch).
        sample_aspect: width of a pixel over its height.
        rotation_deg: counter-clockwise, for the player; pictures are written as they are.
        start_timecode: of the first picture written.
        time_base: for variable rate, the unit of timestamps in seconds; None: frame k at k / rate.
    """

    width: int
    height: int
    rate: Rate
    pixel_format: str
    colour: ColourTags = field(default_factory=ColourTags)
    alpha: bool = False
    sample_aspect: Fraction = Fraction(1)
    rotation_deg: int = 0
    start_timecode: Timecode | None = None
    time_base: Fraction | None = None

    @classmethod
    def of(
        cls, info: ClipInfo, *, first_frame: int = 0, alpha: bool = False, scale: int = 1
    ) -> OutputFormat:
        """The format of a deliverable that starts at frame `first_frame` of a clip.

        Args:
            info: the source.
            first_frame: its frame that becomes frame 0; timecode moves along.
            alpha: a patch.
            scale: 4 for upscaled deliverables.
        """
        timecode, colour = info.start_timecode, info.colour
        if scale != 1 and layout_of(info.pixel_format).family == "yuv":
            # Players guess an unspecified matrix from the size, which is another one now.
            colour = replace(colour, matrix=matrix_for(colour, info.height))
        return cls(
            width=info.width * scale,
            height=info.height * scale,
            rate=info.rate,
            pixel_format=info.pixel_format,
            colour=colour,
            alpha=alpha,
            sample_aspect=info.sample_aspect,
            rotation_deg=info.rotation_deg,
            start_timecode=None if timecode is None else timecode + first_frame,
            time_base=info.time_base if info.variable_rate else None,
        )


def checked_codec(name: str, target: Path, output: OutputFormat) -> Codec:
    """The named codec, if it can hold such a deliverable.

    Raises:
        InvalidRequestError: unknown, or the wrong suffix, or alpha or a size it cannot hold.
    """
    codec = CODECS.get(cast(CodecName, name))
    if codec is None:
        raise InvalidRequestError(f"codec {name!r} is unknown: choose one of {', '.join(CODECS)}")
    if target.suffix.lower() != codec.suffix:
        raise InvalidRequestError(
            f"{target.name} does not end in {codec.suffix}, which codec {name} is written as: "
            "rename the target"
        )
    if output.alpha and codec.alpha_pixel_format == "":
        able = ", ".join(key for key, entry in CODECS.items() if entry.alpha_pixel_format != "")
        raise InvalidRequestError(
            f"codec {name} cannot hold the alpha of a patch: choose one of {able}, or render a "
            "full deliverable"
        )
    odd = [
        f"{axis} {value}"
        for axis, value, even in zip(
            ("width", "height"), (output.width, output.height), codec.even, strict=True
        )
        if even and value % 2
    ]
    if odd:
        raise InvalidRequestError(
            f"codec {name} needs an even size and the {' and '.join(odd)} is odd: choose ffv1"
        )
    return codec


def stored_as(codec: Codec, output: OutputFormat) -> tuple[Layout, ColourTags]:
    """The pixel format that the codec gets, and the tags that are true of it."""
    source = layout_of(output.pixel_format)
    if codec.pixel_format is not None:
        stored = layout_of(
            (codec.alpha_pixel_format if output.alpha else None) or codec.pixel_format
        )
        if source.alpha and not output.alpha and codec.alpha_pixel_format:
            stored = layout_of(codec.alpha_pixel_format)
    elif output.alpha:
        deep = next(bits for bits in (8, 10, 12, 14, 16) if source.bits <= bits)
        stored = layout_of("bgra" if deep == 8 else f"gbrap{deep}le")
    else:
        stored = layout_of(_FFV1_NAMES.get(source.name, source.name))
    colour = output.colour
    if stored.family == "rgb":
        return stored, replace(colour, matrix=MATRIX_RGB, range=RANGE_FULL)
    if source.full_range:
        colour = replace(colour, range=RANGE_FULL)
    if source.family == "rgb":
        # Made from RGB here, so the tags say how.
        tags = replace(colour, matrix=UNSPECIFIED) if colour.matrix == MATRIX_RGB else colour
        colour = replace(colour, matrix=matrix_for(tags, output.height), range=RANGE_LIMITED)
    if codec.limited_range:
        colour = replace(colour, range=RANGE_LIMITED)
    return stored, colour
