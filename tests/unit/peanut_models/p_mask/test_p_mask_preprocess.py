import numpy as np
import pytest
import torch

from peanut_models.errors import InvalidInputError
from peanut_models.p_mask.preprocess import IMAGE_MEAN, IMAGE_STD, placement, prepared

PUBLISHED_SIZES = [
    ((480, 854), (575, 1024)),
    ((720, 1280), (576, 1024)),
    ((1080, 1920), (576, 1024)),
    ((240, 432), (568, 1024)),
    ((512, 512), (1020, 1020)),
    ((1024, 1024), (1020, 1020)),
    ((1000, 1024), (1000, 1024)),
    ((1920, 1080), (1024, 576)),
    ((600, 602), (1020, 1023)),
    ((300, 1000), (307, 1024)),
]


@pytest.mark.parametrize(("size", "expected"), PUBLISHED_SIZES)
def test_sizes_are_the_published_ones(size, expected):
    assert placement(*size).placed_hw == expected


def test_stretching_fills_the_square():
    assert placement(480, 854, fit="stretch").placed_hw == (1024, 1024)


def test_a_flat_frame_is_normalised_and_padded_with_the_mean():
    frames = np.full((2, 30, 50, 3), (10, 100, 200), np.uint8)
    out = prepared(frames, image_size_px=128)
    assert out.shape == (2, 3, 128, 128)
    height, width = placement(30, 50, image_size_px=128).placed_hw
    assert (height, width) == (76, 128)
    expected = (np.array([10, 100, 200]) / 255 - IMAGE_MEAN) / IMAGE_STD
    for c in range(3):
        assert torch.allclose(out[:, c, :height], torch.tensor(expected[c]).float())
    assert not out[:, :, height:].any()


def test_logits_come_back_to_the_frame():
    where = placement(90, 160, image_size_px=128)
    height, width = where.placed_hw
    logits = torch.full((1, 1, 128, 128), -5.0)
    logits[..., : height // 2, :width] = 5.0
    logits[..., height:, :] = 99.0
    back = where.to_source(logits)
    assert back.shape == (1, 1, 90, 160)
    assert float(back.max()) == pytest.approx(5.0, abs=1e-5)
    assert bool((back[..., :40, :] > 0).all()) and bool((back[..., 50:, :] < 0).all())


def test_points_and_masks_go_where_the_picture_goes():
    where = placement(90, 160, image_size_px=128)
    corner = where.to_input_xy(torch.tensor([[160.0, 90.0]]))
    assert corner.tolist() == [[where.placed_hw[1], where.placed_hw[0]]]
    mask = torch.zeros(1, 1, 90, 160, dtype=torch.bool)
    mask[..., 20:40, 60:100] = True
    placed = where.to_input_mask(mask)
    assert placed.shape == (1, 1, 128, 128)
    again = where.to_source(placed.float() * 20 - 10) > 0
    assert float((again == mask).float().mean()) > 0.98
    with pytest.raises(InvalidInputError, match="give it at the frame's size"):
        where.to_input_mask(mask[..., :50])


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (np.zeros((2, 8, 8, 3), np.float32), "expected uint8"),
        (np.zeros((8, 8, 3), np.uint8), "t x h x w x 3"),
        (np.zeros((1, 8, 8, 4), np.uint8), "t x h x w x 3"),
        (np.zeros((1, 0, 8, 3), np.uint8), "must have pixels"),
        (np.zeros((1, 1, 5000, 3), np.uint8), "too narrow"),
    ],
)
def test_other_frames_are_refused(frames, message):
    with pytest.raises(InvalidInputError, match=message):
        prepared(frames)


def test_unknown_fits_are_refused():
    with pytest.raises(InvalidInputError, match="use pad or stretch"):
        placement(8, 8, fit="crop")
