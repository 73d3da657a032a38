from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest
from support.clips import make_clip
from support.timelines import clip, gap, timeline
from typer.testing import Result

from peanut_client.cli.timeline import prompt_words
from peanut_daemon.edits.timeline import Replacement, build_result
from peanut_daemon.media.probe import probe
from peanut_models.ranges import FrameRange

Run = Callable[..., Result]


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    rate = Fraction(25)
    source = make_clip(tmp_path / "a.mov", frames=40, timecode="01:00:00:00")
    shown = clip(source, rate=rate, start=90000, frames=40, first=10, length=20, name="shot 1")
    prompt = {"kind": "point", "frame": 2, "xy_px": [30, 20], "positive": True}
    shown.markers.append(otio.schema.Marker("what", metadata={"peanut": prompt}))
    still = otio.schema.Clip("title", source_range=gap(5, rate).source_range)
    made = timeline(rate, 90000, ("Video 1", "Video", [gap(4, rate), shown, still]))
    otio.adapters.write_to_file(made, str(tmp_path / "cut.otio"))
    return tmp_path / "cut.otio"


def test_a_clip_out_and_its_result_back_in(run: Run, cut: Path) -> None:
    text = run("timeline", "inspect", cut).stdout
    assert "25 fps, 01:00:00:00" in text
    assert "0/1" in text and "yes" in text and "relink" in text

    request = cut.with_name("request.otio")
    result = run("timeline", "extract", cut, "--item", "shot 1", "-o", request)
    assert result.exit_code == 0, result.stderr
    assert "frames 10 to 29" in result.stdout
    assert f"peanut remove {request} --point 30,20@12 -o request.clean.mov" in result.stdout

    info = probe(cut.with_name("a.mov"))
    done = cut.with_name("done.otio")
    replacement = Replacement(path=cut.with_name("done.mov"), frame_range=FrameRange(10, 30))
    build_result(done, info, replacement, request=request.read_text())
    new = cut.with_name("new.otio")
    document = json.loads(run("timeline", "apply", cut, done, "-o", new, "--json").stdout)
    assert document["placed"][0]["place"] == [4, 24]
    made = otio.adapters.read_from_file(str(new))
    assert [track.name for track in made.tracks] == ["Video 1", "PEANUT"]
    again = run("timeline", "apply", cut, done, "-o", new, "--json")
    assert json.loads(again.stdout)["error"]["reason"] == "OutputExistsError"
    assert (
        run("timeline", "apply", cut, done, "-o", new, "--in-place", "--overwrite").exit_code == 0
    )


def test_errors_of_the_other_program_are_our_own(run: Run, cut: Path, tmp_path: Path) -> None:
    result = run("timeline", "inspect", tmp_path / "none.otio", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["reason"] == "MediaNotFoundError"
    result = run("timeline", "extract", cut, "--item", "title", "-o", tmp_path / "r.otio")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert "0/2" in result.stderr
    result = run("timeline", "inspect", cut, "--rate", "fast")
    assert "30000/1001" in result.stderr


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        (
            {"kind": "point", "frame": 1, "xy_px": [1.5, 2], "positive": False},
            ["--not-point", "1.5,2@8"],
        ),
        ({"kind": "box", "frame": 0, "box_xyxy_px": [1, 2, 3, 4]}, ["--box", "1,2,3,4@7"]),
        ({"kind": "text", "text": "the boom"}, []),
        ({}, []),
    ],
)
def test_prompts_of_markers_become_options(prompt: dict[str, object], words: list[str]) -> None:
    assert prompt_words(prompt, 7) == words
