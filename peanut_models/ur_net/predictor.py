"""UR-Net as a stage: frames to frames of four times the size, in bounded memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from peanut_models.errors import InvalidInputError
from peanut_models.ranges import FrameRange
from peanut_models.stages import Frames, Image, UpscaledFrames
from peanut_models.ur_net.config import BRANCHES, SCALE, PredictorConfig
from peanut_models.ur_net.images import Flow, FlowPair, check_image, pixels
from peanut_models.ur_net.network import UrNetNetwork
from peanut_models.ur_net.planning import Plan, plan
from peanut_models.ur_net.regions import Area, BoxPx, area_of
from peanut_models.ur_net.tiles import Box, TiledSteps
from peanut_models.ur_net.windows import ReadyFrame, WindowedRun

HOST_SHARE = 0.5
"""Of the machine's memory, what a run may take where it is not told."""

UNKNOWN_HOST_BYTES = 8 * 2**30
"""Of a machine that does not say how much memory it has."""


class UrNet:
    """Enlarges clips with the propagation network; an `Upscaler` of `stages`.

    Memory depends on the frames' size and on the configuration, not on the clip's length, except
    for the frames that are given and returned as a whole (`stream` avoids that too).

    Args:
        network: with weights, on the device to use; see `convert.load_network`.
        config: how to run it.
    """

    name = "ur_net/basicvsr_pp"

    def __init__(self, network: UrNetNetwork, config: PredictorConfig | None = None) -> None:
        self._network = network.eval()
        self._config = config or PredictorConfig()
        self._device = next(network.parameters()).device
        if self._config.precision != "float32" and self._device.type == "cuda":
            # Half-precision convolutions on an accelerator work on channels last.
            for module in network.modules():
                if isinstance(module, nn.Conv2d):
                    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def context_frames(self) -> int:
        """Frames around a run after which what lies beyond them no longer shows in it."""
        return self._config.lookahead_frames

    def upscale(self, frames: Frames) -> UpscaledFrames:
        """`t h w 3` to `t 4h 4w 3`, same type and range.

        Raises:
            InvalidInputError: `frames` is not a run of RGB frames, or the network keeps their size.
        """
        if self._network.config.enlarges != SCALE:
            raise InvalidInputError(
                "this network restores frames at their own size: use `enlarge`, or a checkpoint "
                "with low_res_input to enlarge four times"
            )
        return self.enlarge(frames)

    def enlarge(
        self,
        frames: Frames,
        *,
        flows: tuple[Sequence[Flow], Sequence[Flow]] | None = None,
        box_xyxy_px: BoxPx | None = None,
    ) -> Frames:
        """A whole clip, or one region of it; see `stream`.

        Args:
            frames: t h w 3.
            flows: of t to t + 1, and of t + 1 to t, for all t - 1 pairs.
            box_xyxy_px: the region.

        Raises:
            InvalidInputError: no run of RGB frames, flows that do not fit them, or a box outside.
        """
        if frames.ndim != 4 or frames.shape[-1] != 3 or not len(frames):
            raise InvalidInputError(
                f"frames to enlarge have the shape {frames.shape}: give an array of t, h, w, 3"
            )
        pairs = None
        if flows is not None:
            if not len(flows[0]) == len(flows[1]) == len(frames) - 1:
                raise InvalidInputError(
                    f"{len(flows[0])} and {len(flows[1])} flows for {len(frames)} frames: give "
                    f"{len(frames) - 1} each way"
                )
            pairs = zip(flows[0], flows[1], strict=True)
        return np.stack(list(self.stream(frames, flows=pairs, box_xyxy_px=box_xyxy_px)))

    def stream(
        self,
        frames: Iterable[Image],
        *,
        flows: Iterable[FlowPair | None] | None = None,
        core: FrameRange | None = None,
        on_progress: Callable[[float], None] | None = None,
        box_xyxy_px: BoxPx | None = None,
    ) -> Iterator[Image]:
        """Frames in, enlarged frames out, some time later, in order.

        Args:
            frames: all of one size and type.
            flows: one pair of flows between each two neighbours (t to t + 1, t + 1 to t), at any
                scale, instead of estimating them. Each covers the whole frame, in its own pixels.
                None in place of a pair has that one estimated.
            core: give these frames only, counted from the first; the others are context.
            on_progress: called often with the frames done so far, as far as that can be told;
                whatever it raises ends the run.
            box_xyxy_px: compute this region only, with a halo; the frames out show just it. Flows
                that are not given are then estimated on that part only, too.

        Raises:
            InvalidInputError: frames that differ, flows too few or of a wrong shape, a box outside
                the frame.
            OutOfDeviceMemoryError: no window and tile are small enough.
        """
        yield from _inferring(self._enlarged(frames, flows, core, on_progress, box_xyxy_px))

    def plan(self, height: int, width: int) -> Plan:
        """How frames of this size will be run.

        Raises:
            OutOfDeviceMemoryError: no window and tile are small enough.
        """
        config, budget, host = self._config, self._config.memory_bytes, self._config.host_bytes
        if host is None:
            host = int(HOST_SHARE * _host_memory_bytes())
        if self._device.type == "cuda":
            budget = budget or torch.cuda.mem_get_info(self._device)[0]
        elif config.spill is None:
            # The device's memory is the host's: moving features there would free nothing.
            config = replace(config, spill=False)
        return plan(
            self._network.config,
            height,
            width,
            config,
            budget_bytes=budget or host,
            host_bytes=host,
        )

    def _enlarged(
        self,
        frames: Iterable[Image],
        flows: Iterable[FlowPair | None] | None,
        core: FrameRange | None,
        on_progress: Callable[[float], None] | None,
        box_xyxy_px: BoxPx | None,
    ) -> Iterator[Image]:
        given = None if flows is None else iter(flows)
        first: Image | None = None
        for at, frame in enumerate(frames):
            check_image(frame, like=first)
            if first is None:
                first = frame
                area = area_of(self._network.config, first, box_xyxy_px, self._config)
                steps, run = self._started(area, core, on_progress)
            pair = None
            if given is not None and at:
                pair = area.pair(_next_flows(given, at))
            for ready in run.push(area.input(frame), pair):
                yield _finished(steps, ready, area, first)
        if first is not None:
            for ready in run.finish():
                yield _finished(steps, ready, area, first)

    def _started(
        self,
        area: Area,
        core: FrameRange | None,
        on_progress: Callable[[float], None] | None,
    ) -> tuple[TiledSteps, WindowedRun]:
        fits = self.plan(*area.size)
        steps = TiledSteps(
            self._network,
            area.size[0] // self._network.config.stride_px,
            area.size[1] // self._network.config.stride_px,
            tile_px=fits.tile_px,
            precision=self._config.precision,
            spill=fits.holding.spill,
            halve=fits.holding.halve,
        )
        done = 0

        def step() -> None:
            nonlocal done
            done += 1
            if on_progress is not None:
                on_progress(done / len(BRANCHES))

        run = WindowedRun(
            steps,
            window_frames=fits.holding.window_frames,
            lookahead_frames=fits.holding.lookahead_frames,
            wanted=core,
            hold_extracted=fits.holding.hold_extracted,
            on_step=step,
        )
        return steps, run


