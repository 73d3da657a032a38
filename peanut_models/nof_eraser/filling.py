"""The streaming network over planned windows, region by region, to finished pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Float32
from numpy import ndarray
from torch import Tensor

from peanut_models.nof_eraser.config import PredictorConfig
from peanut_models.nof_eraser.images import SomeFrames, masked_input, scaled_prediction
from peanut_models.nof_eraser.motion import Measure, RegionFlows
from peanut_models.nof_eraser.network import NofEraserNetwork
from peanut_models.nof_eraser.regions import Region, Run, runs_of, whole_frame
from peanut_models.nof_eraser.schedule import WindowPlan
from peanut_models.nof_eraser.streaming import Streaming
from peanut_models.ranges import FrameRange
from peanut_models.stages import Frames


class WindowFiller:
    """Fills the holes of some windows of a clip.

    Args:
        network: in evaluation mode, on its device.
        config: how to run it.
        measure: flow from elsewhere, in place of the network's own.
    """

    def __init__(
        self, network: NofEraserNetwork, config: PredictorConfig, measure: Measure | None = None
    ) -> None:
        self._network = network
        self._config = config
        self._measure = measure
        self._device = next(network.parameters()).device

    def __call__(
        self,
        frames: Frames,
        holes: Bool[ndarray, "t h w"],
        core: FrameRange,
        windows: Sequence[WindowPlan],
        report: Callable[[float], None] = lambda _: None,
    ) -> SomeFrames:
        """The core frames with the holes filled that the windows fill.

        Args:
            frames: RGB, core and context.
            holes: True where pixels are wanted.
            core: the frames to return.
            windows: in ascending order, each filling frames of the core only.
            report: called between the parts of the work with the share done so far, 0 to 1;
                whatever it raises ends the call.
        """
        if self._network.config.variant == "base":
            runs: tuple[Run, ...] = (
                Run(regions=(whole_frame(*frames.shape[1:3]),), windows=tuple(windows)),
            )
        else:
            runs = runs_of(holes, windows, self._config)
        result = _Result(frames, holes, core)
        total = sum(len(run.windows) * len(run.regions) for run in runs)
        done = 0

        def step() -> None:
            """Windows take long on a CPU: a cancelled job must not wait for the end of one."""
            report(done / total)

        for run in runs:
            for region in run.regions:
                for window, predicted in self._stream(frames, holes, region, run.windows, step):
                    result.add(window.fills, region, scaled_prediction(predicted, frames))
                    done += 1
                    report(done / total)
        return result.frames

    def _stream(
        self,
        frames: Frames,
        holes: Bool[ndarray, "t h w"],
        region: Region,
        windows: Sequence[WindowPlan],
        on_step: Callable[[], None],
    ) -> Streaming:
        """The network over one region of the frame."""
        part, part_holes = region.part(frames), region.part(holes)

        def load(wanted: Sequence[int]) -> Float32[Tensor, "n 3 h w"]:
            given = masked_input(part[list(wanted)], part_holes[list(wanted)])
            return region.completed(given)

        flows = None
        if self._measure is not None:
            flows = RegionFlows(part, part_holes, region, self._measure, self._device)
        return Streaming(
            self._network,
            load,
            [w for w in windows if part_holes[w.fills.start : w.fills.end].any()],
            flows=flows,
            encode_batch=self._config.encode_batch,
            precision=self._config.precision,
            on_step=on_step,
        )


class _Result:
    """The core frames, as predictions come in; each later prediction of a pixel counts half.

    Source: the published procedure's running average, rounded where that one truncates.
    """

    def __init__(self, frames: Frames, holes: Bool[ndarray, "t h w"], core: FrameRange) -> None:
        self.frames = frames[core.start : core.end].copy()
        self._holes = holes[core.start : core.end]
        self._predicted = np.zeros(self._holes.shape, np.bool_)
        self._first = core.start

    def add(self, fills: FrameRange, region: Region, pixels: Float32[ndarray, "n h w 3"]) -> None:
        """Predictions of the frames of `fills`, of one region; used inside the holes only."""
        inside = slice(fills.start - self._first, fills.end - self._first)
        out = region.part(self.frames[inside])
        hole = region.part(self._holes[inside])
        before = region.part(self._predicted[inside])
        pixels = pixels[:, : out.shape[1], : out.shape[2]]
        again = (hole & before)[..., None]
        pixels = np.where(again, pixels * 0.5 + out * np.float32(0.5), pixels)
        top = np.iinfo(out.dtype).max
        out[hole] = np.clip(np.rint(pixels[hole]), 0, top).astype(out.dtype)
        before |= hole
