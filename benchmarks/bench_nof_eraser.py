"""What does the streaming procedure cost, next to the published one, and does it give the same?

    python benchmarks/bench_nof_eraser.py [--weights E2FGVI-HQ-CVPR22.pth] [--skip-pixels]

Floating-point operations are counted by torch on meta tensors (nothing is computed), multiply and
add apart, deformable kernels included: 80 frames of 240x432, per output frame. Pixels and memory
are measured on a small clip. Without `--weights` the network holds seeded noise, and then the
published procedure's own windows disagree with each other by many grey levels: only the comparison
over the same windows says something about the streaming procedure, and the page says so.

Writes `results/nof_eraser.json` and `nof_eraser.md` beside this file.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import markdown_table, peak_bytes, write_results
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from peanut_models.nof_eraser.config import NetworkConfig, PredictorConfig
from peanut_models.nof_eraser.convert import load_network
from peanut_models.nof_eraser.images import masked_input
from peanut_models.nof_eraser.network import NofEraserNetwork
from peanut_models.nof_eraser.predictor import NofEraser
from peanut_models.nof_eraser.reference import fill_by_windows, predict_windows
from peanut_models.nof_eraser.regions import runs_of
from peanut_models.nof_eraser.schedule import WindowPlan, published_windows, streaming_windows
from peanut_models.nof_eraser.streaming import Streaming
from peanut_models.ranges import FrameRange

FRAMES, HEIGHT, WIDTH = 80, 240, 432
FULL_TARGET, SMALL_TARGET, PSNR_TARGET_DB = 0.4, 0.1, 45.0

PIXEL_FRAMES, PIXEL_HEIGHT, PIXEL_WIDTH = 16, 120, 216
"""Two windows side by side, four overlapping ones."""

MEMORY_CLIPS = (30, 300)

NOISE_GAINS = (
    ("soft_composite.embedding", 0.12),
    ("offsets.6", 0.15),
    ("attention.out", 0.6),
    ("levels.4.8", 1.2),
    ("levels.5.8", 1.2),
    (".8.weight", 0.1),
    ("", 1.3),
)
"""Keep activations of order one and flows of a few pixels; the first fragment that fits counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one procedure takes."""

    matte: str
    procedure: str
    gflop_per_frame: float
    ratio: float
    windows: int
    frames_encoded: int
    pairs_estimated: int


def deform_flops(
    image: Sequence[int], weight: Sequence[int], *_: Any, out_shape: Sequence[int], **__: Any
) -> int:
    """As for a plain convolution: the sampling of the taps is not counted, as is usual."""
    count = 2
    for side in (*out_shape, *weight[1:]):
        count *= side
    return count


def counted_flops(work: Callable[[], object]) -> int:
    """Floating-point operations of everything that `work` does."""
    mapping = {torch.ops.torchvision.deform_conv2d: deform_flops}
    with FlopCounterMode(display=False, custom_mapping=mapping) as counter:
        work()
    return int(counter.get_total_flops())


def exhaust(items: Iterable[object]) -> None:
    """Run an iterator to its end."""
    for _ in items:
        pass


def mattes() -> dict[str, Bool[ndarray, "t h w"]]:
    """A matte all over, and two of 5 % of the frame: one that stays, one that walks."""
    full = np.ones((FRAMES, HEIGHT, WIDTH), np.bool_)
    still, walking = np.zeros_like(full), np.zeros_like(full)
    still[:, 84:156, 180:252] = True
    for t in range(FRAMES):
        walking[t, 84:156, 100 + t : 172 + t] = True
    return {"full frame": full, "5 %, still": still, "5 %, 1 px a frame": walking}


def streaming_cost(
    network: NofEraserNetwork, matte: str, holes: Bool[ndarray, "t h w"], config: PredictorConfig
) -> Cost:
    """The streaming procedure's operations, on the meta device; `ratio` is still in GFLOP."""
    frames = np.zeros((*holes.shape, 3), np.uint8)
    windows = streaming_windows(holes, FrameRange(0, len(holes)), config)
    total, encoded, pairs = 0, 0, 0
    for run in runs_of(holes, windows, config):
        for region in run.regions:
            part, part_holes = region.part(frames), region.part(holes)

            def load(
                wanted: Sequence[int],
                part: UInt8[ndarray, "t h w 3"] = part,
                part_holes: Bool[ndarray, "t h w"] = part_holes,
                complete: Callable[[Tensor], Tensor] = region.completed,
            ) -> Float32[Tensor, "n 3 h w"]:
                return complete(masked_input(part[list(wanted)], part_holes[list(wanted)]))

            stream = Streaming(network, load, run.windows)
            total += counted_flops(lambda stream=stream: exhaust(stream))  # type: ignore[misc]
            encoded += stream.frames_encoded
            pairs += stream.pairs_estimated
    per_frame = total / len(holes) / 1e9
    return Cost(
        matte=matte,
        procedure=f"streaming, overlap {config.overlap}, {config.reference_frames} references",
        gflop_per_frame=per_frame,
        ratio=per_frame,
        windows=len(windows),
        frames_encoded=encoded,
        pairs_estimated=pairs,
    )


