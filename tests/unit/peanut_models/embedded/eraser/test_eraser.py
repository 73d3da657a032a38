"""The eraser on small scenes whose background is known because the test made it."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from peanut_models.embedded.eraser import PropagationEraser
from peanut_models.embedded.eraser.patchmatch import fill_from_itself
from peanut_models.errors import FrameRangeError, InvalidInputError
from peanut_models.ranges import FrameRange
from peanut_models.stages import GENERATED, SOURCE, Eraser, Plate

HEIGHT, WIDTH, COUNT = 72, 96, 12


def texture(height: int, width: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    for sigma in (1.2, 3, 9):
        layer = cv2.GaussianBlur(rng.standard_normal((height, width, 3)), (0, 0), sigma)
        total += layer / layer.std()
    return np.clip(128 + 32 * total, 0, 255).astype(np.uint8)


def scene(*, pan: int, box_step: int, count: int = COUNT) -> tuple[np.ndarray, ...]:
    """Truth, frames with a box over it, and the box's mask; the camera pans by whole pixels."""
    wide = texture(HEIGHT, WIDTH + pan * count)
    truth = np.stack([wide[:, pan * t : pan * t + WIDTH] for t in range(count)])
    frames, holes = truth.copy(), np.zeros(truth.shape[:3], bool)
    for t in range(count):
        x = 30 + (box_step * t) % 40
        frames[t, 22:44, x : x + 18] = (250, 20, 20)
        holes[t, 20:46, x - 2 : x + 20] = True
    return truth, frames, holes


def psnr(plate: np.ndarray, truth: np.ndarray, where: np.ndarray) -> float:
    error = ((plate.astype(float) - truth) ** 2).mean(axis=-1)[where].mean()
    return float(10 * np.log10(np.iinfo(truth.dtype).max ** 2 / max(error, 1e-9)))


def erase(frames: np.ndarray, holes: np.ndarray, core: FrameRange | None = None) -> Plate:
    return PropagationEraser().erase(frames, holes, core=core or FrameRange(0, len(frames)))


@cache
def panned() -> tuple[np.ndarray, np.ndarray, np.ndarray, Plate]:
    truth, frames, holes = scene(pan=2, box_step=4)
    return truth, frames, holes, erase(frames, holes)


@cache
def never_seen() -> tuple[np.ndarray, np.ndarray, np.ndarray, Plate]:
    """Camera and box move together, so some of the background never shows."""
    wide = texture(HEIGHT, WIDTH + COUNT, seed=3)
    truth = np.stack([wide[:, t : t + WIDTH] for t in range(COUNT)])
    holes = np.zeros(truth.shape[:3], bool)
    for t in range(COUNT):
        holes[t, 24:44, 50 - t : 70 - t] = True
    frames = truth.copy()
    frames[holes] = 255
    return truth, frames, holes, erase(frames, holes)


def test_it_is_an_eraser() -> None:
    eraser: Eraser = PropagationEraser()
    assert eraser


def test_a_fixed_camera_gives_nearly_the_true_plate() -> None:
    truth, frames, holes = scene(pan=0, box_step=4)
    plate = erase(frames, holes)
    assert psnr(plate.frames, truth, holes) > 45
    np.testing.assert_array_equal(plate.frames[~holes], frames[~holes])


def test_noise_is_averaged_away() -> None:
    truth, frames, holes = scene(pan=0, box_step=4)
    noise = np.random.default_rng(4).normal(0, 4, frames.shape)
    noisy = np.clip(np.rint(frames + noise), 0, 255).astype(np.uint8)
    single_look = 10 * np.log10(255**2 / 4**2)
    assert psnr(erase(noisy, holes).frames, truth, holes) > single_look + 3


def test_a_pan_beats_spatial_filling_by_far() -> None:
    truth, frames, holes, plate = panned()
    spatial = np.stack(
        [
            cv2.inpaint(frame, hole.astype(np.uint8), 5, cv2.INPAINT_TELEA)
            for frame, hole in zip(frames, holes, strict=True)
        ]
    )
    assert psnr(plate.frames, truth, holes) > 28
    assert psnr(plate.frames, truth, holes) > psnr(spatial, truth, holes) + 8
    np.testing.assert_array_equal(plate.frames[~holes], frames[~holes])


