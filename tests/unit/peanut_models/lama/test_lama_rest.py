"""LaMa as the filler of what no frame shows: its pixels there, true ones elsewhere."""

from __future__ import annotations

import numpy as np
from support import lama

from peanut_models.embedded.eraser import PropagationEraser
from peanut_models.lama.predictor import LamaFiller
from peanut_models.lama.rest import fill_gap, lama_for_the_rest
from peanut_models.ranges import FrameRange
from peanut_models.stages import GENERATED


def still_frames() -> np.ndarray:
    """A textured wall, seen three times without any motion."""
    wall = np.random.default_rng(3).integers(60, 200, (12, 16, 3), np.uint8)
    return np.repeat(np.kron(wall, np.ones((4, 4, 1), np.uint8))[None], 3, axis=0)


def test_what_no_frame_shows_is_lamas_and_the_rest_is_not():
    frames = still_frames()
    holes = np.zeros(frames.shape[:3], np.bool_)
    holes[:, 16:28, 20:36] = True
    core = FrameRange(0, 3)
    plate = lama_for_the_rest(LamaFiller(lama.seeded_network())).erase(frames, holes, core=core)
    patches = PropagationEraser().erase(frames, holes, core=core)
    assert np.array_equal(plate.frames[~holes], frames[~holes])
    assert (plate.provenance[holes] == GENERATED).all()
    assert (plate.frames[holes] != patches.frames[holes]).any()


def test_neither_the_gap_nor_what_is_to_be_removed_is_looked_at():
    filler = LamaFiller(lama.seeded_network())
    plate = still_frames()[0].astype(np.float32)
    gap, forbidden = (np.zeros(plate.shape[:2], np.bool_) for _ in range(2))
    gap[10:20, 10:20], forbidden[30:36, 40:50] = True, True
    other = plate.copy()
    other[gap | forbidden] = 255 - other[gap | forbidden]
    before = plate.copy()
    fill_gap(filler, plate, gap, forbidden)
    fill_gap(filler, other, gap, forbidden)
    assert np.array_equal(plate[gap], other[gap])
    assert np.array_equal(plate[~gap], before[~gap])
    assert not np.array_equal(plate[gap], before[gap])
