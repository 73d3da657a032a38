import math

import numpy as np
import pytest

from peanut_models.evaluation.metrics import SquaredError, mask_iou, mean


def test_iou_of_half_overlapping_masks():
    left, right = np.zeros((4, 6), np.bool_), np.zeros((4, 6), np.bool_)
    left[:, :4], right[:, 2:] = True, True
    assert mask_iou(left, right) == pytest.approx(2 / 6)
    assert mask_iou(left, left) == 1


def test_two_empty_masks_agree_and_a_missed_object_does_not():
    empty = np.zeros((3, 3), np.bool_)
    assert mask_iou(empty, empty) == 1
    assert mask_iou(empty, ~empty) == 0


def test_psnr_counts_only_the_pixels_asked_for():
    truth = np.zeros((2, 4, 3), np.uint8)
    result = truth.copy()
    result[:, :2] = 10
    result[:, 2:] = 200
    error = SquaredError()
    error.add(result, truth, np.array([[True, True, False, False]] * 2))
    assert error.psnr_db() == pytest.approx(10 * math.log10(255**2 / 100))


def test_frames_are_pooled_not_averaged():
    truth = np.zeros((1, 1, 3), np.uint8)
    error, where = SquaredError(), np.ones((1, 1), np.bool_)
    error.add(truth + 10, truth, where)
    error.add(truth, truth, where)
    assert error.psnr_db() == pytest.approx(10 * math.log10(255**2 / 50))


def test_nothing_counted_and_nothing_wrong():
    error = SquaredError()
    assert math.isnan(error.psnr_db())
    same = np.full((2, 2, 3), 7, np.uint8)
    error.add(same, same, np.ones((2, 2), np.bool_))
    assert error.psnr_db() == math.inf
    assert math.isnan(mean([]))
    assert mean([1, 2]) == 1.5
