"""What a job changes that it should not: sources of all kinds through jobs into all codecs.

Each cell makes a tiny source, removes a square from it by its true mask, and compares the
deliverable with the source outside the matte in code values, frame by frame; with the `ffmpeg` and
`ffprobe` programs, which are other builds than the library that wrote the files. Codecs that lose
something are measured beside a plain re-encode of the source.

Run: python benchmarks/bench_deliverables.py [--only WORD ...]
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common import markdown_table, write_results

ROOT = Path(__file__).parents[1]
HEADER = (
    "source", "deliverable", "rate", "outside: largest", "mean", "plain re-encode: largest", "mean",
    "frames", "latest frame, ms", "timecode", "tags", "audio",
)  # fmt: skip
TITLE = "# Deliverables: what changes outside the matte, and what else must not change"


def row_of(cell: Any, figures: Any) -> dict[str, Any]:
    """A cell's figures as JSON holds them."""
    before, after = figures.source, figures.result
    tags = "/".join(after.tags)
    return {
        "source": f"{cell.encoder} {before.pixel_format} {cell.suffix}"
        + (" vfr" if cell.pts else ""),
        "deliverable": f"{cell.deliver} {cell.codec} {after.pixel_format}",
        "rate": "varies" if cell.pts else str(cell.rate),
        "exact": cell.exact,
        "outside_max": figures.outside_max,
        "outside_mean": float(figures.outside_mean),
        "plain_max": figures.plain_max,
        "plain_mean": float(figures.plain_mean),
        "frames": f"{after.frames}/{before.frames - 1}",
        "late_ms": round(figures.late_ms, 3),
        "timecode": f"{before.timecode} + 1 = {after.timecode}" if cell.timecode else "",
        "tags": tags.replace("unknown", "-"),
        "audio": ""
        if figures.audio_same is None
        else "same"
        if figures.audio_same
        else "DIFFERENT",
    }


def page(rows: Sequence[dict[str, Any]], version: str) -> list[str]:
    """The results for people."""
    exact = [row for row in rows if row["exact"]]
    table = [
        (
            row["source"], row["deliverable"], row["rate"],
            f"{row['outside_max']:g}", f"{row['outside_mean']:.3g}",
            "" if row["exact"] else f"{row['plain_max']:g}",
            "" if row["exact"] else f"{row['plain_mean']:.3g}",
            row["frames"], f"{row['late_ms']:g}", row["timecode"], row["tags"], row["audio"],
        )
        for row in rows
    ]  # fmt: skip
    unchanged = sum(row["outside_max"] == 0 for row in exact)
    return [
        TITLE,
        "",
        f"{len(rows)} cells, 8 frames each, measured with {version}. "
        f"Lossless codecs, sequences and patches: {unchanged} of {len(exact)} have a largest "
        "difference of 0 outside the matte, in code values of the source (of a patch: its alpha "
        "there, which is what a host lays over the source by).",
        "",
        "Codecs that lose something: result and plain re-encode, both against what the encoder was "
        "given, in code values of the deliverable. The tags are primaries/transfer/matrix/range as "
        "ffprobe reads them; `-` is not said. Matroska counts in milliseconds.",
        "",
        markdown_table(HEADER, table),
    ]


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], metavar="WORD", help="of the cell's name")
    words = parser.parse_args().only
    sys.path.insert(0, str(ROOT / "tests"))
    cells: Any = importlib.import_module("support.matrix.cells").CELLS
    measure: Any = importlib.import_module("support.matrix.figures").figures_of
    rows = []
    for cell in cells:
        if not all(word in cell.name for word in words):
            continue
        with tempfile.TemporaryDirectory() as folder:
            row = row_of(cell, measure(cell, Path(folder)))
        print(f"{cell.name:70} {row['outside_max']:g}", flush=True)
        rows.append(row)
    if not words:
        said = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True)
        version = " ".join(said.stdout.split()[:3])
        write_results("deliverables", {"program": version, "cells": rows}, page(rows, version))


if __name__ == "__main__":
    main()
