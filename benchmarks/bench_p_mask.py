"""What does P-MASK cost for many targets, and for long clips?

    python benchmarks/bench_p_mask.py

Weights are seeded noise: cost does not depend on them. Operations are counted by torch on meta
tensors (nothing is computed) for a frame deep in a clip, when the memory is full. Memory is that of
a process of its own, at the smallest input there is and with a narrow image encoder, so that two
thousand frames take little more than a minute on one core; everything else is SAM 2's own. Takes
about two minutes.

Writes `results/p_mask.json` and `p_mask.md` beside this file.
"""

from __future__ import annotations

import argparse
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bench_nof_eraser import counted_flops
from common import markdown_table, write_results
from jaxtyping import UInt8
from numpy import ndarray

from peanut_models.p_mask.backbone import Sam2
from peanut_models.p_mask.config import HIERA, POINTERS, HieraConfig, Sam2Config, Size
from peanut_models.p_mask.memory import Memory, MemoryBank
from peanut_models.p_mask.predictor import Sam2Tracker
from peanut_models.p_mask.segmenter import Sam2Segmenter
from peanut_models.ranges import FrameRange
from peanut_models.stages import PointPrompt
from peanut_models.tracking import TargetMask, TargetPrompts

SIZES: tuple[Size, ...] = ("tiny", "base_plus", "large")
TARGETS = (1, 2, 5)
RATIO_TARGET = 1.5

