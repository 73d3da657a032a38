"""Frames of a host: stored in any order, then one lossless clip."""

import os
from fractions import Fraction

import numpy as np
import pytest

from peanut_daemon.errors import DiskFullError, InvalidRequestError, MediaNotFoundError
from peanut_daemon.hosts.model import HostClip
from peanut_daemon.hosts.sessions import KEEP_UNFINISHED_S, HostSessions
from peanut_daemon.hosts.transfer import TransferFolder
from peanut_daemon.media import ClipReader, Rate, probe
from peanut_models.errors import FrameRangeError

ID = "session-1"
COUNT, HEIGHT, WIDTH = 3, 6, 10


def clip(sample_bytes=1, **changes):
    facts = {
        "width": WIDTH,
        "height": HEIGHT,
        "sample_bytes": sample_bytes,
        "rate": Rate(24000, 1001),
        "first_time": 1001,
        "frame_count": COUNT,
    }
    return HostClip(**facts | changes)


def pictures(sample_bytes=1):
    dtype = np.uint8 if sample_bytes == 1 else np.uint16
    generator = np.random.default_rng(8)
    return generator.integers(0, np.iinfo(dtype).max, (COUNT, HEIGHT, WIDTH, 3)).astype(dtype)


@pytest.fixture
def transfer(tmp_path):
    (tmp_path / "data").mkdir()
    folder = TransferFolder(tmp_path / "data")
    folder.open()
    yield folder
    folder.close()
    assert not folder.path.exists()


@pytest.fixture
def sessions(tmp_path, transfer):
    return HostSessions(tmp_path / "hosts", transfer, min_free_bytes=0)


def test_a_frame_that_a_power_cut_left_short_is_asked_for_again(sessions, tmp_path):
    frames = pictures(1)
    sessions.open(ID, clip(1))
    for k in range(COUNT):
        sessions.put(ID, 1001 + k, frames[k].tobytes())
    torn = next(tmp_path.rglob("1002.rgb"))
    torn.write_bytes(torn.read_bytes()[:100])
    assert sessions.state(ID).frames_stored == COUNT - 1
    with pytest.raises(FrameRangeError, match="the first at time 1002"):
        sessions.finish(ID, lambda done: True)
    sessions.put(ID, 1002, frames[1].tobytes())
    sessions.finish(ID, lambda done: True)


@pytest.mark.parametrize("sample_bytes", [1, 2])
def test_frames_in_any_order_become_a_lossless_clip(sessions, sample_bytes):
    frames = pictures(sample_bytes)
    sessions.open(ID, clip(sample_bytes, pixel_aspect=Fraction(2)))
    for k in (2, 0, 1, 0):
        sessions.put(ID, 1001 + k, frames[k].tobytes())
    assert sessions.state(ID).frames_stored == COUNT
    seen = []
    sessions.finish(ID, lambda done: seen.append(done) or True)
    assert seen == [1, 2, 3]
    path = sessions.clip_path(ID)
    info = probe(path)
    assert (info.rate, info.frame_count) == (Rate(24000, 1001), COUNT)
    assert info.sample_aspect == 2
    with ClipReader(path) as reader:
        read = [frame.to_rgb() for frame in reader.frames(reader.frame_range)]
    assert np.array_equal(np.stack(read), frames)


def test_a_finished_session_says_so_and_keeps_no_frames(sessions, tmp_path):
    frames = pictures()
    sessions.open(ID, clip())
    for k in range(COUNT):
        sessions.put(ID, 1001 + k, frames[k].tobytes())
    sessions.finish(ID, lambda done: True)
    sessions.put(ID, 1001, frames[1].tobytes())  # A host that renders again.
    state = sessions.state(ID)
    assert state.clip_path
    assert (state.frames_stored, state.frames_total) == (COUNT, COUNT)
    assert not list((tmp_path / "hosts").rglob("*.rgb"))


def test_missing_frames_are_named(sessions):
    sessions.open(ID, clip())
    sessions.put(ID, 1001, pictures()[0].tobytes())
    with pytest.raises(FrameRangeError, match="lacks 2 of 3 frames, the first at time 1002"):
        sessions.finish(ID, lambda done: True)


def test_stopping_leaves_no_clip_and_all_frames(sessions):
    frames = pictures()
    sessions.open(ID, clip())
    for k in range(COUNT):
        sessions.put(ID, 1001 + k, frames[k].tobytes())
    sessions.finish(ID, lambda done: done < 2)
    assert not sessions.clip_path(ID).exists()
    sessions.finish(ID, lambda done: True)
    assert sessions.clip_path(ID).is_file()


