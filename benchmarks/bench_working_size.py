"""Memory of NOF-Eraser's network per pixel: what `peanut_models/working_size.py` reckons with.

Each size runs in a process of its own: one window of 11 local frames and 3 references, all hole.

Run: python benchmarks/bench_working_size.py
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import torch
from common import markdown_table, peak_bytes, write_results

from peanut_models.nof_eraser.config import NetworkConfig, PredictorConfig
from peanut_models.nof_eraser.network import NofEraserNetwork
from peanut_models.nof_eraser.predictor import NofEraser
from peanut_models.ranges import FrameRange
from peanut_models.working_size import BYTES_PER_PX

SIZES = ((120, 216), (180, 324), (240, 432))
FRAMES = 42  # a window in the middle has references on both sides


def measure(height: int, width: int) -> int:
    """Bytes that one window needs beyond the loaded network."""
    torch.manual_seed(0)
    network = NofEraserNetwork(NetworkConfig(variant="hq")).requires_grad_(False)
    eraser = NofEraser(network, PredictorConfig())
    frames = np.random.default_rng(0).integers(0, 255, (FRAMES, height, width, 3), np.uint8)
    holes = np.zeros(frames.shape[:3], np.bool_)
    holes[16:27] = True
    before = peak_bytes()
    eraser.erase(frames, holes, core=FrameRange(16, 27))
    return peak_bytes() - before


def main() -> None:
    """Measure every size, write the table."""
    if len(sys.argv) == 3:
        sys.stdout.write(str(measure(int(sys.argv[1]), int(sys.argv[2]))))
        return
    rows, figures = [], {}
    for height, width in SIZES:
        command = [sys.executable, __file__, str(height), str(width)]
        used = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        per_px = used / (height * width)
        figures[f"{width}x{height}"] = {"bytes": used, "bytes_per_px": round(per_px)}
        rows.append([f"{width}x{height}", f"{used / 2**20:.0f}", f"{per_px:.0f}"])
    page = [
        "# Memory of NOF-Eraser's network",
        "",
        "Float32 on a CPU, one window of 11 local and 3 reference frames, beyond the weights.",
        f"`working_size` reckons with {BYTES_PER_PX} bytes per pixel.",
        "",
        markdown_table(("size", "MiB", "bytes per pixel"), rows),
    ]
    write_results("working_size", {"reckoned": BYTES_PER_PX, "sizes": figures}, page)


if __name__ == "__main__":
    main()