def measure_costs() -> list[Cost]:
    """Operations of the published procedure and of ours."""
    with torch.device("meta"):
        network = NofEraserNetwork(NetworkConfig()).eval()
    windows = published_windows(FRAMES)
    frames = np.zeros((FRAMES, HEIGHT, WIDTH, 3), np.uint8)
    holes = np.ones((FRAMES, HEIGHT, WIDTH), np.bool_)
    total = counted_flops(lambda: exhaust(predict_windows(network, frames, holes, windows)))
    reference = total / FRAMES / 1e9
    shown = sum(len(window.local) + len(window.references) for window in windows)
    costs = [
        Cost(
            matte="any",
            procedure="reference, as published",
            gflop_per_frame=reference,
            ratio=1.0,
            windows=len(windows),
            frames_encoded=shown,
            pairs_estimated=sum(len(window.local) - 1 for window in windows),
        )
    ]
    for matte, wanted in mattes().items():
        for config in (PredictorConfig(), PredictorConfig(overlap="published")):
            cost = streaming_cost(network, matte, wanted, config)
            costs.append(Cost(**{**asdict(cost), "ratio": cost.gflop_per_frame / reference}))
    return costs


def noise_network() -> NofEraserNetwork:
    """The network with seeded noise in place of weights."""
    network = NofEraserNetwork(NetworkConfig()).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim < 2:
                parameter.copy_(0.05 * noise + (1.0 if "norm" in name and "weight" in name else 0))
                continue
            gain = next(gain for fragment, gain in NOISE_GAINS if fragment in name)
            parameter.copy_(gain * parameter[0].numel() ** -0.5 * noise)
    return network


def moving_clip(length: int, height: int, width: int) -> UInt8[ndarray, "t h w 3"]:
    """A smooth texture that drifts."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    frames = []
    for t in range(length):
        a, b = x - 2.7 * t, y - 1.3 * t
        waves = [
            127 + 60 * np.sin(a / 7 + b / 11 + c) + 50 * np.sin(a / 5 - b / 9 - c) for c in range(3)
        ]
        frames.append(np.stack(waves, axis=-1))
    return np.asarray(np.clip(np.stack(frames), 0, 255), np.uint8)


def moving_holes(length: int, height: int, width: int) -> Bool[ndarray, "t h w"]:
    """A box of about 5 % of the frame that drifts the other way."""
    holes = np.zeros((length, height, width), np.bool_)
    tall, wide = height * 3 // 10, width // 6
    for t in range(length):
        left = (width - wide) // 2 - t % (width // 4)
        holes[t, height // 3 : height // 3 + tall, left : left + wide] = True
    return holes


def psnr_db(
    ours: UInt8[ndarray, "t h w 3"],
    theirs: UInt8[ndarray, "t h w 3"],
    holes: Bool[ndarray, "t h w"],
) -> float:
    """PSNR inside the holes."""
    error = np.square(ours.astype(np.float64) - theirs)[holes].mean()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def measure_pixels(network: NofEraserNetwork) -> dict[str, float]:
    """How far the streaming procedure's pixels are from those of the reference procedure."""
    frames = moving_clip(PIXEL_FRAMES, PIXEL_HEIGHT, PIXEL_WIDTH)
    holes = moving_holes(PIXEL_FRAMES, PIXEL_HEIGHT, PIXEL_WIDTH)
    core = FrameRange(0, PIXEL_FRAMES)
    # Context all around, so that the region is the frame: this compares procedures, not crops.
    once = PredictorConfig(context_px=PIXEL_WIDTH)
    overlapping = PredictorConfig(context_px=PIXEL_WIDTH, overlap="published")

    def reference(windows: tuple[WindowPlan, ...]) -> UInt8[ndarray, "t h w 3"]:
        return np.asarray(fill_by_windows(network, frames, holes, windows), np.uint8)

    figures: dict[str, float] = {}
    plates = {}
    for name, config in (("once", once), ("published", overlapping)):
        before = time.process_time()
        plates[name] = NofEraser(network, config).erase(frames, holes, core=core).frames
        figures[f"streaming_{name}_cpu_s"] = time.process_time() - before
    published = streaming_windows(holes, core, overlapping)
    before = time.process_time()
    blended = reference(published)
    figures["reference_cpu_s"] = time.process_time() - before
    same = reference(streaming_windows(holes, core, once))
    figures["overlap_once_against_reference_same_windows_db"] = psnr_db(plates["once"], same, holes)
    figures["overlap_published_against_reference_same_references_db"] = psnr_db(
        plates["published"], blended, holes
    )
    figures["overlap_once_against_reference_all_windows_db"] = psnr_db(
        plates["once"], blended, holes
    )
    # The measure of what the published average hides: its windows one by one.
    first, last = reference(published[::2]), reference(published[1::2])
    filled = np.zeros(PIXEL_FRAMES, np.bool_)
    filled[[k for w in published[::2] for k in w.fills]] = True
    both = np.zeros(PIXEL_FRAMES, np.bool_)
    both[[k for w in published[1::2] for k in w.fills]] = True
    common = holes & (filled & both)[:, None, None]
    figures["reference_windows_against_each_other_db"] = psnr_db(first, last, common)
    return figures


