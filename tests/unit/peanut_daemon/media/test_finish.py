"""A deliverable can be read back before it has its name, and is gone if that finds a reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.clips import HEIGHT, WIDTH

from peanut_daemon.media import ClipReader, ColourTags, OutputFormat, Rate, writer_of

FRAMES = 3
OUTPUT = OutputFormat(
    width=WIDTH, height=HEIGHT, rate=Rate(25), pixel_format="gbrp", colour=ColourTags()
)


def picture(number: int) -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), 10 * number, np.uint8)


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "ffv1"), ("a.%04d.png", "png")])
@pytest.mark.parametrize("good", [True, False])
def test_it_is_read_before_it_appears(tmp_path: Path, name: str, codec: str, good: bool) -> None:
    try:
        with writer_of(tmp_path / name, codec, OUTPUT) as writer:
            for k in range(FRAMES):
                writer.write(picture(k))
            hidden = writer.finish()
            with ClipReader(hidden) as reader:
                found = [frame.to_rgb() for frame in reader.frames(reader.frame_range)]
            assert all(path.name.startswith(".") for path in tmp_path.iterdir())
            if not good:
                raise InterruptedError
    except InterruptedError:
        assert not list(tmp_path.iterdir())
    else:
        assert ClipReader(tmp_path / name).frame_range.end == FRAMES
    assert [int(image[0, 0, 0]) for image in found] == [0, 10, 20]
