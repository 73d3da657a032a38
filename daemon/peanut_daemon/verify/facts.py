"""What two clips say about themselves, side by side."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from fractions import Fraction

from peanut_daemon.media import AudioRange, ClipInfo, pattern_of
from peanut_daemon.media.audio import audio_hashes
from peanut_daemon.media.colour import RANGE_FULL, UNSPECIFIED, matrix_for
from peanut_daemon.media.index import index_of
from peanut_daemon.media.layout import Layout, layout_of
from peanut_models.ranges import FrameRange

# Later than anything in a file, in seconds.
_END = Fraction(10**7)


class Verdict(StrEnum):
    """What came of one comparison."""

    SAME = "same"
    DIFFERS = "differs"
    # The kind of file has no place for it, or the host gets it from elsewhere.
    NOT_CARRIED = "not carried"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that both clips say, in words."""

    name: str
    expected: str
    found: str
    verdict: Verdict

    def to_dict(self) -> dict[str, str]:
        """As JSON holds it."""
        return {key: str(value) for key, value in asdict(self).items()}


def facts(
    source: ClipInfo, result: ClipInfo, frame_range: FrameRange, *, patch: bool
) -> list[Fact]:
    """All that is compared without looking at pictures.

    Args:
        source: the clip as its edit reads it.
        result: the deliverable.
        frame_range: the frames of the source that it stands for.
        patch: it is laid over the source, whose sound goes on playing.

    Raises:
        MediaError: the sound of one cannot be read.
    """
    files = pattern_of(result.path) is not None
    return [
        _fact("frames", len(frame_range), result.frame_count),
        _fact("size", _size(source), _size(result)),
        _rate(source, result, files=files),
        _times(source, result, frame_range.start, files=files),
        _start(source, result, frame_range, files=files),
        _fact("sample aspect", source.sample_aspect, result.sample_aspect, optional=files),
        _fact("rotation", source.rotation_deg, result.rotation_deg, optional=files),
        *_colour(source, result, files=files),
        _sound(source, result, frame_range, carried=not (patch or files)),
    ]


def _times(source: ClipInfo, result: ClipInfo, start: int, *, files: bool) -> Fact:
    """When frames are shown, counted from the first: the largest distance, in seconds.

    Clocks of containers are coarse (Matroska's counts milliseconds), so one tick of each is no
    difference.
    """
    name = "timestamps"
    if files or pattern_of(source.path) is not None:
        return Fact(name=name, expected="", found="by number", verdict=Verdict.NOT_CARRIED)
    before, after = index_of(source.path), index_of(result.path)
    count = min(len(before) - start, len(after))
    first = before.time_of(start) - after.time_of(0)
    off = max(abs(before.time_of(start + k) - after.time_of(k) - first) for k in range(count))
    allowed = before.time_base + after.time_base
    return Fact(
        name=name,
        expected=f"within {float(allowed):.6f} s",
        found=f"{float(off):.6f} s off at most",
        verdict=Verdict.SAME if off <= allowed else Verdict.DIFFERS,
    )


def _fact(name: str, expected: object, found: object, *, optional: bool = False) -> Fact:
    differs = Verdict.NOT_CARRIED if optional else Verdict.DIFFERS
    verdict = Verdict.SAME if expected == found else differs
    return Fact(name=name, expected=str(expected), found=str(found), verdict=verdict)


def _size(clip: ClipInfo) -> str:
    return f"{clip.width}x{clip.height}"


def _rate(source: ClipInfo, result: ClipInfo, *, files: bool) -> Fact:
    if source.variable_rate:
        # The mean over a part says nothing; the timestamps do.
        return Fact(
            name="rate",
            expected="variable",
            found=str(result.rate),
            verdict=Verdict.NOT_CARRIED,
        )
    return _fact("rate", source.rate, result.rate, optional=files)


def _start(source: ClipInfo, result: ClipInfo, frame_range: FrameRange, *, files: bool) -> Fact:
    """Timecode of the first frame; of image files its number."""
    if files:
        number = source.first_number + frame_range.start
        return _fact("first number", number, result.first_number)
    if source.start_timecode is None:
        # MXF has always one: midnight, where nobody said otherwise.
        found = result.start_timecode
        invented = found is not None and found.frame_number != 0
        return Fact(
            name="timecode",
            expected="none",
            found="none" if found is None else found.label,
            verdict=Verdict.DIFFERS if invented else Verdict.SAME,
        )
    wanted = source.start_timecode + frame_range.start
    return _fact(
        "timecode", wanted.label, result.start_timecode.label if result.start_timecode else "none"
    )


def _colour(source: ClipInfo, result: ClipInfo, *, files: bool) -> list[Fact]:
    before, after = source.colour, result.colour
    layout, other = layout_of(source.pixel_format), layout_of(result.pixel_format)
    # Floating point in an integer codec is stored as PQ, and says so.
    shown_otherwise = layout.floating and not other.floating
    tags = [
        _fact(
            name,
            getattr(before, f"{name}_name"),
            getattr(after, f"{name}_name"),
            optional=shown_otherwise or (files and getattr(after, name) == UNSPECIFIED),
        )
        for name in ("primaries", "transfer")
    ]
    if layout.family == other.family == "yuv":
        tags.append(_matrix(source, result, optional=files))
        tags.append(_fact("range", _is_full(layout, source), _is_full(other, result)))
    else:
        kinds = f"{layout.family} to {other.family}"
        tags.append(
            Fact(name="matrix, range", expected="", found=kinds, verdict=Verdict.NOT_CARRIED)
        )
    return tags


def _matrix(source: ClipInfo, result: ClipInfo, *, optional: bool) -> Fact:
    """As pictures are shown by it: saying what was assumed anyway changes nothing."""
    same = matrix_for(source.colour, source.height) == matrix_for(result.colour, result.height)
    names = source.colour.matrix_name, result.colour.matrix_name
    differs = Verdict.NOT_CARRIED if optional else Verdict.DIFFERS
    return Fact(
        name="matrix",
        expected=names[0],
        found=names[1],
        verdict=Verdict.SAME if same else differs,
    )


def _is_full(layout: Layout, clip: ClipInfo) -> str:
    full = layout.full_range or clip.colour.range == RANGE_FULL
    return "full" if full else "limited"


def _sound(source: ClipInfo, result: ClipInfo, frame_range: FrameRange, *, carried: bool) -> Fact:
    if not carried:
        return Fact(
            name="audio",
            expected="the source's",
            found=f"{'some' if result.has_audio else 'none'} in the file",
            verdict=Verdict.NOT_CARRIED,
        )
    before = audio_hashes(AudioRange.of(source.path, frame_range)) if source.has_audio else []
    whole = AudioRange(result.path, -_END, _END)
    after = audio_hashes(whole) if result.has_audio else []
    return Fact(
        name="audio",
        expected=_hashes(before),
        found=_hashes(after),
        verdict=Verdict.SAME if before == after else Verdict.DIFFERS,
    )


def _hashes(values: list[str]) -> str:
    return ", ".join(value[:16] for value in values) or "none"
