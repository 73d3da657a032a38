"""What do windows and tiles cost UR-Net, and what do they change?

    python benchmarks/bench_ur_net.py

Weights are seeded noise: no trained ones are needed to compare a network with itself.
Operations are counted by torch on meta tensors (nothing is computed), multiply and add apart,
deformable kernels included. Memory is the peak of a process of its own, less what it had before the
first frame. Takes some minutes on one core.

Writes `results/ur_net.json` and `ur_net.md` beside this file.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from common import markdown_table, peak_bytes, write_results
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor
from ur_net_costs import COUNTED_MARGIN_PX, DEFAULT, PUBLISHED, Cost, measure_costs

from peanut_models.embedded.eraser.motion import estimate_motion
from peanut_models.errors import OutOfDeviceMemoryError
from peanut_models.flow.dis import luma8
from peanut_models.ur_net.config import BRANCHES, NetworkConfig, PredictorConfig
from peanut_models.ur_net.images import flow_at
from peanut_models.ur_net.network import Flows, UrNetNetwork
from peanut_models.ur_net.planning import plan
from peanut_models.ur_net.predictor import UrNet
from peanut_models.ur_net.tiles import Box, TiledSteps
from peanut_models.ur_net.windows import Pair, WindowedRun

TINY = NetworkConfig(channels=16, blocks=2)

MEMORY_FRAMES = {"windowed": (16, 64, 256), "plain": (16, 64)}
MEMORY_WINDOW = PredictorConfig(window_frames=4, lookahead_frames=4)
MEMORY_TARGET = 0.1
PROMPT_RETURN = {"MALLOC_MMAP_THRESHOLD_": "65536"}
"""glibc keeps freed blocks for later, the more the longer a process runs; with this it returns
them, so that the peak is of what is in use."""

QUALITY_FRAMES, QUALITY_SIZE = 32, (64, 80)
WIDE_SIZE = (32, 32)
PSNR_TARGET_DB, LEVEL_TARGET = 50.0, 1.0

HOST_LIMITS_GIB = (8, 16, 32, 64, 128)
DRIFT_PX = (2.7, 1.3)
"""Motion of the texture per frame, right and down."""

GAINS = (
    ("flow.levels", 1.4),
    ("offsets.6", 0.5),
    ("offsets", 1.0),
    ("conv2", 0.4),
    ("reconstruction.last", 0.3),
    ("extraction.body.first", 1.2),
    ("reconstruction.body.first", 1.2),
    ("body.first", 0.8),
    ("", 1.2),
)
"""Those of the recorded parity cases; the first fragment that fits counts. They keep activations
of order one, flows of a few pixels, and a memory that fades: with 1.2 for `body.first` of a branch
too, thirteen frames of lookahead give no more than 41 dB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How far one way to run is from the whole clip at once.

    Attributes:
        network: channels and blocks.
        way: what was run.
        psnr_db: over all frames, of pixels held to [0, 1].
        levels: the largest difference of any pixel, in levels of 255.
        seam_levels: the largest mean step of the difference from one frame (or column) to the next.
        cpu_ratio: CPU time against the whole clip at once, flows given to both.
    """

    network: str
    way: str
    psnr_db: float
    levels: float
    seam_levels: float
    cpu_ratio: float


def noise_network(config: NetworkConfig) -> UrNetNetwork:
    """The network with seeded noise in place of weights."""
    network = UrNetNetwork(config).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim < 2:
                parameter.copy_(0.05 * noise)
                continue
            gain = next(gain for fragment, gain in GAINS if fragment in name)
            if name.startswith("flow.") and ".8." in name:
                gain = 0.5
            parameter.copy_(gain * parameter[0].numel() ** -0.5 * noise)
    return network


def moving_clip(length: int, height: int, width: int) -> UInt8[ndarray, "t h w 3"]:
    """A smooth texture that drifts."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    frames = []
    for t in range(length):
        a, b = x - DRIFT_PX[0] * t, y - DRIFT_PX[1] * t
        waves = [
            127 + 60 * np.sin(a / 7 + b / 11 + c) + 50 * np.sin(a / 3 - b / 5 - c) for c in range(3)
        ]
        frames.append(np.stack(waves, axis=-1))
    return np.asarray(np.clip(np.stack(frames), 0, 255), np.uint8)


