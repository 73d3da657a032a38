"""What a host session is made of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from peanut_daemon.errors import InvalidRequestError
from peanut_daemon.media import Rate
from peanut_models.errors import FrameRangeError

MAX_SIDE_PX = 32768
# A day at 60 frames a second: what is longer is a mistaken range.
MAX_FRAMES = 24 * 3600 * 60
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{7,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostClip:
    """The frames that a session is for.

    Attributes:
        width, height: in pixels; both 0 for a session that takes no frames.
        sample_bytes: bytes of a component: 1 or 2.
        rate: exact.
        first_time: the host's time of frame 0, in frames; may be negative.
        frame_count: 1 or more, 0 for a session that takes no frames.
        pixel_aspect: width of a pixel over its height.

    Raises:
        InvalidRequestError: a value is out of bounds.
    """

    width: int
    height: int
    sample_bytes: int
    rate: Rate
    first_time: int
    frame_count: int
    pixel_aspect: Fraction = Fraction(1)

    def __post_init__(self) -> None:
        if not self.takes_frames:
            return
        if not (0 < self.width <= MAX_SIDE_PX and 0 < self.height <= MAX_SIDE_PX):
            raise InvalidRequestError(
                f"a host session of {self.width}x{self.height} pixels was asked for: each side "
                f"must be 1 to {MAX_SIDE_PX}, or both 0 for a session without frames"
            )
        if not 0 < self.frame_count <= MAX_FRAMES:
            raise InvalidRequestError(
                f"a host session of {self.frame_count} frames was asked for: it must have 1 to "
                f"{MAX_FRAMES}"
            )
        if self.sample_bytes not in (1, 2):
            raise InvalidRequestError("the request names no sample type: set sample to U8 or U16")
        if not Fraction(1, 100) <= self.pixel_aspect <= 100:
            raise InvalidRequestError(
                f"pixel aspect {self.pixel_aspect} is out of bounds: it must be 1/100 to 100"
            )

    @property
    def takes_frames(self) -> bool:
        """Whether pixels are handed over at all."""
        return (self.width, self.height) != (0, 0)

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame: RGB without gaps."""
        return self.width * self.height * 3 * self.sample_bytes

    def check_time(self, time: int) -> None:
        """Refuse a time that is not of the session.

        Raises:
            FrameRangeError: outside its frames.
        """
        if not self.first_time <= time < self.first_time + self.frame_count:
            raise FrameRangeError(
                f"time {time} is not in the host session, which has the times "
                f"[{self.first_time}, {self.first_time + self.frame_count}): send one of those"
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types only."""
        return {
            "width": self.width,
            "height": self.height,
            "sample_bytes": self.sample_bytes,
            "rate": [self.rate.num, self.rate.den],
            "first_time": self.first_time,
            "frame_count": self.frame_count,
            "pixel_aspect": [self.pixel_aspect.numerator, self.pixel_aspect.denominator],
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> HostClip:
        """Back from `to_dict`."""
        return cls(
            **values
            | {"rate": Rate(*values["rate"]), "pixel_aspect": Fraction(*values["pixel_aspect"])}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionState:
    """How far a session is.

    Attributes:
        session_id: given by the client.
        frames_stored, frames_total: different frames that arrived, and how many there are.
        clip_path: the finished clip; empty until then.
        output_dir, transfer_dir: folders for deliverables and for handing files over.
    """

    session_id: str
    frames_stored: int
    frames_total: int
    clip_path: str
    output_dir: str
    transfer_dir: str


def checked_session_id(session_id: str) -> str:
    """The id, if it can name a folder.

    Raises:
        InvalidRequestError: too short, too long, or of other characters.
    """
    if not _ID.fullmatch(session_id):
        raise InvalidRequestError(
            f"host session id {session_id[:80]!r} is not 8 to 64 letters, digits and hyphens: "
            "make one at random"
        )
    return session_id
