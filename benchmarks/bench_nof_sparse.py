"""What does NOF-Eraser's sparse mode save on footage, and what does warping lose?

    python benchmarks/bench_nof_sparse.py [--clips DIR] [--only CASE ...]

Dense streaming against key frames every 3 and every 5 frames. Operations are counted by torch on
meta tensors for the very windows that each mode asks for, fallen-back frames included; flow by DIS
is not a tensor operation and is given as time. In place of the network, whose published weights
are not at hand, the true background is filled in: so the PSNR of the warped frames is what warping
itself loses, and the checks see footage instead of noise. One clip is also run through a network
with seeded noise for weights: that compares modes, not pictures.

Writes `results/nof_sparse.json` and `nof_sparse.md` beside this file.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from bench_nof_eraser import counted_flops, exhaust, noise_network, psnr_db
from common import load_metrics, markdown_table, write_results
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray
from torch import Tensor

from peanut_models.flow.dis import DisFlow
from peanut_models.nof_eraser.config import NetworkConfig, PredictorConfig
from peanut_models.nof_eraser.images import SomeFrames, grown
from peanut_models.nof_eraser.network import NofEraserNetwork
from peanut_models.nof_eraser.predictor import NofEraser
from peanut_models.nof_eraser.regions import runs_of
from peanut_models.nof_eraser.schedule import WindowPlan, streaming_windows
from peanut_models.nof_eraser.sparse import SparseCounts, fill_sparsely
from peanut_models.nof_eraser.streaming import Streaming
from peanut_models.ranges import FrameRange
from peanut_models.stages import Frames

CASES = (
    "cleanplate-dog",
    "composite-cafe-boy",
    "composite-road-car",
)
FRAMES = 31
STRIDES = (1, 3, 5)
GROW_PX = 4
"""Masks are grown by this much: the objects' edges are feathered and smeared by the codec."""

NOISE_CASE, NOISE_FRAMES, NOISE_SCALE = "composite-road-car", 11, 4
"""A quarter of the size, so that a CPU gets through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One clip in one mode."""

    case: str
    stride: int
    gflop_per_frame: float
    ratio: float
    key_frames: int
    warped: int
    fell_back: int
    warped_db: float | None
    warp_s_per_frame: float


class TrueFill:
    """Fills with the true background, and counts what the network would have done.

    Frames are told by the number in their first pixel.
    """

    def __init__(self, truth: UInt8[ndarray, "t h w 3"], config: PredictorConfig) -> None:
        with torch.device("meta"):
            self._network = NofEraserNetwork(NetworkConfig()).eval()
        self._truth = truth
        self._config = config
        self.flops = 0
        self.seconds = 0.0
        self.filled: set[int] = set()

    def __call__(
        self,
        frames: Frames,
        holes: Bool[ndarray, "t h w"],
        core: FrameRange,
        windows: Sequence[WindowPlan],
        report: Callable[[float], None] = lambda _: None,
    ) -> SomeFrames:
        """See `sparse.Fill`."""
        before = time.process_time()
        result = frames[core.start : core.end].copy()
        for run in runs_of(holes, windows, self._config):
            for region in run.regions:

                def load(
                    wanted: Sequence[int], size: tuple[int, int] = (region.height, region.width)
                ) -> Float32[Tensor, "n 3 h w"]:
                    return torch.empty(len(wanted), 3, *size, device="meta")

                stream = Streaming(self._network, load, run.windows)
                self.flops += counted_flops(lambda stream=stream: exhaust(stream))  # type: ignore[misc]
            report(1.0)
        for window in windows:
            for k in window.fills:
                if holes[k].any():
                    number = int(frames[k, 0, 0, 0])
                    self.filled.add(number)
                    result[k - core.start][holes[k]] = self._truth[number][holes[k]]
        self.seconds += time.process_time() - before
        return result


