"""NOF-Eraser as a stage: frames and holes to the plate."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float32
from numpy import ndarray
from torch import Tensor

from peanut_models.errors import FrameRangeError
from peanut_models.nof_eraser.config import BASE_SIZE, PredictorConfig
from peanut_models.nof_eraser.images import check_frames, grown, masked_input, scaled_prediction
from peanut_models.nof_eraser.network import NofEraserNetwork
from peanut_models.nof_eraser.reference import fill_by_windows
from peanut_models.nof_eraser.regions import Region, Run, runs_of, whole_frame
from peanut_models.nof_eraser.schedule import WindowPlan, published_windows, streaming_windows
from peanut_models.nof_eraser.streaming import Streaming
from peanut_models.ranges import FrameRange
from peanut_models.stages import GENERATED, SOURCE, Frames, Plate

Progress = Callable[[float], None]


class NofEraser:
    """Fills holes with the flow-guided network; an `Eraser` of `stages`.

    Only pixels inside the holes change. Frames without holes pass through untouched, and windows
    without holes are not computed.

    Args:
        network: with weights, on the device to use; see `convert.load_network`.
        config: how to run it.
    """

    def __init__(self, network: NofEraserNetwork, config: PredictorConfig | None = None) -> None:
        self._network = network.eval()
        self._config = config or PredictorConfig()
        if self._config.precision != "float32":
            # The halves run on accelerators, whose convolutions like channels last.
            for parameter in network.parameters():
                if parameter.ndim == 4:
                    parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)

    def erase(
        self,
        frames: Frames,
        holes: Bool[ndarray, "t h w"],
        *,
        core: FrameRange,
        generated: Bool[ndarray, "t h w"] | None = None,
        on_progress: Progress | None = None,
    ) -> Plate:
        """Fill the holes of the `core` frames; see `stages.Eraser`.

        Everything the network fills counts as generated: it merges what it propagates.

        Raises:
            InvalidInputError: frames and holes disagree.
            FrameRangeError: `core` goes beyond the frames.
        """
        del generated  # Nothing of the network's output is traced to one frame.
        check_frames(frames, holes)
        if core.end > len(frames):
            raise FrameRangeError(
                f"core {core} goes beyond the {len(frames)} frames given: end it at {len(frames)}"
            )
        holes = grown(holes, self._config.dilation_px)
        if self._network.config.variant == "base":
            filled = self._at_base_size(frames, holes, core, on_progress)
        else:
            filled = self._at_own_size(frames, holes, core, on_progress)
        inside = slice(core.start, core.end)
        provenance = np.where(holes[inside], np.int32(GENERATED), np.int32(SOURCE))
        return Plate(frames=filled, provenance=provenance.astype(np.int32))

    def _at_base_size(
        self,
        frames: Frames,
        holes: Bool[ndarray, "t h w"],
        core: FrameRange,
        on_progress: Progress | None,
    ) -> Frames:
        """The base variant knows one size: frames are shrunk to it and the fill is enlarged."""
        height, width = frames.shape[1:3]
        if (height, width) == BASE_SIZE:
            return self._at_own_size(frames, holes, core, on_progress)
        small = _resized(frames, BASE_SIZE)
        # A cell is a hole if any part of it is; nothing of the object may leak into the fill.
        small_holes = _resized(holes.astype(np.float32), BASE_SIZE) > 0
        filled = _resized(self._at_own_size(small, small_holes, core, on_progress), (height, width))
        inside = slice(core.start, core.end)
        return np.where(holes[inside][..., None], filled, frames[inside])

    def _at_own_size(
        self,
        frames: Frames,
        holes: Bool[ndarray, "t h w"],
        core: FrameRange,
        on_progress: Progress | None,
    ) -> Frames:
        inside = slice(core.start, core.end)
        if not holes[inside].any():
            return frames[inside].copy()
        if self._config.procedure == "reference":
            return self._by_reference(frames, holes, core, on_progress)
        return self._by_streaming(frames, holes, core, on_progress)

    def _by_reference(
        self,
        frames: Frames,
        holes: Bool[ndarray, "t h w"],
        core: FrameRange,
        on_progress: Progress | None,
    ) -> Frames:
        config = self._config
        windows = published_windows(
            len(frames),
            neighbor_stride=config.neighbor_stride,
            step=config.step,
            reference_frames=config.reference_frames,
        )
        report = _part_of(on_progress, 0, 1, len(core))
        filled = fill_by_windows(
            self._network, frames, holes, windows, lambda done: report(done / len(windows))
        )
        return filled[core.start : core.end]

    def _by_streaming(
        self,
        frames: Frames,
        holes: Bool[ndarray, "t h w"],
        core: FrameRange,
        on_progress: Progress | None,
    ) -> Frames:
        windows = streaming_windows(holes, core, self._config)
        if self._network.config.variant == "base":
            runs: tuple[Run, ...] = (
                Run(regions=(whole_frame(*frames.shape[1:3]),), windows=windows),
            )
        else:
            runs = runs_of(holes, windows, self._config)
        result = _Result(frames, holes, core)
        report = _part_of(on_progress, 0, 1, len(core))
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

        return Streaming(
            self._network,
            load,
            [w for w in windows if part_holes[w.fills.start : w.fills.end].any()],
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


def _part_of(on_progress: Progress | None, done: int, parts: int, core_frames: int) -> Progress:
    """Progress within one of several equal parts, as core frames done."""

    def report(share: float) -> None:
        if on_progress is not None:
            on_progress((done + share) / parts * core_frames)

    return report


def _resized(images: ndarray, size: tuple[int, int]) -> ndarray:
    """Every image at another size: area averages down, cubic up."""
    shrinks = size[0] * size[1] < images.shape[1] * images.shape[2]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.stack([cv2.resize(image, size[::-1], interpolation=how) for image in images])