def measure_region(network: NofEraserNetwork) -> dict[str, float]:
    """How far the fill of a small hole moves when only its region is computed."""
    frames, holes = moving_clip(5, 180, 324), np.zeros((5, 180, 324), np.bool_)
    holes[:, 66:114, 130:190] = True
    core, config = FrameRange(0, 5), PredictorConfig()
    region = NofEraser(network, config).erase(frames, holes, core=core).frames
    windows = streaming_windows(holes, core, config)
    whole = np.asarray(fill_by_windows(network, frames, holes, windows), np.uint8)
    return {"region_against_whole_frame_same_windows_db": psnr_db(region, whole, holes)}


def measure_memory() -> dict[str, float]:
    """Peak memory of a process that fills a short and a long clip, less that of their frames."""
    figures = {}
    for length in MEMORY_CLIPS:
        command = [sys.executable, __file__, "--peak-of", str(length)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        figures[f"peak_mib_{length}_frames"] = float(done.stdout)
    return figures


def print_peak(length: int) -> None:
    """Fill a clip of `length` frames at 60x108 and print this process's peak memory in MiB."""
    torch.set_num_threads(1)
    frames, holes = moving_clip(length, 60, 108), moving_holes(length, 60, 108)
    eraser = NofEraser(noise_network())
    eraser.erase(frames, holes, core=FrameRange(0, length))
    print(peak_bytes() / 2**20)


def page(costs: Sequence[Cost], figures: dict[str, float], weights: str) -> list[str]:
    """The results as Markdown."""
    rows = [
        [
            cost.matte,
            cost.procedure,
            f"{cost.gflop_per_frame:.1f}",
            f"{cost.ratio:.3f}",
            str(cost.windows),
            str(cost.frames_encoded),
            str(cost.pairs_estimated),
        ]
        for cost in costs
    ]
    header = ["matte", "procedure", "GFLOP/frame", "ratio", "windows", "encoded", "pairs"]
    lines = [
        "# NOF-Eraser: streaming against the published procedure",
        "",
        f"{FRAMES} frames of {HEIGHT}x{WIDTH}, hq variant; operations per output frame. Targets: "
        f"{FULL_TARGET} on a full-frame matte, {SMALL_TARGET} on 5 %.",
        "",
        markdown_table(header, rows),
    ]
    if figures:
        lines += ["", f"Pixels and memory, {PIXEL_FRAMES} frames of {PIXEL_HEIGHT}x{PIXEL_WIDTH}, "]
        lines[-1] += f"weights: {weights}. Target: {PSNR_TARGET_DB:.0f} dB."
        lines += [
            "",
            markdown_table(["figure", "value"], [[k, f"{v:.2f}"] for k, v in figures.items()]),
        ]
        lines += [
            "",
            "Every second published window is a streaming window, so over the same windows both "
            "give the same pixels up to rounding. Against the average of all published windows, "
            "`overlap once` can be no closer than those windows are to each other; with noise for "
            "weights that is far, and says nothing about trained ones. The same holds for the "
            "region: noise weighs what lies far away as much as what lies near.",
        ]
    return lines


def main() -> None:
    """Run everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, help="a published hq checkpoint")
    parser.add_argument("--skip-pixels", action="store_true", help="count operations only")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--peak-of", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.peak_of is not None:
        print_peak(given.peak_of)
        return
    costs = measure_costs()
    figures: dict[str, float] = {}
    weights = "seeded noise"
    if not given.skip_pixels:
        network = noise_network()
        if given.weights is not None:
            network, weights = load_network(given.weights), given.weights.name
        figures = measure_pixels(network) | measure_region(network) | measure_memory()
    written = page(costs, figures, weights)
    record = {
        "torch": torch.__version__,
        "machine": platform.machine(),
        "threads": given.threads,
        "weights": weights,
        "costs": [asdict(cost) for cost in costs],
        "figures": figures,
    }
    write_results("nof_eraser", record, written)
    print("\n".join(written))


if __name__ == "__main__":
    main()
