"""True pixels first: what other frames show is propagated, the network gets the rest."""

import numpy as np
import pytest

from peanut_models.embedded.upscaler import LanczosUpscaler
from peanut_models.errors import InvalidInputError
from peanut_models.nof_eraser.true_pixels import true_pixels_first
from peanut_models.ranges import FrameRange
from peanut_models.stages import GENERATED, SOURCE, Plate

GREEN = (20, 250, 20)


class Painter:
    """Stands in for the network: paints green, and remembers what it was given."""

    def __init__(self):
        self.calls = []

    def erase(self, frames, holes, *, core, generated=None, on_progress=None):
        self.calls.append((frames.copy(), holes.copy(), core))
        if on_progress is not None:
            on_progress(len(core))
        out = frames[core.start : core.end].copy()
        inside = holes[core.start : core.end]
        out[inside] = np.array(GREEN) * (257 if frames.dtype == np.uint16 else 1)
        return Plate(frames=out, provenance=np.where(inside, GENERATED, SOURCE).astype(np.int32))


def scene(still=False):
    """A still textured ground; a block on it that moves 8 px a frame, or stands still."""
    generator = np.random.default_rng(4)
    ground = generator.integers(40, 200, (12, 16, 3)).repeat(8, 0).repeat(8, 1).astype(np.uint8)
    frames = np.repeat(ground[None], 7, axis=0)
    holes = np.zeros(frames.shape[:3], bool)
    for k in range(7):
        left = 30 if still else 10 + 8 * k
        holes[k, 30:60, left : left + 24] = True
        frames[k][holes[k]] = (240, 10, 10)
    return ground, frames, holes


def test_where_another_frame_shows_the_background_the_network_is_not_asked():
    ground, frames, holes = scene()
    network = Painter()
    core = FrameRange(0, 7)
    plate = true_pixels_first(network).erase(frames, holes, core=core)
    assert network.calls == []
    assert (plate.provenance[holes] >= 0).all()
    error = np.abs(plate.frames.astype(int) - ground)[holes]
    assert error.mean() < 4


def test_what_no_frame_shows_is_the_networks_and_says_so():
    _, frames, holes = scene(still=True)
    network = Painter()
    plate = true_pixels_first(network).erase(frames, holes, core=FrameRange(1, 5))
    assert (plate.provenance[holes[1:5]] == GENERATED).all()
    assert (plate.provenance[~holes[1:5]] == SOURCE).all()
    green = np.abs(plate.frames[holes[1:5]].astype(int) - GREEN)
    assert green.max() <= 1
    given, asked, core = network.calls[0]
    assert (asked[core.start : core.end] == holes[core.start : core.end]).all()
    assert given.dtype == np.uint16  # fractions of levels survive


def test_the_network_sees_true_pixels_in_place_and_a_smaller_hole():
    _, frames, holes = scene()
    holes[:, 40:50, 60:70] = True  # hidden in every frame
    for k in range(7):
        frames[k][holes[k]] = (240, 10, 10)
    network = Painter()
    true_pixels_first(network).erase(frames, holes, core=FrameRange(0, 7))
    given, asked, _ = network.calls[0]
    hidden = np.zeros_like(holes[0])
    hidden[38:52, 58:72] = True
    assert asked.sum() < holes.sum() / 2
    assert not asked[:, ~hidden].any()
    red = (given[..., 0] > 230 * 257) & (given[..., 1] < 30 * 257)
    assert not (red & ~asked).any()


def test_progress_goes_up_to_the_core_and_cancels():
    _, frames, holes = scene(still=True)
    seen = []
    true_pixels_first(Painter()).erase(
        frames, holes, core=FrameRange(0, 7), on_progress=seen.append
    )
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(7)


@pytest.mark.parametrize("scale", [2, 4])
def test_at_a_fraction_of_the_size_only_the_networks_own_pixels_are_soft(scale):
    _, frames, holes = scene(still=True)
    frames, holes = frames[:, :-1, :-3], holes[:, :-1, :-3]  # no multiple of the scale
    network = Painter()
    small = true_pixels_first(network, scale=scale, upscaler=LanczosUpscaler())
    plate = small.erase(frames, holes, core=FrameRange(0, 7))
    given, _, _ = network.calls[0]
    assert given.shape[1:3] == (-(-95 // scale), -(-125 // scale))
    assert (plate.frames[~holes] == frames[~holes]).all()
    middle = plate.frames[:, 40:50, 38:46].astype(int)
    assert np.abs(middle - GREEN).max() <= 3
    assert (plate.provenance[holes] == GENERATED).all()


def test_true_pixels_keep_the_sources_size_whatever_the_networks():
    _, frames, holes = scene()
    network = Painter()
    small = true_pixels_first(network, scale=4, upscaler=LanczosUpscaler())
    plate = small.erase(frames, holes, core=FrameRange(0, 7))
    full = true_pixels_first(network).erase(frames, holes, core=FrameRange(0, 7))
    assert (plate.frames == full.frames).all()


def test_a_scale_that_cannot_be_led_back_is_refused():
    with pytest.raises(InvalidInputError, match="1/3"):
        true_pixels_first(Painter(), scale=3, upscaler=LanczosUpscaler())
    with pytest.raises(InvalidInputError, match="upscaler"):
        true_pixels_first(Painter(), scale=2)