def as_input(frames: UInt8[ndarray, "t h w 3"]) -> Float[Tensor, "1 t 3 h w"]:
    """Frames as the network takes them."""
    scaled = torch.from_numpy(frames.astype(np.float32) / 255)
    return scaled.permute(0, 3, 1, 2)[None].contiguous()


def enlarged(
    steps: TiledSteps,
    frames: Float[Tensor, "1 t 3 h w"],
    flows: Flows | None,
    n: int,
    ahead: int,
) -> Float[Tensor, "t 3 h4 w4"]:
    """All frames by windows of `n`."""
    run = WindowedRun(steps, window_frames=n, lookahead_frames=ahead)
    count, (height, width) = frames.shape[1], frames.shape[-2:]
    whole = frames.new_empty(count, 3, 4 * height, 4 * width)
    for ready in pushed(run, frames, flows):
        index, frame, maps = ready

        def take(tile: Box, part: Tensor, index: int = index) -> None:
            rows = slice(4 * tile.top, 4 * tile.bottom)
            whole[index, :, rows, 4 * tile.left : 4 * tile.right] = part[0]

        steps.reconstruct(frame, maps, take)
    return whole


def pushed(
    run: WindowedRun, frames: Float[Tensor, "1 t 3 h w"], flows: Flows | None
) -> Iterator[tuple[int, Tensor, list[Tensor]]]:
    """Everything that comes out of a run."""
    for k in range(frames.shape[1]):
        pair: Pair | None = None
        if flows is not None and k:
            pair = flows.fwd[:, k - 1], flows.bwd[:, k - 1]
        for ready in run.push(frames[:, k], pair):
            yield ready.index, ready.frame, ready.maps
    for ready in run.finish():
        yield ready.index, ready.frame, ready.maps


def compared(
    ours: Float[Tensor, "t 3 h w"], plain: Float[Tensor, "t 3 h w"]
) -> tuple[float, float, float]:
    """PSNR in dB, largest difference and largest mean step of it, in levels."""
    difference = (ours.clamp(0, 1) - plain.clamp(0, 1)) * 255
    psnr = 10 * np.log10(255**2 / max(float(difference.square().mean()), 1e-9))
    in_time = difference.diff(dim=0).abs().mean(dim=(1, 2, 3))
    across = difference.diff(dim=-1).abs().mean(dim=(1, 2))
    step = max(float(in_time.max()), float(across.max()))
    return float(psnr), float(difference.abs().max()), step


def measure_quality() -> list[Quality]:
    """Windows and tiles against the whole clip at once."""
    frames = as_input(moving_clip(QUALITY_FRAMES, *QUALITY_SIZE))
    network = noise_network(TINY)
    flows = network.estimate_flows(frames)
    before = time.process_time()
    plain = network(frames, flows)[0]
    plain_s = time.process_time() - before
    ways = [(8, 4, None), (8, 8, None), (32, 1, 32), (4, 13, 32)]
    found = []
    for n, ahead, tile in ways:
        steps = TiledSteps(network, *QUALITY_SIZE, tile_px=tile)
        found.append(_quality("16 x 2", steps, frames, flows, plain, plain_s, (n, ahead, tile)))
    steps = TiledSteps(network, *QUALITY_SIZE, halve=True)
    halved = _quality("16 x 2", steps, frames, flows, plain, plain_s, (32, 1, None))
    found.append(replace(halved, way="one window, features kept in float16"))
    # The published width and depth, on a crop; whole clip = one window, which is the same bits.
    wide = noise_network(PUBLISHED)
    part = frames[..., : WIDE_SIZE[0], : WIDE_SIZE[1]]
    crop = Flows(*(flow[..., : WIDE_SIZE[0], : WIDE_SIZE[1]] for flow in flows))
    steps = TiledSteps(wide, *WIDE_SIZE)
    before = time.process_time()
    plain = enlarged(steps, part, crop, QUALITY_FRAMES, 1)
    plain_s = time.process_time() - before
    for n, ahead in ((4, 8), (4, 12)):
        found.append(_quality("64 x 7", steps, part, crop, plain, plain_s, (n, ahead, None)))
    steps = TiledSteps(wide, *WIDE_SIZE, halve=True)
    halved = _quality("64 x 7", steps, part, crop, plain, plain_s, (32, 1, None))
    found.append(replace(halved, way="one window, features kept in float16"))
    return found


