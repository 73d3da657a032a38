import pytest
from hypothesis import given
from hypothesis import strategies as st

from peanut_models.errors import FrameRangeError, InvalidInputError
from peanut_models.ranges import FrameRange, plan_windows


@pytest.mark.parametrize(("start", "end"), [(5, 5), (9, 3)])
def test_empty_or_reversed_range_says_both_ends(start, end):
    with pytest.raises(FrameRangeError, match=rf"\[{start}, {end}\) is empty: end_frame must"):
        FrameRange(start, end)


def test_negative_start_is_refused():
    with pytest.raises(FrameRangeError, match="start_frame must be 0 or more"):
        FrameRange(-1, 3)


@given(
    start=st.integers(0, 50),
    length=st.integers(1, 400),
    core=st.integers(1, 60),
    context=st.integers(0, 30),
)
def test_window_cores_tile_the_range_and_spans_stay_inside(start, length, core, context):
    whole = FrameRange(start, start + length)
    windows = plan_windows(whole, core_frames=core, context_frames=context)
    covered = [frame for window in windows for frame in window.core]
    assert covered == list(whole)
    for window in windows:
        assert len(window.core) <= core
        assert whole.covers(window.span)
        assert window.span.covers(window.core)
        assert len(window.span) <= len(window.core) + 2 * context


@given(length=st.integers(1, 400), core=st.integers(1, 60))
def test_no_window_is_much_shorter_than_the_others(length, core):
    windows = plan_windows(FrameRange(0, length), core_frames=core, context_frames=0)
    lengths = [len(window.core) for window in windows]
    assert max(lengths) - min(lengths) <= 1


def test_windows_without_frames_are_refused():
    with pytest.raises(InvalidInputError, match="windows of 0 frames"):
        plan_windows(FrameRange(0, 3), core_frames=0, context_frames=0)
