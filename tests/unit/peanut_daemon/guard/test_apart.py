"""Work in processes of their own: what crashes, hangs or bursts there ends with a named error."""

import asyncio
import os
import time

import pytest

from peanut_daemon.errors import (
    MediaLimitError,
    MediaTimeoutError,
    MediaUnreadableError,
    NoVideoError,
)
from peanut_daemon.guard.apart import Apart


@pytest.fixture
def apart():
    made = Apart(timeout_s=30, processes=2)
    yield made
    made.close()


async def test_answers_and_errors_come_back_from_one_process(apart):
    first = await apart.call("x", os.getpid)
    assert first != os.getpid()
    assert await apart.call("x", divmod, 7, 2) == (3, 1)
    with pytest.raises(NoVideoError, match="no picture"):
        await apart.call("x", _raise, NoVideoError("no picture"))
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        await apart.call("x", divmod, 1, 0)
    with pytest.raises(MediaLimitError, match="of memory"):
        await apart.call("x", _raise, MemoryError())
    assert await apart.call("x", os.getpid) == first


async def test_a_crash_is_a_named_error_and_the_next_call_works(apart):
    with pytest.raises(MediaUnreadableError, match=r"looked at bad\.mov ended"):
        await apart.call("bad.mov", os.abort)
    assert await apart.call("good.mov", divmod, 7, 2) == (3, 1)


async def test_what_hangs_is_ended():
    apart = Apart(timeout_s=0.05, processes=1)
    try:
        with pytest.raises(MediaTimeoutError, match=r"slow\.mov took longer than 0\.05 s"):
            await apart.call("slow.mov", time.sleep, 60)
    finally:
        apart.close()


async def test_a_caller_that_goes_away_ends_the_work(apart):
    call = asyncio.create_task(apart.call("slow.mov", time.sleep, 60))
    while not apart._threads._threads:
        await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    # Both places are free again.
    await asyncio.gather(*(apart.call("x", divmod, 7, 2) for _ in range(2)))


def _raise(error):
    raise error
