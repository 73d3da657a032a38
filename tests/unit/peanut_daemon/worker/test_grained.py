"""Grain on its way from the window to the picture."""

from dataclasses import replace

import numpy as np
import pytest

from peanut_daemon.worker.grain import grained
from peanut_daemon.worker.store import ArtifactStore, PlateArtifact
from peanut_models.grain import measure_grain
from peanut_models.ranges import FrameRange
from peanut_models.stages import GENERATED, SOURCE

SIZE = (96, 128)
KEY = "ab" * 32
HOLE = np.zeros(SIZE, bool)
HOLE[30:70, 40:90] = True


@pytest.fixture(scope="module")
def frames():
    rng = np.random.default_rng(0)
    return np.clip(rng.normal(120, 5, (3, *SIZE, 3)), 0, 255).astype(np.uint8)


@pytest.fixture
def plate(frames):
    crop = (slice(None), slice(30, 70), slice(40, 90))
    alpha = np.repeat(HOLE[None] * np.uint8(255), 3, axis=0)[crop]
    provenance = np.full(alpha.shape, GENERATED, np.int32)
    provenance[:, :, -10:] = SOURCE
    return PlateArtifact(
        core=FrameRange(5, 8),
        box=(30, 70, 40, 90),
        frames=np.full((*alpha.shape, 3), 120, np.uint8),
        alpha=alpha,
        provenance=provenance,
        grain=measure_grain(frames, np.repeat(HOLE[None], 3, axis=0)),
        key=KEY,
    )


def test_a_stored_window_shows_the_same_grain_again_and_new_grain_in_every_frame(
    tmp_path, plate, frames
):
    store = ArtifactStore(tmp_path)
    store.put_plate(KEY, plate)
    again = store.get_plate(KEY)
    first, second = (grained(plate, frames[k], 5 + k) for k in (0, 1))
    np.testing.assert_array_equal(grained(again, frames[0], 5), first)
    assert (first != second).mean() > 0.5
    assert (plate.frames == 120).all()


def test_only_what_was_filled_gets_grain(plate, frames):
    picture = grained(plate, frames[0], 5)
    assert (picture[:, -10:] == 120).all()
    assert picture[:, :-10].std() == pytest.approx(5, rel=0.15)
    shown = plate.paste(frames[0], 5, picture)
    np.testing.assert_array_equal(shown[~HOLE], frames[0][~HOLE])


def test_without_a_measure_the_plate_stays(plate, frames):
    assert (grained(replace(plate, grain=None), frames[0], 5) == 120).all()
