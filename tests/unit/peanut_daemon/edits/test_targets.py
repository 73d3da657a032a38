"""Prompts and masks by revision: corrections, undo, redo."""

import pytest
from support.clips import make_clip

from peanut_daemon.edits.model import MaskFrame, Point, Target, Text
from peanut_daemon.edits.store import EditStore
from peanut_daemon.edits.targets import KEPT_REVISIONS
from peanut_daemon.errors import NothingToUndoError
from peanut_daemon.journal.database import open_database
from peanut_daemon.journal.schema import MIGRATIONS
from peanut_daemon.media import probe
from peanut_models.ranges import FrameRange

RANGE = FrameRange(0, 8)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return probe(make_clip(tmp_path_factory.mktemp("clips") / "a.mov", frames=8))


@pytest.fixture
def store(tmp_path):
    database = open_database(tmp_path / "journal.db")
    yield EditStore(database)
    database.close()


@pytest.fixture
def edit(store, clip):
    return store.create(clip, RANGE)


def click(frame, x=5.0):
    return Point(frame_index=frame, x_px=x, y_px=5, positive=True)


def say(store, edit, *prompts):
    return store.targets.revise(edit.id, Target(id="1", name="", prompts=prompts), RANGE)


def draw(store, edit, frames, what):
    for k in frames:
        png = f"{what}{k}".encode()
        mask = MaskFrame(target_id="1", frame_index=k, png=png, confidence=0.5, doubt="small")
        store.targets.put_mask(edit.id, mask)


def seen(store, edit):
    return [mask.png.decode() for mask in store.targets.masks(edit.id, RANGE, "1")]


def test_a_correction_leaves_what_it_cannot_reach_and_counts_the_rest_as_missing(store, edit):
    say(store, edit, click(0), click(4))
    draw(store, edit, RANGE, "a")
    target = say(store, edit, click(0), click(4), click(6))
    assert target.revision == 1
    assert store.targets.pending(edit.id, "1") == {5, 6, 7}
    assert target.mask_frames == 5
    assert seen(store, edit) == [f"a{k}" for k in RANGE]  # shown until there is something better
    draw(store, edit, (5, 6, 7), "b")
    assert store.get(edit.id).targets[0].mask_frames == 8
    assert seen(store, edit) == ["a0", "a1", "a2", "a3", "a4", "b5", "b6", "b7"]


def test_undo_and_redo_bring_prompts_and_masks_back_bit_by_bit(store, edit):
    say(store, edit, click(0))
    draw(store, edit, RANGE, "a")
    corrected = say(store, edit, click(0), click(5))
    draw(store, edit, range(1, 8), "b")
    undone = store.targets.move(edit.id, "1", -1, RANGE)
    assert undone.prompts == (click(0),)
    assert (undone.revision, undone.last_revision) == (0, 1)
    assert undone.mask_frames == 8
    assert seen(store, edit) == [f"a{k}" for k in RANGE]
    redone = store.targets.move(edit.id, "1", 1, RANGE)
    assert redone.prompts == corrected.prompts
    assert seen(store, edit) == ["a0", *(f"b{k}" for k in range(1, 8))]


def test_a_new_change_after_an_undo_ends_the_redo(store, edit):
    say(store, edit, click(0))
    draw(store, edit, RANGE, "a")
    say(store, edit, click(0), click(5))
    draw(store, edit, range(1, 8), "b")
    store.targets.move(edit.id, "1", -1, RANGE)
    say(store, edit, click(0), click(3))
    assert seen(store, edit) == [f"a{k}" for k in RANGE]
    with pytest.raises(NothingToUndoError, match="nothing to redo"):
        store.targets.move(edit.id, "1", 1, RANGE)


def test_an_unfinished_correction_is_still_missing_after_undo_and_redo(store, edit):
    say(store, edit, click(0))
    draw(store, edit, RANGE, "a")
    say(store, edit, click(0), click(5))
    draw(store, edit, (5, 6), "b")
    assert store.targets.move(edit.id, "1", -1, RANGE).mask_frames == 8
    assert store.targets.move(edit.id, "1", 1, RANGE).mask_frames == 3


def test_settled_frames_keep_their_masks_and_are_missing_no_more(store, edit):
    say(store, edit, click(0))
    draw(store, edit, RANGE, "a")
    say(store, edit, click(0), click(3))
    store.targets.settle(edit.id, "1", FrameRange(5, 8))
    assert store.targets.pending(edit.id, "1") == {1, 2, 3, 4}
    assert seen(store, edit)[5:] == ["a5", "a6", "a7"]


