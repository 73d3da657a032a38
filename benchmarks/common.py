"""What the benchmarks share: where results go, and how they are written."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

RESULTS = Path(__file__).parent / "results"
# Footage and pictures of it: never committed.
WORK = RESULTS / "work"


def load_metrics(clips: Path) -> ModuleType:
    """The scoring module beside the evaluation clips; ends the program where there is none."""
    path = clips / "metrics.py"
    if not path.is_file():
        raise SystemExit(
            f"no evaluation clips at {clips} (metrics.py is missing): give --clips DIR"
        )
    spec = importlib.util.spec_from_file_location("clip_metrics", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def peak_bytes() -> int:
    """Most memory that this process has had resident."""
    status = Path("/proc/self/status")
    if status.is_file():
        # Not getrusage's, which begins with what the parent held when it started this process.
        lines = status.read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 2**10
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 2**10


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with its cells as they are."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write_results(name: str, figures: Mapping[str, Any], page: Sequence[str]) -> None:
    """Write `NAME.json` and `NAME.md` into the results folder."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    (RESULTS / f"{name}.md").write_text("\n".join(page) + "\n", encoding="utf-8")
