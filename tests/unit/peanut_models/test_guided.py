"""Masks that are brought to the edges of the picture."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from peanut_models.errors import InvalidInputError
from peanut_models.evaluation.metrics import mask_iou
from peanut_models.guided import guided_filter, refined_mask
from peanut_models.matte import matte_of

HEIGHT, WIDTH = 180, 240


def disc(x=120.0, radius=45.0):
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return (columns - x) ** 2 + (rows - 90) ** 2 <= radius**2


def picture(mask, seed):
    """A disc before a textured background, with grain."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    back = np.stack([90 + 15 * np.sin(columns / 5), 110 + 0 * rows, 70 + 15 * np.sin(rows / 7)], 2)
    colours = np.where(mask[..., None], (190, 120, 90), back) + rng.normal(0, 2, (*mask.shape, 3))
    return np.clip(colours, 0, 255).astype(np.uint8)


def proxy(mask, seed):
    """As a tracker gives it: a quarter of the size, and off by a little that changes."""
    small = cv2.resize(mask.astype(np.float32), (WIDTH // 4, HEIGHT // 4), None, 0, 0, 3) > 0.5
    off = np.random.default_rng(seed).integers(-1, 2, 2)
    return np.roll(small, off, (0, 1))


def solid(masks, **settings):
    return matte_of(masks, size=(HEIGHT, WIDTH), grow_px=0, feather_px=0, **settings) > 0


def test_a_proxy_mask_finds_the_edge_at_source_size():
    truth = disc()
    for seed in range(3):
        coarse, guide = proxy(truth, seed), picture(truth, seed)
        plain, refined = solid([coarse]), solid([coarse], refine_px=12, guide=guide)
        assert mask_iou(refined, truth) > max(0.94, mask_iou(plain, truth) + 0.02)


def test_a_refined_edge_flickers_less_than_the_tracker_does():
    plain, refined, true = [], [], []
    for k in range(6):
        truth = disc(110 + 2 * k)
        coarse, guide = proxy(truth, k), picture(truth, k)
        true.append(truth)
        plain.append(solid([coarse]))
        refined.append(solid([coarse], refine_px=12, guide=guide))

    def flicker(masks):
        """Pixels whose error is new or gone from frame to frame."""
        errors = [mask ^ truth for mask, truth in zip(masks, true, strict=True)]
        return sum(int((a ^ b).sum()) for a, b in pairwise(errors))

    assert flicker(refined) < 0.5 * flicker(plain)


def test_where_the_picture_has_no_edge_the_outline_stays():
    mask = disc()
    flat = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    assert mask_iou(refined_mask(mask, flat, radius_px=6), mask) > 0.98


def test_nothing_moves_further_than_it_may():
    mask, edge_far_away = disc(radius=45), picture(disc(radius=60), 0)
    refined = refined_mask(mask, edge_far_away, radius_px=5)
    assert not (refined & ~disc(radius=51)).any()
    assert (refined | ~disc(radius=39)).all()
    np.testing.assert_array_equal(refined_mask(mask, edge_far_away, radius_px=0), mask)


def test_the_filter_keeps_a_linear_function_of_the_colours():
    guide = picture(disc(), 0).astype(np.float32) / 255
    values = guide @ np.array([0.2, 0.5, -0.3], np.float32)
    found = guided_filter(guide, values, radius_px=8, contrast=1e-4)
    np.testing.assert_allclose(found, values, atol=2e-3)


def test_refining_without_the_frame_is_refused():
    with pytest.raises(InvalidInputError, match="give it as guide"):
        matte_of([disc()], size=(HEIGHT, WIDTH), grow_px=0, feather_px=0, refine_px=4)