def test_the_same_prompts_again_make_no_revision_and_keep_the_approval(store, edit):
    say(store, edit, click(0))
    draw(store, edit, RANGE, "a")
    approval = store.approve(edit.id, 1, 0)
    assert say(store, edit, click(0)).revision == 0
    assert store.get(edit.id).approval == approval
    say(store, edit, click(0, x=7))
    assert store.get(edit.id).approval is None


def test_undo_withdraws_the_approval(store, edit):
    say(store, edit, click(0))
    say(store, edit, click(0), click(3))
    draw(store, edit, RANGE, "a")
    store.approve(edit.id, 1, 0)
    store.targets.move(edit.id, "1", -1, RANGE)
    assert store.get(edit.id).approval is None


def test_there_is_nothing_to_undo_on_the_first_revision_or_an_unknown_target(store, edit):
    say(store, edit, click(0))
    with pytest.raises(NothingToUndoError, match="nothing to undo"):
        store.targets.move(edit.id, "1", -1, RANGE)
    with pytest.raises(NothingToUndoError, match="no target '2'"):
        store.targets.move(edit.id, "2", -1, RANGE)


def test_old_revisions_are_thrown_away_but_never_a_mask_in_use(store, edit):
    say(store, edit, click(0))
    draw(store, edit, RANGE, "first")
    for n in range(KEPT_REVISIONS + 5):
        say(store, edit, click(0), click(6, x=n))
        draw(store, edit, (6, 7), f"r{n}-")
    rows = store._db.execute("SELECT count(*) FROM masks").fetchone()[0]
    assert rows <= 8 + 2 * (KEPT_REVISIONS + 1)
    assert seen(store, edit)[:2] == ["first0", "first1"]
    for _ in range(KEPT_REVISIONS):
        store.targets.move(edit.id, "1", -1, RANGE)
    assert seen(store, edit)[:2] == ["first0", "first1"]
    with pytest.raises(NothingToUndoError):
        store.targets.move(edit.id, "1", -1, RANGE)


def test_what_held_before_a_correction_is_not_what_the_correction_made(store, edit):
    say(store, edit, click(0), click(4))
    draw(store, edit, RANGE, "a")
    assert store.targets.before(edit.id, "1", RANGE) == {}
    say(store, edit, click(0), click(4), click(6))
    draw(store, edit, [6, 7], "b")  # The pass is cut off here.
    before = store.targets.before(edit.id, "1", FrameRange(4, 8))
    assert before == {k: f"a{k}".encode() for k in range(4, 8)}
    assert store.targets.begun(edit.id, "1") == {6, 7}


def test_frames_that_were_never_settled_do_not_count_as_what_held_before(store, edit):
    say(store, edit, click(0), click(4))
    draw(store, edit, RANGE, "a")
    say(store, edit, click(0), click(4), click(6))
    draw(store, edit, [6], "b")  # 5 and 7 still show masks of the prompts before.
    say(store, edit, click(0), click(4), click(6, x=7.0))
    assert store.targets.before(edit.id, "1", FrameRange(4, 8)) == {4: b"a4", 6: b"b6"}


def test_texts_come_back_as_they_were(store, edit):
    said = Text(frame_index=0, text="der Mann im roten Mantel \N{DOG FACE}")
    assert say(store, edit, said).prompts == (said,)


def test_a_journal_of_the_first_schema_keeps_its_prompts_and_masks(tmp_path, clip):
    path = tmp_path / "old.db"
    import json
    import sqlite3

    old = sqlite3.connect(path, isolation_level=None)
    old.executescript(f"BEGIN; {MIGRATIONS[0]} PRAGMA user_version=1; COMMIT;")
    facts = json.dumps(clip.to_dict())
    old.execute("INSERT INTO edits VALUES ('e', ?, 0, 2, '', 1.0)", (facts,))
    old.execute("INSERT INTO targets VALUES ('e', '1', 'car')")
    old.execute("INSERT INTO prompts VALUES ('e', '1', 0, 1, 'point', '[3.5, 4, true]', NULL)")
    for k in range(2):
        old.execute("INSERT INTO masks VALUES ('e', '1', ?, ?, 0.5)", (k, b"old"))
    old.close()
    database = open_database(path)
    edit = EditStore(database).get("e")
    (target,) = edit.targets
    assert target.prompts == (Point(frame_index=1, x_px=3.5, y_px=4, positive=True),)
    assert (target.name, target.mask_frames, target.revision) == ("car", 2, 0)
    database.close()