def test_provenance_names_frames_that_show_the_pixel() -> None:
    _, _, holes, plate = panned()
    assert (plate.provenance[~holes] == SOURCE).all()
    t, y, x = np.nonzero(plate.provenance >= 0)
    assert len(t) > 0.95 * holes.sum()
    source = plate.provenance[t, y, x]
    assert (source != t).all()
    there = x + 2 * (t - source)
    on_picture = (there >= 0) & (there < WIDTH)
    shown = ~holes[source, y, np.clip(there, 0, WIDTH - 1)] & on_picture
    # A hole's edge pixel may be half a pixel off the whole shift.
    assert shown.mean() > 0.97


def test_the_same_arguments_give_the_same_plate() -> None:
    _, frames, holes, plate = panned()
    again = erase(frames, holes)
    np.testing.assert_array_equal(again.frames, plate.frames)
    np.testing.assert_array_equal(again.provenance, plate.provenance)


def test_what_no_frame_shows_is_marked_and_does_not_flicker() -> None:
    truth, _, holes, plate = never_seen()
    made_up = plate.provenance == GENERATED
    assert made_up.sum() > 0.5 * holes.sum()
    changes = []
    for t in range(COUNT - 1):
        both = made_up[t][:, 1:] & made_up[t + 1][:, :-1]
        step = plate.frames[t][:, 1:].astype(float) - plate.frames[t + 1][:, :-1]
        changes.append((step**2).mean(axis=2)[both].mean())
    # Far below the texture's own contrast, so the fill moves with the background.
    assert np.sqrt(np.mean(changes)) < 0.15 * truth.std()


def test_windows_hand_over_without_a_jump() -> None:
    truth, frames, holes = scene(pan=2, box_step=4)
    whole = erase(frames, holes)
    first = erase(frames[:9], holes[:9], FrameRange(0, 6))
    filled, left = frames.copy(), holes.copy()
    filled[:6], left[:6] = first.frames, False
    made_up = np.zeros_like(holes)
    made_up[:6] = first.provenance == GENERATED
    second = PropagationEraser().erase(filled, left, core=FrameRange(6, COUNT), generated=made_up)
    joined = np.concatenate([first.frames, second.frames])
    assert psnr(joined, truth, holes) > psnr(whole.frames, truth, holes) - 3
    border = (joined[6][:, :-2].astype(float) - joined[5][:, 2:])[(holes[6][:, :-2])]
    usual = (whole.frames[6][:, :-2].astype(float) - whole.frames[5][:, 2:])[holes[6][:, :-2]]
    assert np.sqrt((border**2).mean()) < np.sqrt((usual**2).mean()) + 4


def test_what_an_earlier_window_made_up_stays_and_stays_marked() -> None:
    _, frames, holes, whole = never_seen()
    filled, left = frames.copy(), holes.copy()
    filled[:6], left[:6] = whole.frames[:6], False
    made_up = np.zeros_like(holes)
    made_up[:6] = whole.provenance[:6] == GENERATED
    second = PropagationEraser().erase(filled, left, core=FrameRange(6, COUNT), generated=made_up)
    both = (second.provenance[0][:, :-1] == GENERATED) & made_up[5][:, 1:]
    assert both.sum() > 100
    step = second.frames[0][:, :-1].astype(float) - whole.frames[5][:, 1:]
    assert np.sqrt((step**2).mean(axis=2)[both].mean()) < 8


def test_sixteen_bits_stay_sixteen_bits() -> None:
    truth, frames, holes = scene(pan=0, box_step=4, count=8)
    fine = np.random.default_rng(1).integers(0, 200, truth[:1].shape, dtype=np.uint16)
    deep_truth, deep = truth.astype(np.uint16) * 256 + fine, frames.astype(np.uint16) * 256 + fine
    plate = erase(deep, holes)
    assert plate.frames.dtype == np.uint16
    np.testing.assert_array_equal(plate.frames[~holes], deep[~holes])
    # Better than any 8-bit copy could be.
    assert psnr(plate.frames, deep_truth, holes) > 60


def test_one_frame_is_filled_from_itself() -> None:
    _, frames, holes = scene(pan=0, box_step=4, count=1)
    plate = erase(frames, holes)
    assert (plate.provenance[holes] == GENERATED).all()
    assert not (plate.frames[holes] == (250, 20, 20)).all(axis=1).any()


