"""Grain of known strength on scenes of known texture."""

import cv2
import numpy as np
import pytest

from peanut_models.grain import add_missing_grain, measure_grain

HEIGHT, WIDTH, COUNT = 160, 224, 3
HOLE = np.zeros((HEIGHT, WIDTH), bool)
HOLE[50:120, 70:150] = True
HOLES = np.repeat(HOLE[None], COUNT, axis=0)
SIGMA = np.array([3, 4, 6]) / 255


def scene(shift_px=0.0):
    """Shading, and on the right a texture far stronger than grain, which moves along."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    x = x - shift_px
    shading = np.stack([0.3 + x / 600, 0.35 + y / 500, 0.5 + 0 * x], axis=2)
    weave = 0.12 * np.sin(x * 0.8 + np.sin(y / 9)) * np.sin(y * 0.6)
    return shading + np.where(x > 150, weave, 0)[..., None]


def noise(seed, coarseness=0.0):
    drawn = np.random.default_rng(seed).standard_normal((HEIGHT, WIDTH, 3)).astype(np.float32)
    if coarseness:
        drawn = cv2.GaussianBlur(drawn, (0, 0), coarseness)
    return drawn / drawn.std(axis=(0, 1)) * SIGMA


def coded(picture, dtype):
    white = np.iinfo(dtype).max
    return np.rint(np.clip(picture, 0, 1) * white).astype(dtype)


def shot(dtype, coarseness=0.0, strength=1.0):
    """A few frames of the scene in slow motion, each with grain of its own."""
    frames = [scene(1.3 * k) + strength * noise(k, coarseness) for k in range(COUNT)]
    return np.stack([coded(frame, dtype) for frame in frames])


def grain_inside(picture, clean):
    return ((picture / np.iinfo(picture.dtype).max) - clean)[HOLE]


@pytest.mark.parametrize(("coarseness", "correlation_off"), [(0.0, 0.1), (0.7, 0.12), (1.2, 0.25)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_smooth_fill_gets_the_grain_of_its_surround(dtype, coarseness, correlation_off):
    frames = shot(dtype, coarseness)
    grain = measure_grain(frames, HOLES)
    smooth = frames[0].copy()
    smooth[HOLE] = coded(scene(), dtype)[HOLE]
    grained = add_missing_grain(smooth, HOLE, grain, "job 0")
    np.testing.assert_array_equal(grained[~HOLE], smooth[~HOLE])
    made, true = grain_inside(grained, scene()), grain_inside(frames[0], scene())
    np.testing.assert_allclose(made.std(axis=0), true.std(axis=0), rtol=0.15)

    def neighbours(picture):
        found = (picture / np.iinfo(dtype).max - scene())[60:110, 80:140, 1]
        return [np.corrcoef(found[:, k:].ravel(), found[:, :-k].ravel())[0, 1] for k in (1, 2, 3)]

    np.testing.assert_allclose(neighbours(grained), neighbours(frames[0]), atol=correlation_off)


def test_pixels_that_have_their_grain_are_not_grained_twice():
    frames = shot(np.uint8)
    again = add_missing_grain(frames[0], HOLE, measure_grain(frames, HOLES), "job 0")
    before, after = (grain_inside(f, scene()).std(axis=0) for f in (frames[0], again))
    np.testing.assert_allclose(after, before, rtol=0.03)


def test_an_averaged_fill_gets_the_difference():
    frames = shot(np.uint16)
    half = frames[0].copy()
    half[HOLE] = coded(scene() + noise(9) / 2, np.uint16)[HOLE]
    grained = add_missing_grain(half, HOLE, measure_grain(frames, HOLES), "job 0")
    np.testing.assert_allclose(grain_inside(grained, scene()).std(axis=0), SIGMA, rtol=0.15)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_clean_source_gives_none_though_it_is_textured(dtype):
    frames = shot(dtype, strength=0.0)
    grain, first = measure_grain(frames, HOLES), frames[0]
    assert add_missing_grain(first, HOLE, grain, "job 0") is first


def test_grain_follows_the_lightness():
    x = np.arange(WIDTH) + np.zeros((HEIGHT, 1))
    ramp = np.repeat((0.1 + 0.8 * x / WIDTH)[..., None], 3, axis=2)
    strength = (1 + 6 * ramp) / 255
    rng = np.random.default_rng(1)
    frames = np.stack(
        [coded(ramp + rng.standard_normal(ramp.shape) * strength, np.uint16) for _ in range(COUNT)]
    )
    smooth = coded(ramp, np.uint16)
    hole = np.zeros((HEIGHT, WIDTH), bool)
    hole[60:100] = True
    grain = measure_grain(frames, np.repeat(hole[None], COUNT, axis=0))
    made = add_missing_grain(smooth, hole, grain, "job 0") / 65535 - ramp
    for columns in (slice(16, 60), slice(90, 134), slice(164, 208)):
        wanted = strength[60:100, columns].mean()
        assert made[60:100, columns].std() == pytest.approx(wanted, rel=0.15)


def test_the_same_seed_gives_the_same_grain_and_another_another():
    frames = shot(np.uint8)
    grain = measure_grain(frames, HOLES)
    smooth = coded(scene(), np.uint8)
    first, same, other = (add_missing_grain(smooth, HOLE, grain, s) for s in ("k 1", "k 1", "k 2"))
    np.testing.assert_array_equal(first, same)
    assert (first != other)[HOLE].mean() > 0.5


def test_one_frame_or_no_surround_tells_nothing():
    frames = shot(np.uint8)
    assert measure_grain(frames[:1], HOLES[:1]) is None
    assert measure_grain(frames, np.ones_like(HOLES)) is None
    assert measure_grain(frames, HOLES, cuts=(1, 2)) is None
