"""A result against its source, frame by frame."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from peanut_daemon.errors import InvalidRequestError
from peanut_daemon.media import ClipInfo, ClipReader, SourceFrame, pattern_of
from peanut_daemon.media.compare import ChannelDifference, Comparison
from peanut_daemon.media.layout import layout_of
from peanut_daemon.verify.facts import Fact, Verdict, facts
from peanut_models.errors import FrameRangeError
from peanut_models.ranges import FrameRange

SCHEMA = "peanut.proof/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a comparison found.

    Attributes:
        source, result: the files.
        matte: where the result may differ; None: nowhere.
        frame_range: of the source.
        pixel_format: of the source; differences are in its code values.
        result_pixel_format: of the result.
        patch: the result was laid over the source first.
        channels: the differences outside the matte.
        facts: everything besides pixels.
        within: differences up to so many code values count as none.
        seconds: what the comparison took.
    """

    source: Path
    result: Path
    matte: Path | None
    frame_range: FrameRange
    pixel_format: str
    result_pixel_format: str
    patch: bool
    channels: tuple[ChannelDifference, ...]
    facts: tuple[Fact, ...]
    within: float
    seconds: float

    @property
    def untouched(self) -> bool:
        """No code value outside the matte differs by more than `within`."""
        return all(channel.maximum <= self.within for channel in self.channels)

    @property
    def proven(self) -> bool:
        """That, and nothing else differs."""
        return self.untouched and all(f.verdict is not Verdict.DIFFERS for f in self.facts)

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it; see docs/report.md."""
        return {
            "schema": SCHEMA,
            "source": str(self.source),
            "result": str(self.result),
            "matte": None if self.matte is None else str(self.matte),
            "range": [self.frame_range.start, self.frame_range.end],
            "pixel_format": self.pixel_format,
            "result_pixel_format": self.result_pixel_format,
            "patch": self.patch,
            "within": self.within,
            "untouched": self.untouched,
            "proven": self.proven,
            "channels": [channel.to_dict() for channel in self.channels],
            "facts": [fact.to_dict() for fact in self.facts],
            "seconds": round(self.seconds, 3),
        }


class Verification:
    """Compares a result with its source; a few frames are in memory at a time.

    Args:
        source: the clip as its edit reads it.
        result: the deliverable.
        frame_range: the frames of the source that it stands for.
        matte: a gray clip of the frames of `result`, or of all of `source`; 0 is outside. Or None.
        patch: the result is a patch; None: if it alone has alpha.
        within: see `Proof`.

    Raises:
        InvalidRequestError: pictures of another size.
        FrameRangeError: frames that the source has not.
    """

    def __init__(
        self,
        source: ClipInfo,
        result: ClipInfo,
        frame_range: FrameRange,
        *,
        matte: Path | None,
        patch: bool | None = None,
        within: float = 0.0,
    ) -> None:
        if (source.width, source.height) != (result.width, result.height):
            raise InvalidRequestError(
                f"{result.path} is {result.width}x{result.height} and {source.path} "
                f"{source.width}x{source.height}: only pictures of one size can be compared, and "
                "not one that was enlarged"
            )
        if not FrameRange(0, source.frame_count).covers(frame_range):
            raise FrameRangeError(
                f"frame range {frame_range} is not in {source.path.name}, which has "
                f"{source.frame_count} frames: ask for frames that exist"
            )
        self._source, self._result, self._frame_range = source, result, frame_range
        self._matte, self._within = matte, within
        self._patch = result.has_alpha and not source.has_alpha if patch is None else patch
        layout = layout_of(source.pixel_format)
        self._comparison = Comparison(layout, patch=self._patch, alpha=result.has_alpha)
        self._seconds = 0.0

    def run(self) -> Iterator[int]:
        """Compare all frames; yields how many are done.

        Raises:
            MediaError: a file cannot be read.
            MaskSizeError: a matte of another size.
        """
        started = time.monotonic()
        source, result = self._source, self._result
        floating = layout_of(source.pixel_format).floating
        # Floating point in an integer codec is stored as the models see it, not as the clip has it.
        alike = layout_of(result.pixel_format).floating or not floating
        colourspace = source.colourspace if alike else ""
        start, count = self._frame_range.start, min(len(self._frame_range), result.frame_count)
        with (
            ClipReader.of(source) as before,
            ClipReader(result.path, colourspace=colourspace) as after,
        ):
            for k, matte in enumerate(self._mattes(count)):
                self._comparison.add(before.read(start + k), after.read(k), matte)
                yield k + 1
        self._seconds = time.monotonic() - started

    def proof(self) -> Proof:
        """What was found, after `run`.

        Raises:
            MediaError: the sound of a file cannot be read.
        """
        source, result = self._source, self._result
        return Proof(
            source=source.path,
            result=result.path,
            matte=self._matte,
            frame_range=self._frame_range,
            pixel_format=source.pixel_format,
            result_pixel_format=result.pixel_format,
            patch=self._patch,
            channels=tuple(self._comparison.channels),
            facts=tuple(facts(source, result, self._frame_range, patch=self._patch)),
            within=self._within,
            seconds=self._seconds,
        )

    def _mattes(self, count: int) -> Iterator[Bool[ndarray, "h w"] | None]:
        """Where each frame of the result may differ."""
        if self._matte is None:
            yield from [None] * count
            return
        with ClipReader(self._matte, colourspace="display") as reader:
            there = len(reader.index)
            if there == self._source.frame_count:
                first = self._frame_range.start
            elif there >= count:
                first = 0
            else:
                raise InvalidRequestError(
                    f"the matte {self._matte} has {there} frames and the result {count}: give the "
                    "matte of the same render"
                )
            for k in range(count):
                yield _marked(reader.read(first + k))


def _marked(frame: SourceFrame) -> Bool[ndarray, "h w"]:
    """Where a matte's picture is not black."""
    if frame.layout.family == "gray":
        return np.asarray(frame.components()[0] > frame.scale.luma_offset)
    return np.asarray(frame.to_rgb().max(axis=2) > 0)


def range_of(source: ClipInfo, result: ClipInfo) -> FrameRange:
    """The frames of the source that a result stands for, as its own length and start say.

    Raises:
        InvalidRequestError: they do not say.
    """
    count = result.frame_count
    if count == source.frame_count:
        return FrameRange(0, count)
    start: int | None = None
    if pattern_of(result.path) is not None:
        start = result.first_number - source.first_number
    elif source.start_timecode is not None and result.start_timecode is not None:
        start = result.start_timecode.frame_number - source.start_timecode.frame_number
    if start is None or start < 0 or start + count > source.frame_count:
        raise InvalidRequestError(
            f"{result.path} has {count} of the {source.frame_count} frames of {source.path}, and "
            "its start does not say which: give --range"
        )
    return FrameRange(start, start + count)