def test_files_are_taken_from_the_transfer_folder(sessions, transfer):
    sessions.open(ID, clip())
    (transfer.path / "f.rgb").write_bytes(pictures()[0].tobytes())
    sessions.put(ID, 1002, "f.rgb")
    assert sessions.state(ID).frames_stored == 1
    assert list(transfer.path.iterdir()) == []


def test_the_transfer_folder_is_for_one_user_and_one_daemon(tmp_path, transfer):
    assert transfer.path.stat().st_mode & 0o777 == 0o700
    handed = transfer.hand_out(b"pixels")
    assert handed.read_bytes() == b"pixels"
    assert handed.stat().st_mode & 0o777 == 0o600
    killed = transfer.path
    transfer.open()  # The next daemon on the same data folder.
    assert transfer.path != killed
    assert not killed.exists()


def test_a_note_that_names_another_folder_removes_nothing(tmp_path, transfer):
    precious = tmp_path / "precious"
    precious.mkdir()
    (tmp_path / "data/transfer.path").write_text(str(precious))
    transfer.open()
    assert precious.is_dir()


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "", ".hidden", "a/b"])
def test_names_that_lead_elsewhere_are_refused(sessions, name):
    sessions.open(ID, clip())
    with pytest.raises(InvalidRequestError, match="not a plain file name"):
        sessions.put(ID, 1001, name)


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links here")
def test_links_are_not_followed(sessions, transfer, tmp_path):
    sessions.open(ID, clip())
    (tmp_path / "secret").write_bytes(pictures()[0].tobytes())
    (transfer.path / "link.rgb").symlink_to(tmp_path / "secret")
    with pytest.raises(MediaNotFoundError):
        sessions.put(ID, 1001, "link.rgb")


def test_wrong_sizes_and_times_are_refused_and_leave_nothing(sessions, transfer):
    sessions.open(ID, clip())
    (transfer.path / "short.rgb").write_bytes(b"abc")
    with pytest.raises(InvalidRequestError, match="3 bytes"):
        sessions.put(ID, 1001, "short.rgb")
    assert list(transfer.path.iterdir()) == []
    for time in (1000, 1004):
        with pytest.raises(FrameRangeError, match=rf"time {time} .*\[1001, 1004\)"):
            sessions.put(ID, time, pictures()[0].tobytes())
    assert sessions.state(ID).frames_stored == 0


def test_the_same_id_with_other_facts_is_refused(sessions):
    sessions.open(ID, clip())
    assert sessions.open(ID, clip()).session_id == ID
    with pytest.raises(InvalidRequestError, match="take a new id"):
        sessions.open(ID, clip(frame_count=9))


@pytest.mark.parametrize(
    "session_id", ["", "short", "../../etc", "a" * 65, "with space", "-lead-ing"]
)
def test_ids_that_name_no_folder_are_refused(sessions, session_id):
    with pytest.raises(InvalidRequestError, match="8 to 64 letters"):
        sessions.open(session_id, clip())


@pytest.mark.parametrize(
    "changes",
    [{"width": -1}, {"height": 0}, {"width": 40000}, {"frame_count": 0}, {"sample_bytes": 4}],
    ids=str,
)
def test_impossible_clips_are_refused(changes):
    with pytest.raises(InvalidRequestError):
        clip(**changes)


def test_unknown_sessions(sessions):
    with pytest.raises(MediaNotFoundError, match="open it"):
        sessions.state("no-such-session")


def test_a_full_disk_is_said_before_it_is_full(tmp_path, transfer):
    sessions = HostSessions(tmp_path / "hosts", transfer, min_free_bytes=1 << 60)
    sessions.open(ID, clip())
    with pytest.raises(DiskFullError, match="make room"):
        sessions.put(ID, 1001, pictures()[0].tobytes())


def test_frames_that_were_given_up_are_removed_after_a_week(tmp_path, transfer):
    now = [0.0]
    sessions = HostSessions(tmp_path / "hosts", transfer, min_free_bytes=0, clock=lambda: now[0])
    sessions.open(ID, clip())
    sessions.put(ID, 1001, pictures()[0].tobytes())
    stored = (tmp_path / "hosts" / ID / "frames").stat().st_mtime
    now[0] = stored + KEEP_UNFINISHED_S - 60
    sessions.remove_given_up()
    assert sessions.state(ID).frames_stored == 1
    now[0] = stored + KEEP_UNFINISHED_S + 60
    sessions.remove_given_up()
    assert sessions.state(ID).frames_stored == 0
