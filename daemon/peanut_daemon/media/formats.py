"""What the pictures of a deliverable are, and how a codec stores them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import cast

from peanut_daemon.errors import InvalidRequestError
from peanut_daemon.media.clip import ClipInfo
from peanut_daemon.media.codecs import CODECS, Codec, CodecName
from peanut_daemon.media.colour import (
    MATRIX_RGB,
    RANGE_FULL,
    RANGE_LIMITED,
    TRANSFER_PQ,
    UNSPECIFIED,
    ColourTags,
    matrix_for,
)
from peanut_daemon.media.hdr import HdrMetadata
from peanut_daemon.media.layout import Layout, layout_of
from peanut_daemon.media.rate import Rate
from peanut_daemon.media.sequence import pattern_of
from peanut_daemon.media.timecode import Timecode
from peanut_daemon.media.working import DISPLAY, LINEAR, WorkingTransform

# FFV1 stores the same code values for these under another name.
_FFV1_NAMES = {
    "yuvj420p": "yuv420p", "yuvj422p": "yuv422p", "yuvj444p": "yuv444p", "yuvj440p": "yuv440p",
    "nv12": "yuv420p",
    "rgb24": "bgr0", "bgr24": "bgr0", "rgb0": "bgr0", "gbrp": "bgr0",
    "rgba": "bgra", "argb": "bgra", "abgr": "bgra", "gbrap": "bgra",
    "rgb48le": "gbrp16le", "rgba64le": "gbrap16le", "rgb48be": "gbrp16le", "rgba64be": "gbrap16le",
    "nv21": "yuv420p", "nv16": "yuv422p", "uyvy422": "yuv422p", "yuyv422": "yuv422p",
    "gray16be": "gray16le", "ya16le": "gbrap16le", "ya16be": "gbrap16le",
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
        first_number: of the first file, for an image sequence.
        hdr: mastering display and content light, for codecs that carry them.
        transform: how the models saw the pictures, so that arrays of theirs find the way back.
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
    first_number: int = 0
    hdr: HdrMetadata | None = None
    transform: WorkingTransform | None = None

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
            first_number=info.first_number + first_frame,
            hdr=info.hdr,
            transform=info.transform,
        )


def checked_codec(name: str, target: Path, output: OutputFormat) -> Codec:
    """The named codec, if it can hold such a deliverable.

    Raises:
        InvalidRequestError: unknown, or the wrong suffix, or alpha, a size or a kind of values that
            it cannot hold.
    """
    codec = CODECS.get(cast(CodecName, name))
    if codec is None:
        raise InvalidRequestError(f"codec {name!r} is unknown: choose one of {', '.join(CODECS)}")
    check_name(name, codec, target)
    if output.alpha and codec.alpha_pixel_formats is None:
        able = ", ".join(
            key for key, entry in CODECS.items() if entry.alpha_pixel_formats is not None
        )
        raise InvalidRequestError(
            f"codec {name} cannot hold the alpha of a patch: choose one of {able}, or render a "
            "full deliverable"
        )
    _check_values(name, codec, output)
    _check_size(name, codec, output)
    return codec


def check_name(name: str, codec: Codec, target: Path) -> None:
    """Refuse a target whose name does not fit the codec.

    Raises:
        InvalidRequestError: another suffix, or a sequence without a place for the number.
    """
    if target.suffix.lower() not in codec.suffixes:
        raise InvalidRequestError(
            f"{target.name} ends in {target.suffix!r}, but {name} is written as "
            f"{' or '.join(codec.suffixes)}: change one of the two"
        )
    if codec.is_sequence and pattern_of(target) is None:
        raise InvalidRequestError(
            f"{target.name} has no place for the number of a frame, and codec {name} writes a file "
            f"for each: name the target {target.stem}.####{target.suffix}"
        )


def _check_values(name: str, codec: Codec, output: OutputFormat) -> None:
    floating = layout_of(output.pixel_format).floating
    if floating and not codec.pixel_formats:
        raise InvalidRequestError(
            f"codec {name} cannot hold the floating-point values of the clip: choose exr, which "
            "keeps them, or another codec, which shows them as PQ"
        )
    if codec.floating and not floating and output.transform is None:
        raise InvalidRequestError(
            f"codec {name} is for scene-linear pictures, and the clip's are for the eye: choose "
            "tiff, png or dpx, or say what its values mean with a colour space"
        )


def _check_size(name: str, codec: Codec, output: OutputFormat) -> None:
    sizes = list(
        zip(
            ("width", "height"),
            (output.width, output.height),
            codec.even,
            codec.smallest,
            strict=True,
        )
    )
    odd = [f"{axis} {value}" for axis, value, even, _ in sizes if even and value % 2]
    if odd:
        raise InvalidRequestError(
            f"codec {name} needs an even size and the {' and '.join(odd)} is odd: choose ffv1"
        )
    if any(value < least for _, value, _, least in sizes):
        raise InvalidRequestError(
            f"codec {name} needs {codec.smallest[0]}x{codec.smallest[1]} pixels or more and the "
            f"picture has {output.width}x{output.height}: choose prores_hq or ffv1"
        )


def stored_as(codec: Codec, output: OutputFormat) -> tuple[Layout, ColourTags]:
    """The pixel format that the codec gets, and the tags that are true of it."""
    source = layout_of(output.pixel_format)
    stored = _stored_layout(codec, output, source)
    colour = output.colour
    if source.floating and not stored.floating and output.transform is not None:
        colour = _working_tags(colour, output.transform.name)
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


def _stored_layout(codec: Codec, output: OutputFormat, source: Layout) -> Layout:
    if codec.pixel_formats:
        choice = codec.pixel_formats
        if codec.alpha_pixel_formats and (output.alpha or source.alpha):
            choice = codec.alpha_pixel_formats
        return min(map(layout_of, choice), key=lambda layout: _distance(source, layout))
    if output.alpha:
        deep = next(bits for bits in (8, 10, 12, 14, 16) if source.bits <= bits)
        return layout_of("bgra" if deep == 8 else f"gbrap{deep}le")
    return layout_of(_FFV1_NAMES.get(source.name, source.name))


def _distance(source: Layout, stored: Layout) -> tuple[int, ...]:
    """What gets lost first, then what is wasted."""
    family = 0 if stored.family == source.family else 2 if source.family != "gray" else 1
    if stored.family == "gray" and source.family != "gray":
        family = 9
    bits = 16 if source.floating else source.bits
    chroma = [b // a for a, b in zip(source.subsampling, stored.subsampling, strict=True)]
    lost = sum(max(0, b - a) for a, b in zip(source.subsampling, stored.subsampling, strict=True))
    wasted = sum(ratio == 0 for ratio in chroma)
    return family, max(0, bits - stored.bits), lost, max(0, stored.bits - bits), wasted


def _working_tags(colour: ColourTags, transform: str) -> ColourTags:
    """Tags of floating-point pictures that are stored as the models see them."""
    if transform == DISPLAY:
        return colour
    # By way of OpenColorIO they have ACES primaries, which H.273 has no number for.
    primaries = colour.primaries if transform == LINEAR else UNSPECIFIED
    return replace(colour, primaries=primaries, transfer=TRANSFER_PQ)
