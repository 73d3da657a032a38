"""Rates and timecode in whole numbers; Resolve rounds rates to three digits."""

import re
from fractions import Fraction

from peanut_davinci.errors import HostError

_NOMINAL = (15, 16, 18, 20, 24, 25, 30, 48, 50, 60, 72, 75, 90, 96, 100, 120, 240)
# 24 and 24000/1001 are 0.1 % apart; a tenth of that tells them apart for sure.
_RELATIVE = Fraction(1, 10000)
_TWO_DIGITS = {"23.98": Fraction(24000, 1001), "47.95": Fraction(48000, 1001)}
_LABEL = re.compile(r"^(\d{1,2}):(\d{2}):(\d{2})([:;.,])(\d{2,3})$")


def exact_rate(value):
    """The rate that Resolve meant by 23.976, "23.976", "29.97 DF" or 24.0.

    Raises:
        HostError: it is no rate.
    """
    text = str(value).upper().replace("NDF", "").replace("DF", "").strip()
    if text in _TWO_DIGITS:
        return _TWO_DIGITS[text]
    try:
        number = Fraction(text)
    except (ValueError, ZeroDivisionError):
        number = Fraction(0)
    if number <= 0:
        raise HostError("RateUnknown", "frame rate {!r} cannot be read".format(value))
    known = [Fraction(n) for n in _NOMINAL] + [Fraction(n * 1000, 1001) for n in _NOMINAL]
    nearest = min(known, key=lambda rate: abs(rate - number))
    if abs(nearest - number) <= _RELATIVE * number:
        return nearest
    return number.limit_denominator(1001)


def nominal(rate):
    """Labels per second of a rate: 24 for 24000/1001."""
    return round(rate)


def allows_drop_frame(rate):
    """Whether drop-frame timecode exists at a rate."""
    return rate.denominator == 1001 and nominal(rate) % 30 == 0


def timecode_frame(label, rate, drop_frame=None):
    """A timecode as a frame number.

    Args:
        label: "HH:MM:SS:FF"; ";" before the frames means drop frame.
        rate: exact.
        drop_frame: None: as the label says.

    Raises:
        HostError: it is no timecode.
    """
    match = _LABEL.match(str(label).strip())
    if match is None:
        raise HostError("TimecodeUnknown", "timecode {!r} cannot be read".format(label))
    hours, minutes, seconds = int(match.group(1)), int(match.group(2)), int(match.group(3))
    per_second = nominal(rate)
    frames = ((hours * 60 + minutes) * 60 + seconds) * per_second + int(match.group(5))
    if drop_frame is None:
        drop_frame = match.group(4) != ":"
    if drop_frame and allows_drop_frame(rate):
        all_minutes = hours * 60 + minutes
        frames -= per_second // 15 * (all_minutes - all_minutes // 10)
    return frames


def floor(value):
    """The whole number below."""
    value = Fraction(value)
    return value.numerator // value.denominator


def ceil(value):
    """The whole number above."""
    return -floor(-Fraction(value))