def _quality(
    name: str,
    steps: TiledSteps,
    frames: Tensor,
    flows: Flows,
    plain: Tensor,
    plain_s: float,
    way: tuple[int, int, int | None],
) -> Quality:
    n, ahead, tile = way
    before = time.process_time()
    ours = enlarged(steps, frames, flows, n, ahead)
    ratio = (time.process_time() - before) / plain_s
    psnr, levels, step = compared(ours, plain)
    said = "one window" if n >= QUALITY_FRAMES else f"windows of {n}, lookahead {ahead}"
    return Quality(
        network=name,
        way=said + (f", tiles of {tile} px" if tile else ""),
        psnr_db=psnr,
        levels=levels,
        seam_levels=step,
        cpu_ratio=ratio,
    )


def measure_flow_reuse() -> dict[str, float]:
    """What flows from elsewhere change, with noise for weights."""
    frames = as_input(moving_clip(4, 128, 160))
    network = noise_network(TINY)
    own = network.estimate_flows(frames)
    plain = network(frames, own)[0]
    shrunk = [F.avg_pool2d(flow[0], 4) / 4 for flow in own]
    back = Flows(
        *(
            F.interpolate(flow, (128, 160), mode="bilinear", align_corners=False)[None] * 4
            for flow in shrunk
        )
    )
    still = Flows(*(torch.zeros_like(flow) for flow in own))
    true, dis = _flows_of_the_drift(), _flows_of_the_eraser()
    truly = network(frames, true)[0]
    quarter = F.avg_pool2d(frames[0], 4)[None]
    coarse = network.estimate_flows(quarter)
    other = Flows(
        *(
            F.interpolate(flow[0], (128, 160), mode="bilinear", align_corners=False)[None] * 4
            for flow in coarse
        )
    )
    return {
        "own_flows_kept_at_a_quarter_db": compared(network(frames, back)[0], plain)[0],
        "flows_estimated_on_quarter_size_frames_db": compared(network(frames, other)[0], plain)[0],
        "no_motion_at_all_db": compared(network(frames, still)[0], plain)[0],
        "erasers_motion_against_the_true_one_db": compared(network(frames, dis)[0], truly)[0],
        "no_motion_at_all_against_the_true_one_db": compared(network(frames, still)[0], truly)[0],
    }


def _flows_of_the_drift() -> Flows:
    """What a flow network that makes no mistake would give."""
    flow = torch.tensor(DRIFT_PX).view(1, 1, 2, 1, 1).expand(1, 3, 2, 128, 160).contiguous()
    return Flows(flow, -flow)


def _flows_of_the_eraser() -> Flows:
    """What a render hands over: measured by the eraser, a quarter of the size, in float16."""
    clip = moving_clip(4, 128, 160)
    motion = estimate_motion([luma8(frame) for frame in clip], np.zeros(clip.shape[:3], np.bool_))
    pairs = [motion.pair(k) for k in range(3)]
    there, back = (
        torch.stack([flow_at(torch.from_numpy(one).float()[None], (128, 160))[0] for one in way])
        for way in zip(*pairs, strict=True)
    )
    return Flows(there[None], back[None])


