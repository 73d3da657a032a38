import numpy as np
import pytest

from peanut_models.cascade import FinishedFrames
from peanut_models.embedded.eraser import PropagationEraser
from peanut_models.ranges import FrameRange, Window
from peanut_models.shots import fill_shots, shots_of
from peanut_models.stages import GENERATED

WINDOW = Window(index=1, core=FrameRange(8, 16), span=FrameRange(4, 20))


@pytest.mark.parametrize(
    ("cuts", "parts"),
    [
        ((), [((8, 16), (4, 20))]),
        ((12,), [((8, 12), (4, 12)), ((12, 16), (12, 20))]),
        ((8,), [((8, 16), (8, 20))]),
        ((6, 16), [((8, 16), (6, 16))]),
        ((4, 20, 99), [((8, 16), (4, 20))]),
        ((9, 10), [((8, 9), (4, 9)), ((9, 10), (9, 10)), ((10, 16), (10, 20))]),
    ],
)
def test_parts_cover_the_core_and_never_cross_a_cut(cuts, parts):
    found = [
        ((w.core.start, w.core.end), (w.span.start, w.span.end)) for w in shots_of(WINDOW, cuts)
    ]
    assert found == parts


def two_shots(cut: int):
    """Gray before the cut, bright after it, and a hole that wanders over both."""
    frames = np.full((16, 24, 32, 3), 60, np.uint8)
    frames[cut:] = 200
    holes = np.zeros((16, 24, 32), bool)
    for k in range(16):
        holes[k, 8:14, k : k + 6] = True
        frames[k][holes[k]] = 0
    return frames, holes


@pytest.mark.parametrize("cut", [6, 7, 10])
def test_nothing_of_one_shot_gets_into_another(cut):
    frames, holes = two_shots(cut)
    window = Window(index=0, core=FrameRange(4, 12), span=FrameRange(0, 16))
    told = []
    plate = fill_shots(PropagationEraser(), window, frames, holes, None, {cut}, told.append)
    for k in range(8):
        wanted = 60 if k + 4 < cut else 200
        assert np.abs(plate.frames[k].astype(int) - wanted).max() <= 2
        origin = plate.provenance[k][plate.provenance[k] >= 0]
        assert ((origin < cut) == (k + 4 < cut)).all()
    assert told == sorted(told)


def test_finished_frames_of_another_shot_are_left_out():
    frames, holes = two_shots(4)
    window = Window(index=1, core=FrameRange(4, 12), span=FrameRange(0, 16))
    made_up = FinishedFrames(
        frame_range=FrameRange(0, 4),
        frames=np.full((4, 24, 32, 3), 90, np.uint8),
        generated=np.ones((4, 24, 32), bool),
    )
    plate = fill_shots(PropagationEraser(), window, frames, holes, made_up, {4})
    assert np.abs(plate.frames.astype(int) - 200).max() <= 2
    assert (plate.provenance != GENERATED).all()