def test_empty_holes_return_the_frames() -> None:
    truth, _, holes = scene(pan=2, box_step=4)
    plate = erase(truth, np.zeros_like(holes), FrameRange(3, 7))
    np.testing.assert_array_equal(plate.frames, truth[3:7])
    assert (plate.provenance == SOURCE).all()


def test_a_frame_that_is_all_hole_is_filled_from_the_others() -> None:
    truth, frames, holes = scene(pan=0, box_step=4, count=5)
    holes[2] = True
    frames[2] = 0
    plate = erase(frames, holes)
    assert psnr(plate.frames[2], truth[2], holes[2]) > 20


def test_odd_sizes_and_holes_at_the_edge() -> None:
    truth, frames, holes = scene(pan=2, box_step=4, count=5)
    truth, frames, holes = truth[:, :71, :87], frames[:, :71, :87], holes[:, :71, :87].copy()
    holes[:, -9:, -7:] = True
    holes[:, :3, :] = True
    plate = erase(frames, holes)
    assert plate.frames.shape == truth.shape
    np.testing.assert_array_equal(plate.frames[~holes], frames[~holes])


def test_errors_say_what_is_wrong() -> None:
    _, frames, holes = scene(pan=0, box_step=4, count=3)
    with pytest.raises(InvalidInputError, match=r"holes must be bool of shape \(3, 72, 96\)"):
        erase(frames, holes[:2])
    with pytest.raises(InvalidInputError, match="generated must be bool"):
        PropagationEraser().erase(
            frames, holes, core=FrameRange(0, 3), generated=holes.astype(np.uint8)
        )
    with pytest.raises(InvalidInputError, match="float64"):
        erase(frames.astype(float), holes)
    with pytest.raises(InvalidInputError, match="too small"):
        erase(frames[:, :4], holes[:, :4])
    with pytest.raises(InvalidInputError, match="every pixel of all 3 frames"):
        erase(frames, np.ones_like(holes))
    with pytest.raises(FrameRangeError, match=r"core \[0, 9\) exceeds the window of 3 frames"):
        erase(frames, holes, FrameRange(0, 9))


def test_exemplar_filling_continues_stripes() -> None:
    column = (np.arange(64) // 4 % 2 * 180 + 30).astype(np.float32)
    image = np.repeat(np.tile(column, (64, 1))[..., None], 3, axis=2)
    hole = np.zeros((64, 64), bool)
    hole[24:40, 22:42] = True
    filled = fill_from_itself(np.where(hole[..., None], 0, image), hole)
    np.testing.assert_array_equal(filled[~hole], image[~hole])
    assert np.abs(filled - image)[hole].mean() < 12


def test_exemplar_filling_of_next_to_nothing() -> None:
    image = np.full((10, 10, 3), 50, np.float32)
    hole = np.zeros((10, 10), bool)
    hole[2:8, 2:8] = True
    np.testing.assert_allclose(fill_from_itself(image, hole), image, atol=0.01)


def test_progress_grows_to_the_core_and_can_end_the_call():
    _, frames, holes = scene(pan=0, box_step=3)
    said: list[float] = []
    core = FrameRange(2, 10)
    PropagationEraser().erase(frames, holes, core=core, on_progress=said.append)
    assert said == sorted(said)
    assert said[-1] == pytest.approx(len(core))

    def stop(done: float) -> None:
        raise InterruptedError(done)

    with pytest.raises(InterruptedError):
        PropagationEraser().erase(frames, holes, core=core, on_progress=stop)


def test_the_motion_it_found_is_handed_on():
    *_, plate = panned()
    assert len(plate.flows) == COUNT - 1
    there, back = (np.stack(flows) for flows in zip(*plate.flows, strict=True))
    assert there.shape == (COUNT - 1, 2, HEIGHT // 4, WIDTH // 4)
    # The camera pans right by two pixels: the picture moves left by half a pixel of this grid.
    assert np.abs(there.mean(axis=(0, 2, 3)) - (-0.5, 0)).max() < 0.05
    assert np.abs(back.mean(axis=(0, 2, 3)) - (0.5, 0)).max() < 0.05
