from __future__ import annotations

import numpy as np
import pytest

from peanut_daemon.media.cuts import CUT_REACH_FRAMES, cut_thumbnail, find_cuts


def shot(seed: int, frames: int, pan_px: int, *, dtype: type = np.uint8) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    low, high = (20, 130) if seed % 2 else (110, 240)
    ground = generator.integers(low, high, (12, 40, 3)).repeat(8, axis=0).repeat(8, axis=1)
    ground = ground.astype(dtype) * (257 if dtype is np.uint16 else 1)
    return [np.roll(ground, k * pan_px, axis=1) for k in range(frames)]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_cuts_are_found_where_they_are(dtype: type) -> None:
    frames = [*shot(1, 9, 2, dtype=dtype), *shot(2, 7, 3, dtype=dtype), *shot(3, 8, 1, dtype=dtype)]
    assert find_cuts(map(cut_thumbnail, frames), 100) == (109, 116)


def test_a_fast_pan_is_no_cut() -> None:
    assert find_cuts(map(cut_thumbnail, shot(4, 14, 23)), 0) == ()


def test_any_stretch_that_reaches_far_enough_finds_the_same() -> None:
    frames = [cut_thumbnail(frame) for frame in (*shot(1, 12, 2), *shot(2, 12, 2))]
    for start in range(12 - CUT_REACH_FRAMES):
        assert find_cuts(frames[start : 12 + CUT_REACH_FRAMES + 1], start) == (12,)
