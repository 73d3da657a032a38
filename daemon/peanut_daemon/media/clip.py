"""The facts of a clip that the rest of the daemon works from, and how an editor wants it read."""

from __future__ import annotations

from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

from peanut_daemon.media.colour import ColourTags
from peanut_daemon.media.hdr import HdrMetadata
from peanut_daemon.media.layout import layout_of
from peanut_daemon.media.rate import Rate
from peanut_daemon.media.timecode import Timecode
from peanut_daemon.media.working import WorkingTransform, working_transform


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipInfo:
    """The facts of one clip's video.

    Attributes:
        path: absolute; of an image sequence its pattern, such as "shot.%04d.exr".
        width, height: of the stored picture, in pixels, before `sample_aspect`.
        rate: exact; for variable rate the mean, and `variable_rate` is set.
        variable_rate: frames are not evenly spaced; `ClipReader` knows when each is shown.
        frame_count: frames that are shown, counted from the packets.
        time_base: seconds per unit of the file's own timestamps.
        start_timecode: of frame 0; None where the file has none.
        pixel_format: FFmpeg's name, such as "yuv422p10le".
        bit_depth: significant bits per component, 8 to 16; of floating point 16 or 32.
        colour: tags as found, unspecified included.
        sample_aspect: width of a pixel over its height; 1 where the file does not say.
        field_order: "unknown", "progressive", the order of fields ("tt", "bb", "tb", "bt"), or
            "interlaced" where only that is known.
        codec: FFmpeg's name of the codec, such as "prores".
        has_audio, has_alpha: whether there is an audio stream, an alpha component.
        rotation_deg: how far the stored picture is turned counter-clockwise to be shown: 0, 90, 180
            or 270. Frames are read and written as stored; deliverables carry it along.
        first_number: of frame 0's file, for an image sequence.
        hdr: mastering display and content light, as found.
        colourspace: what the values mean, as the editor says (`working_transform`); mostly empty.
        deinterlace: frames are read as progressive pictures made of their fields.
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
    first_number: int = 0
    hdr: HdrMetadata | None = None
    colourspace: str = ""
    deinterlace: bool = False

    @property
    def interlaced(self) -> bool:
        """Whether a frame of the file holds two moments."""
        return self.field_order not in ("unknown", "progressive")

    @property
    def transform(self) -> WorkingTransform | None:
        """How the models see its pictures.

        Raises:
            InvalidRequestError, UnsupportedMediaError: as `working_transform` raises.
        """
        return working_transform(self.colourspace, layout_of(self.pixel_format), self.colour)

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
        values["hdr"] = None if self.hdr is None else self.hdr.to_dict()
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ClipInfo:
        """The facts that `to_dict` wrote."""
        rate = Rate(*values["rate"])
        label, hdr = values["start_timecode"], values.get("hdr")
        return cls(
            **{
                **values,
                "path": Path(values["path"]),
                "rate": rate,
                "start_timecode": None if label is None else Timecode.parse(label, rate),
                "time_base": Fraction(*values["time_base"]),
                "colour": ColourTags.from_dict(values["colour"]),
                "sample_aspect": Fraction(*values["sample_aspect"]),
                "hdr": None if hdr is None else HdrMetadata.from_dict(hdr),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How an editor wants a clip read, where its file does not say so.

    Attributes:
        rate: of an image sequence.
        colourspace: see `working_transform`.
        deinterlace: make progressive pictures of the fields.
    """

    rate: Rate | None = None
    colourspace: str = ""
    deinterlace: bool = False
