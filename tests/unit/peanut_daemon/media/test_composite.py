from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy import ndarray
from support.clips import HEIGHT, WIDTH, random_frame

from peanut_daemon.errors import InvalidRequestError, MaskSizeError, UnsupportedMediaError
from peanut_daemon.media.colour import ColourTags
from peanut_daemon.media.composite import composite, patch_frame
from peanut_daemon.media.decode import ClipReader
from peanut_daemon.media.encode import ClipWriter
from peanut_daemon.media.formats import OutputFormat
from peanut_daemon.media.frame import SourceFrame
from peanut_daemon.media.layout import layout_of
from peanut_daemon.media.rate import Rate

FORMATS = [
    "yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj444p", "nv12",
    "yuv420p10le", "yuv422p10le", "yuv444p10le", "yuv420p12le", "yuv422p12le", "yuv444p12le",
    "yuva420p", "yuva444p10le", "yuva422p12le",
    "gray", "gray10le", "gray12le", "gray16le",
    "rgb24", "bgr24", "rgb0", "gbrp", "gbrp10le", "gbrp12le", "gbrp16le", "rgb48le",
    "rgba", "bgra", "argb", "gbrap", "gbrap10le", "gbrap16le", "rgba64le",
    "nv16", "nv21", "uyvy422", "yuyv422", "yuv411p", "ya8", "gray16be", "rgb48be", "rgba64be",
]  # fmt: skip
BT709_LIMITED = ColourTags(1, 1, 1, 1)


def source_frame(
    pixel_format: str,
    colour: ColourTags = BT709_LIMITED,
    *,
    width: int = WIDTH,
    height: int = HEIGHT,
) -> SourceFrame:
    frame = random_frame(pixel_format, 3, width=width, height=height)
    return SourceFrame(0, Fraction(0), frame, colour)


def soft_matte(width: int = WIDTH, height: int = HEIGHT) -> ndarray:
    """A feathered disc off centre, with an odd border on both axes."""
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(y - height * 0.45, x - width * 0.6)
    return np.clip(1 - (distance - 9) / 6, 0, 1).astype(np.float32)


def random_plate(source: SourceFrame) -> ndarray:
    rgb = source.to_rgb()
    top = int(np.iinfo(rgb.dtype).max) + 1
    return np.random.default_rng(5).integers(0, top, rgb.shape).astype(rgb.dtype)


