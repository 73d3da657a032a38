"""What an HDR clip says about the display it was mastered on (SMPTE ST 2086, CTA-861.3)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import av
from av.sidedata.sidedata import SideDataContainer, Type

# FFmpeg's AVMasteringDisplayMetadata: ten rationals (x and y of red, green, blue and white, least
# and most luminance) and two flags; AVContentLightMetadata: two numbers.
_MASTERING = struct.Struct("=20i2i")
_CONTENT_LIGHT = struct.Struct("=2I")


@dataclass(frozen=True, slots=True, kw_only=True)
class HdrMetadata:
    """Static HDR metadata; H.264 and H.265 deliverables carry it on.

    Attributes:
        primaries: x and y of red, green, blue and white; empty if not said.
        luminance: least and most, cd/m2; empty if not said.
        content_light: the brightest pixel and the brightest frame's mean, cd/m2; empty if not said.
    """

    primaries: tuple[Fraction, ...] = ()
    luminance: tuple[Fraction, ...] = ()
    content_light: tuple[int, ...] = ()

    @classmethod
    def of(cls, frame: av.VideoFrame) -> HdrMetadata | None:
        """What the side data of a decoded frame says; None if there is none."""
        primaries: tuple[Fraction, ...] = ()
        luminance: tuple[Fraction, ...] = ()
        light: tuple[int, ...] = ()
        for entry in cast(SideDataContainer, frame.side_data):
            if entry.type == Type.MASTERING_DISPLAY_METADATA:
                *numbers, has_primaries, has_luminance = _MASTERING.unpack(bytes(entry))
                pairs = zip(numbers[::2], numbers[1::2], strict=True)
                values = tuple(Fraction(num, den or 1) for num, den in pairs)
                primaries = values[:8] if has_primaries else ()
                luminance = values[8:] if has_luminance else ()
            elif entry.type == Type.CONTENT_LIGHT_LEVEL:
                light = _CONTENT_LIGHT.unpack(bytes(entry)[: _CONTENT_LIGHT.size])
        if not (primaries or luminance or light):
            return None
        return cls(primaries=primaries, luminance=luminance, content_light=light)

    def encoder_parameters(self, *, mastering_key: str, light_key: str) -> list[str]:
        """As x264 and x265 take it: primaries in steps of 0.00002, luminance of 0.0001 cd/m2."""
        words = []
        if self.primaries and self.luminance:
            rx, ry, gx, gy, bx, by, wx, wy = (round(v * 50000) for v in self.primaries)
            low, high = (round(v * 10000) for v in self.luminance)
            words.append(
                f"{mastering_key}=G({gx},{gy})B({bx},{by})R({rx},{ry})WP({wx},{wy})L({high},{low})"
            )
        if self.content_light:
            words.append(f"{light_key}={self.content_light[0]},{self.content_light[1]}")
        return words

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it; `from_dict` reads it back."""
        return {
            "primaries": [str(value) for value in self.primaries],
            "luminance": [str(value) for value in self.luminance],
            "content_light": list(self.content_light),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> HdrMetadata:
        """What `to_dict` wrote."""
        return cls(
            primaries=tuple(Fraction(value) for value in values["primaries"]),
            luminance=tuple(Fraction(value) for value in values["luminance"]),
            content_light=tuple(int(value) for value in values["content_light"]),
        )
