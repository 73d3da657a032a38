from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from support.clips import make_clip, number_in

from peanut_daemon.edits.__main__ import main


def test_a_still_is_the_frame_that_was_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = make_clip(tmp_path / "a.mov", timecode="01:00:00:00")
    assert main(["still", str(clip), "17", str(tmp_path / "s.jpg")]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["width"], answer["height"]) == (64, 48)
    assert number_in(cv2.imread(str(tmp_path / "s.jpg"), cv2.IMREAD_GRAYSCALE)) == 17


def test_a_frame_that_is_not_there_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = make_clip(tmp_path / "a.mov", frames=5)
    assert main(["still", str(clip), "5", str(tmp_path / "s.jpg")]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["reason"] == "FrameRangeError"
    assert not (tmp_path / "s.jpg").exists()
