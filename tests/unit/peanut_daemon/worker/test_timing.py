"""Where the time of a task goes."""

import pytest

from peanut_daemon.worker import timing
from peanut_daemon.worker.timing import Stopwatch


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_second_counts_for_the_innermost_step_only():
    clock = Clock()
    stopwatch = Stopwatch(clock)
    clock.now = 1
    with stopwatch.step("fill"):
        clock.now = 3
        with stopwatch.step("decode"):
            clock.now = 7
        clock.now = 8
    clock.now = 8.5
    assert stopwatch.seconds() == {"other": 1.5, "fill": 3, "decode": 4}


def test_a_step_that_fails_is_counted_and_left():
    clock = Clock()
    stopwatch = Stopwatch(clock)
    with pytest.raises(ValueError), stopwatch.step("decode"):
        clock.now = 2
        raise ValueError
    clock.now = 3
    assert stopwatch.seconds() == {"decode": 2, "other": 1}


def test_of_a_stream_only_the_making_of_its_items_counts(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(timing, "Stopwatch", lambda: Stopwatch(clock))

    def frames():
        for k in range(3):
            clock.now += 10
            yield k

    with timing.recording():
        for _ in timing.timed("decode", frames()):
            clock.now += 1
        assert timing.seconds_so_far() == {"decode": 30, "other": 3}


def test_without_a_recording_steps_cost_and_count_nothing():
    with timing.step("decode"):
        assert timing.seconds_so_far() == {}
    assert list(timing.timed("decode", "ab")) == ["a", "b"]
