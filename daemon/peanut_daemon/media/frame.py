"""One decoded picture, and what the models see of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import av
import cv2
from jaxtyping import UInt8
from numpy import ndarray

from peanut_daemon.media.colour import ColourTags
from peanut_daemon.media.convert import CodeScale, Rgb, code_scale, rgb_from_components
from peanut_daemon.media.layout import Layout, components_of, layout_of
from peanut_daemon.media.working import WorkingTransform


@dataclass(frozen=True, slots=True, eq=False)
class SourceFrame:
    """One decoded frame in the source's own code values.

    Attributes:
        frame_index: 0-based, in order of presentation.
        time: when it is shown, in seconds on the file's own clock.
        frame: the decoded frame; never written to.
        colour: the stream's tags.
        transform: how the models see it; None: its code values as they are.
    """

    frame_index: int
    time: Fraction
    frame: av.VideoFrame = field(repr=False)
    colour: ColourTags
    transform: WorkingTransform | None = field(default=None, repr=False)

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
        """RGB at source size: uint8 for 8-bit sources, uint16 (0 to 65535) for all others.

        The tagged matrix and range are used. An unspecified matrix is taken as 601 below 720 lines
        and 709 from there on; an unspecified range as limited for YUV. Transfer and primaries are
        left alone but for `transform`: the picture stays display-referred in its own colour space.

        Raises:
            UnsupportedMediaError: a pixel format or matrix that is not handled.
        """
        return rgb_from_components(
            self.components(), self.layout, self.scale, transform=self.transform
        )

    def working_rgb(self, long_side: int) -> UInt8[ndarray, "h w 3"]:
        """An 8-bit RGB proxy whose longer side is at most `long_side` pixels; never enlarged."""
        rgb = rgb_from_components(
            self.components(), self.layout, self.scale, transform=self.transform, eight_bit=True
        )
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
