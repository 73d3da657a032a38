"""Flows on pictures whose motion is known because the test made it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from peanut_models.errors import InvalidInputError
from peanut_models.flow.completion import complete_flow, membrane
from peanut_models.flow.consistency import consistent, round_trip_error
from peanut_models.flow.dis import DisFlow, dense_flow, luma8
from peanut_models.flow.registration import fit_homography, homography_flow, register
from peanut_models.flow.warp import (
    backward_warp,
    compose_flows,
    identity_flow,
    in_frame,
    pixel_grid,
    warp_mask,
)


def texture(height: int = 120, width: int = 160, seed: int = 0) -> np.ndarray:
    """Soft random texture, RGB, with detail at several sizes."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    for sigma in (1.5, 4, 10):
        layer = cv2.GaussianBlur(rng.standard_normal((height, width, 3)), (0, 0), sigma)
        total += layer / layer.std()
    return np.clip(128 + 35 * total, 0, 255).astype(np.uint8)


def constant_flow(dx: float, dy: float, height: int = 120, width: int = 160) -> np.ndarray:
    return identity_flow(height, width) + np.array((dx, dy), np.float32)


def test_warp_by_a_whole_shift_copies_pixels_and_keeps_the_type() -> None:
    for image in (texture(), texture().astype(np.uint16) * 257, texture()[..., 0]):
        warped = backward_warp(image, constant_flow(3, -2))
        assert warped.dtype == image.dtype
        np.testing.assert_array_equal(warped[2:, :-3], image[:-2, 3:])


def test_warp_beyond_the_edge_repeats_it_or_gives_zero() -> None:
    image = texture()
    np.testing.assert_array_equal(
        backward_warp(image, constant_flow(500, 0)), np.repeat(image[:, -1:], 160, axis=1)
    )
    assert not backward_warp(image, constant_flow(500, 0), border=cv2.BORDER_CONSTANT).any()
    assert in_frame(constant_flow(3, 0)).sum() == 120 * 157


def test_warped_mask_is_wherever_a_sample_touches_it() -> None:
    mask = np.zeros((20, 20), bool)
    mask[10, 10] = True
    rows, cols = np.nonzero(warp_mask(mask, constant_flow(0.5, 0, 20, 20)))
    assert set(zip(rows.tolist(), cols.tolist(), strict=True)) == {(10, 9), (10, 10)}


def test_composed_flows_add_shifts() -> None:
    np.testing.assert_allclose(
        compose_flows(constant_flow(3, 1), constant_flow(-1, 4)), constant_flow(2, 5)
    )


def test_images_too_large_for_opencv_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="32767"):
        backward_warp(np.zeros((1, 40000), np.uint8), identity_flow(2, 2))


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_dense_flow_finds_a_shift(depth: type) -> None:
    image = texture()
    moved = backward_warp(image, constant_flow(-4, 3))
    scale = 1 if depth is np.uint8 else 257
    flow = dense_flow(image.astype(depth) * depth(scale), moved.astype(depth) * depth(scale))
    error = np.abs(flow - constant_flow(4, -3))[16:-16, 16:-16]
    assert np.median(error) < 0.05


def test_dense_flow_takes_tiny_frames_and_a_start() -> None:
    small = texture(9, 11)
    assert DisFlow("fast")(small, small).shape == (9, 11, 2)
    image = texture()
    moved = backward_warp(image, constant_flow(-4, 0))
    flow = DisFlow()(image, moved, initial=constant_flow(4, 0))
    assert abs(np.median(flow[..., 0]) - 4) < 0.05


def test_dense_flow_says_what_is_wrong() -> None:
    with pytest.raises(InvalidInputError, match=r"source \(120, 160\), target \(60, 160\)"):
        dense_flow(texture(), texture(60))
    with pytest.raises(InvalidInputError, match="float64"):
        luma8(np.zeros((8, 8)))
    with pytest.raises(InvalidInputError, match="no DIS preset is called 'best'"):
        DisFlow("best")  # type: ignore[arg-type]


