"""How quick the review page is, by the browser's own clock (`performance.now`).

- A stroke with the brush to its painted mask: no model takes part, so this is page and daemon
  alone, with the PNG that the browser makes of it.
- Click to painted mask, beyond the time of the same work without daemon and page: decoding and
  model, called in this process with the same prompts, by turns with the page.
- Frame step at 1080p: from the key to the frame on the canvas, of frames that the page has loaded
  ahead (as when stepping by hand) and of frames far away, which are decoded first.
- The same step where the strip has 2,000 frames, and playback at the clip's rate.

Run: python benchmarks/bench_review.py (needs Playwright and a Chromium)
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from common import markdown_table, write_results
from playwright.sync_api import Page, sync_playwright

from peanut_client import PeanutClient, frame_range, load_settings
from peanut_client.connection import read_review_address
from peanut_daemon.deliverable import ChosenModel
from peanut_daemon.edits.model import Point
from peanut_daemon.media import probe
from peanut_daemon.worker.backends import Backends
from peanut_daemon.worker.messages import MaskReady, TrackedTarget, TrackTask
from peanut_daemon.worker.track import track
from peanut_models.ranges import FrameRange
from peanut_models.zoo import Stage, chosen

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
WIDTH, HEIGHT, RATE = 1920, 1080, 25
FRAMES = 600
SMALL = (640, 360)
LONG_FRAMES = 2000
# Frames that the block takes from one side to the other.
CROSSING = 120
BLOCK = 240
CLICKS = 15
STEPS = 25
JUMPS = 15
PLAYED_S = 4.0
CLICK_MS, STEP_MS = 100.0, 50.0


def make_clip(path: Path, frames: int, size: tuple[int, int]) -> Path:
    """A block that crosses a textured ground, as H.264 with a key frame each second."""
    width, height = size
    generator = np.random.default_rng(3)
    coarse = generator.integers(40, 200, (height // 24 + 1, width // 24 + 1, 3), np.uint8)
    ground = np.asarray(cv2.resize(coarse, (width, height)), np.uint8)
    block = BLOCK * width // WIDTH
    with av.open(str(path), "w") as container:
        options = {"preset": "ultrafast", "crf": "18", "g": str(RATE)}
        stream = container.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for k in range(frames):
            picture = ground.copy()
            left = block // 2 + k % CROSSING * 8 * width // WIDTH
            picture[height // 3 : height // 3 + block, left : left + block] = (220, 30, 30)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def click_place(number: int) -> tuple[int, int]:
    """A pixel on the block of frame 0 of the small clip, another one each time."""
    block = BLOCK * SMALL[0] // WIDTH
    return block // 2 + 20 + number * 2, SMALL[1] // 3 + 20 + number * 2


def free_place(number: int) -> tuple[int, int]:
    """A pixel that no mask has yet: the same mask again would not be stored again."""
    return SMALL[0] // 3 + 16 * number, SMALL[1] * 5 // 6


class Direct:
    """The work behind a click without daemon and page: decoding and model, called here."""

    def __init__(self, clip: Path, folder: Path) -> None:
        self._backends = Backends(folder / "models", "cpu", ())
        self._clip = probe(clip)
        self.mask_ms(CLICKS)  # loads what is loaded once

    def mask_ms(self, number: int) -> float:
        """Milliseconds to the mask of the clicked frame."""
        x, y = click_place(number)
        target = TrackedTarget(
            target_id="1",
            frames=FrameRange(0, 1),
            prompts=(Point(frame_index=0, x_px=x, y_px=y, positive=True),),
            text="",
            held={},
            before={},
        )
        task = TrackTask(
            clip=self._clip,
            targets=(target,),
            playhead=0,
            tracker=ChosenModel(chosen("embedded", Stage.P_MASK).name),
            working_long_side_px=960,
        )
        started = time.perf_counter()
        next(event for event in track(task, self._backends) if isinstance(event, MaskReady))
        return 1000 * (time.perf_counter() - started)


class Watched:
    """A page whose marks are kept as they are made."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        page.add_init_script(
            "window.marks = []; new PerformanceObserver((list) => marks.push("
            "...list.getEntries().map(({name, startTime, detail}) => ({name, startTime, detail}))))"
            ".observe({ entryTypes: ['mark'] });"
        )
        page.goto(address)
        page.wait_for_selector("#connection.on")
        page.wait_for_function("() => marks.some(({name}) => name === 'frame-painted')")
        page.wait_for_timeout(2000)

    def click_ms(self, place: tuple[int, int]) -> float:
        """Click on a pixel of the clip; time to its painted mask."""
        box = self.page.locator("#picture").bounding_box()
        assert box is not None
        scale = min(box["width"] / SMALL[0], box["height"] / SMALL[1]) * 0.98
        self.page.evaluate("() => { marks.length = 0; }")
        self.page.mouse.click(
            box["x"] + box["width"] / 2 + (place[0] + 0.5 - SMALL[0] / 2) * scale,
            box["y"] + box["height"] / 2 + (place[1] + 0.5 - SMALL[1] / 2) * scale,
        )
        self.page.wait_for_function("() => marks.some(({name}) => name === 'mask-painted')")
        taken = self.page.evaluate(
            "() => { const at = (wanted) => marks.find(({name}) => name === wanted).startTime;"
            " return at('mask-painted') - at('prompt-made'); }"
        )
        self.page.wait_for_selector("#tracking[hidden]", state="attached")
        return float(taken)

    def step_ms(self, key: str, *, shift: bool = False) -> float:
        """Press a key; time to the painted frame that it leads to."""
        return float(self.page.evaluate(_STEP, [key, shift]))

    def jump_ms(self, share: float) -> float:
        """Press on the strip; time to the painted frame there."""
        return float(self.page.evaluate(_JUMP, share))

    def played_fps(self) -> float:
        """Frames that were painted per second while it plays."""
        self.page.keyboard.press("Home")
        self.page.wait_for_timeout(1500)
        self.page.evaluate("() => { marks.length = 0; }")
        self.page.keyboard.press("l")
        self.page.wait_for_timeout(1000 * PLAYED_S)
        self.page.keyboard.press("k")
        return float(
            self.page.evaluate(
                "() => { const all = marks.filter(({name}) => name === 'frame-painted');"
                " return (all.length - 1) / (all.at(-1).startTime - all[0].startTime) * 1000; }"
            )
        )


