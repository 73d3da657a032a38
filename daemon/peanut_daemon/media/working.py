"""What the models see of pictures that are not display-referred, and the way back.

Models work on pictures for the eye. Code values of SDR, PQ and HLG clips are that already and are
shown as they are. Scene-linear values (floating point, or tagged linear) go through the curve of
SMPTE ST 2084 (PQ) with diffuse white, 1.0, at 203 cd/m2 as ITU-R BT.2408 has it: it is smooth,
standard, has its exact inverse, puts 18 % grey at 0.41 and white at 0.58, and holds values up to
49.2. Any other space needs OpenColorIO, which leads to the scene-linear role of its ACES
configuration first.

Only filled pixels come back through it, so what a transform cannot hold (below 0, above 49.2) is
lost inside the matte only.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from peanut_daemon.errors import InvalidRequestError, UnsupportedMediaError
from peanut_daemon.media.colour import TRANSFER_LINEAR, ColourTags
from peanut_daemon.media.layout import Layout

DISPLAY, LINEAR = "display", "linear"

OCIO_CONFIG = "studio-config-v2.2.0_aces-v1.3_ocio-v2.4"
"""Built into OpenColorIO from 2.4 on: the colour spaces of cameras, ACES and displays."""

WHITE_NITS = 203.0
PEAK_NITS = 10000.0
_PEAK = PEAK_NITS / WHITE_NITS
# Constants of ST 2084.
_M1, _M2 = 2610 / 16384, 2523 / 32
_C1, _C2, _C3 = 3424 / 4096, 2413 / 128, 2392 / 128

Picture = Float32[ndarray, "h w 3"]


class WorkingTransform(Protocol):
    """There and back between a clip's own RGB (black 0, white 1) and the models' pictures."""

    name: str

    def to_working(self, rgb: Picture) -> Picture:
        """Pictures for the models, 0 to 1."""

    def to_native(self, rgb: Picture) -> Picture:
        """The clip's own values again."""


class DisplayTransform:
    """Values that are for the eye already; what lies outside 0 to 1 is cut off."""

    name = DISPLAY

    def to_working(self, rgb: Picture) -> Picture:
        """Clipped, and no number that is none."""
        return np.asarray(np.clip(np.nan_to_num(rgb), 0, 1), np.float32)

    def to_native(self, rgb: Picture) -> Picture:
        """As they are."""
        return rgb


class LinearTransform:
    """Scene-linear light by the curve of PQ."""

    name = LINEAR

    def to_working(self, rgb: Picture) -> Picture:
        """The inverse EOTF of ST 2084, of values rounded to half floats."""
        # A table of all half floats: powers of every pixel would take longer than decoding it.
        halves = np.clip(rgb, -1, _PEAK + 1).astype(np.float16)
        return np.asarray(_pq_of_halves()[halves.view(np.uint16)])

    def to_native(self, rgb: Picture) -> Picture:
        """The EOTF of ST 2084, eq. 4.1."""
        power = np.power(np.clip(rgb, 0, 1), np.float64(1 / _M2))
        light = np.power(np.maximum(power - _C1, 0) / (_C2 - _C3 * power), 1 / _M1)
        return np.asarray(light * _PEAK, np.float32)


class OcioTransform:
    """A colour space of OpenColorIO, by way of scene-linear light.

    Raises:
        UnsupportedMediaError: OpenColorIO is not installed.
        InvalidRequestError: it has no colour space of that name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        try:
            import PyOpenColorIO as ocio  # noqa: N813
        except ImportError as error:
            raise UnsupportedMediaError(
                f"colour space {name!r} needs OpenColorIO, which is not installed: install it "
                "with pip install 'peanut[ocio]', or use --colourspace linear or display"
            ) from error
        config = ocio.Config.CreateFromBuiltinConfig(OCIO_CONFIG)
        space = config.getColorSpace(name)
        if space is None:
            known = ", ".join([DISPLAY, LINEAR, *config.getColorSpaceNames()])
            raise InvalidRequestError(f"colour space {name!r} is unknown: choose one of {known}")
        self._there = _processor(config, name, ocio.ROLE_SCENE_LINEAR)
        self._back = _processor(config, ocio.ROLE_SCENE_LINEAR, name)
        self._linear = LinearTransform()

    def to_working(self, rgb: Picture) -> Picture:
        """To scene-linear ACES, then as `LinearTransform`."""
        return self._linear.to_working(_applied(self._there, rgb))

    def to_native(self, rgb: Picture) -> Picture:
        """The same in reverse."""
        return _applied(self._back, self._linear.to_native(rgb))


def working_transform(
    colourspace: str, layout: Layout, tags: ColourTags
) -> WorkingTransform | None:
    """How the models see a clip's pictures; None: its code values as they are.

    Args:
        colourspace: "display", "linear" or a name of OpenColorIO; empty: linear where the pictures
            are floating point or tagged linear, else display.
        layout: the clip's.
        tags: the clip's.

    Raises:
        InvalidRequestError: an unknown colour space.
        UnsupportedMediaError: one that needs OpenColorIO, which is not installed.
    """
    linear = layout.floating or tags.transfer == TRANSFER_LINEAR
    wanted = colourspace or (LINEAR if linear else DISPLAY)
    if wanted == DISPLAY:
        return DisplayTransform() if layout.floating else None
    return LinearTransform() if wanted == LINEAR else _ocio_transform(wanted)


@lru_cache(maxsize=4)
def _ocio_transform(name: str) -> OcioTransform:
    return OcioTransform(name)


@lru_cache(maxsize=1)
def _pq_of_halves() -> ndarray:
    """ST 2084, eq. 5.2, by the bits of the half float; 0 for what is no number or negative."""
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float64)
    light = np.clip(np.nan_to_num(halves, posinf=_PEAK), 0, _PEAK) / _PEAK
    power = np.power(light, _M1)
    codes = np.power((_C1 + _C2 * power) / (1 + _C3 * power), _M2)
    # Black is 7.3e-7 by the formula, which would not come back as 0.
    return np.where(light > 0, codes, 0).astype(np.float32)


def _processor(config: Any, source: str, target: str) -> Any:
    return config.getProcessor(source, target).getDefaultCPUProcessor()


def _applied(processor: Any, rgb: Picture) -> Picture:
    pixels = np.array(rgb, np.float32, order="C")
    processor.applyRGB(pixels)
    return pixels