def touched(matte: ndarray, across: int, down: int) -> ndarray:
    """True for the samples that cover a pixel with alpha above 0; written the slow way."""
    height, width = matte.shape
    rows, columns = -(-height // down), -(-width // across)
    result = np.zeros((rows, columns), bool)
    for y, x in zip(*np.nonzero(matte > 0), strict=True):
        result[y // down, x // across] = True
    return result


@pytest.mark.parametrize("pixel_format", FORMATS)
@pytest.mark.parametrize("size", [(WIDTH, HEIGHT), (61, 45)])
def test_code_values_outside_the_matte_are_the_sources(
    pixel_format: str, size: tuple[int, int]
) -> None:
    source, matte = source_frame(pixel_format, width=size[0], height=size[1]), soft_matte(*size)
    result = composite(source, random_plate(source), matte)
    layout = layout_of(pixel_format)
    assert result.pixel_format == pixel_format
    for index, (before, after) in enumerate(
        zip(source.components(), result.components(), strict=True)
    ):
        across, down = layout.subsampling if index in (1, 2) else (1, 1)
        inside = touched(matte, across, down)
        is_alpha = layout.alpha and index == len(layout.places) - 1
        assert np.array_equal(before[~inside], after[~inside])
        assert np.array_equal(before[inside], after[inside]) == is_alpha


@pytest.mark.parametrize("pixel_format", FORMATS)
def test_outside_the_matte_is_exact_through_ffv1(pixel_format: str, tmp_path: Path) -> None:
    source, matte = source_frame(pixel_format), soft_matte()
    result = composite(source, random_plate(source), matte)
    output = OutputFormat(
        width=WIDTH, height=HEIGHT, rate=Rate(25), pixel_format=pixel_format, colour=BT709_LIMITED
    )
    target = tmp_path / "out.mkv"
    with ClipWriter(target, "ffv1", output) as writer:
        writer.write(result)
    layout = layout_of(pixel_format)
    with ClipReader(target) as reader:
        stored = reader.read(0)
    assert (stored.layout.bits, stored.layout.subsampling) == (layout.bits, layout.subsampling)
    for index, (before, mixed, after) in enumerate(
        zip(source.components(), result.components(), stored.components(), strict=True)
    ):
        across, down = layout.subsampling if index in (1, 2) else (1, 1)
        assert np.array_equal(mixed, after)
        outside = ~touched(matte, across, down)
        assert np.abs(before[outside].astype(int) - after[outside].astype(int)).max() == 0


def test_chroma_under_the_edge_is_the_weighted_mean() -> None:
    source = source_frame("yuv420p")
    plate = random_plate(source)
    matte = np.zeros((HEIGHT, WIDTH), np.float32)
    matte[11, 21] = 0.8
    result = composite(source, plate, matte)
    before, after = source.components(), result.components()
    kr, kg, kb = 0.2126, 0.7152, 0.0722
    r, g, b = plate[11, 21].astype(float) / 255
    cb = (b - (kr * r + kg * g + kb * b)) / (2 * (1 - kb)) * 224 + 128
    expected = before[1][5, 10] + 0.8 / 4 * (cb - before[1][5, 10])
    assert abs(after[1][5, 10] - expected) <= 0.51
    changed = np.argwhere(before[1] != after[1]).tolist()
    assert changed in ([], [[5, 10]])


def test_full_alpha_puts_the_plate_in() -> None:
    source = source_frame("yuv444p10le")
    plate = np.full((HEIGHT, WIDTH, 3), 40000, np.uint16)
    result = composite(source, plate, np.full((HEIGHT, WIDTH), 255, np.uint8))
    luma, u, v = result.components()
    assert np.all(luma == round(40000 / 65535 * 876 + 64))
    assert np.all(u == 512)
    assert np.all(v == 512)


def test_empty_matte_changes_nothing() -> None:
    source = source_frame("yuv420p10le")
    result = composite(source, random_plate(source), np.zeros((HEIGHT, WIDTH), np.uint8))
    for before, after in zip(source.components(), result.components(), strict=True):
        assert np.array_equal(before, after)


def in_gamut_frame(pixel_format: str, colour: ColourTags) -> SourceFrame:
    """A frame made from RGB, so that going through RGB clips nothing."""
    empty = source_frame(pixel_format, colour)
    from peanut_daemon.media.convert import components_from_rgb
    from peanut_daemon.media.layout import frame_from_components

    blocks = np.random.default_rng(2).integers(20, 230, (HEIGHT // 2, WIDTH // 2, 3))
    rgb = np.repeat(np.repeat(blocks, 2, 0), 2, 1).astype(empty.to_rgb().dtype)
    rgb *= 1 if rgb.dtype == np.uint8 else 256
    components = components_from_rgb(rgb, empty.layout, empty.scale)
    frame = frame_from_components(components, pixel_format, WIDTH, HEIGHT)
    return SourceFrame(0, Fraction(0), frame, colour)


@pytest.mark.parametrize("matrix", [1, 5, 6, 7, 9, 2])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le", "yuv444p12le"])
def test_untouched_picture_survives_rgb_exactly(pixel_format: str, matrix: int) -> None:
    source = in_gamut_frame(pixel_format, ColourTags(matrix=matrix, range=1))
    result = composite(source, source.to_rgb(), np.ones((HEIGHT, WIDTH), np.float32))
    for before, after in zip(source.components(), result.components(), strict=True):
        assert np.array_equal(before, after)


def test_untouched_full_range_picture_survives_rgb_within_one_code() -> None:
    source = in_gamut_frame("yuvj420p", ColourTags(matrix=6))
    result = composite(source, source.to_rgb(), np.ones((HEIGHT, WIDTH), np.float32))
    for before, after in zip(source.components(), result.components(), strict=True):
        assert np.abs(before.astype(int) - after.astype(int)).max() <= 1


def test_rgb_conversion_agrees_with_libswscale() -> None:
    source = in_gamut_frame("yuv444p", BT709_LIMITED)
    theirs = source.frame.reformat(
        format="rgb24", src_colorspace=1, dst_colorspace=1, src_color_range=1, dst_color_range=2,
        interpolation="ACCURATE_RND",
    ).to_ndarray()  # fmt: skip
    assert np.abs(theirs.astype(int) - source.to_rgb().astype(int)).max() <= 2


def test_matrix_and_range_tags_change_the_picture() -> None:
    pictures = {
        (matrix, colour_range): source_frame("yuv444p", ColourTags(1, 1, matrix, colour_range))
        .to_rgb()
        .tobytes()
        for matrix in (1, 6, 9)
        for colour_range in (1, 2)
    }
    assert len(set(pictures.values())) == 6


def test_unspecified_matrix_is_601_in_standard_definition() -> None:
    unspecified = source_frame("yuv444p", ColourTags(range=1)).to_rgb()
    assert np.array_equal(unspecified, source_frame("yuv444p", ColourTags(matrix=6)).to_rgb())
    tall = {"width": 16, "height": 720}
    unspecified = source_frame("yuv444p", ColourTags(range=1), **tall).to_rgb()
    tagged = source_frame("yuv444p", ColourTags(matrix=1), **tall).to_rgb()
    assert np.array_equal(unspecified, tagged)


def test_matrix_without_weights_is_refused() -> None:
    with pytest.raises(UnsupportedMediaError, match="ictcp"):
        source_frame("yuv420p10le", ColourTags(matrix=14)).to_rgb()


def test_unknown_pixel_format_is_named_with_a_way_round() -> None:
    with pytest.raises(UnsupportedMediaError, match=r"pixel format bayer_rggb8 .* convert"):
        layout_of("bayer_rggb8")


def test_wrong_matte_size_is_refused() -> None:
    source = source_frame("yuv420p")
    with pytest.raises(MaskSizeError, match=r"32x48 pixels and the picture 64x48"):
        composite(source, random_plate(source), np.zeros((48, 32), np.uint8))


def test_plate_of_another_depth_is_refused() -> None:
    source = source_frame("yuv420p10le")
    plate = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    with pytest.raises(InvalidRequestError, match="uint16"):
        composite(source, plate, np.zeros((HEIGHT, WIDTH), np.uint8))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_patch_has_straight_alpha_and_no_dark_fringe(dtype: type) -> None:
    white = int(np.iinfo(dtype).max)
    plate = np.full((HEIGHT, WIDTH, 3), white // 2, dtype)
    matte = soft_matte()
    patch = patch_frame(plate, matte)
    assert patch.dtype == dtype
    assert np.array_equal(patch[..., 3], np.rint(matte * np.float32(white)).astype(dtype))
    assert np.all(patch[matte > 0][:, :3] == white // 2)
    y, x = np.nonzero(matte > 0)
    for dy, dx in ((-2, 0), (2, 0), (0, -2), (0, 2)):
        assert np.all(patch[y + dy, x + dx, :3] == white // 2)
    assert not patch[0, 0].any()
