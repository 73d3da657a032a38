"""SMPTE timecode in whole numbers (SMPTE ST 12-1)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from peanut_daemon.errors import InvalidRequestError
from peanut_daemon.media.rate import Rate

_LABEL = re.compile(r"(\d{2}):(\d{2}):(\d{2})([:;.])(\d{2,3})")


@dataclass(frozen=True, slots=True)
class Timecode:
    """A frame's place on the 24-hour clock of a rate.

    Attributes:
        frame_number: real frames since 00:00:00:00, `0 <= frame_number < frames_per_day`.
        rate: the rate that is counted; timecode counts `rate.nominal` labels per second.
        drop_frame: labels are skipped (never frames) so that the clock keeps up with real time.

    Raises:
        InvalidRequestError: a negative frame number, one past 24 hours, or drop frame at a rate
            that has none.
    """

    frame_number: int
    rate: Rate
    drop_frame: bool = False

    def __post_init__(self) -> None:
        if self.drop_frame and not self.rate.allows_drop_frame:
            raise InvalidRequestError(
                f"drop-frame timecode at rate {self.rate} does not exist: "
                "it is defined for 30000/1001 and its multiples; use ':' before the frames"
            )
        day = frames_per_day(self.rate, drop_frame=self.drop_frame)
        if not 0 <= self.frame_number < day:
            raise InvalidRequestError(
                f"timecode frame number {self.frame_number} is not on the 24-hour clock of rate "
                f"{self.rate}: it must be 0 to {day - 1}"
            )

    @classmethod
    def parse(cls, label: str, rate: Rate) -> Timecode:
        """The timecode that reads `label`: "HH:MM:SS:FF", or ";" before the frames for drop frame.

        Raises:
            InvalidRequestError: not a timecode, a field out of range, or a label that drop frame
                skips.
        """
        match = _LABEL.fullmatch(label.strip())
        if match is None:
            raise InvalidRequestError(
                f"{label!r} is not a timecode: write HH:MM:SS:FF, or HH:MM:SS;FF for drop frame"
            )
        hours, minutes, seconds = (int(match[k]) for k in (1, 2, 3))
        frames, drop_frame = int(match[5]), match[4] != ":"
        if hours > 23 or minutes > 59 or seconds > 59 or frames >= rate.nominal:
            raise InvalidRequestError(
                f"timecode {label!r} has a field out of range at rate {rate}: hours go to 23, "
                f"minutes and seconds to 59, frames to {rate.nominal - 1}"
            )
        labels = ((hours * 60 + minutes) * 60 + seconds) * rate.nominal + frames
        if not drop_frame:
            return cls(labels, rate)
        if not rate.allows_drop_frame:
            raise InvalidRequestError(
                f"timecode {label!r} is drop frame, which rate {rate} has not: write ':' before "
                "the frames"
            )
        skipped = _labels_per_drop(rate)
        if seconds == 0 and minutes % 10 and frames < skipped:
            raise InvalidRequestError(
                f"timecode {label!r} does not exist: drop frame skips the first {skipped} labels "
                f"of this minute; the next is {label[:9]}{skipped:02d}"
            )
        whole_minutes = hours * 60 + minutes
        return cls(labels - skipped * (whole_minutes - whole_minutes // 10), rate, True)

    @property
    def label(self) -> str:
        """How it is written: "HH:MM:SS:FF", or "HH:MM:SS;FF" for drop frame."""
        labels = self.frame_number
        if self.drop_frame:
            labels += _labels_skipped_before(self.frame_number, self.rate)
        seconds, frames = divmod(labels, self.rate.nominal)
        minutes, seconds = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        separator = ";" if self.drop_frame else ":"
        digits = max(2, len(str(self.rate.nominal - 1)))
        return f"{hours:02d}:{minutes:02d}:{seconds:02d}{separator}{frames:0{digits}d}"

    def __add__(self, frames: int) -> Timecode:
        day = frames_per_day(self.rate, drop_frame=self.drop_frame)
        return Timecode((self.frame_number + frames) % day, self.rate, self.drop_frame)

    def __sub__(self, frames: int) -> Timecode:
        return self + -frames

    def __str__(self) -> str:
        return self.label


def frames_per_day(rate: Rate, *, drop_frame: bool) -> int:
    """After how many frames the clock is at 00:00:00:00 again."""
    if not drop_frame:
        return 24 * 60 * 60 * rate.nominal
    return 24 * 6 * _frames_per_ten_minutes(rate)


def _labels_per_drop(rate: Rate) -> int:
    """Labels skipped at each minute that is no multiple of ten: 2 at 29.97, 4 at 59.94."""
    return rate.nominal // 15


def _frames_per_ten_minutes(rate: Rate) -> int:
    return 600 * rate.nominal - 9 * _labels_per_drop(rate)


def _labels_skipped_before(frame_number: int, rate: Rate) -> int:
    per_drop = _labels_per_drop(rate)
    tens, rest = divmod(frame_number, _frames_per_ten_minutes(rate))
    # The first minute of ten keeps all its labels; the other nine are shorter by one drop.
    full_minute = 60 * rate.nominal
    minutes = 0 if rest < full_minute else 1 + (rest - full_minute) // (full_minute - per_drop)
    return per_drop * (9 * tens + minutes)
