"""The main job against true backgrounds: `peanut remove` with given masks, through the daemon.

For every case under --clips that has a true background: the case's masks, `--deliver full`, FFV1;
scored with the `metrics.py` beside the clips, next to that folder's own table of baselines.
Footage and pictures of it stay in `benchmarks/results/work/`, which is not committed.

Run: python benchmarks/bench_remove.py [--clips DIR] [--only CASE ...]
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common import RESULTS, WORK, load_metrics, markdown_table, write_results

GROW_PX = 4  # what the folder's README asks of every method: feathered edges, and the codec
MEASURES = ("psnr", "ssim", "warp", "tpsnr", "psnr_out")
BASELINES = ("telea", "ns", "median", "homography", "flow")
# What the main job is held to: means over all cases and over composites, and the worst case.
LEAST_MEAN_DB, LEAST_COMPOSITE_DB, MOST_BELOW_BEST_DB = 26.5, 20.5, 1.0
HEADER = (
    "case", "PSNR dB", "SSIM", "warp x1000", "tPSNR dB", "PSNR outside dB", "s/frame",
    "best baseline PSNR", "flow baseline PSNR / warp",
)  # fmt: skip
TITLE = "# `peanut remove` with given masks against true backgrounds"
METHOD = (
    "Embedded profile, `--grow 4 --feather 2 --deliver full --codec ffv1`, through the daemon.",
    "Measures and baselines are those of the clips' own `metrics.py`: in the mask, and for",
    "`PSNR outside` farther than 8 px from it. Seconds include everything, on 2 busy CPU cores.",
)


def masks_of(case: Path, meta: Mapping[str, Any]) -> Path:
    """The folder (or, for a fixed area, the file) of the case's masks, shadows included."""
    return case / str(meta.get("mask") or meta.get("masks_effect") or "masks")


def remove(case: Path, meta: Mapping[str, Any]) -> tuple[Path, float]:
    """Run the job; returns the deliverable and the seconds it took."""
    peanut = Path(sys.executable).with_name("peanut")
    target = WORK / "remove" / f"{case.name}.mkv"
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [str(peanut), "remove", str(case / meta["video"])]
    command += ["--masks", str(masks_of(case, meta)), "--grow", str(GROW_PX), "--feather", "2"]
    command += ["--deliver", "full", "--codec", "ffv1", "--overwrite", "-o", str(target), "--json"]
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{case.name}: {done.stdout}{done.stderr}")
    return target, time.monotonic() - started


def best_baselines(clips: Path) -> dict[str, dict[str, float]]:
    """From the folder's table: PSNR of each baseline by case, and `flow_warp`."""
    rows: dict[str, dict[str, float]] = {}
    columns: list[str] = []
    for line in (clips / "BASELINES.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells and cells[0] == "case":
            columns = cells
        elif columns and len(cells) == len(columns) and re.match(r"[a-z]", cells[0]):
            values = dict(zip(columns, cells, strict=True))
            rows[cells[0]] = {name: float(values[name].split("/")[0]) for name in BASELINES}
            rows[cells[0]]["flow_warp"] = float(values["flow"].split("/")[2])
    return rows


def verdicts(
    results: Mapping[str, Mapping[str, float]], baselines: Mapping[str, Mapping[str, float]]
) -> list[str]:
    """One line per thing the main job is held to, with the figures."""
    composites = [r["psnr"] for name, r in results.items() if name.startswith("composite-")]
    worst = min(
        (r["psnr"] - max(baselines[n][b] for b in BASELINES), n) for n, r in results.items()
    )
    mean_psnr = sum(r["psnr"] for r in results.values()) / len(results)
    mean_warp = sum(r["warp"] for r in results.values()) / len(results)
    flow_warp = sum(baselines[n]["flow_warp"] for n in results) / len(results)
    checks = [
        (
            "mean in-mask PSNR",
            mean_psnr,
            mean_psnr >= LEAST_MEAN_DB,
            f"at least {LEAST_MEAN_DB} dB",
        ),
        (
            "difference to the best baseline, worst case",
            worst[0],
            worst[0] >= -MOST_BELOW_BEST_DB,
            f"at least -{MOST_BELOW_BEST_DB} dB ({worst[1]})",
        ),
        (
            "mean in-mask warping error x1000",
            mean_warp,
            mean_warp <= flow_warp,
            f"at most the flow baseline's {flow_warp:.2f}",
        ),
    ]
    if composites:
        mean_composite = sum(composites) / len(composites)
        checks.insert(
            1,
            (
                "mean in-mask PSNR of composites",
                mean_composite,
                mean_composite >= LEAST_COMPOSITE_DB,
                f"at least {LEAST_COMPOSITE_DB} dB",
            ),
        )
    return [
        f"- {name}: {value:.2f}; {wanted}: {'met' if met else 'NOT met'}"
        for name, value, met, wanted in checks
    ]


def table_row(name: str, result: Mapping[str, float], baseline: Mapping[str, float]) -> list[str]:
    """One case of the table."""
    measures = [f"{result[m]:.3f}" if m == "ssim" else f"{result[m]:.2f}" for m in MEASURES]
    best = max(baseline[b] for b in BASELINES)
    flow = f"{baseline['flow']:.2f} / {baseline['flow_warp']:.2f}"
    return [name, *measures, f"{result['s_per_frame']:.2f}", f"{best:.2f}", flow]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all cases, write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, default=Path("../shared/clips"))
    parser.add_argument("--only", nargs="*", help="names of cases")
    given = parser.parse_args(arguments)
    metrics = load_metrics(given.clips)
    baselines = best_baselines(given.clips)
    results: dict[str, dict[str, float]] = {}
    for case in sorted(given.clips.iterdir()):
        if not (case / "meta.json").is_file() or (given.only and case.name not in given.only):
            continue
        meta = json.loads((case / "meta.json").read_text(encoding="utf-8"))
        if not meta.get("truth"):
            continue
        target, seconds = remove(case, meta)
        scores = metrics.Case(str(case)).score(metrics.read_frames(str(target)))
        results[case.name] = {name: round(scores[name], 3) for name in MEASURES}
        results[case.name]["s_per_frame"] = round(seconds / meta["frames"], 2)
        print(case.name, results[case.name], flush=True)
    lines = verdicts(results, baselines)
    print("\n".join(lines))
    rows = [table_row(name, result, baselines[name]) for name, result in results.items()]
    page = [TITLE, "", *METHOD, "", markdown_table(HEADER, rows), "", *lines]
    write_results("remove", {"cases": results, "machine": platform.machine()}, page)
    print(f"written to {RESULTS}")


if __name__ == "__main__":
    main()
