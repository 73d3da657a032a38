import numpy as np
import pytest

from peanut_models.errors import InvalidInputError
from peanut_models.matte import matte_of


def block(size=(40, 60), rows=slice(15, 25), columns=slice(20, 40)):
    mask = np.zeros(size, np.bool_)
    mask[rows, columns] = True
    return mask


def test_the_mask_itself_is_wholly_replaced_and_far_pixels_not_at_all():
    matte = matte_of([block()], size=(40, 60), grow_px=3, feather_px=4)
    assert (matte[block()] == 255).all()
    assert (matte[:7] == 0).all()


def test_growth_and_feather_reach_as_far_as_they_say():
    row = matte_of([block()], size=(40, 60), grow_px=7, feather_px=4)[20]
    assert (row[17:20] == 255).all()
    feathered = row[13:17].astype(int)
    assert (np.diff(feathered) > 0).all()
    assert feathered.min() > 0
    assert feathered.max() < 255
    assert row[12] == 0


def test_nothing_beyond_the_growth_changes_in_any_direction():
    centre = np.zeros((40, 60), np.bool_)
    centre[20, 30] = True
    ys, xs = np.mgrid[0:40, 0:60]
    distance = np.hypot(ys - 20, xs - 30)
    for feather_px in (0, 2, 6):
        matte = matte_of([centre], size=(40, 60), grow_px=6, feather_px=feather_px)
        assert ((matte > 0) == (distance <= 6)).all()
    assert set(np.unique(matte_of([centre], size=(40, 60), grow_px=6, feather_px=0))) == {0, 255}


def test_a_feather_wider_than_the_growth_leaves_the_mask_alone():
    row = matte_of([block()], size=(40, 60), grow_px=1, feather_px=3)[20]
    assert (row[20:40] == 255).all()
    assert (np.diff(row[16:21].astype(int)) > 0).all()
    assert row[16] == 0


def test_targets_are_united():
    left, right = block(columns=slice(2, 8)), block(columns=slice(50, 58))
    matte = matte_of([left, right], size=(40, 60), grow_px=0, feather_px=0)
    assert ((matte == 255) == (left | right)).all()


def test_a_proxy_mask_covers_the_same_place_at_source_size():
    matte = matte_of([block()], size=(80, 120), grow_px=0, feather_px=0)
    ys, xs = np.nonzero(matte)
    assert abs(ys.min() - 30) <= 1
    assert abs(ys.max() - 49) <= 1
    assert abs(xs.min() - 40) <= 1
    assert abs(xs.max() - 79) <= 1


def test_no_mask_means_no_matte():
    assert not matte_of([], size=(4, 6), grow_px=9, feather_px=9).any()


def test_negative_growth_is_refused():
    with pytest.raises(InvalidInputError, match="grown by -1 px"):
        matte_of([block()], size=(40, 60), grow_px=-1, feather_px=0)


def test_an_effect_extends_the_matte_with_a_soft_edge_of_its_own():
    effect = np.zeros((40, 60), bool)
    effect[15:25, 40:45] = True
    matte = matte_of(
        [block()], size=(40, 60), grow_px=0, feather_px=0, effects=[effect], effect_feather_px=8
    )
    alone = matte_of([block()], size=(40, 60), grow_px=0, feather_px=0)
    assert (matte[effect] == 255).all()
    assert (matte >= alone).all()
    row = matte[20, 45:55].astype(int)
    assert (np.diff(row[:8]) < 0).all()
    assert row[7] > 0
    assert not row[8:].any()


def test_a_holdout_is_never_touched():
    held = np.zeros((40, 60), bool)
    held[:, 25:30] = True
    effect = np.zeros((40, 60), bool)
    effect[30:35] = True
    matte = matte_of(
        [block()], size=(40, 60), grow_px=9, feather_px=3, effects=[effect], holdouts=[held]
    )
    assert not matte[held].any()
    without = matte_of([block()], size=(40, 60), grow_px=9, feather_px=3, effects=[effect])
    np.testing.assert_array_equal(matte[~held], without[~held])