MEMORY_FRAMES = (100, 2000)
MEMORY_INPUT_PX = 64
MEMORY_TARGET = 0.1
NARROW = HieraConfig(
    width=16,
    heads=1,
    blocks=(1, 1, 2, 1),
    global_blocks=(3,),
    windows=(8, 4, 4, 2),
    background=(4, 4),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Operations for one frame, in GFLOP.

    Attributes:
        size: of the backbone.
        image_encoder: once per frame, whatever the number of targets.
        memory_attention: per target.
        mask_decoder: per target.
        memory_encoder: per target.
    """

    size: str
    image_encoder: float
    memory_attention: float
    mask_decoder: float
    memory_encoder: float

    def total(self, targets: int) -> float:
        """For so many targets."""
        each = self.memory_attention + self.mask_decoder + self.memory_encoder
        return self.image_encoder + targets * each

    def ratio(self, targets: int) -> float:
        """Against one target."""
        return self.total(targets) / self.total(1)


def measure_cost(size: Size) -> Cost:
    """Count a frame that reads a prompted frame, six masks and all pointers."""
    config = Sam2Config(hiera=HIERA[size], version="2.1", stability_fallback=True)
    side, kept = config.image_size_px, {}
    with torch.device("meta"), torch.inference_mode():
        sam, bank = Sam2(config).eval(), MemoryBank()
        for k in range(POINTERS + 1):
            left = Memory(torch.empty(1, 64, side // 16, side // 16), torch.empty(1, 256))
            bank.push(k, left, prompted=k == 0)
        recalled, frame = bank.recall(POINTERS + 1), torch.empty(1, 3, side, side)

        def count(name: str, work: Any) -> float:
            def run() -> None:
                kept[name] = work()

            return counted_flops(run) / 1e9

        encoder = count("seen", lambda: sam.encode_image(frame))
        seen = kept["seen"]
        attention = count(
            "attended", lambda: sam.memory.attend(seen.stride16, seen.position, recalled)
        )
        nothing = sam.heads.encode_prompts()
        both = count("decoded", lambda: sam.decode(seen, nothing, recalled, multimask=True))
        memory = count("left", lambda: sam.encode_memory(seen, kept["decoded"]))
    return Cost(
        size=size,
        image_encoder=encoder,
        memory_attention=attention,
        mask_decoder=both - attention,
        memory_encoder=memory,
    )


class Drift:
    """A clip of any length: a square that wanders over a texture."""

    def __init__(self, length: int) -> None:
        self.frame_range = FrameRange(0, length)
        noise = np.random.default_rng(0).integers(60, 140, (72, 96, 3))
        self._ground = np.asarray(noise, np.uint8)

    def read(self, frame_index: int) -> UInt8[ndarray, "h w 3"]:
        """One frame."""
        image = self._ground.copy()
        left = 10 + frame_index % 60
        image[20:40, left : left + 20] = (220, 40, 40)
        return image


def noise_tracker() -> Sam2Tracker:
    """SAM 2 with a narrow encoder on small frames, with seeded noise for weights."""
    config = Sam2Config(hiera=NARROW, version="2.1", image_size_px=MEMORY_INPUT_PX)
    torch.manual_seed(0)
    sam = Sam2(config).eval()
    with torch.no_grad():
        for name, parameter in sam.named_parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=parameter[0].numel() ** -0.5)
            elif name.endswith("pred_obj_score_head.proj_out.bias"):
                # The target is there, so every part has work.
                parameter.fill_(6.0)
    return Sam2Tracker(Sam2Segmenter(sam))


def targets_on(clip: Drift, count: int) -> list[TargetPrompts]:
    """So many targets, clicked on the first frame."""
    return [
        TargetPrompts(
            target_id=str(k),
            frames=clip.frame_range,
            prompts=[PointPrompt(frame_index=0, x_px=12.0 + 3 * k, y_px=30.0)],
        )
        for k in range(count)
    ]


def print_peak(length: int) -> None:
    """Track a clip in this process; print what it holds in MiB before, after and at most."""
    tracker = noise_tracker()
    warm = Drift(12)
    # Library start-up is no part of it.
    for _ in tracker.track(warm, targets_on(warm, 1)):
        pass
    before, begun = _resident_mib(), time.process_time()
    clip = Drift(length)
    masks = sum(isinstance(e, TargetMask) for e in tracker.track(clip, targets_on(clip, 1)))
    if masks != length:
        raise SystemExit(f"{masks} masks for {length} frames")
    each = (time.process_time() - begun) / length
    print(before, _resident_mib(), _peak_mib(), tracker.counts.frames_encoded, each)


def measure_memory() -> list[dict[str, float]]:
    """Peak memory of short and long clips, each in a process of its own."""
    rows = []
    for length in MEMORY_FRAMES:
        command = [sys.executable, __file__, "--peak-of", str(length)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        start, end, peak, encoded, each = (float(part) for part in done.stdout.split())
        rows.append(
            {
                "frames": length,
                "start_mib": start,
                "end_mib": end,
                "peak_mib": peak,
                "encoded": encoded,
                "cpu_s_per_frame": each,
            }
        )
    return rows


def measure_sharing() -> dict[str, float]:
    """What the tracker really runs for 1 and 5 targets, counted on 12 small frames."""
    clip, tracker = Drift(12), noise_tracker()
    found: dict[str, float] = {}
    for count in (1, 5):
        flops = counted_flops(lambda count=count: _all(tracker, clip, count))  # type: ignore[misc]
        found[f"frames_encoded_{count}"] = tracker.counts.frames_encoded
        found[f"masks_decoded_{count}"] = tracker.counts.frames_decoded
        found[f"gflop_{count}"] = flops / 1e9
    return found


def _all(tracker: Sam2Tracker, clip: Drift, count: int) -> None:
    for _ in tracker.track(clip, targets_on(clip, count)):
        pass


def _resident_mib() -> float:
    """What the process holds now; where that cannot be told, the most it ever held."""
    table = Path("/proc/self/statm")
    if not table.is_file():
        return _peak_mib()
    return int(table.read_text().split()[1]) * resource.getpagesize() / 2**20


def _peak_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def page(
    costs: Sequence[Cost], memory: Sequence[dict[str, float]], sharing: dict[str, float]
) -> list[str]:
    """The results as Markdown."""
    growth = memory[-1]["peak_mib"] / memory[0]["peak_mib"] - 1
    without = [replace(cost, memory_attention=0.0).ratio(5) for cost in costs]
    met = [cost.size for cost in costs if cost.ratio(5) < RATIO_TARGET]
    return [
        "# P-MASK: many targets, long clips",
        "",
        "Weights are seeded noise; costs do not depend on them.",
        "",
        "GFLOP for one frame at 1024 px, SAM 2.1, memory full: a prompted frame, six masks and "
        "fifteen pointers. The image encoder runs once for all targets, the rest once for each.",
        "",
        markdown_table(
            ["backbone", "image encoder", "memory attention", "mask decoder", "memory encoder"]
            + [f"{n} targets" if n > 1 else "1 target" for n in TARGETS]
            + ["5 : 1"],
            [
                [cost.size]
                + [f"{v:.1f}" for v in list(asdict(cost).values())[1:]]
                + [f"{cost.total(n):.0f}" for n in TARGETS]
                + [f"{cost.ratio(5):.2f}"]
                for cost in costs
            ],
        ),
        "",
        f"The aim was {RATIO_TARGET} for 5 : 1. "
        + (f"Met with {', '.join(met)}. " if met else "It is missed with every backbone. ")
        + "Image features are computed once and shared; what grows is SAM 2's memory attention, "
        "which each target needs for itself and which costs more than the tiny encoder. All else "
        "together would be at "
        + ", ".join(f"{r:.2f} ({c.size})" for r, c in zip(without, costs, strict=True))
        + ".",
        "",
        f"Counted in real runs of 12 frames at {MEMORY_INPUT_PX} px: "
        f"{sharing['frames_encoded_1']:.0f} frames encoded for one target and "
        f"{sharing['frames_encoded_5']:.0f} for five, {sharing['masks_decoded_1']:.0f} and "
        f"{sharing['masks_decoded_5']:.0f} masks decoded.",
        "",
        f"Memory of a process, narrow encoder on {MEMORY_INPUT_PX} px, one target. Aim: the long "
        f"clip's peak within {MEMORY_TARGET:.0%} of the short one's; measured {growth:+.1%}.",
        "",
        markdown_table(
            ["frames", "before, MiB", "after, MiB", "peak, MiB", "encoded", "CPU ms per frame"],
            [
                [
                    f"{row['frames']:.0f}",
                    f"{row['start_mib']:.1f}",
                    f"{row['end_mib']:.1f}",
                    f"{row['peak_mib']:.1f}",
                    f"{row['encoded']:.0f}",
                    f"{1000 * row['cpu_s_per_frame']:.0f}",
                ]
                for row in memory
            ],
        ),
    ]


def main() -> None:
    """Run everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--peak-of", type=int, metavar="FRAMES", help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.peak_of is not None:
        print_peak(given.peak_of)
        return
    costs = [measure_cost(size) for size in SIZES]
    sharing = measure_sharing()
    memory = measure_memory()
    written = page(costs, memory, sharing)
    record = {
        "torch": torch.__version__,
        "machine": platform.machine(),
        "threads": given.threads,
        "weights": "seeded noise",
        "costs": [
            {**asdict(cost), "ratio_of_5_targets": cost.ratio(5), "ratio_aim": RATIO_TARGET}
            for cost in costs
        ],
        "sharing": sharing,
        "memory": memory,
    }
    write_results("p_mask", record, written)
    print("\n".join(written))


if __name__ == "__main__":
    main()