def measure(
    case: str,
    frames: UInt8[ndarray, "t h w 3"],
    truth: UInt8[ndarray, "t h w 3"],
    holes: Bool[ndarray, "t h w"],
) -> list[Row]:
    """One clip in every mode."""
    frames, truth, core = frames.copy(), truth.copy(), FrameRange(0, len(frames))
    for clip in (frames, truth):
        clip[:, 0, 0] = np.arange(len(frames), dtype=np.uint8)[:, None]
    rows: list[Row] = []
    for stride in STRIDES:
        config = PredictorConfig(sparse_stride=stride)
        fill = TrueFill(truth, config)
        before = time.process_time()
        if stride == 1:
            fill(frames, holes, core, streaming_windows(holes, core, config))
            counts, quality = SparseCounts(key_frames=len(fill.filled)), None
        else:
            filled, counts = fill_sparsely(frames, holes, core, config, fill, DisFlow())
            warped = [k for k in core if k not in fill.filled and holes[k].any()]
            quality = psnr_db(filled[warped], truth[warped], holes[warped]) if warped else None
        spent = time.process_time() - before - fill.seconds
        per_frame = fill.flops / len(frames) / 1e9
        rows.append(
            Row(
                case=case,
                stride=stride,
                gflop_per_frame=per_frame,
                ratio=per_frame / (rows[0].gflop_per_frame if rows else per_frame),
                warped_db=quality,
                warp_s_per_frame=spent / len(frames),
                **asdict(counts),
            )
        )
    return rows


def measure_noise(
    frames: UInt8[ndarray, "t h w 3"], holes: Bool[ndarray, "t h w"]
) -> dict[str, float]:
    """Sparse against dense streaming with noise for weights, inside the matte, all frames."""
    frames = np.ascontiguousarray(frames[:NOISE_FRAMES, ::NOISE_SCALE, ::NOISE_SCALE])
    holes = np.ascontiguousarray(holes[:NOISE_FRAMES, ::NOISE_SCALE, ::NOISE_SCALE])
    network, core = noise_network(), FrameRange(0, len(frames))
    dense = NofEraser(network).erase(frames, holes, core=core).frames
    figures: dict[str, float] = {}
    for stride in STRIDES[1:]:
        eraser = NofEraser(network, PredictorConfig(sparse_stride=stride))
        plate = eraser.erase(frames, holes, core=core).frames
        counts = eraser.sparse_counts or SparseCounts()
        figures[f"noise_stride_{stride}_against_dense_db"] = psnr_db(plate, dense, holes)
        figures[f"noise_stride_{stride}_fell_back"] = float(counts.fell_back)
        figures[f"noise_stride_{stride}_warped"] = float(counts.warped)
    return figures


def page(rows: Sequence[Row], figures: dict[str, float]) -> list[str]:
    """The results as Markdown."""
    header = ["clip", "stride", "GFLOP/frame", "ratio to dense", "key", "warped", "fell back"]
    header += ["PSNR of warped, dB", "warping, CPU s/frame"]
    cells = [
        [
            row.case,
            str(row.stride),
            f"{row.gflop_per_frame:.1f}",
            f"{row.ratio:.2f}",
            str(row.key_frames),
            str(row.warped),
            str(row.fell_back),
            "-" if row.warped_db is None else f"{row.warped_db:.1f}",
            f"{row.warp_s_per_frame:.2f}",
        ]
        for row in rows
    ]
    return [
        "# NOF-Eraser: sparse mode against dense streaming",
        "",
        f"First {FRAMES} frames of clips with a known background, masks grown by {GROW_PX} px; the "
        "true background stands in for the network's fill, so the PSNR (in the matte, warped "
        "frames only) is what warping loses. Operations are those of the windows asked for.",
        "",
        markdown_table(header, cells),
        "",
        f"With seeded noise for weights, {NOISE_CASE}, {NOISE_FRAMES} frames at 1/{NOISE_SCALE} "
        "size, against dense streaming in the matte. Noise paints each key frame's hole afresh, so "
        "most warps contradict each other and fall back, and key frames see other neighbours than "
        "in dense streaming. It says nothing about trained weights.",
        "",
        markdown_table(["figure", "value"], [[k, f"{v:.2f}"] for k, v in figures.items()]),
    ]


def main() -> None:
    """Run everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, default=Path("../shared/clips"))
    parser.add_argument("--only", nargs="*", default=CASES)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    metrics = load_metrics(given.clips)
    rows: list[Row] = []
    figures: dict[str, float] = {}
    for case in given.only:
        clip = metrics.Case(str(given.clips / case))
        frames, truth = (
            np.ascontiguousarray(np.stack(pictures[:FRAMES])[..., ::-1])
            for pictures in (clip.video, clip.truth)
        )
        holes = grown(np.stack(clip.masks[:FRAMES]), GROW_PX)
        rows += measure(case, frames, truth, holes)
        if case == NOISE_CASE:
            figures = measure_noise(frames, holes)
    written = page(rows, figures)
    record = {"torch": torch.__version__, "rows": [asdict(row) for row in rows], "noise": figures}
    write_results("nof_sparse", record, written)
    print("\n".join(written))


if __name__ == "__main__":
    main()
