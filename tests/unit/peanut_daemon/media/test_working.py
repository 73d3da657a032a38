from __future__ import annotations

import numpy as np
import pytest

from peanut_daemon.errors import InvalidRequestError
from peanut_daemon.media.colour import ColourTags
from peanut_daemon.media.layout import layout_of
from peanut_daemon.media.working import LinearTransform, working_transform

HALF, TEN_BIT = layout_of("gbrpf16le"), layout_of("yuv422p10le")
LINEAR_TAGS = ColourTags(transfer=8)


def image(*values: float) -> np.ndarray:
    return np.array(values, np.float32)[None, :, None].repeat(3, axis=2)


@pytest.mark.parametrize(
    ("colourspace", "layout", "tags", "expected"),
    [
        ("", TEN_BIT, ColourTags(), None),
        ("", TEN_BIT, ColourTags(9, 16, 9, 1), None),
        ("", TEN_BIT, ColourTags(9, 18, 9, 1), None),
        ("", TEN_BIT, LINEAR_TAGS, "linear"),
        ("display", TEN_BIT, LINEAR_TAGS, None),
        ("", HALF, ColourTags(), "linear"),
        ("display", HALF, ColourTags(), "display"),
    ],
)
def test_what_the_models_see(
    colourspace: str, layout: object, tags: ColourTags, expected: str | None
) -> None:
    found = working_transform(colourspace, layout, tags)
    assert (None if found is None else found.name) == expected


def test_scene_light_is_shown_by_the_curve_of_pq() -> None:
    """Values of ST 2084 at 0, 36.5, 203 and 10000 cd/m2."""
    shown = LinearTransform().to_working(image(0, 0.18, 1, 10000 / 203))[0, :, 0]
    assert shown == pytest.approx([0, 0.4109, 0.5807, 1], abs=5e-4)


def test_light_comes_back_from_sixteen_bits() -> None:
    """Closer than half floats are to each other (one part in 1024 to 2048)."""
    light = np.geomspace(1e-3, 49, 2000, dtype=np.float32)
    transform = LinearTransform()
    codes = np.rint(transform.to_working(image(*light)) * 65535) / np.float32(65535)
    back = transform.to_native(codes.astype(np.float32))[0, :, 0]
    assert np.abs(back / light - 1).max() < 1 / 1024
    assert transform.to_native(transform.to_working(image(0, -1)))[0, :, 0].tolist() == [0, 0]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e9])
def test_what_is_no_picture_stays_in_range(value: float) -> None:
    shown = LinearTransform().to_working(image(value))
    assert np.isfinite(shown).all()
    assert 0 <= shown.min() <= shown.max() <= 1


def test_log_footage_goes_there_and_back() -> None:
    pytest.importorskip("PyOpenColorIO", reason="the ocio extra is not installed")
    transform = working_transform("ARRI LogC3 (EI800)", TEN_BIT, ColourTags())
    assert transform is not None
    log = image(*np.linspace(0.15, 0.85, 50))
    shown = transform.to_working(log)
    assert np.abs(transform.to_native(shown) - log).max() < 1e-4
    # 18 % grey is 0.391 in LogC3, and lies where linear grey does.
    grey = transform.to_working(image(0.391))[0, 0, 0]
    assert grey == pytest.approx(LinearTransform().to_working(image(0.18))[0, 0, 0], abs=2e-3)


def test_an_unknown_space_names_those_there_are() -> None:
    pytest.importorskip("PyOpenColorIO", reason="the ocio extra is not installed")
    with pytest.raises(InvalidRequestError, match=r"display, linear, .*ACEScg"):
        working_transform("Kodachrome", TEN_BIT, ColourTags())
