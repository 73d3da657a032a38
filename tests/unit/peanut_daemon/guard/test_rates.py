"""How many calls a client may make, with a clock that the tests turn."""

from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peanut_daemon.errors import RateLimitedError
from peanut_daemon.guard.rates import CallLimits


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def limits(clock, **changes):
    given_ = {"calls_per_s": 2.0, "burst": 4, "at_once": 3} | changes
    return CallLimits(**given_, clock=clock)


def calls_until_refused(limit, name="a"):
    count = 0
    try:
        while count < 1000:
            with limit.call(name):
                count += 1
    except RateLimitedError as error:
        return count, error
    raise AssertionError("never refused")


def test_a_burst_is_taken_then_calls_come_back_with_time(clock):
    limit = limits(clock)
    count, error = calls_until_refused(limit)
    assert count == 4
    assert error.retry_after_s == pytest.approx(0.5)
    clock.now += error.retry_after_s
    assert calls_until_refused(limit)[0] == 1
    clock.now += 1000
    assert calls_until_refused(limit)[0] == 4


def test_one_client_does_not_spend_anothers_calls(clock):
    limit = limits(clock)
    calls_until_refused(limit, "loud")
    assert calls_until_refused(limit, "quiet")[0] == 4


def test_calls_in_flight_are_counted_and_given_back(clock):
    limit = limits(clock, burst=100)
    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(limit.call("a"))
        with pytest.raises(RateLimitedError, match="3 calls in flight"):
            held.enter_context(limit.call("a"))
    with limit.call("a"):
        pass


def test_a_call_that_fails_is_given_back(clock):
    limit = limits(clock, burst=100, at_once=1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), limit.call("a"):
            raise ZeroDivisionError


def test_many_names_do_not_fill_the_memory(clock):
    limit = limits(clock)
    with limit.call("busy"):
        for k in range(5000):
            with limit.call(f"name {k}"):
                pass
        assert len(limit._clients) < 1100
        # The one with a call in flight was not forgotten, or it could have more than it may.
        assert limit._clients["busy"].in_flight == 1


@given(
    st.lists(st.floats(0, 3), max_size=60),
    st.floats(1, 20),
    st.integers(1, 20),
)
def test_never_more_than_the_rate_and_the_burst(pauses, rate, burst):
    clock = Clock()
    limit = limits(clock, calls_per_s=rate, burst=burst)
    taken = 0
    for pause in pauses:
        clock.now += pause
        try:
            with limit.call("a"):
                taken += 1
        except RateLimitedError:
            continue
    assert taken <= burst + rate * clock.now + 1e-6