# Both wait for the mark of the next painted frame that is another than the one that is shown.
_NEXT = """
  const shown = document.getElementById("frame-number").textContent;
  const painted = new Promise((done) => {
    const observer = new PerformanceObserver((list) => {
      for (const { name, startTime } of list.getEntries()) {
        const moved = document.getElementById("frame-number").textContent !== shown;
        if (name === "frame-painted" && moved) { observer.disconnect(); done(startTime); return; }
      }
    });
    observer.observe({ entryTypes: ["mark"] });
  });
  const started = performance.now();
"""
_STEP = f"""async ([key, shift]) => {{ {_NEXT}
  const pressed = new KeyboardEvent("keydown", {{ key, shiftKey: shift, bubbles: true }});
  document.body.dispatchEvent(pressed);
  return (await painted) - started;
}}"""
_JUMP = f"""async (share) => {{ {_NEXT}
  const strip = document.getElementById("strip"), box = strip.getBoundingClientRect();
  strip.setPointerCapture = () => {{}};
  const at = {{ clientX: box.left + box.width * share, clientY: box.top + 30, bubbles: true }};
  strip.dispatchEvent(new PointerEvent("pointerdown", at));
  strip.dispatchEvent(new PointerEvent("pointerup", at));
  return (await painted) - started;
}}"""


@contextmanager
def daemon(data_dir: Path) -> Iterator[PeanutClient]:
    """A daemon of its own."""
    data_dir.mkdir(mode=0o700)
    with PeanutClient(settings=replace(load_settings({}), data_dir=data_dir)) as client:
        try:
            yield client
        finally:
            client.shutdown()


