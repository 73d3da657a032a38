import itertools

import pytest
from support.clips import make_clip

from peanut_daemon.edits.model import Box, FrozenMask, MaskFrame, PaintedMask, Point, Target
from peanut_daemon.edits.store import EditStore
from peanut_daemon.errors import (
    EditNotFoundError,
    InvalidRequestError,
    LimitExceededError,
    NotApprovedError,
)
from peanut_daemon.journal.database import open_database
from peanut_daemon.journal.schema import MIGRATIONS
from peanut_daemon.media import probe
from peanut_models.errors import FrameRangeError
from peanut_models.matte import TargetKind
from peanut_models.ranges import FrameRange


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = make_clip(tmp_path_factory.mktemp("clips") / "a.mov", frames=5, timecode="01:00:00:00")
    return probe(path)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.db"


@pytest.fixture
def store(path):
    database = open_database(path)
    yield EditStore(database, clock=itertools.count(1000).__next__)
    database.close()


PROMPTS = (
    Point(frame_index=1, x_px=3.5, y_px=4, positive=False),
    Box(frame_index=0, x0_px=1, y0_px=2, x1_px=30, y1_px=40),
    PaintedMask(frame_index=2, png=b"\x89PNG"),
)


def with_masks(store, clip, png=b"png"):
    edit = store.create(clip, FrameRange(0, 3), "otio text")
    store.targets.revise(edit.id, Target(id="1", name="car", prompts=PROMPTS), FrameRange(0, 3))
    for k in range(3):
        store.targets.put_mask(
            edit.id, MaskFrame(target_id="1", frame_index=k, png=png, confidence=0.5)
        )
    return edit


def test_an_edit_comes_back_as_it_was_stored(store, clip):
    edit = store.get(with_masks(store, clip).id)
    assert edit.clip == clip
    assert edit.otio == "otio text"
    assert edit.targets == (Target(id="1", name="car", prompts=PROMPTS, mask_frames=3),)


def test_everything_is_there_after_the_journal_is_opened_again(store, path, clip):
    edit = with_masks(store, clip)
    approval = store.approve(edit.id, 4, 2)
    database = open_database(path)
    again = EditStore(database)
    assert again.get(edit.id).approval == approval
    assert [m.frame_index for m in again.masks(edit.id, FrameRange(0, 3))] == [0, 1, 2]
    database.close()


def test_new_prompts_make_masks_of_their_target_only_pending(store, clip):
    edit = with_masks(store, clip)
    store.targets.revise(edit.id, Target(id="2", name="", prompts=PROMPTS[:1]), FrameRange(0, 3))
    assert [t.mask_frames for t in store.get(edit.id).targets] == [3, 0]
    store.targets.revise(edit.id, Target(id="1", name="", prompts=PROMPTS[2:]), FrameRange(0, 3))
    assert {t.id: t.mask_frames for t in store.get(edit.id).targets} == {"1": 1, "2": 0}


def test_an_approved_matte_outlives_later_masks(store, clip):
    edit = with_masks(store, clip, b"old")
    approval = store.approve(edit.id, 4, 2)
    with_new = MaskFrame(target_id="1", frame_index=0, png=b"new", confidence=1)
    store.targets.put_mask(edit.id, with_new)
    assert store.matte(approval.matte_hash, FrameRange(0, 2)) == {
        k: [FrozenMask(b"old")] for k in (0, 1)
    }


def test_equal_mattes_have_equal_hashes_and_others_not(store, clip):
    a, b, c = (with_masks(store, clip, png) for png in (b"x", b"x", b"y"))
    hashes = [store.approve(edit.id, 4, 2).matte_hash for edit in (a, b, c)]
    assert hashes[0] == hashes[1] != hashes[2]
    assert store.approve(a.id, 5, 2).matte_hash != hashes[0]


def test_an_unfinished_matte_cannot_be_approved(store, clip):
    edit = store.create(clip, FrameRange(0, 3))
    with pytest.raises(NotApprovedError, match="has no target"):
        store.approve(edit.id, 0, 0)
    store.targets.revise(edit.id, Target(id="1", name="", prompts=PROMPTS), FrameRange(0, 3))
    with pytest.raises(NotApprovedError, match="masks on 0 of 3 frames"):
        store.approve(edit.id, 0, 0)


def test_growth_out_of_bounds_is_refused_and_changes_nothing(store, clip):
    edit = with_masks(store, clip)
    with pytest.raises(InvalidRequestError, match="feather_px is -1"):
        store.approve(edit.id, 0, -1)
    assert store.get(edit.id).approval is None


def test_deleted_edits_are_gone_and_the_newest_comes_first(store, clip):
    first, second = with_masks(store, clip), with_masks(store, clip)
    assert [edit.id for edit in store.all()] == [second.id, first.id]
    store.delete(first.id)
    assert [edit.id for edit in store.all()] == [second.id]
    with pytest.raises(EditNotFoundError, match=first.id):
        store.delete(first.id)


def test_the_journal_knows_its_schema(path):
    database = open_database(path)
    assert database.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
    assert database.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert database.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL
    database.close()


def test_what_a_mask_means_and_how_it_is_refined_is_frozen_and_hashed(store, clip):
    edit = with_masks(store, clip)
    plain = store.approve(edit.id, 4, 2)
    assert store.approve(edit.id, 4, 2, 6).matte_hash != plain.matte_hash
    # Without effects their feather changes nothing.
    assert store.approve(edit.id, 4, 2, 0, 30).matte_hash == plain.matte_hash
    shadow = Target(id="1", name="", prompts=PROMPTS, kind=TargetKind.EFFECT)
    store.targets.revise(edit.id, shadow, edit.frame_range)
    assert store.get(edit.id).approval is None
    hashes = {store.approve(edit.id, 4, 2, 0, px).matte_hash for px in (12, 30)}
    assert len(hashes | {plain.matte_hash}) == 3
    approval = store.get(edit.id).approval
    assert (approval.refine_px, approval.effect_feather_px) == (0, 30)
    frozen = store.matte(approval.matte_hash, edit.frame_range)
    assert {mask.kind for masks in frozen.values() for mask in masks} == {TargetKind.EFFECT}


def test_more_prompts_keep_what_a_target_is(store, clip):
    edit = with_masks(store, clip)
    held = Target(id="1", name="", prompts=PROMPTS, kind=TargetKind.HOLDOUT)
    store.targets.revise(edit.id, held, edit.frame_range)
    corrected = Target(id="1", name="", prompts=PROMPTS[:1], kind=None)
    assert store.targets.revise(edit.id, corrected, edit.frame_range).kind is TargetKind.HOLDOUT


def test_holdouts_alone_are_no_matte(store, clip):
    edit = with_masks(store, clip)
    held = Target(id="1", name="", prompts=PROMPTS, kind=TargetKind.HOLDOUT)
    store.targets.revise(edit.id, held, edit.frame_range)
    with pytest.raises(NotApprovedError, match="holdouts"):
        store.approve(edit.id, 0, 0)


def test_a_picture_of_the_edge_needs_all_masks_and_few_frames(store, clip):
    edit = store.get(with_masks(store, clip).id)
    assert [*store.frames_to_show(edit, ())] == sorted({*store.frames_to_show(edit, ())})
    with pytest.raises(FrameRangeError, match="outside the edit's range"):
        store.frames_to_show(edit, [edit.frame_range.end])
    with pytest.raises(LimitExceededError, match="16 at most"):
        store.frames_to_show(edit, range(17))
