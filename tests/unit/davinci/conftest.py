from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.fake_resolve.stage import Stage, build_stage
from support.tables import add_table

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
    add_table("the whole loop, in every version and edition", head, rows)
