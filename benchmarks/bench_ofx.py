"""How long one 1080p frame takes through the OFX plugin, in and out, by each transport.

    python benchmarks/bench_ofx.py

Builds the plugin, starts a daemon of its own, and plays the host: frames go in while "Collect while
playing" is on, and come out in the views Matte and Result. Times are the whole Render action, as a
host sees it; the ratio is to copying the same frame from memory to memory.
"""

from __future__ import annotations

import importlib
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import common
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

WIDTH, HEIGHT = 1920, 1080
FRAMES = 6
ROUNDS = 4
SQUARE = 160


def shot() -> np.ndarray:
    """Smooth noise that pans, and a red square that crosses it: `n h w 3` of uint8."""
    generator = np.random.default_rng(4)
    coarse = generator.integers(40, 200, (HEIGHT // 8 + 1, WIDTH // 8 + 8, 3)).astype(np.float32)
    wide = coarse.repeat(8, axis=0).repeat(8, axis=1)
    for axis in (0, 1):
        wide = np.mean([np.roll(wide, k, axis) for k in range(8)], axis=0)
    frames = [wide[:HEIGHT, 4 * k : 4 * k + WIDTH].astype(np.uint8) for k in range(FRAMES)]
    for k, frame in enumerate(frames):
        left = 400 + 30 * k
        frame[400 : 400 + SQUARE, left : left + SQUARE] = (220, 30, 30)
    return np.stack(frames)


def median_ms(action: Callable[[int], object]) -> float:
    """Of all frames after the first round, which opens files and connections."""
    times = []
    for turn in range(ROUNDS):
        for k in range(FRAMES):
            start = time.perf_counter()
            action(k)
            times.append(time.perf_counter() - start)
        if turn == 0:
            times.clear()
    return statistics.median(times) * 1000


class Bench:
    """One loaded plugin, one daemon."""

    def __init__(self, binary: Path, frames: np.ndarray) -> None:
        self.frames = frames
        self.host: Any = importlib.import_module("support.ofx_host.host").TestHost(binary)
        if self.host.load() != 0:
            raise SystemExit(f"{binary} cannot be loaded")
        self.shot_module: Any = importlib.import_module("support.ofx_host.shot")

    def shot(self, depth: str, values: dict[str, Any]) -> Any:
        """An effect on the frames in a host's depth."""
        effect = self.host.create("General", {"waitSeconds": 30.0, **values})
        frames = self.shot_module.as_host(self.frames, depth)
        return self.shot_module.Shot(self.host, effect, frames)

    def rendered(self, shot: Any) -> Callable[[int], None]:
        """The bare Render action of one frame."""
        source = [shot._source(k) for k in range(FRAMES)]
        shot.effect.clips["Source"].frame = lambda at: source[round(at)]

        def action(frame: int) -> None:
            if shot.host.render(shot.effect, frame) != 0 or shot.host.violations:
                raise SystemExit(f"frame {frame} failed: {shot.effect.persistent}")

        return action

    def copied(self, depth: str) -> float:
        """Milliseconds for copying one frame."""
        frames = self.shot_module.as_host(self.frames[:1], depth)
        target = np.empty_like(frames[0])
        return median_ms(lambda k: np.copyto(target, frames[0]))

    def figures(self, depth: str, project: dict[str, Any]) -> dict[str, float]:
        """Milliseconds by direction."""
        collecting = self.shot(depth, {"view": 0})
        collecting.host.change(collecting.effect, "collect", 1)
        found = {"pass through": median_ms(self.rendered(self.shot(depth, {"view": 0})))}
        found["in"] = median_ms(self.rendered(collecting))
        for name, view in (("matte", 2), ("result", 4)):
            found[name] = median_ms(self.rendered(self.shot(depth, project | {"view": view})))
        return found

    def project(self) -> dict[str, Any]:
        """Parameters of a project whose object is removed."""
        x, y = 400.0 + SQUARE / 2, HEIGHT - 400.0 - SQUARE / 2
        shot = self.shot("Byte", {"point1Sign": 1, "point1": [x, y]})
        for button in ("analyse", "approve", "process"):
            shot.host.change(shot.effect, button)
            words = shot.host.get(shot.effect, "status")
        if not words.startswith("done"):
            raise SystemExit(f"the daemon did not remove the square: {words}")
        return {name: value for name, value in shot.host.saved(shot.effect).items() if value}


def main() -> None:
    """Measure, and write the results."""
    plugins_ofx: Any = importlib.import_module("peanut_client.plugins_ofx")
    running: Any = importlib.import_module("support.daemon").RunningDaemon
    rows, figures = [], []
    with tempfile.TemporaryDirectory(prefix="peanut-bench-") as folder:
        bundle = plugins_ofx.build(Path(folder) / "build")
        bench = Bench(plugins_ofx.binary_in(bundle), shot())
        with running(Path(folder) / "data") as daemon:
            os.environ["PEANUT_DATA_DIR"] = str(daemon.data_dir)
            project = bench.project()
            for transport in ("file", "chunks"):
                os.environ["PEANUT_OFX_TRANSPORT"] = transport
                for depth in ("Byte", "Float"):
                    copy_ms = bench.copied(depth)
                    for direction, value in bench.figures(depth, project).items():
                        rows.append((transport, depth, direction, value, value / copy_ms))
                        figures.append(
                            {
                                "transport": transport,
                                "depth": depth,
                                "direction": direction,
                                "ms": round(value, 2),
                                "memcpy_ms": round(copy_ms, 2),
                                "ratio": round(value / copy_ms, 1),
                            }
                        )
    header = ("transport", "host's depth", "frame", "ms", "times a memcpy")
    cells = [(t, d.lower(), what, f"{ms:.1f}", f"{ratio:.1f}") for t, d, what, ms, ratio in rows]
    page = [
        "# One frame through the OFX plugin",
        "",
        f"Median of the Render action, {WIDTH}x{HEIGHT} RGBA, {platform.machine()}, "
        f"{os.cpu_count()} CPU cores, made by `python benchmarks/bench_ofx.py`.",
        "`in`: the frame goes to the daemon and is stored; `matte` and `result`: the daemon makes "
        "or decodes the picture and the plugin lays it over the source.",
        "",
        common.markdown_table(header, cells),
    ]
    common.write_results("ofx", {"width": WIDTH, "height": HEIGHT, "frames": figures}, page)
    sys.stdout.write("\n".join(page) + "\n")


if __name__ == "__main__":
    main()
