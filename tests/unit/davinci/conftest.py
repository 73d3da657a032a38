from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.fake_resolve.stage import Stage, build_stage

from peanut_davinci import flows


@pytest.fixture
def stage(tmp_path: Path) -> Callable[..., Stage]:
    return partial(build_stage, tmp_path)


@pytest.fixture
def remove() -> Callable[[Stage], list[Any]]:
    def run(stage: Stage) -> list[Any]:
        resolve, project = flows.opened(stage.app.names())
        return flows.remove_object(resolve, project, stage.ui, stage.peanut)

    return run


@pytest.fixture(scope="session")
def record_table() -> Any:
    """Rows that are printed as a table once all cells have run."""
    rows: list[tuple[str, ...]] = []
    yield rows
    head = ("Resolve", "way", "original", "result", "frames that differ")
    widths = [max(len(row[k]) for row in [head, *rows]) for k in range(len(head))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)) for r in [head, *rows]]
    _TABLES.append("\n".join(line.rstrip() for line in lines))


_TABLES: list[str] = []


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for table in _TABLES:
        terminalreporter.section("the whole loop, in every version and edition")
        terminalreporter.write_line(table)
