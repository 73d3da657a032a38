"""The published test procedure on a whole clip, against its recorded video."""

import numpy as np
import pytest
from support import e2fgvi, seeded

from peanut_models.nof_eraser.config import PUBLISHED, PUBLISHED_DILATION_PX
from peanut_models.nof_eraser.images import grown
from peanut_models.nof_eraser.predictor import NofEraser
from peanut_models.nof_eraser.schedule import published_windows
from peanut_models.ranges import FrameRange

MAX_LEVELS = 1
MAX_SHARE = 0.005
"""Truncation to 8 bits turns rounding noise into one grey level on a few pixels."""


def test_the_schedule_matches_every_recorded_configuration():
    rows = e2fgvi.load_json("windows.json")["rows"]
    assert len(rows) == 60
    for row in rows:
        plans = published_windows(
            row["length"],
            neighbor_stride=row["neighbor_stride"],
            step=row["step"],
            reference_frames=row["num_ref"],
        )
        ours = [[p.centre, p.local.start, p.local.end - 1, list(p.references)] for p in plans]
        # Where the published code asks for a frame past the end and fails, ours leaves it out.
        theirs = [
            [centre, first, last, [k for k in references if k < row["length"]]]
            for centre, first, last, references in row["windows"]
        ]
        assert ours == theirs


@pytest.mark.timeout(300)
def test_the_reference_procedure_composes_the_recorded_video():
    fact = e2fgvi.load_json("e2e.json")["e2e_hq_216"]
    times = range(fact["T"])
    frames = seeded.drifting_frames(times, fact["H"], fact["W"])
    holes = seeded.drifting_masks(times, fact["H"], fact["W"])
    with np.load(e2fgvi.recorded("e2e_hq_216.npz")) as stored:
        composed, dilated = stored["composed"], stored["dilated"] > 0
    assert np.array_equal(grown(holes, PUBLISHED_DILATION_PX), dilated)
    eraser = NofEraser(e2fgvi.seeded_network("hq"), PUBLISHED)
    plate = eraser.erase(frames, holes, core=FrameRange(0, len(frames)))
    difference = np.abs(plate.frames.astype(np.int16) - composed.astype(np.int16))
    assert difference.max() <= MAX_LEVELS
    assert (difference[dilated] > 0).mean() <= MAX_SHARE
    assert not difference[~dilated].any()
