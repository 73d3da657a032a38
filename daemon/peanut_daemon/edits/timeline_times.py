"""OTIO's float times as exact fractions, and back.

OTIO keeps a rate as a float, and every host rounds it in its own way. The rate that was meant is
found again (`Rate.snapped`); from there on everything is exact.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import opentimelineio as otio

from peanut_daemon.errors import InvalidRequestError
from peanut_daemon.media.rate import Rate

# Hosts write 29.9999999 for 30; nobody means a thousandth of a frame.
FRAME_TOLERANCE = Fraction(1, 1000)
# Thirty years; what is longer is damage, and does not fit into the numbers that OTIO writes.
LONGEST_S = 10**9
FASTEST = 10**6


def rate_of(time: Any) -> Rate:
    """The rate that the writer of a `RationalTime` meant.

    Raises:
        InvalidRequestError: not a finite number above 0, or beyond any camera and sound.
    """
    if time.rate > FASTEST:
        raise InvalidRequestError(
            f"a rate in the timeline is {time.rate:g} a second: export it again"
        )
    return Rate.snapped(time.rate)


def seconds(time: Any) -> Fraction:
    """Exact seconds, with the rate that was meant.

    Raises:
        InvalidRequestError: value or rate is not a finite number, or no clip lasts that long.
    """
    rate = rate_of(time)
    if not math.isfinite(time.value) or abs(time.value) > LONGEST_S * rate.fraction:
        raise InvalidRequestError(
            f"a time in the timeline is {time.value:g} at rate {time.rate:g}: export it again"
        )
    return Fraction(time.value) * rate.frame_duration


def frames_of(time: Any, rate: Rate) -> Fraction:
    """How many frames of `rate` a time is; whole if it was meant to be."""
    exact = seconds(time) * rate.fraction
    nearest = Fraction(round(exact))
    return nearest if abs(exact - nearest) <= FRAME_TOLERANCE else exact


def otio_time(frames: Fraction | float, rate: Rate) -> Any:
    """A `RationalTime` of so many frames."""
    return otio.opentime.RationalTime(float(frames), float(rate))


def otio_range(start: Fraction | float, frames: Fraction | float, rate: Rate) -> Any:
    """A `TimeRange` of so many frames."""
    return otio.opentime.TimeRange(otio_time(start, rate), otio_time(frames, rate))


def plain(value: Any) -> Any:
    """Python dicts and lists: OTIO's own die with the object that they came from."""
    if hasattr(value, "items"):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return value
    return [plain(entry) for entry in value]