def test_consistency_flags_what_a_moving_patch_covers() -> None:
    first = texture(seed=1)
    second = first.copy()
    patch = texture(seed=2)[:40, :40]
    first[40:80, 40:80], second[40:80, 56:96] = patch, patch
    ahead, back = dense_flow(first, second), dense_flow(second, first)
    sure = consistent(ahead, back)
    assert sure[10:30, 10:150].mean() > 0.99
    assert sure[52:68, 52:68].mean() > 0.9
    # What the patch moves over has no counterpart in the second picture.
    assert sure[45:75, 80:96].mean() < 0.7


def test_round_trip_of_opposite_flows_is_zero() -> None:
    error = round_trip_error(constant_flow(2, 1), constant_flow(-2, -1))
    assert error.max() == 0
    with pytest.raises(InvalidInputError, match="one size"):
        round_trip_error(constant_flow(1, 1), constant_flow(1, 1, 10, 10))


def test_completion_recovers_an_affine_flow() -> None:
    grid = pixel_grid(120, 160)
    matrix = np.array([[1.03, 0.02, -3.0], [-0.015, 0.98, 2.0], [0, 0, 1]])
    truth = homography_flow(matrix, grid)
    known = np.ones((120, 160), bool)
    known[30:90, 50:120] = False
    broken = np.where(known[..., None], truth, 77).astype(np.float32)
    done = complete_flow(broken, known)
    assert np.abs(done - truth).max() < 0.02
    np.testing.assert_array_equal(done[known], truth[known])


def test_completion_is_smooth_over_parallax() -> None:
    known = np.ones((60, 80), bool)
    known[20:40, 20:60] = False
    flow = identity_flow(60, 80)
    flow[:, 40:, 0] = 4
    done = complete_flow(flow, known, base=np.eye(3))
    assert done[..., 0].min() >= 0
    assert done[..., 0].max() <= 4
    assert done[30, 25, 0] < done[30, 40, 0] < done[30, 55, 0]


def test_completion_says_what_is_wrong() -> None:
    flow = identity_flow(10, 10)
    with pytest.raises(InvalidInputError, match="nothing to complete"):
        complete_flow(flow, np.zeros((10, 10), bool))
    with pytest.raises(InvalidInputError, match=r"\(10, 12\)"):
        complete_flow(flow, np.zeros((10, 12), bool))
    assert complete_flow(flow, np.ones((10, 10), bool)) is flow


def test_membrane_continues_a_slope_and_leaves_the_known() -> None:
    ramp = np.tile(np.arange(64, dtype=np.float32), (48, 1))
    known = np.ones((48, 64), bool)
    known[15:30, 20:40] = False
    filled = membrane(np.where(known, ramp, 0), known)
    assert np.abs(filled - ramp).max() < 0.7
    np.testing.assert_array_equal(filled[known], ramp[known])
    assert not membrane(ramp, np.zeros_like(known)).any()


@pytest.mark.parametrize("model", ["homography", "affine"])
def test_registration_outvotes_a_moving_region(model: str) -> None:
    truth = np.array([[1.01, 0.012, 4.0], [-0.01, 0.995, -3.0], [0, 0, 1.0]])
    if model == "homography":
        truth[2, :2] = (4e-5, -3e-5)
    source = texture(180, 240)
    target = cv2.warpPerspective(source, truth, (240, 180), borderMode=cv2.BORDER_REFLECT)
    source[60:120, 80:150] = texture(seed=5)[:60, :70]
    target[70:130, 60:130] = texture(seed=5)[:60, :70]
    found = register(source, target, model=model)  # type: ignore[arg-type]
    assert found is not None
    grid = pixel_grid(180, 240)
    assert np.abs(homography_flow(found, grid) - homography_flow(truth, grid)).max() < 0.6


def test_registration_ignores_the_matte_and_gives_up_on_nothing() -> None:
    image = texture()
    everything = np.ones((120, 160), bool)
    assert register(image, image, source_ignored=everything) is None
    assert register(image, image, target_ignored=everything) is None
    flat = np.full_like(image, 90)
    assert register(flat, flat) is None
    assert fit_homography(np.zeros((3, 2), np.float32), np.zeros((3, 2), np.float32)) is None
    with pytest.raises(InvalidInputError, match="different size"):
        register(image, image[:50])