def measure_memory() -> dict[str, float]:
    """Peak memory above the start, in MiB, windowed and plain."""
    figures = {}
    for way in MEMORY_FRAMES:
        for length in MEMORY_FRAMES[way]:
            command = [sys.executable, __file__, "--peak-of", way, str(length)]
            done = subprocess.run(
                command, check=True, capture_output=True, text=True, env=os.environ | PROMPT_RETURN
            )
            figures[f"{way}_{length}_frames_mib"] = float(done.stdout)
    return figures


def print_peak(way: str, length: int) -> None:
    """Enlarge a clip in this process and print how far its peak memory rose, in MiB."""
    network = noise_network(TINY)
    height, width = QUALITY_SIZE
    still = np.zeros((2, 16, 20), np.float32)
    frame = moving_clip(1, height, width)[0]
    # Library start-up is no part of either.
    with torch.inference_mode():
        network.extraction(torch.zeros(1, 3, height, width))
    before = peak_bytes()
    if way == "plain":
        clip = as_input(np.broadcast_to(frame, (length, *frame.shape)))
        flow = torch.zeros(1, length - 1, 2, height, width)
        with torch.inference_mode():
            network(clip, Flows(flow, flow))
    else:
        stream = UrNet(network, MEMORY_WINDOW).stream(
            (frame for _ in range(length)), flows=((still, still) for _ in range(length))
        )
        for _ in stream:
            pass
    print((peak_bytes() - before) / 2**20)


def planned() -> list[dict[str, object]]:
    """How frames of some sizes would be run in 8 GiB of device memory; predicted, not measured."""
    config = PredictorConfig(precision="float16")
    asked: list[tuple[int, int, int | None]]
    asked = [(180, 320, None), (270, 480, None), (540, 960, None)]
    asked += [(1080, 1920, limit) for limit in (*HOST_LIMITS_GIB, None)]
    rows: list[dict[str, object]] = []
    for height, width, limit in asked:
        row: dict[str, object] = {"size": f"{height}x{width}", "host_limit_gib": limit}
        try:
            fits = plan(
                PUBLISHED,
                height,
                width,
                config,
                budget_bytes=8 * 2**30,
                host_bytes=None if limit is None else limit * 2**30,
            )
        except OutOfDeviceMemoryError as error:
            rows.append(row | {"refused": str(error)})
        else:
            rows.append(row | asdict(fits) | asdict(fits.holding))
    return rows


