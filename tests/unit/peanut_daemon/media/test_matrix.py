"""Every cell of the matrix: from a source through a job to a deliverable, seen by other programs.

`benchmarks/results/deliverables.md` has the figures of all cells.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.matrix.cells import CELLS, PATCH, Cell
from support.matrix.figures import figures_of
from support.matrix.inspect import MISSING, Facts, programs_there
from support.matrix.sources import FRAMES

# Matroska counts in milliseconds.
HALF_A_MILLISECOND = 0.5
# A codec spends its bits anew where the picture changed, so neighbours of the object may gain or
# lose; in code values of the deliverable.
SLACK = {8: 0.05, 10: 0.2, 12: 0.8}


def parameters() -> list[object]:
    return [
        pytest.param(cell, id=cell.name, marks=[] if cell.quick else pytest.mark.slow)
        for cell in CELLS
    ]


@pytest.fixture(autouse=True)
def _asked_for(request: pytest.FixtureRequest) -> None:
    if not programs_there():
        pytest.skip(MISSING)
    asked = request.config.getoption("markexpr")
    if request.node.get_closest_marker("slow") and ("slow" not in asked or "not slow" in asked):
        pytest.skip("the rest of the matrix takes 40 s: pytest -m slow")


@pytest.mark.parametrize("cell", parameters())
def test_nothing_but_the_object_changes(cell: Cell, tmp_path: Path) -> None:
    figures = figures_of(cell, tmp_path)
    if cell.exact:
        assert figures.outside_max == 0
    else:
        depth = 12 if "12" in figures.result.pixel_format else 10
        depth = depth if "1" in figures.result.pixel_format[-4:] else 8
        assert figures.outside_mean <= figures.plain_mean * 1.1 + SLACK[depth]
    # PEANUT's own proof says what the other programs see.
    report = json.loads((tmp_path / "result.report.json").read_text(encoding="utf-8"))
    assert report["proof"]["untouched"] == cell.exact
    assert report["proof"]["proven"] == cell.exact
    assert figures.inside_changed > 0.8
    assert figures.result.frames == FRAMES - 1
    assert figures.late_ms <= HALF_A_MILLISECOND
    assert figures.result.size == cell.size
    if not cell.pts:
        # Matroska keeps a frame's length in nanoseconds.
        assert abs(figures.result.rate / cell.rate - 1) < (1e-6 if cell.codec == "ffv1" else 1e-12)
    if cell.sample_aspect != 1:
        assert figures.result.sample_aspect == figures.source.sample_aspect
    if cell.timecode:
        assert numbers(figures.result.timecode) == numbers(cell.timecode[1])
    if cell.audio:
        assert figures.audio_same
    check_tags(cell, figures.source, figures.result)


def numbers(timecode: str) -> list[object]:
    """120 frames a second take three digits, which not every program writes."""
    return [int(n) for n in re.split("[:;]", timecode)] + [";" in timecode]


def check_tags(cell: Cell, source: Facts, result: Facts) -> None:
    """A tag that the source has and the deliverable can have is the same there."""
    if cell.is_sequence or cell.codec in ("tiff", "png", "dpx"):
        return
    primaries, transfer, matrix, code_range = result.tags
    assert (primaries, transfer) == source.tags[:2]
    if cell.deliver != PATCH and "gbr" not in (matrix, source.tags[2]):
        assert matrix == source.tags[2] or source.tags[2] == "unknown"
    limited = cell.codec.startswith(("prores", "dnxhr"))
    if cell.range and not limited and cell.deliver != PATCH:
        assert code_range == {1: "tv", 2: "pc"}[cell.range]
