"""Shared memory for frames: what is named lies in it, nothing of it is copied, and it goes."""

import tracemalloc

import numpy as np
import pytest

from peanut_daemon.errors import InvalidRequestError, LimitExceededError, MediaNotFoundError
from peanut_daemon.hosts.model import HostClip
from peanut_daemon.hosts.regions import MAX_REGION_BYTES, MAX_REGIONS, Regions, Rows
from peanut_daemon.hosts.sessions import HostSessions
from peanut_daemon.hosts.transfer import TransferFolder
from peanut_daemon.media import Rate

ID = "session-1"


@pytest.fixture
def transfer(tmp_path):
    folder = TransferFolder(tmp_path)
    folder.open()
    yield folder
    folder.close()


@pytest.fixture
def regions(transfer):
    return Regions(transfer)


def session(tmp_path, transfer, width, height, frames=2):
    sessions = HostSessions(tmp_path / "hosts", transfer, min_free_bytes=0)
    clip = HostClip(
        width=width,
        height=height,
        sample_bytes=1,
        rate=Rate(25),
        first_time=0,
        frame_count=frames,
    )
    sessions.open(ID, clip)
    return sessions


def stored(tmp_path, time=0):
    return (tmp_path / "hosts" / ID / "frames" / f"{time}.rgb").read_bytes()


def test_a_region_is_for_this_user_and_for_as_long_as_it_is_held(regions):
    with regions.hold(1000) as region:
        assert region.path.stat().st_size == 1000
        assert region.path.stat().st_mode & 0o777 == 0o600
        assert regions.get(region.id) is region
    assert not region.path.exists()
    with pytest.raises(MediaNotFoundError, match="is held"):
        regions.get(region.id)


@pytest.mark.parametrize(("offset", "stride"), [(0, 0), (7, 0), (0, 40), (5, 33)])
def test_frames_are_taken_from_where_they_lie(tmp_path, transfer, regions, offset, stride):
    frame = np.random.default_rng(3).integers(0, 256, (6, 10, 3), np.uint8)
    sessions = session(tmp_path, transfer, width=10, height=6)
    with regions.hold(1000) as region:
        memory = np.memmap(region.path, np.uint8, "r+")
        for k, row in enumerate(frame.reshape(6, 30)):
            start = offset + k * (stride or 30)
            memory[start : start + 30] = row
        sessions.put_rows(ID, 0, region, Rows(region_id=region.id, offset=offset, stride=stride))
    assert stored(tmp_path) == frame.tobytes()


@pytest.mark.parametrize("stride", [0, 50])
def test_pictures_are_put_where_they_are_wanted(regions, stride):
    picture = np.random.default_rng(4).integers(0, 256, (5, 12, 4), np.uint8)[:, ::1]
    with regions.hold(1000) as region:
        memory = np.memmap(region.path, np.uint8, "r+")
        region.write(picture, Rows(region_id=region.id, offset=3, stride=stride))
        for k, row in enumerate(picture.reshape(5, 48)):
            start = 3 + k * (stride or 48)
            assert np.array_equal(memory[start : start + 48], row)
        assert not memory[:3].any()


@pytest.mark.parametrize(
    ("offset", "stride"), [(-1, 0), (821, 0), (0, 10), (0, -30), (0, 195), (2**62, 0), (0, 2**62)]
)
def test_rows_outside_a_region_are_refused(tmp_path, transfer, regions, offset, stride):
    sessions = session(tmp_path, transfer, width=10, height=6)
    with regions.hold(1000) as region:
        rows = Rows(region_id=region.id, offset=offset, stride=stride)
        with pytest.raises(InvalidRequestError, match="do not lie in region"):
            sessions.put_rows(ID, 0, region, rows)
        with pytest.raises(InvalidRequestError, match="do not lie in region"):
            region.write(np.zeros((6, 10, 3), np.uint8), rows)
    assert sessions.state(ID).frames_stored == 0


def test_a_client_that_cuts_its_region_short_harms_nobody(tmp_path, transfer, regions):
    sessions = session(tmp_path, transfer, width=10, height=6)
    with regions.hold(1000) as region:
        with region.path.open("r+b") as file:
            file.truncate(50)
        with pytest.raises(InvalidRequestError, match="it was cut short"):
            sessions.put_rows(ID, 0, region, Rows(region_id=region.id))
    assert not list((tmp_path / "hosts").rglob("*.part"))


@pytest.mark.parametrize("size", [0, -1, MAX_REGION_BYTES + 1, 2**63 - 1])
def test_impossible_sizes(regions, size):
    with pytest.raises(InvalidRequestError, match="must have 1 to"), regions.hold(size):
        pass


def test_regions_are_counted(regions):
    held = [regions.hold(8) for _ in range(MAX_REGIONS)]
    for each in held:
        each.__enter__()
    with pytest.raises(LimitExceededError, match="the most there may be"), regions.hold(8):
        pass
    for each in held:
        each.__exit__(None, None, None)
    with regions.hold(8):
        pass


def test_a_frame_is_never_held_in_the_daemons_memory(tmp_path, transfer, regions):
    width, height = 2048, 1024
    frame_bytes = width * height * 3
    sessions = session(tmp_path, transfer, width, height)
    with regions.hold(2 * frame_bytes) as region:
        for stride in (0, width * 3 + 64):
            tracemalloc.start()
            sessions.put_rows(ID, 0, region, Rows(region_id=region.id, stride=stride))
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < frame_bytes / 4
        picture = np.zeros((height, width, 4), np.uint8)
        tracemalloc.start()
        region.write(picture, Rows(region_id=region.id))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < picture.nbytes / 100
