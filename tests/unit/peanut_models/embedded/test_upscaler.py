import cv2
import numpy as np
import pytest

from peanut_models.embedded.upscaler import LanczosUpscaler
from peanut_models.errors import InvalidInputError


def detailed_image(height=96, width=128):
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    rings = 127 + 90 * np.sin(np.hypot(ys - 40, xs - 60) * 0.35)
    image = np.stack([rings, 255 - rings, 0.5 * rings + 60], -1)
    image[20:50, 80:110] = (240, 20, 20)
    return image.astype(np.uint8)


def psnr(a, b):
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


def test_result_is_closer_to_the_original_than_bicubic():
    original = detailed_image()
    small = cv2.resize(original, (32, 24), interpolation=cv2.INTER_AREA)
    ours = LanczosUpscaler().upscale(small[None])[0]
    bicubic = cv2.resize(small, (128, 96), interpolation=cv2.INTER_CUBIC)
    assert psnr(ours, original) > psnr(bicubic, original) + 0.3


def test_edges_do_not_ring():
    step = np.zeros((1, 16, 16, 3), np.uint8)
    step[:, :, 8:] = 200
    large = LanczosUpscaler().upscale(step)
    assert large.max() <= 200


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_type_and_flat_areas_are_kept(dtype):
    white = np.iinfo(dtype).max
    frames = np.full((2, 5, 7, 3), white, dtype)
    large = LanczosUpscaler().upscale(frames)
    assert large.dtype == dtype
    assert large.shape == (2, 20, 28, 3)
    assert (large == white).all()


def test_a_single_image_is_refused():
    with pytest.raises(InvalidInputError, match=r"shape \(5, 7, 3\)"):
        LanczosUpscaler().upscale(np.zeros((5, 7, 3), np.uint8))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_bands_give_the_whole_frame_s_pixels(dtype):
    frame = np.random.default_rng(3).integers(0, np.iinfo(dtype).max, (1, 97, 130, 3), dtype)
    whole = LanczosUpscaler(band_px=97 * 130).upscale(frame)
    assert np.array_equal(LanczosUpscaler(band_px=20 * 130).upscale(frame), whole)
