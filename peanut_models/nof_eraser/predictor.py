"""NOF-Eraser as a stage: frames and holes to the plate."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch
from jaxtyping import Bool
from numpy import ndarray

from peanut_models.errors import FrameRangeError, InvalidInputError
from peanut_models.flow.dis import DisFlow
from peanut_models.flow.estimator import FlowEstimator
from peanut_models.nof_eraser.config import BASE_SIZE, PredictorConfig
from peanut_models.nof_eraser.filling import WindowFiller
from peanut_models.nof_eraser.images import check_frames, grown
from peanut_models.nof_eraser.motion import Measure, measured_by
from peanut_models.nof_eraser.network import NofEraserNetwork
from peanut_models.nof_eraser.reference import fill_by_windows
from peanut_models.nof_eraser.schedule import published_windows, streaming_windows
from peanut_models.nof_eraser.sparse import SparseCounts, fill_sparsely
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
        flow: finds motion in place of the network's SPyNet, for example `flow.raft.load_raft` on
            the same device: on the frames with the object in place, completed in the holes by
            `flow.completion`. Only for `streaming`. The sparse mode warps along it, too; without
            it, along DIS flow.

    Raises:
        InvalidInputError: `flow` was given for the `reference` procedure.
    """

    def __init__(
        self,
        network: NofEraserNetwork,
        config: PredictorConfig | None = None,
        flow: FlowEstimator | None = None,
    ) -> None:
        self._network = network.eval()
        self._config = config or PredictorConfig()
        if flow is not None and self._config.procedure == "reference":
            raise InvalidInputError(
                "a flow estimator was given for the reference procedure, which is the published "
                "one and estimates its own flow: use procedure streaming, or give none"
            )
        device = next(network.parameters()).device
        measure = None if flow is None else measured_by(flow, device)
        self._fill = WindowFiller(self._network, self._config, measure)
        self._sparse_measure: Measure = measure or DisFlow()
        self._sparse_counts: SparseCounts | None = None
        if self._config.precision != "float32":
            # The halves run on accelerators, whose convolutions like channels last.
            for parameter in network.parameters():
                if parameter.ndim == 4:
                    parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)

    @property
    def sparse_counts(self) -> SparseCounts | None:
        """How the frames of the last `erase` were made; None before, and without sparse mode."""
        return self._sparse_counts

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
        self._sparse_counts = None
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
        report = _part_of(on_progress, len(core))
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
        report = _part_of(on_progress, len(core))
        if self._config.sparse_stride > 1:
            filled, self._sparse_counts = fill_sparsely(
                frames, holes, core, self._config, self._fill, self._sparse_measure, report
            )
            return filled
        windows = streaming_windows(holes, core, self._config)
        return self._fill(frames, holes, core, windows, report)


def _part_of(on_progress: Progress | None, core_frames: int) -> Progress:
    """Progress as core frames done, from a share of the work."""

    def report(share: float) -> None:
        if on_progress is not None:
            on_progress(share * core_frames)

    return report


def _resized(images: ndarray, size: tuple[int, int]) -> ndarray:
    """Every image at another size: area averages down, cubic up."""
    shrinks = size[0] * size[1] < images.shape[1] * images.shape[2]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.stack([cv2.resize(image, size[::-1], interpolation=how) for image in images])
