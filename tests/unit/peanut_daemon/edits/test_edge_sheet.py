import cv2
import numpy as np
import pytest
from support.clips import HEIGHT, WIDTH, make_clip
from support.scenes import square_mask

from peanut_daemon.edits.edge_sheet import ENLARGED, GAP_PX, TITLE_PX, edge_sheet, longest_edge
from peanut_daemon.edits.model import FrozenMask
from peanut_daemon.media import png_from_mask, probe
from peanut_models.matte import MatteShape


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return probe(make_clip(tmp_path_factory.mktemp("clips") / "a.mov", frames=3))


def test_each_frame_has_source_outlines_and_matte_enlarged(clip):
    masks = [FrozenMask(png_from_mask(square_mask(0)))]
    shape = MatteShape(grow_px=3, feather_px=0)
    png = edge_sheet(clip, {0: masks, 2: masks}, shape)
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    wide, high = WIDTH * ENLARGED, HEIGHT * ENLARGED
    assert picture.shape == (2 * (high + TITLE_PX), 3 * wide + 2 * GAP_PX, 3)
    source, outlined, matte = (
        picture[TITLE_PX : TITLE_PX + high, k * (wide + GAP_PX) :][:, :wide] for k in range(3)
    )
    assert {*np.unique(matte)} == {0, 255}
    drawn = (source != outlined).any(axis=2)
    assert 0 < drawn.mean() < 0.1


def test_the_place_shown_is_where_the_edge_is():
    matte = np.zeros((400, 600), np.uint8)
    matte[300:340, 500:560] = 255
    rows, columns = longest_edge(matte, (96, 72))
    assert (rows.stop - rows.start, columns.stop - columns.start) == (72, 96)
    assert rows.start <= 300 and rows.stop >= 340
    assert columns.start <= 500 and columns.stop >= 560
