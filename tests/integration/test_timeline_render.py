"""The result timeline in real editing engines: every frame is the one that it should be.

Engines: `apt-get install --no-install-recommends melt blender` (Debian 12: MLT 7.12, Blender 3.4);
where one is missing, its tests are skipped with that reason.
"""

from __future__ import annotations

import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import opentimelineio as otio
import pytest
from support.clips import HEIGHT, WIDTH, make_clip, number_in, numbered_frame
from support.mlt import write_mlt
from support.timelines import clip, gap, timeline

from peanut_daemon.edits.timeline import Replacement, build_result
from peanut_daemon.edits.timeline_apply import apply
from peanut_daemon.media import CODECS, ColourTags, OutputFormat, SourceFrame, writer_of
from peanut_daemon.media.probe import probe
from peanut_daemon.media.rate import Rate
from peanut_models.ranges import FrameRange

CASES = {
    "23.976": (Rate(24000, 1001), "01:00:00:00"),
    "29.97 drop": (Rate(30000, 1001), "01:00:00;00"),
}
SCRIPT = Path(__file__).parents[1] / "support" / "blender_vse.py"
FIRST, SHOWN = 10, 60
HELD = FrameRange(30, 54)
# Frames of the replacement carry this much more than those that they replace.
MARK = 128


@pytest.fixture(params=CASES)
def cut(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Rate]:
    return cut_with(tmp_path, request.param, "ffv1")


def cut_with(tmp_path: Path, case: str, codec: str) -> tuple[Path, Rate]:
    """A gap, frames 10 to 69 of a clip, and the result over its frames 30 to 53."""
    rate, label = CASES[case]
    unit = rate.fraction
    source = probe(make_clip(tmp_path / "a.mov", rate=unit, frames=80, timecode=label))
    assert source.start_timecode is not None
    start = source.start_timecode.frame_number
    new = tmp_path / f"new{CODECS[codec].suffix}"
    with writer_of(new, codec, OutputFormat.of(source, first_frame=HELD.start)) as writer:
        for k in HELD:
            frame = numbered_frame(MARK + k, "yuv420p")
            writer.write(SourceFrame(k, Fraction(k), frame, ColourTags()))
    shown = clip(source.path, rate=unit, start=start, frames=80, first=FIRST, length=SHOWN)
    made = timeline(unit, start, ("Video 1", "Video", [gap(7, unit), shown]))
    otio.adapters.write_to_file(made, str(tmp_path / "cut.otio"))
    build_result(tmp_path / "r.otio", source, Replacement(path=new, frame_range=HELD))
    apply(tmp_path / "cut.otio", [tmp_path / "r.otio"], tmp_path / "new.otio")
    return tmp_path / "new.otio", rate


def expected() -> list[int]:
    """Numbers after the gap."""
    return [k + (MARK if k in HELD else 0) for k in range(FIRST, FIRST + SHOWN)]


def test_mlt_renders_every_frame_in_its_place(cut: tuple[Path, Rate], tmp_path: Path) -> None:
    check_in_mlt(*cut, tmp_path)


@pytest.mark.parametrize("codec", ["prores_hq", "h264", "h265_10"])
def test_mlt_finds_every_frame_of_a_codec(codec: str, tmp_path: Path) -> None:
    check_in_mlt(*cut_with(tmp_path, "29.97 drop", codec), tmp_path)


def check_in_mlt(path: Path, rate: Rate, tmp_path: Path) -> None:
    if shutil.which("melt") is None:
        pytest.skip("no melt here: apt-get install --no-install-recommends melt")
    made: Any = otio.adapters.read_from_file(str(path))
    total = write_mlt(made, tmp_path / "cut.mlt", rate, width=WIDTH, height=HEIGHT)
    rendered = tmp_path / "rendered.mkv"
    # real_time=-1: never drop frames.
    consumer = f"avformat:{rendered}"
    command = ["melt", "-silent", str(tmp_path / "cut.mlt"), "-consumer", consumer]
    subprocess.run(
        [*command, "vcodec=ffv1", "an=1", "real_time=-1"],
        capture_output=True,
        check=True,
        timeout=100,
    )
    with av.open(str(rendered)) as container:
        assert Fraction(container.streams.video[0].average_rate) == rate.fraction
        pictures = [f.to_ndarray(format="gray") for f in container.decode(video=0)]
    assert len(pictures) == total == 7 + SHOWN
    assert all(picture.max() < 40 for picture in pictures[:7])
    assert [number_in(picture) for picture in pictures[7:]] == expected()


def test_blender_renders_every_frame_in_its_place(cut: tuple[Path, Rate], tmp_path: Path) -> None:
    check_in_blender(cut[0], tmp_path)


@pytest.mark.parametrize("codec", ["prores_hq", "h265_10"])
@pytest.mark.slow
def test_blender_finds_every_frame_of_a_codec(
    codec: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    asked = request.config.getoption("markexpr")
    if "slow" not in asked or "not slow" in asked:
        pytest.skip("Blender takes 6 s for each: pytest -m slow")
    check_in_blender(cut_with(tmp_path, "23.976", codec)[0], tmp_path)


def check_in_blender(path: Path, tmp_path: Path) -> None:
    if shutil.which("blender") is None:
        pytest.skip("no Blender here: apt-get install --no-install-recommends blender")
    command = ["blender", "-b", "--factory-startup", "-P", str(SCRIPT), "--"]
    subprocess.run(
        [*command, str(path), str(tmp_path)], capture_output=True, check=True, timeout=110
    )
    files = sorted(tmp_path.glob("f_*.png"))
    assert len(files) == 7 + SHOWN
    pictures = [cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) for file in files]
    assert [number_in(picture) for picture in pictures[7:]] == expected()
