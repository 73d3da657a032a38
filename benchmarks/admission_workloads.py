"""One model at work, for `bench_admission`: python admission_workloads.py MODEL H W FRAMES SHARE.

Prints, as JSON, the bytes that the work took beyond the loaded model, what the process had before,
and with nothing but the clip, and seconds. In a file of its own: each run is a process of its own.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from common import peak_bytes
from jaxtyping import Bool, UInt8
from numpy import ndarray

from peanut_models.ranges import FrameRange

PAN_PX = 2
CONTEXT_FRAMES = 16


@dataclass(frozen=True, slots=True)
class Case:
    """A clip: so many frames of one size, and a square object that fills a share of each."""

    height: int
    width: int
    frames: int
    share: float

    @property
    def core(self) -> FrameRange:
        """What a window of that span would fill."""
        context = CONTEXT_FRAMES if self.frames > 2 * CONTEXT_FRAMES else 0
        return FrameRange(context, self.frames - context)

    def pictures(self) -> UInt8[ndarray, "t h w 3"]:
        """A textured ground under a panning camera, with grain."""
        draw = np.random.default_rng(0)
        size = (self.width + PAN_PX * self.frames, self.height)
        coarse = draw.integers(20, 230, (size[1] // 8 + 2, size[0] // 8 + 2, 3), np.uint8)
        ground = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC).astype(np.int16)
        noisy = np.clip(ground + draw.integers(-6, 7, ground.shape), 0, 255).astype(np.uint8)
        left = [PAN_PX * k for k in range(self.frames)]
        frames = np.stack([noisy[:, x : x + self.width] for x in left])
        frames[self.holes()] = (200, 40, 40)
        return frames

    def holes(self) -> Bool[ndarray, "t h w"]:
        """Where the object is."""
        holes = np.zeros((self.frames, self.height, self.width), np.bool_)
        high, wide = (round(side * self.share**0.5) for side in (self.height, self.width))
        for k in range(self.frames):
            left = min(self.width - wide, self.width // 10 + 3 * k)
            holes[k, self.height // 3 :, left : left + wide][:high] = True
        return holes


class Clip:
    """A `FrameReader` over pictures in memory."""

    def __init__(self, case: Case) -> None:
        self._pictures = case.pictures()
        self.frame_range = FrameRange(0, case.frames)

    def read(self, frame_index: int) -> UInt8[ndarray, "h w 3"]:
        """One frame."""
        return np.asarray(self._pictures[frame_index])


Work = Callable[[], object]


def propagation(case: Case) -> Work:
    """`embedded/propagation` on one window."""
    from peanut_models.embedded.eraser import PropagationEraser

    frames, holes = case.pictures(), case.holes()
    return lambda: PropagationEraser().erase(frames, holes, core=case.core)


def lanczos(case: Case) -> Work:
    """`embedded/lanczos`, frame by frame."""
    from peanut_models.embedded.upscaler import LanczosUpscaler

    frames = case.pictures()

    def work() -> None:
        for _ in LanczosUpscaler().stream(frames):
            pass

    return work


def classical_masks(case: Case) -> Work:
    """`embedded/masks` from a box on the first frame."""
    from peanut_models.embedded.masks import ClassicalMaskTracker
    from peanut_models.stages import BoxPrompt

    clip = Clip(case)
    ys, xs = np.nonzero(case.holes()[0])
    box = (float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max()))
    prompt = BoxPrompt(frame_index=0, box_xyxy_px=box)
    return lambda: list(ClassicalMaskTracker().track(clip, [prompt]))


def e2fgvi(case: Case) -> Work:
    """`e2fgvi_hq` with noise for weights, the core all hole: nothing but the network."""
    import torch

    from peanut_models.nof_eraser.config import NetworkConfig, PredictorConfig
    from peanut_models.nof_eraser.network import NofEraserNetwork
    from peanut_models.nof_eraser.predictor import NofEraser

    torch.manual_seed(0)
    network = NofEraserNetwork(NetworkConfig(variant="hq")).requires_grad_(False)
    eraser, frames = NofEraser(network, PredictorConfig()), case.pictures()
    holes = np.zeros(frames.shape[:3], np.bool_)
    holes[case.core.start : case.core.end] = True
    return lambda: eraser.erase(frames, holes, core=case.core)


def basicvsr(case: Case) -> Work:
    """`basicvsr_pp` with noise for weights."""
    import torch

    from peanut_models.ur_net.config import NetworkConfig
    from peanut_models.ur_net.network import UrNetNetwork
    from peanut_models.ur_net.predictor import UrNet

    torch.manual_seed(0)
    upscaler = UrNet(UrNetNetwork(NetworkConfig()).requires_grad_(False))
    frames = case.pictures()

    def work() -> None:
        for _ in upscaler.stream(frames):
            pass

    return work


def sam2(size: str) -> Callable[[Case], Work]:
    """`sam2.1` with noise for weights, one box."""

    def prepared(case: Case) -> Work:
        import torch

        from peanut_models.p_mask.backbone import Sam2
        from peanut_models.p_mask.config import HIERA, Sam2Config
        from peanut_models.p_mask.predictor import Sam2Tracker
        from peanut_models.p_mask.segmenter import Sam2Segmenter
        from peanut_models.stages import BoxPrompt
        from peanut_models.tracking import TargetPrompts

        torch.manual_seed(0)
        config = Sam2Config(hiera=HIERA[size], version="2.1", stability_fallback=True)  # type: ignore[index]
        tracker = Sam2Tracker(Sam2Segmenter(Sam2(config).eval().requires_grad_(False)))
        prompt = BoxPrompt(frame_index=0, box_xyxy_px=(4.0, 4.0, 40.0, 40.0))
        target = TargetPrompts(target_id="1", frames=FrameRange(0, case.frames), prompts=[prompt])
        clip = Clip(case)
        return lambda: list(tracker.track(clip, [target], playhead=0))

    return prepared


def samwise(case: Case) -> Work:
    """`samwise` with noise for weights, one sentence of seven tokens."""
    import torch

    from peanut_models.p_mask.config import NetworkConfig
    from peanut_models.p_mask.network import PMaskNetwork
    from peanut_models.p_mask.samwise import SamwiseSegmenter
    from peanut_models.p_mask.sentences import SentenceTracker
    from peanut_models.p_mask.settings import TrackSettings
    from peanut_models.p_mask.streams import ClipStream
    from peanut_models.p_mask.text import Tokens, tokens_from_ids
    from peanut_models.tracking import TargetPrompts

    class SevenTokens:
        """Any text as the same ids: what they are costs nothing."""

        def __call__(self, text: str) -> Tokens:
            return tokens_from_ids(torch.tensor([[0, 627, 5253, 12340, 5, 12144, 2]]))

    torch.manual_seed(0)
    network = PMaskNetwork(NetworkConfig()).eval().requires_grad_(False)
    segmenter = SamwiseSegmenter(network, SevenTokens())
    tracker = SentenceTracker(ClipStream(segmenter, TrackSettings()), None)
    target = TargetPrompts(
        target_id="1", frames=FrameRange(0, case.frames), prompts=[], text="the red square"
    )
    clip = Clip(case)
    return lambda: list(tracker.track(clip, [target], playhead=0))


WORKLOADS: dict[str, Callable[[Case], Work]] = {
    "embedded/propagation": propagation,
    "embedded/lanczos": lanczos,
    "embedded/masks": classical_masks,
    "e2fgvi_hq": e2fgvi,
    "basicvsr_pp": basicvsr,
    "sam2.1/tiny": sam2("tiny"),
    "sam2.1/base_plus": sam2("base_plus"),
    "samwise": samwise,
}


def resident_bytes() -> int:
    """What this process has in memory now; Linux."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def main() -> None:
    """Do one piece of work, print what it took."""
    name, height, width, frames, share = sys.argv[1:]
    case = Case(int(height), int(width), int(frames), float(share))
    case.pictures()
    bare = resident_bytes() + case.height * case.width * case.frames * 4
    work = WORKLOADS[name](case)
    before, started, cpu = resident_bytes(), time.monotonic(), time.process_time()
    work()
    found = {
        "bare": bare,
        "before": before,
        "bytes": peak_bytes() - before,
        "seconds": round(time.monotonic() - started, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
