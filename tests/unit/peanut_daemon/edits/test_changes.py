"""Who is told of what, and targets that are left out of the matte."""

import pytest
from support.clips import make_clip

from peanut_daemon.edits.changes import EditChanged, MasksMoved, MaskStored
from peanut_daemon.edits.model import FrozenMask, MaskFrame, Point, Target
from peanut_daemon.edits.store import EditStore
from peanut_daemon.errors import NotApprovedError
from peanut_daemon.journal.database import open_database
from peanut_daemon.media import probe
from peanut_models.ranges import FrameRange

RANGE = FrameRange(0, 3)


@pytest.fixture
def store(tmp_path):
    database = open_database(tmp_path / "journal.db")
    yield EditStore(database)
    database.close()


@pytest.fixture
def edit(store, tmp_path):
    return store.create(probe(make_clip(tmp_path / "a.mov", frames=3)), RANGE)


def say(store, edit, target_id, x=5.0):
    point = Point(frame_index=0, x_px=x, y_px=5, positive=True)
    store.targets.revise(edit.id, Target(id=target_id, name="", prompts=(point,)), RANGE)


def mask(target_id, frame_index):
    return MaskFrame(target_id=target_id, frame_index=frame_index, png=b"1", confidence=1.0)


def test_listeners_hear_what_happened_after_it_is_stored(store, edit):
    heard = []

    def hear(change):
        heard.append((type(change), len(list(store.masks(edit.id, RANGE)))))

    with store.changes.listening(edit.id, hear):
        say(store, edit, "1")
        store.targets.put_mask(edit.id, mask("1", 0))
        say(store, edit, "1", x=9)
        store.targets.move(edit.id, "1", -1, RANGE)
    say(store, edit, "1", x=20)
    assert heard == [
        (EditChanged, 0),
        (MaskStored, 1),
        (EditChanged, 1),
        (MasksMoved, 1),
        (EditChanged, 1),
    ]


def test_listeners_hear_of_their_own_edit_only(store, edit):
    heard = []
    with store.changes.listening("another", heard.append):
        say(store, edit, "1")
    assert heard == []


def test_a_target_that_is_left_out_is_not_in_the_matte(store, edit):
    for target_id in ("1", "2"):
        say(store, edit, target_id)
    for k in RANGE:
        store.targets.put_mask(edit.id, mask("1", k))
    with pytest.raises(NotApprovedError, match="let the tracking finish"):
        store.approve(edit.id, 0, 0)
    store.targets.enable(edit.id, "2", False)
    approval = store.approve(edit.id, 0, 0)
    assert store.matte(approval.matte_hash, RANGE) == {k: [FrozenMask(b"1")] for k in RANGE}
    store.targets.enable(edit.id, "1", False)
    assert store.get(edit.id).approval is None
    with pytest.raises(NotApprovedError, match="are left out"):
        store.approve(edit.id, 0, 0)


def test_a_removed_target_takes_its_masks_and_the_approval_along(store, edit):
    say(store, edit, "1")
    for k in RANGE:
        store.targets.put_mask(edit.id, mask("1", k))
    store.approve(edit.id, 0, 0)
    store.targets.remove(edit.id, "1")
    assert store.get(edit.id).targets == ()
    assert store.get(edit.id).approval is None
    assert list(store.masks(edit.id, RANGE)) == []
