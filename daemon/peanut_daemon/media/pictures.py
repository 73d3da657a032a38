"""Source frames and arrays as the frames that an encoder takes."""

from __future__ import annotations

from dataclasses import dataclass

import av
import numpy as np
from numpy import ndarray

from peanut_daemon.errors import InvalidRequestError
from peanut_daemon.media.colour import ColourTags
from peanut_daemon.media.convert import (
    CodeScale,
    alpha_codes,
    code_scale,
    components_from_rgb,
    native_from_working,
    requantised,
)
from peanut_daemon.media.formats import OutputFormat
from peanut_daemon.media.frame import SourceFrame
from peanut_daemon.media.layout import Layout, frame_from_components, layout_of


@dataclass(frozen=True, slots=True)
class PictureStore:
    """Makes frames of one layout from the pictures that a deliverable is written from.

    Attributes:
        output: what the pictures are.
        stored, colour: what the encoder gets.
    """

    output: OutputFormat
    stored: Layout
    colour: ColourTags

    def frame_of(self, picture: SourceFrame | ndarray) -> av.VideoFrame:
        """The frame for a source frame (its code values as they are wherever possible) or an array.

        Raises:
            InvalidRequestError: a picture of another size or kind.
        """
        output = self.output
        size = (output.width, output.height)
        if isinstance(picture, SourceFrame):
            if (picture.width, picture.height) != size or output.alpha:
                raise InvalidRequestError(
                    f"a source frame of {picture.width}x{picture.height} was given, where "
                    f"{size[0]}x{size[1]} {'RGBA' if output.alpha else ''} pictures are written"
                )
            components = self._components_of_source(picture)
        else:
            channels = 4 if output.alpha else 3
            if picture.shape != (output.height, output.width, channels):
                raise InvalidRequestError(
                    f"a picture of shape {picture.shape} was given to a writer of "
                    f"{(output.height, output.width, channels)}: height, width, channels"
                )
            components = self._components_of_array(picture)
        frame = frame_from_components(components, self.stored.name, *size)
        # Some encoders write what the frame says into every picture's head, not what their context
        # does.
        frame.color_primaries, frame.color_trc = self.colour.primaries, self.colour.transfer
        frame.colorspace, frame.color_range = self.colour.matrix, self.colour.range
        return frame

    @property
    def _scale(self) -> CodeScale:
        return code_scale(self.stored, self.colour, self.output.height)

    def _components_of_source(self, source: SourceFrame) -> list[ndarray]:
        layout, stored = source.layout, self.stored
        components = source.components()
        same = (layout.family, layout.bits, layout.subsampling, layout.floating) == (
            stored.family, stored.bits, stored.subsampling, stored.floating
        )  # fmt: skip
        if layout.family == stored.family == "yuv":
            if same and layout.alpha == stored.alpha and source.scale == self._scale:
                return components
            return requantised(components, layout, source.scale, stored, self._scale)
        # Half fits into float, so only what is deeper than the codec has to be converted.
        as_it_is = same or (layout.floating and stored.floating and layout.family == stored.family)
        if as_it_is and layout.alpha == stored.alpha:
            return components
        made = self._components_of_rgb(source.to_rgb())
        return [*made, alpha_codes(components, layout, stored)] if stored.alpha else made

    def _components_of_array(self, picture: ndarray) -> list[ndarray]:
        stored = self.stored
        components = self._components_of_rgb(picture[..., :3])
        if stored.alpha:
            white = np.iinfo(picture.dtype).max
            alpha = picture[..., 3] if picture.shape[2] == 4 else np.full(picture.shape[:2], white)
            codes = alpha.astype(np.float32) * np.float32(stored.maximum / white)
            rounded = codes if stored.floating else np.rint(codes)
            components.append(rounded.astype(stored.dtype))
        return components

    def _components_of_rgb(self, rgb: ndarray) -> list[ndarray]:
        """Of a picture as the models see it; integer codecs keep floating-point clips that way."""
        floating = layout_of(self.output.pixel_format).floating
        if self.stored.floating or not floating:
            rgb = native_from_working(rgb, self.output.transform)
        return components_from_rgb(rgb, self.stored, self._scale)
