from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peanut_daemon.errors import InvalidRequestError
from peanut_daemon.media.rate import Rate
from peanut_daemon.media.timecode import Timecode, frames_per_day

NTSC_30, NTSC_60, NTSC_24 = Rate(30000, 1001), Rate(60000, 1001), Rate(24000, 1001)
CLOCKS = [
    *((rate, False) for rate in (Rate(24), Rate(25), Rate(50), NTSC_24, NTSC_30, NTSC_60)),
    (NTSC_30, True),
    (NTSC_60, True),
    (Rate(120000, 1001), True),
]


@st.composite
def timecodes(draw: st.DrawFn) -> Timecode:
    rate, drop_frame = draw(st.sampled_from(CLOCKS))
    last = frames_per_day(rate, drop_frame=drop_frame) - 1
    return Timecode(draw(st.integers(0, last)), rate, drop_frame)


def fields(timecode: Timecode) -> list[int]:
    return [int(part) for part in timecode.label.replace(";", ":").split(":")]


@settings(deadline=None)  # shared machines stall
@given(timecodes())
def test_label_round_trips(timecode: Timecode) -> None:
    assert Timecode.parse(timecode.label, timecode.rate) == timecode


@settings(deadline=None)  # shared machines stall
@given(timecodes(), st.integers(-10_000_000, 10_000_000))
def test_adding_frames_can_be_undone(timecode: Timecode, frames: int) -> None:
    assert timecode + frames - frames == timecode


@settings(deadline=None)  # shared machines stall
@given(timecodes())
def test_labels_rise_with_frames(timecode: Timecode) -> None:
    following = timecode + 1
    assert fields(following) > fields(timecode) or following.frame_number == 0


@settings(deadline=None)  # shared machines stall
@given(timecodes().filter(lambda t: t.drop_frame))
def test_drop_frame_keeps_up_with_the_clock(timecode: Timecode) -> None:
    hours, minutes, seconds, frames = fields(timecode)
    shown_s = hours * 3600 + minutes * 60 + seconds + Fraction(frames, timecode.rate.nominal)
    # Within one drop of real time, plus the 86 ms that drop frame is wrong by in a whole day.
    assert abs(shown_s - timecode.rate.seconds(timecode.frame_number)) < Fraction(1, 5)


@pytest.mark.parametrize(
    ("label", "rate", "frame_number"),
    [
        ("01:00:00:00", Rate(24), 86400),
        ("01:00:00:00", NTSC_24, 86400),
        ("01:00:00:00", NTSC_30, 108000),
        ("01:00:00;00", NTSC_30, 107892),
        ("00:00:59;29", NTSC_30, 1799),
        ("00:01:00;02", NTSC_30, 1800),
        ("00:10:00;00", NTSC_30, 17982),
        ("00:01:00;04", NTSC_60, 3600),
        ("23:59:59:24", Rate(25), 2159999),
    ],
)
def test_known_labels(label: str, rate: Rate, frame_number: int) -> None:
    timecode = Timecode.parse(label, rate)
    assert timecode.frame_number == frame_number
    assert timecode.label == label


@pytest.mark.parametrize(
    ("label", "rate", "words"),
    [
        ("00:01:00;00", NTSC_30, "does not exist.*00:01:00;02"),
        ("00:01:00;01", NTSC_30, "does not exist"),
        ("10:59:00;03", NTSC_60, "does not exist"),
        ("00:01:00;00", Rate(25), "drop frame"),
        ("01:00:00:24", Rate(24), "out of range"),
        ("24:00:00:00", Rate(24), "out of range"),
        ("00:60:00:00", Rate(24), "out of range"),
        ("1:00:00:00", Rate(24), "not a timecode"),
        ("", Rate(24), "not a timecode"),
        ("01:00:00", Rate(24), "not a timecode"),
    ],
)
def test_bad_labels_are_refused(label: str, rate: Rate, words: str) -> None:
    with pytest.raises(InvalidRequestError, match=words):
        Timecode.parse(label, rate)


def test_midnight_wraps() -> None:
    assert (Timecode.parse("23:59:59:23", Rate(24)) + 1).label == "00:00:00:00"


@pytest.mark.parametrize("number", [-1, 24 * 3600 * 25])
def test_frame_number_off_the_clock_is_refused(number: int) -> None:
    with pytest.raises(InvalidRequestError, match="24-hour clock"):
        Timecode(number, Rate(25))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (23.976, NTSC_24),
        (23.98, NTSC_24),
        (23.97602462768554, NTSC_24),
        (23.976024627685547, NTSC_24),
        (24.0, Rate(24)),
        (29.97, NTSC_30),
        (30, Rate(30)),
        (59.94, NTSC_60),
        (119.88, Rate(120000, 1001)),
        (12.5, Rate(25, 2)),
        (Fraction(24000, 1001), NTSC_24),
    ],
)
def test_rates_snap_to_what_was_meant(written: float, meant: Rate) -> None:
    assert Rate.snapped(written) == meant


@pytest.mark.parametrize("value", [0, -24, float("nan"), float("inf")])
def test_impossible_rates_are_refused(value: float) -> None:
    with pytest.raises(InvalidRequestError):
        Rate.snapped(value)


def test_rate_is_reduced() -> None:
    assert Rate(50, 2) == Rate(25)
    assert str(Rate(48000, 2002)) == "24000/1001"
    with pytest.raises(InvalidRequestError):
        Rate(0, 1)
