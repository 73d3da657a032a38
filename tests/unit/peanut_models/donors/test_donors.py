"""Clean plates and donor clips: found in the frame, fitted to its colours, believed or not."""

import cv2
import numpy as np
import pytest

from peanut_models.cascade import fill_window
from peanut_models.donors import DonorConfig, Donors, fill_from_donors
from peanut_models.embedded.eraser import PropagationEraser
from peanut_models.errors import InvalidInputError
from peanut_models.ranges import FrameRange, Window
from peanut_models.stages import DONOR, GENERATED, SOURCE

HEIGHT, WIDTH = 144, 192


def background(seed=3):
    """A textured picture, larger than the frame: leaves, stones."""
    generator = np.random.default_rng(seed)
    wide = generator.uniform(30, 220, (60, 80, 3)).astype(np.float32)
    wide = cv2.resize(wide, (WIDTH + 120, HEIGHT + 100), interpolation=cv2.INTER_CUBIC)
    fine = generator.normal(0, 8, wide.shape).astype(np.float32)
    return np.clip(wide + cv2.GaussianBlur(fine, (0, 0), 1) * 2, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def ground():
    return background()


def truth(ground):
    return ground[40 : 40 + HEIGHT, 50 : 50 + WIDTH]


def hole():
    mask = np.zeros((1, HEIGHT, WIDTH), bool)
    mask[0, 50:90, 70:120] = True
    return mask


def covered(ground):
    frame = truth(ground).copy()
    frame[hole()[0]] = (230, 20, 20)
    return frame[None]


def psnr(a, b, where):
    error = ((a.astype(float) - b.astype(float))[where] ** 2).mean()
    return 10 * np.log10(255**2 / max(error, 1e-9))


def test_a_clean_plate_from_another_camera_position_and_exposure_fills_the_hole(ground):
    matrix = np.array([[1.1, 0.02, -30], [-0.02, 1.1, -25], [0, 0, 1]])
    plate = cv2.warpPerspective(ground, matrix, (300, 230), flags=cv2.INTER_CUBIC)
    plate = np.clip(plate * np.array([0.8, 0.75, 0.7]) + 15, 0, 255).astype(np.uint8)
    fill = fill_from_donors(covered(ground), hole(), Donors([plate]))
    assert (fill.used == hole()).all()
    # Two resamplings of the texture; the plate as it is would be 15 dB.
    assert psnr(fill.frames[0], truth(ground), hole()[0]) > 32
    assert (fill.frames[0][~hole()[0]] == covered(ground)[0][~hole()[0]]).all()


def test_a_picture_of_something_else_is_not_used(ground):
    stranger = background(seed=8)[:HEIGHT, :WIDTH]
    fill = fill_from_donors(covered(ground), hole(), Donors([stranger]))
    assert not fill.used.any()
    assert (fill.frames == covered(ground)).all()


def test_a_donor_that_does_not_match_around_the_hole_stays_below_the_floor(ground):
    plate = truth(ground).copy()
    # The view is found by the rest of the picture; around the hole something else stands there.
    plate[30:110, 50:140] = background(seed=9)[30:110, 50:140]
    strict = fill_from_donors(covered(ground), hole(), Donors([plate]))
    lax = fill_from_donors(
        covered(ground), hole(), Donors([plate]), DonorConfig(confidence_floor=0)
    )
    assert not strict.used.any()
    assert (lax.used == hole()).all()


def test_of_two_donors_the_one_that_fits_is_taken(ground):
    dark = truth(ground).copy()
    dark[20:110, 40:150] = background(seed=9)[20:110, 40:150]
    fill = fill_from_donors(
        covered(ground), hole(), Donors([dark, truth(ground)]), DonorConfig(donors_per_frame=2)
    )
    assert psnr(fill.frames[0], truth(ground), hole()[0]) > 35


def test_what_the_donor_does_not_show_stays_a_hole(ground):
    half = truth(ground)[:, :95]
    fill = fill_from_donors(covered(ground), hole(), Donors([half]))
    assert fill.used[0, 50:90, 70:90].all()
    assert not fill.used[0, 50:90, 96:].any()


def test_sixteen_bit_frames_take_eight_bit_donors(ground):
    frames = covered(ground).astype(np.uint16) * 257
    fill = fill_from_donors(frames, hole(), Donors([truth(ground)]))
    assert fill.frames.dtype == np.uint16
    assert psnr(fill.frames[0] / 257.0, truth(ground), hole()[0]) > 35


def test_in_the_cascade_the_donor_comes_first_and_the_eraser_fills_the_rest(ground):
    frames = np.repeat(covered(ground), 3, axis=0)
    holes = np.repeat(hole(), 3, axis=0)
    window = Window(index=0, core=FrameRange(10, 13), span=FrameRange(10, 13))
    donors = Donors([truth(ground)[:, :95]])
    plate = fill_window(PropagationEraser(), window, frames, holes, None, donors=donors)
    inside = plate.provenance[1][hole()[0]]
    assert (plate.provenance[:, 50:90, 70:90] == DONOR).all()
    assert set(np.unique(inside)) == {DONOR, GENERATED}  # no frame shows what is behind
    assert (plate.provenance[~holes] == SOURCE).all()


def test_progress_can_cancel_the_registration(ground):
    def stop(_):
        raise KeyboardInterrupt

    window = Window(index=0, core=FrameRange(0, 1), span=FrameRange(0, 1))
    with pytest.raises(KeyboardInterrupt):
        fill_window(
            PropagationEraser(),
            window,
            covered(ground),
            hole(),
            None,
            stop,
            donors=Donors([truth(ground)]),
        )


def test_a_donor_without_colours_is_refused():
    with pytest.raises(InvalidInputError, match="donor 0"):
        Donors([np.zeros((10, 10), np.uint8)])
    with pytest.raises(InvalidInputError, match="donor 0"):
        Donors([np.zeros((10, 10, 3), np.float32)])


@pytest.mark.parametrize("values", [{"confidence_floor": 1.5}, {"donors_per_frame": 0}])
def test_settings_outside_their_range_are_refused(values):
    with pytest.raises(InvalidInputError, match=next(iter(values))):
        DonorConfig(**values)


def test_a_flat_donor_gives_nothing(ground):
    fill = fill_from_donors(covered(ground), hole(), Donors([np.full((90, 90, 3), 7, np.uint8)]))
    assert not fill.used.any()
