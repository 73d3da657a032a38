from pathlib import Path

import numpy as np
import pytest
from support.clips import FFV1, MPEG4, make_clip

from peanut_daemon.media import ClipReader, screen_bgr

FULL_RANGE = {"color_range": 2, "colorspace": 1}
LIMITED_601 = {"color_range": 1, "colorspace": 6}


@pytest.mark.parametrize(
    "settings",
    [
        MPEG4,
        {**FFV1, "pixel_format": "yuv422p10le", "context": LIMITED_601},
        {**FFV1, "pixel_format": "yuv444p", "context": FULL_RANGE},
        {**FFV1, "pixel_format": "gbrp10le"},
        {**FFV1, "pixel_format": "gray"},
    ],
    ids=["untagged", "10 bit, 601", "full range, 709", "rgb", "gray"],
)
def test_the_screen_shows_the_colours_that_the_models_see(tmp_path: Path, settings):
    path = make_clip(tmp_path / "a.mkv", frames=2, **settings)
    with ClipReader(path) as reader:
        frame = reader.read(1)
        shown, exact = screen_bgr(frame, 1920)[..., ::-1], frame.working_rgb(1920)
    assert shown.shape == exact.shape
    # Edges of chroma are interpolated in another way; areas are the same.
    assert np.abs(shown.astype(int) - exact).mean() < 3


def test_large_frames_are_brought_down(tmp_path: Path):
    with ClipReader(make_clip(tmp_path / "a.mkv", frames=1, **MPEG4)) as reader:
        assert screen_bgr(reader.read(0), 32).shape == (24, 32, 3)
