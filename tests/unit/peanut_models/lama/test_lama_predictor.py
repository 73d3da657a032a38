"""LaMa's filler: holes only, any size and depth, errors by name."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support import lama

from peanut_models.errors import InvalidInputError
from peanut_models.lama.predictor import LamaFiller


@pytest.fixture
def filler() -> LamaFiller:
    return LamaFiller(lama.seeded_network())


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("size", [(5, 7), (16, 24), (33, 50)])
def test_known_pixels_stay_and_what_lies_under_the_hole_does_not_matter(
    filler: LamaFiller, size: tuple[int, int]
):
    frame, hole = picture(*size), np.zeros(size, np.bool_)
    hole[1:4, 2:5] = True
    filled = filler.fill(frame, hole)
    assert np.array_equal(filled[~hole], frame[~hole])
    assert (filled[hole] != frame[hole]).any()
    other = frame.copy()
    other[hole] = 255 - other[hole]
    assert np.array_equal(filler.fill(other, hole), filled)


def test_sixteen_bits_give_the_same_picture_with_finer_steps(filler: LamaFiller):
    frame, hole = picture(24, 32), np.zeros((24, 32), np.bool_)
    hole[8:16, 8:20] = True
    fine = filler.fill(frame.astype(np.uint16) * 257, hole)
    assert fine.dtype == np.uint16
    off = fine[hole] / 257 - filler.fill(frame, hole)[hole]
    assert off.min() > -0.01
    assert off.max() < 1.01


def test_without_a_hole_the_frame_comes_back_as_a_copy(filler: LamaFiller):
    frame = picture(9, 9)
    filled = filler.fill(frame, np.zeros((9, 9), np.bool_))
    assert np.array_equal(filled, frame)
    assert not np.shares_memory(filled, frame)


@pytest.mark.parametrize(
    ("frame", "hole", "complaint"),
    [
        (np.zeros((9, 9), np.uint8), np.zeros((9, 9), np.bool_), "frame is uint8"),
        (np.zeros((9, 9, 3), np.float32), np.zeros((9, 9), np.bool_), "frame is float32"),
        (np.zeros((9, 9, 3), np.uint8), np.zeros((9, 8), np.bool_), "hole is bool"),
        (np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9), np.uint8), "hole is uint8"),
    ],
)
def test_what_cannot_be_filled_is_refused(
    filler: LamaFiller, frame: np.ndarray, hole: np.ndarray, complaint: str
):
    with pytest.raises(InvalidInputError, match=complaint):
        filler.fill(frame, hole)


def test_the_network_refuses_what_reflection_cannot_pad():
    with pytest.raises(InvalidInputError, match="8x16"):
        lama.seeded_network()(torch.zeros(1, 4, 8, 16))
    with pytest.raises(InvalidInputError, match="RGB and then the hole"):
        lama.seeded_network()(torch.zeros(1, 3, 16, 16))