def page(
    memory: dict[str, float],
    quality: Sequence[Quality],
    costs: Sequence[Cost],
    reuse: dict[str, float],
    plans: Sequence[dict[str, object]],
) -> list[str]:
    """The results as Markdown."""
    lengths = MEMORY_FRAMES["windowed"]
    rows = [
        [
            way,
            *(
                f"{memory.get(f'{way}_{length}_frames_mib', np.nan):.0f}".replace("nan", "-")
                for length in lengths
            ),
        ]
        for way in MEMORY_FRAMES
    ]
    header = ["way", *(f"{length} frames" for length in lengths)]
    size = f"{QUALITY_SIZE[0]}x{QUALITY_SIZE[1]}"
    return [
        "# UR-Net: windows and tiles against the whole clip at once",
        "",
        "Weights are seeded noise; trained ones were not at hand, and may need another lookahead.",
        "",
        f"Peak memory in MiB above the start of the process, {size}, 16 channels, 2 blocks, flows "
        f"given, windows of {MEMORY_WINDOW.window_frames} with a lookahead of "
        f"{MEMORY_WINDOW.lookahead_frames}. Target: windowed within {MEMORY_TARGET:.0%}.",
        "",
        markdown_table(header, rows),
        "",
        f"Pixels, {QUALITY_FRAMES} frames, {size} (the wide network on a crop of "
        f"{WIDE_SIZE[0]}x{WIDE_SIZE[1]}). Targets: {PSNR_TARGET_DB:.0f} dB and {LEVEL_TARGET:.0f} "
        "level. The seam is the largest mean step of the difference between neighbouring frames "
        "or columns; CPU time counts flows as given on both sides. Up to the window and twice the "
        "lookahead a clip is one window and differs by nothing: with the default of "
        f"{DEFAULT.window_frames} and {DEFAULT.lookahead_frames}, up to "
        f"{DEFAULT.window_frames + 2 * DEFAULT.lookahead_frames} frames.",
        "",
        markdown_table(
            ["channels x blocks", "way", "PSNR dB", "largest level", "seam", "CPU ratio"],
            [
                [
                    q.network,
                    q.way,
                    f"{q.psnr_db:.1f}",
                    f"{q.levels:.2f}",
                    f"{q.seam_levels:.3f}",
                    f"{q.cpu_ratio:.2f}",
                ]
                for q in quality
            ],
        ),
        "",
        "Operations, 64 channels, 7 blocks, against the plain network on as many frames. Tiles "
        f"allow for {COUNTED_MARGIN_PX} px of motion. A render's piece is counted per frame that "
        "it gives, its context included.",
        "",
        markdown_table(
            ["input", "frames", "way", "GFLOP/frame", "ratio"],
            [
                [c.size, str(c.frames), c.way, f"{c.gflop_per_frame:.1f}", f"{c.ratio:.3f}"]
                for c in costs
            ],
        ),
        "",
        "Flows from elsewhere, 4 frames of 128x160. A flow network of noise sees no true motion, "
        "so the first three rows say what other flows than its own cost, not what reuse costs. The "
        "last two compare with the known motion of the clip in place of a flow network without "
        "error: what the eraser's motion (DIS) gives, and what none at all gives.",
        "",
        markdown_table(["figure", "value"], [[k, f"{v:.1f}"] for k, v in reuse.items()]),
        "",
        "Plans for 8 GiB of device memory in float16, predicted (a test checks the prediction "
        "against measured allocations on a CPU); none of these was run on a GPU here.",
        "",
        markdown_table(
            ["input", "host limit", "window", "tile", "features", "device GiB", "host GiB"],
            [_plan_row(p) for p in plans],
        ),
    ]


def _plan_row(row: dict[str, object]) -> list[str]:
    limit = "none" if row["host_limit_gib"] is None else f"{row['host_limit_gib']} GiB"
    if "refused" in row:
        return [str(row["size"]), limit, "refused", "-", "-", "-", "-"]
    features = "host memory" if row["spill"] else "device memory"
    return [
        str(row["size"]),
        limit,
        str(row["window_frames"]),
        str(row["tile_px"]),
        features if row["hold_extracted"] else f"{features}, extracted again",
        f"{float(str(row['device_bytes'])) / 2**30:.2f}",
        f"{float(str(row['host_bytes'])) / 2**30:.2f}",
    ]


def main() -> None:
    """Run everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--peak-of", nargs=2, metavar=("WAY", "FRAMES"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.peak_of is not None:
        print_peak(given.peak_of[0], int(given.peak_of[1]))
        return
    memory = measure_memory()
    with torch.inference_mode():
        costs = measure_costs()
        quality = measure_quality()
        reuse = measure_flow_reuse()
    plans = planned()
    written = page(memory, quality, costs, reuse, plans)
    record = {
        "torch": torch.__version__,
        "machine": platform.machine(),
        "threads": given.threads,
        "weights": "seeded noise",
        "branches": list(BRANCHES),
        "memory": memory,
        "quality": [asdict(q) for q in quality],
        "costs": [asdict(cost) for cost in costs],
        "flow_reuse": reuse,
        "plans": plans,
    }
    write_results("ur_net", record, written)
    print("\n".join(written))


if __name__ == "__main__":
    main()
