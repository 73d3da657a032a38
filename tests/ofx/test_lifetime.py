"""Loaded, used and unloaded again and again: threads and memory as before."""

import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts through /proc")

TIMES = 50
# Python's own objects and the allocator's slack; one leaked frame or connection each time is more.
ALLOWED_BYTES = 2 * 2**20


def test_fifty_times_with_a_daemon(child, daemon, project, frames):
    values = {name: value for name, value in project[0]["saved"].items() if value}
    report = child(
        "reloaded", data_dir=daemon.data_dir, frames=str(frames), values=values, times=TIMES
    )
    assert report["shown"] == [[0, None]]
    threads = {threads for threads, _ in report["seen"]}
    assert len(threads) == 1
    settled = report["seen"][9][1]
    assert report["seen"][-1][1] - settled < ALLOWED_BYTES
    assert report["files"] < 12
