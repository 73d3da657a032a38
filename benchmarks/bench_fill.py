"""Filling holes with true pixels, with the network, and with both, against true backgrounds.

Every case under --clips that has a true background, shrunk to the size of the published protocol
(432x240) and cut to its first frames; scored in the mask with the `metrics.py` beside the clips.

The published weights cannot be shipped (CC BY-NC). Without --weights the network's are noise, and
the table says so: it then shows what the road costs and that noise cannot leak into true pixels.

Run: python benchmarks/bench_fill.py [--weights FILE] [--clips DIR] [--only CASE ...]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from common import WORK, load_metrics, markdown_table, write_results
from numpy import ndarray

from peanut_models.embedded.eraser import PropagationEraser
from peanut_models.nof_eraser.config import NetworkConfig
from peanut_models.nof_eraser.convert import load_network
from peanut_models.nof_eraser.network import NofEraserNetwork
from peanut_models.nof_eraser.predictor import NofEraser
from peanut_models.nof_eraser.true_pixels import true_pixels_first
from peanut_models.ranges import FrameRange
from peanut_models.stages import GENERATED, Eraser

SIZE = (432, 240)
GROW_PX = 4
MEASURES = ("psnr", "ssim", "warp")
HEADER = ("case", "how", "PSNR dB", "SSIM", "warp x1000", "generated %", "s/frame")
TITLE = "# True pixels, the network, and both, against true backgrounds"


def shrunk(case: Any, frames: int, metrics: Any) -> Any:
    """The case at the protocol's size, with its first frames."""
    case.video, case.truth = (
        [cv2.resize(f, SIZE, interpolation=cv2.INTER_AREA) for f in clip[:frames]]
        for clip in (case.video, case.truth)
    )
    case.masks = [
        cv2.resize(m.astype(np.float32), SIZE, interpolation=cv2.INTER_AREA) > 0
        for m in case.masks[:frames]
    ]
    guard = metrics.disk(metrics.GUARD)
    case.far = [cv2.dilate(m.astype(np.uint8), guard) == 0 for m in case.masks]
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grey = [cv2.cvtColor(f, cv2.COLOR_BGR2GRAY) for f in case.truth]
    case.flows = [metrics.flow_and_visible(a, b, dis) for a, b in pairwise(grey)]
    return case


def score(case: Any, eraser: Eraser) -> tuple[dict[str, float], list[ndarray]]:
    """Fill one case; its figures and frames (BGR)."""
    frames = np.stack([frame[..., ::-1] for frame in case.video])
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * GROW_PX + 1, 2 * GROW_PX + 1))
    holes = np.stack([cv2.dilate(m.astype(np.uint8), kernel) > 0 for m in case.masks])
    started = time.perf_counter()
    plate = eraser.erase(frames, holes, core=FrameRange(0, len(frames)))
    seconds = (time.perf_counter() - started) / len(frames)
    filled = [np.ascontiguousarray(frame[..., ::-1]) for frame in plate.frames]
    figures = {name: float(value) for name, value in case.score(filled).items()}
    share = float((plate.provenance[holes] == GENERATED).mean())
    return figures | {"generated": share, "s_per_frame": seconds}, filled


def network_of(weights: Path | None) -> NofEraserNetwork:
    """The hq network: published weights, or PyTorch's seeded initial ones."""
    if weights is not None:
        return load_network(weights, NetworkConfig(variant="hq"))
    import torch

    torch.manual_seed(1)
    return NofEraserNetwork(NetworkConfig(variant="hq")).eval().requires_grad_(False)


def main(arguments: Sequence[str] | None = None) -> None:
    """Fill all cases in all three ways, write the table and pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, default=Path("../shared/clips"))
    parser.add_argument("--only", nargs="*", help="names of cases")
    parser.add_argument("--weights", type=Path, help="published E2FGVI-HQ weights")
    parser.add_argument("--frames", type=int, default=16)
    given = parser.parse_args(arguments)
    metrics = load_metrics(given.clips)
    network = NofEraser(network_of(given.weights))
    ways: dict[str, Eraser] = {
        "true pixels, patches": PropagationEraser(),
        "network": network,
        "true pixels, network": true_pixels_first(network),
    }
    results: dict[str, dict[str, dict[str, float]]] = {}
    for folder in sorted(p for p in given.clips.iterdir() if (p / "truth.mp4").is_file()):
        if given.only and folder.name not in given.only:
            continue
        case = shrunk(metrics.Case(str(folder)), given.frames, metrics)
        results[folder.name], pictures = {}, [case.video[-1], case.truth[-1]]
        for way, eraser in ways.items():
            results[folder.name][way], filled = score(case, eraser)
            pictures.insert(-1, filled[-1])
        (WORK / "fill").mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(WORK / "fill" / f"{folder.name}.png"), np.hstack(pictures))
    write_tables(results, given)


def write_tables(results: dict[str, dict[str, dict[str, float]]], given: Any) -> None:
    """The table by case and the means."""
    ways = list(next(iter(results.values())))
    means = {
        way: {
            name: float(np.mean([case[way][name] for case in results.values()]))
            for name in (*MEASURES, "generated", "s_per_frame")
        }
        for way in ways
    }
    weights = f"`{given.weights.name}`" if given.weights else "**noise** (none were given)"
    rows = [
        [name, way, f"{r['psnr']:.2f}", f"{r['ssim']:.3f}", f"{r['warp']:.2f}",
         f"{100 * r['generated']:.1f}", f"{r['s_per_frame']:.2f}"]
        for name, case in {**results, "**mean**": means}.items()
        for way, r in case.items()
    ]  # fmt: skip
    page = [
        TITLE,
        "",
        f"At {SIZE[0]}x{SIZE[1]}, the first {given.frames} frames, masks grown by {GROW_PX} px. "
        f"Weights of the network: {weights}.",
        "",
        markdown_table(HEADER, rows),
    ]
    write_results("fill", {"weights": str(given.weights or "noise"), "cases": results}, page)


if __name__ == "__main__":
    main()
