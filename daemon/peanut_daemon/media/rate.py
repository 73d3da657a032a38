"""Frame rates as exact rationals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from peanut_daemon.errors import InvalidRequestError

# Other tools round 24000/1001 to 23.976, 23.98 or a 32-bit float. The closest pair that must stay
# apart is 24 and 24000/1001 (0.1 %), so a tenth of that is safe, and two decimals get their own
# spelling below.
_SNAP_RELATIVE = 1e-4
_NOMINAL_RATES = (8, 10, 12, 15, 16, 18, 20, 24, 25, 30, 48, 50, 60, 72, 75, 90, 96, 100, 120, 240)
_TWO_DECIMALS = {"23.98": (24000, 1001), "47.95": (48000, 1001), "14.98": (15000, 1001)}


@dataclass(frozen=True, slots=True)
class Rate:
    """Frames per second as a reduced fraction, such as `Rate(24000, 1001)`.

    Raises:
        InvalidRequestError: numerator or denominator below 1.
    """

    num: int
    den: int = 1

    def __post_init__(self) -> None:
        if self.num < 1 or self.den < 1:
            raise InvalidRequestError(
                f"frame rate {self.num}/{self.den} is not positive: give it as two whole numbers "
                "above 0, such as 24000/1001"
            )
        common = math.gcd(self.num, self.den)
        object.__setattr__(self, "num", self.num // common)
        object.__setattr__(self, "den", self.den // common)

    @classmethod
    def from_fraction(cls, value: Fraction) -> Rate:
        """The rate that equals `value` frames per second."""
        return cls(value.numerator, value.denominator)

    @classmethod
    def snapped(cls, value: float | Fraction) -> Rate:
        """The rate that somebody meant who wrote `value`, such as 23.976 for 24000/1001.

        A value near no standard rate is kept as the simplest fraction close to it.

        Raises:
            InvalidRequestError: not a finite number above 0.
        """
        number = float(value)
        if not math.isfinite(number) or number <= 0:
            raise InvalidRequestError(f"frame rate {value} is not a finite number above 0")
        spelled = _TWO_DECIMALS.get(f"{number:g}")
        if spelled is not None:
            return cls(*spelled)
        standard = min(_standard_rates(), key=lambda rate: abs(float(rate.fraction) - number))
        if abs(float(standard.fraction) - number) <= _SNAP_RELATIVE * number:
            return standard
        return cls.from_fraction(Fraction(value).limit_denominator(1001))

    @property
    def fraction(self) -> Fraction:
        """Frames per second."""
        return Fraction(self.num, self.den)

    @property
    def frame_duration(self) -> Fraction:
        """Seconds that one frame lasts."""
        return Fraction(self.den, self.num)

    @property
    def nominal(self) -> int:
        """Frames that timecode counts per second: 24 for 24000/1001, 30 for 30000/1001."""
        return max(1, round(self.fraction))

    @property
    def is_ntsc(self) -> bool:
        """Whether it is a whole rate slowed down by 1000/1001."""
        return self.fraction * 1001 == self.nominal * 1000

    @property
    def allows_drop_frame(self) -> bool:
        """Whether SMPTE defines drop-frame timecode for it (30000/1001 and its multiples)."""
        return self.is_ntsc and self.nominal % 30 == 0

    def seconds(self, frames: int) -> Fraction:
        """How long `frames` frames last."""
        return frames * self.frame_duration

    def __float__(self) -> float:
        return self.num / self.den

    def __str__(self) -> str:
        return str(self.num) if self.den == 1 else f"{self.num}/{self.den}"


def _standard_rates() -> tuple[Rate, ...]:
    whole = tuple(Rate(n) for n in _NOMINAL_RATES)
    ntsc = tuple(Rate(n * 1000, 1001) for n in _NOMINAL_RATES if n >= 15)
    return whole + ntsc
