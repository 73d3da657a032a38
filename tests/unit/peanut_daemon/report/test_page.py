"""A job's report: figures that are true, and a page that needs nothing and runs nothing."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from support.matrix.cells import PATCH, Cell
from support.matrix.road import FIRST_FRAME, Made, run_job
from support.matrix.sources import FRAMES, make_source

from peanut_daemon.report import plots
from peanut_daemon.report.page import page

CELL = Cell(encoder="ffv1", pixel_format="yuv420p", suffix=".mkv", codec="ffv1")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("job")
    return run_job(CELL, make_source(CELL, folder), folder)


@pytest.fixture
def told(made: Made) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(made.outputs.report.read_text(encoding="utf-8"))
    return found


def test_the_proof_is_in_the_report(told: dict[str, Any], made: Made) -> None:
    proof = told["proof"]
    assert proof["proven"] and proof["untouched"]
    assert proof["result"] == str(made.outputs.deliverable)
    assert proof["matte"] == str(made.outputs.matte)
    assert proof["range"] == [FIRST_FRAME, FRAMES]
    assert [c["channel"] for c in proof["channels"]] == ["Y", "U", "V"]
    width, height = CELL.size
    assert 0.5 < proof["channels"][0]["samples"] / (width * height * (FRAMES - 1)) < 1


def test_shares_and_measures_are_there_for_every_frame(told: dict[str, Any]) -> None:
    frames = list(range(FIRST_FRAME, FRAMES))
    assert [f["frame"] for f in told["pixels"]["per_frame"]] == frames
    assert [f["frame"] for f in told["quality"]["per_frame"]] == frames
    assert all(f["seam"] is not None for f in told["quality"]["per_frame"])
    assert told["quality"]["per_frame"][0]["flicker"] is None
    worst = told["quality"]["seam"]
    assert worst["worst"] == max(f["seam"] for f in told["quality"]["per_frame"])


def test_a_patch_is_laid_over_the_source(tmp_path: Path) -> None:
    cell = Cell(encoder="ffv1", pixel_format="yuv420p", suffix=".mkv", codec="png", deliver=PATCH)
    outputs = run_job(cell, make_source(cell, tmp_path), tmp_path).outputs
    proof = json.loads(outputs.report.read_text(encoding="utf-8"))["proof"]
    assert proof["patch"] and proof["proven"]


def test_the_page_is_whole_and_fetches_nothing(made: Made) -> None:
    html = made.outputs.report_page.read_text(encoding="utf-8")
    assert "every code value outside the matte is the source's" in html
    assert html.count("<svg") == 2 and html.count("data:image/jpeg") >= 4
    assert html.rstrip().endswith("</html>")
    addresses = re.findall(r"""(?:src|href)\s*=\s*["']([^"']*)|url\(([^)]*)""", html)
    assert all(a.startswith("data:") for a, _ in addresses) and not re.search("https?://", html)
    assert "<script" not in html


HOSTILE = "<script>alert(1)</script>\" onload='x' {{ 7 * 7 }}"


def test_what_clients_give_is_escaped(told: dict[str, Any]) -> None:
    def hostile(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: hostile(one) for key, one in value.items()}
        if isinstance(value, list):
            return [hostile(one) for one in value]
        return HOSTILE if isinstance(value, str) else value

    html = page(hostile(copy.deepcopy(told)), provenance=(), doubtful=())
    assert "<script" not in html and "49" not in re.findall(r"onload='x' (\S*)", html)
    assert "&lt;script&gt;" in html
    assert not re.search(r"<[^>]*onload=", html)


def test_a_report_without_proof_says_so(told: dict[str, Any]) -> None:
    html = page(told | {"proof": {"left_out": "not asked for"}}, provenance=(), doubtful=())
    assert "Not compared: not asked for" in html
    assert "every code value" not in html


def test_plots_of_long_clips_stay_small() -> None:
    frames = 50_000
    values = [1.0 if k % 3 else None for k in range(frames)]
    drawn = plots.lines(0, {"seam": values, "flicker": [None] * frames}, mark=2.0)
    assert len(drawn) < 50_000
    spike: list[float | None] = [0.0] * frames
    spike[12_345] = 0.5
    # The one frame that matters is still to be seen.
    assert "50 %" in plots.areas(0, {"generated": spike})
