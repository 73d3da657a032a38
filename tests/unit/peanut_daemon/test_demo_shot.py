"""The demo shot in the wheel is whole, tagged, and true: input = plate outside the airship."""

from __future__ import annotations

import json
import zipfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import peanut_daemon

DEMO = Path(peanut_daemon.__file__).parent / "demo"
BT709 = 1
LIMITED_RANGE = 1
SHIPPED_BYTES_MAX = 4_000_000
# H.264 decides per block, so the two encodings differ a little where the pictures are equal.
REACH_PX = 24
SAME_PSNR_DB = 38.0
CHECKED_FRAMES = (0, 12, 24, 36, 47)


@pytest.fixture(scope="module")
def shot() -> Any:
    return json.loads((DEMO / "shot.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def clip(shot: Any) -> NDArray[np.uint8]:
    return decode(DEMO / shot["files"]["clip"])


@pytest.fixture(scope="module")
def plate(shot: Any) -> NDArray[np.uint8]:
    return decode(DEMO / shot["files"]["plate"])


@pytest.fixture(scope="module")
def masks(shot: Any) -> NDArray[np.bool_]:
    with zipfile.ZipFile(DEMO / shot["files"]["masks"]) as archive:
        names = archive.namelist()
        assert names == [f"{index:05d}.png" for index in range(shot["frames"])]
        stored = [np.frombuffer(archive.read(name), np.uint8) for name in names]
    return np.stack([cv2.imdecode(png, cv2.IMREAD_GRAYSCALE) > 0 for png in stored])


def decode(path: Path) -> NDArray[np.uint8]:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return np.stack(frames)


def near(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * REACH_PX + 1, 2 * REACH_PX + 1))
    return cv2.dilate(mask.astype(np.uint8), brush) > 0


def psnr_db(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    error = np.mean((first.astype(np.float64) - second) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-12)))


def test_demo_shot_is_small_enough_for_the_wheel(shot: Any) -> None:
    names = {"shot.json", *shot["files"].values()}
    assert names <= {path.name for path in DEMO.iterdir()}
    assert sum((DEMO / name).stat().st_size for name in names) < SHIPPED_BYTES_MAX


def test_demo_shot_may_be_given_on(shot: Any) -> None:
    assert shot["licence"] == "Apache-2.0"


@pytest.mark.parametrize("which", ["clip", "plate"])
def test_movie_has_the_stated_rate_size_tags_and_timecode(shot: Any, which: str) -> None:
    with av.open(str(DEMO / shot["files"][which])) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        timecode = stream.metadata.get("timecode") or container.metadata.get("timecode")
        assert (context.name, context.profile, context.pix_fmt) == ("h264", "High", "yuv420p")
        assert stream.average_rate == Fraction(*shot["rate"]) == 24
        assert (stream.width, stream.height) == (shot["width"], shot["height"])
        assert (context.color_primaries, context.color_trc, context.colorspace) == (BT709,) * 3
        assert context.color_range == LIMITED_RANGE
        assert timecode == shot["start_timecode"] == "01:00:00:00"


def test_clip_has_sound_of_its_own_length_that_is_quiet(shot: Any) -> None:
    with av.open(str(DEMO / shot["files"]["clip"])) as container:
        rate = container.streams.audio[0].rate
        parts = [frame.to_ndarray() for frame in container.decode(audio=0)]
    sound = np.concatenate(parts, axis=1)
    assert sound.shape[1] == shot["frames"] * rate // Fraction(*shot["rate"])
    assert 0 < np.abs(sound.astype(np.int32)).max() < 0.1 * 32768


def test_clip_plate_and_masks_have_the_same_frames(
    shot: Any, clip: NDArray[np.uint8], plate: NDArray[np.uint8], masks: NDArray[np.bool_]
) -> None:
    assert clip.shape == plate.shape == (shot["frames"], shot["height"], shot["width"], 3)
    assert masks.shape == clip.shape[:3]


def test_click_and_box_lie_on_the_airship(
    shot: Any, clip: NDArray[np.uint8], masks: NDArray[np.bool_]
) -> None:
    x, y = shot["click"]["point_xy_px"]
    frame_index = shot["click"]["frame_index"]
    red, green, blue = (int(value) for value in clip[frame_index, y, x])
    assert masks[frame_index, y, x]
    assert red > 2 * max(green, blue)
    x0, y0, x1, y1 = shot["box"]["box_xyxy_px"]
    boxed = masks[shot["box"]["frame_index"]]
    assert boxed[y0:y1, x0:x1].sum() == boxed.sum() > 0


def test_clip_equals_plate_away_from_the_airship(
    clip: NDArray[np.uint8], plate: NDArray[np.uint8], masks: NDArray[np.bool_]
) -> None:
    for index in CHECKED_FRAMES:
        away = ~near(masks[index])
        assert psnr_db(clip[index][away], plate[index][away]) > SAME_PSNR_DB, f"frame {index}"


def test_clip_differs_from_plate_on_the_airship(
    clip: NDArray[np.uint8], plate: NDArray[np.uint8], masks: NDArray[np.bool_]
) -> None:
    for index in CHECKED_FRAMES:
        on = masks[index]
        assert psnr_db(clip[index][on], plate[index][on]) < 20, f"frame {index}"


def test_airship_uncovers_the_wall_behind_it(masks: NDArray[np.bool_]) -> None:
    covered = masks.any(axis=(1, 2))
    always = masks.all(axis=0)
    assert covered.all()
    assert not always.any()