def measure(folder: Path, playwright: Any, program: str) -> dict[str, list[float]]:
    """All times, by what they are of."""
    clip = make_clip(folder / "hd.mov", FRAMES, (WIDTH, HEIGHT))
    long_clip = make_clip(folder / "long.mov", LONG_FRAMES, SMALL)
    direct = Direct(long_clip, folder)
    found: dict[str, list[float]] = {"model": [], "click": [], "beyond": []}
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    browser = playwright.chromium.launch(
        executable_path=program, args=["--no-sandbox"] if root else []
    )
    data_dir = folder / "data"
    settings = replace(load_settings({}), data_dir=data_dir)
    with daemon(data_dir) as client:
        context = browser.new_context(viewport={"width": 1920, "height": 1080})

        def opened(path: Path, frames: int) -> Watched:
            edit = client.create_edit(str(path), frame_range(0, frames))
            return Watched(context.new_page(), read_review_address(settings, edit.id))

        short = opened(long_clip, 1)
        short.click_ms(click_place(CLICKS))  # as the first one of `direct`
        for k in range(CLICKS):
            # By turns, so that what else the machine does falls on both.
            found["model"].append(direct.mask_ms(k))
            found["click"].append(short.click_ms(click_place(k)))
            found["beyond"].append(found["click"][-1] - found["model"][-1])
        # A painted mask needs no model: all of its time is the page's and the daemon's.
        short.page.keyboard.press("p")
        found["painted"] = [short.click_ms(free_place(k)) for k in range(CLICKS)]
        short.page.close()
        whole = opened(clip, FRAMES)
        found["step, loaded ahead"] = steps(whole)
        found["step, far away"] = jumps(whole)
        found["fps"] = [whole.played_fps()]
        whole.page.close()
        found["step, strip of 2,000 frames"] = steps(opened(long_clip, LONG_FRAMES))
        context.close()
    browser.close()
    return found


def steps(watched: Watched) -> list[float]:
    """Single steps forward, at the pace of a hand."""
    times = []
    for _ in range(STEPS):
        times.append(watched.step_ms("ArrowRight"))
        watched.page.wait_for_timeout(120)
    return times


def jumps(watched: Watched) -> list[float]:
    """Jumps to and fro over the clip, farther than anything is loaded ahead."""
    times = []
    for k in range(JUMPS):
        # To a fifteenth of the clip that it was not near before, as 7 and 15 share no factor.
        times.append(watched.jump_ms(((k + 1) * 7 % JUMPS + 0.8) / JUMPS))
        watched.page.wait_for_timeout(150)
    return times


def middle(times: Sequence[float]) -> float:
    """The median."""
    return statistics.median(times)


def main() -> None:
    """Measure, write the table."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise SystemExit(f"none of {', '.join(PROGRAMS)} is installed")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        found = measure(Path(name), playwright, program)
    busy = os.getloadavg()[1]
    rows = [
        ["click to painted mask, all of it", _ms(found["click"]), _p95(found["click"]), ""],
        ["the same work without daemon and page", _ms(found["model"]), _p95(found["model"]), ""],
        [
            "beyond that, click by click",
            _ms(found["beyond"]),
            _p95(found["beyond"]),
            f"{CLICK_MS:.0f}",
        ],
    ]
    rows += [
        [
            "brush stroke to painted mask, no model",
            _ms(found["painted"]),
            _p95(found["painted"]),
            f"{CLICK_MS:.0f}",
        ]
    ]
    rows += [
        [f"frame {what}", _ms(times), _p95(times), f"{STEP_MS:.0f}"]
        for what, times in found.items()
        if what.startswith("step")
    ]
    page = [
        "# The review page, by the browser's own clock",
        "",
        f"Chromium without a graphics card, window 1920x1080, clip {WIDTH}x{HEIGHT} H.264 with a "
        f"key frame each {RATE} frames, pictures at full size; {CLICKS} clicks on a 640x360 clip "
        f"(embedded P-MASK), {STEPS} steps, {JUMPS} jumps. 2 CPU cores, on which "
        f"other work ran too: {busy:.0f} processes wanted them on average.",
        "",
        markdown_table(("what", "median ms", "p95 ms", "aim ms"), rows),
        "",
        f"Playing the {RATE} fps clip: {found['fps'][0]:.1f} frames painted per second. Far away "
        "means not loaded: the frame is decoded from the key frame before it, then sent.",
    ]
    figures = {
        what: {"median": round(middle(times), 1), "all": [round(t, 1) for t in times]}
        for what, times in found.items()
    }
    write_results("review", figures, page)


def _ms(times: Sequence[float]) -> str:
    return f"{middle(times):.0f}"


def _p95(times: Sequence[float]) -> str:
    return f"{sorted(times)[int(0.95 * (len(times) - 1))]:.0f}"


if __name__ == "__main__":
    main()