def _finished(steps: TiledSteps, ready: ReadyFrame, area: Area, like: Image) -> Image:
    """A ready frame's pixels, reconstructed tile by tile."""
    height, width = (side * area.enlarges for side in area.size)
    whole = np.empty((height, width, 3), like.dtype)

    def take(tile: Box, part: Float[Tensor, "1 3 h w"]) -> None:
        rows, columns = (
            slice(tile.top * SCALE, tile.bottom * SCALE),
            slice(tile.left * SCALE, tile.right * SCALE),
        )
        whole[rows, columns] = pixels(part, like.dtype)

    steps.reconstruct(ready.frame, ready.maps, take)
    return area.wanted(whole)


def _next_flows(given: Iterator[FlowPair | None], at: int) -> FlowPair | None:
    """The flows that lead to frame `at`, or None to have them estimated."""
    for pair in given:
        return pair
    raise InvalidInputError(
        f"no flow between frame {at - 1} and {at}: give one pair of flows for every two "
        "neighbours, or none at all"
    )


def _host_memory_bytes() -> int:
    if hasattr(os, "sysconf"):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return UNKNOWN_HOST_BYTES


def _inferring(work: Iterator[Image]) -> Iterator[Image]:
    """Without gradients, but only while it works: between two frames the caller's mode holds."""
    while True:
        with torch.inference_mode():
            item = next(work, None)
        if item is None:
            return
        yield item
