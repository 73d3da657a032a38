"""Seam and flicker tell a visible fill from one that cannot be told from its surround."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy import ndarray

from peanut_daemon.report.measures import DOUBTFUL_RATIO, Flicker, FrameMeasure, seam

SIZE = (120, 160)
FILLED = np.zeros(SIZE, np.bool_)
FILLED[40:80, 60:110] = True


def texture(seed: int = 1, shift: int = 0) -> ndarray:
    noise = np.random.default_rng(seed).uniform(40, 210, (SIZE[0], SIZE[1] + 40, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.5)
    stretched = np.clip((smooth - 125) * 5 + 125, 0, 255).astype(np.uint8)
    return stretched[:, shift : shift + SIZE[1]]


def test_an_untouched_picture_has_no_seam() -> None:
    assert seam(texture(), FILLED) == pytest.approx(1, abs=0.3)


def test_a_brighter_fill_has_one() -> None:
    image = texture()
    image[FILLED] = np.minimum(image[FILLED].astype(int) + 70, 255)
    found = seam(image, FILLED)
    assert found is not None and found > DOUBTFUL_RATIO


def test_nothing_filled_is_nothing_to_compare() -> None:
    assert seam(texture(), np.zeros(SIZE, np.bool_)) is None
    flicker = Flicker()
    for _ in range(2):
        assert flicker.next(texture(), np.zeros(SIZE, np.bool_), is_cut=False) is None


def test_a_pan_is_no_flicker() -> None:
    flicker = Flicker()
    values = [flicker.next(texture(shift=2 * k), FILLED, is_cut=False) for k in range(4)]
    assert values[0] is None
    assert all(value is not None and value < DOUBTFUL_RATIO for value in values[1:])


def test_a_fill_that_changes_by_itself_is() -> None:
    flicker = Flicker()
    values = []
    for k in range(3):
        image = texture().copy()
        image[FILLED] = texture(seed=10 + k)[FILLED]
        values.append(flicker.next(image, FILLED, is_cut=k == 2))
    assert values[1] is not None and values[1] > DOUBTFUL_RATIO
    # The first frame of a shot has none before it.
    assert values[2] is None


def test_reasons_are_told() -> None:
    calm = FrameMeasure(frame_index=3, seam=1.0, flicker=None, generated=0.1)
    bad = FrameMeasure(frame_index=4, seam=2.5, flicker=3.0, generated=0.9)
    assert calm.reasons == [] and calm.doubt < 1 < bad.doubt
    assert len(bad.reasons) == 3
