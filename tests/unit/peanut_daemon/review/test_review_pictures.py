import asyncio
from dataclasses import asdict

import cv2
import numpy as np
import pytest
from support.clips import HEIGHT, WIDTH, make_clip, number_in
from support.scenes import square_mask

from peanut_daemon.edits.model import FrozenMask
from peanut_daemon.errors import MediaNotFoundError
from peanut_daemon.media import ClipReader, ClipWriter, OutputFormat, png_from_mask, probe
from peanut_daemon.review import decoding
from peanut_daemon.review.frames import Frames
from peanut_models.matte import MatteShape, matte_of


def shown(data, kind=cv2.IMREAD_UNCHANGED):
    return cv2.imdecode(np.frombuffer(data, np.uint8), kind)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clips") / "a.mov", frames=12)


def test_frame_numbers_are_exact_in_any_order(clip):
    for k in (7, 1, 11, 10, 3):
        picture = shown(decoding.jpeg(clip, k, 1920), cv2.IMREAD_GRAYSCALE)
        assert picture.shape == (HEIGHT, WIDTH)
        assert number_in(picture) == k


def test_pictures_are_brought_down_and_never_up(clip):
    assert shown(decoding.jpeg(clip, 0, 32)).shape[:2] == (HEIGHT // 2, WIDTH // 2)


def test_a_clip_that_is_gone(tmp_path):
    with pytest.raises(MediaNotFoundError, match="cannot be read"):
        decoding.jpeg(tmp_path / "gone.mov", 0, 64)


def test_a_sequence_is_shown_and_shown_anew_when_it_was_replaced(tmp_path):
    for level in (60, 180):
        for number in (7, 8):
            cv2.imwrite(
                str(tmp_path / f"a.{number:04d}.png"), np.full((32, 32, 3), level, np.uint8)
            )
        picture = shown(decoding.jpeg(tmp_path / "a.####.png", 1, 64))
        assert abs(int(picture.mean()) - level) <= 2
        for file in tmp_path.iterdir():
            file.unlink()


def test_a_clip_is_shown_in_the_light_that_its_edit_says(clip):
    plain = shown(decoding.jpeg(clip, 0, 1920))
    assert (shown(decoding.jpeg(clip, 0, 1920, "linear")) != plain).any()


def test_a_patch_is_clear_where_it_is_transparent(clip, tmp_path):
    rgba = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    rgba[...] = (90, 60, 30, 0)
    rgba[10:20, 10:20, 3] = 255
    output = OutputFormat.of(probe(clip), first_frame=0, alpha=True, scale=1)
    with ClipWriter(tmp_path / "patch.mkv", "ffv1", output, audio=None, overwrite=False) as writer:
        writer.write(rgba)
    picture = shown(decoding.patch_png(tmp_path / "patch.mkv", 0, 1920))
    assert picture[15, 15, 3] == 255
    assert np.abs(picture[15, 15, :3].astype(int) - (30, 60, 90)).max() <= 2
    assert not picture[30, 30].any()


def test_the_matte_is_that_of_a_render(clip):
    masks = [square_mask(0), square_mask(6)]
    frozen = [FrozenMask(png_from_mask(mask)) for mask in masks]
    with ClipReader(clip) as reader:
        guide = reader.read(3).to_rgb()
    for refine_px in (0, 4):
        shape = MatteShape(grow_px=5, feather_px=2, refine_px=refine_px)
        data = decoding.matte_png(probe(clip), 3, frozen, shape, 1920)
        wanted = matte_of(masks, size=(HEIGHT, WIDTH), guide=guide, **asdict(shape))
        np.testing.assert_array_equal(shown(data), wanted)


async def test_giving_up_on_a_frame_does_not_end_the_decoder(clip):
    frames = Frames(1920, timeout_s=60)
    try:
        await frames.jpeg(clip, "1", 0)
        asked = [asyncio.create_task(frames.jpeg(clip, "1", k)) for k in (1, 2, 3)]
        await asyncio.sleep(0)
        for task in asked[:2]:
            task.cancel()
        ended = await asyncio.gather(*asked, return_exceptions=True)
        assert [isinstance(e, asyncio.CancelledError) for e in ended] == [True, True, False]
        assert number_in(shown(ended[2], cv2.IMREAD_GRAYSCALE)) == 3
        with pytest.raises(MediaNotFoundError):
            await frames.jpeg(clip.with_name("gone.mov"), "1", 0)
    finally:
        frames.close()
