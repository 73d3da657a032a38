"""What UR-Net's published network costs in operations, however it is run.

Used by `bench_ur_net.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TypeVar, cast

import torch
from bench_nof_eraser import counted_flops
from torch import Tensor

from peanut_models.ranges import FrameRange
from peanut_models.ur_net.config import NetworkConfig, PredictorConfig
from peanut_models.ur_net.network import UrNetNetwork
from peanut_models.ur_net.propagation import State
from peanut_models.ur_net.tiles import Box, TiledSteps
from peanut_models.ur_net.windows import Pair, WindowedRun

Result = TypeVar("Result")

PUBLISHED = NetworkConfig()
DEFAULT = PredictorConfig()
COUNTED_SIZE, COUNTED_MARGIN_PX = (180, 320), 32
PIECE = FrameRange(DEFAULT.lookahead_frames, DEFAULT.lookahead_frames + 192)
"""Of a render, within the frames that it is computed from: as much context on each side."""

LONG_FRAMES = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Operations per frame of one way to run."""

    size: str
    way: str
    frames: int
    gflop_per_frame: float
    ratio: float


class CountedSteps(TiledSteps):
    """Adds up what the steps of a run cost.

    Each kind of step is counted once, on meta tensors. These have no values, so the margin of a
    typical motion is assumed, and one result may stand for all of its kind.
    """

    def __init__(self, network: UrNetNetwork, size: tuple[int, int], tile_px: int | None) -> None:
        super().__init__(network, *size, tile_px=tile_px)
        self.total = 0
        self._known: dict[tuple[object, ...], tuple[int, object]] = {}

    def extract(self, frame: Tensor) -> Tensor:
        """See `TiledSteps`; so are the others."""
        return self._once(("extract",), lambda: super(CountedSteps, self).extract(frame))

    def flows(self, first: Tensor, second: Tensor) -> Pair:
        """Both ways."""
        return self._once(("flows",), lambda: super(CountedSteps, self).flows(first, second))

    def advance(
        self, name: str, inputs: Sequence[Tensor], state: State, flow: Tensor | None
    ) -> Tensor:
        """First frames of a run, which align to nothing, are a kind of their own."""
        return self._once(
            (name, state.one_back is None, state.two_back is None),
            lambda: super(CountedSteps, self).advance(name, inputs, state, flow),
        )

    def reconstruct(
        self, frame: Tensor, maps: Sequence[Tensor], take: Callable[[Box, Tensor], None]
    ) -> None:
        """Nothing is handed over after the first time."""
        self._once(
            ("reconstruct",), lambda: super(CountedSteps, self).reconstruct(frame, maps, take)
        )

    def _margin(self, *flows: Tensor) -> int:
        return 0 if len(self._tiles) == 1 else COUNTED_MARGIN_PX

    def _once(self, kind: tuple[object, ...], step: Callable[[], Result]) -> Result:
        if kind not in self._known:
            results: list[Result] = []
            cost = counted_flops(lambda: results.append(step()))
            self._known[kind] = cost, results[0]
        cost, result = self._known[kind]
        self.total += cost
        return cast(Result, result)


def counted_run(
    network: UrNetNetwork,
    size: tuple[int, int],
    frames: int,
    *,
    windows: tuple[int, int] | None = None,
    tile_px: int | None = None,
    given: bool = False,
    wanted: FrameRange | None = None,
) -> int:
    """Operations of a whole run; without `windows` of the plain network, which is one window."""
    steps = CountedSteps(network, size, tile_px)
    n, ahead = windows or (frames, 1)
    run = WindowedRun(steps, window_frames=n, lookahead_frames=ahead, wanted=wanted)
    frame = torch.empty(1, 3, *size, device="meta")
    flow = torch.empty(1, 2, *size, device="meta")
    for k in range(frames + 1):
        pair = (flow, flow) if given and k else None
        for ready in run.push(frame, pair) if k < frames else run.finish():
            steps.reconstruct(ready.frame, ready.maps, lambda tile, part: None)
    return steps.total


def measure_costs() -> list[Cost]:
    """Operations per frame of the published network, however it is run."""
    with torch.device("meta"):
        network = UrNetNetwork(PUBLISHED).eval()
    clip = torch.empty(1, 4, 3, *COUNTED_SIZE, device="meta")
    whole, summed = counted_flops(lambda: network(clip)), counted_run(network, COUNTED_SIZE, 4)
    if whole != summed:
        raise RuntimeError(f"4 frames are {whole} operations at once, but {summed} step by step")
    found: list[Cost] = []
    whole_clips = cache(partial(counted_run, network))

    def count(
        size: tuple[int, int],
        frames: int,
        way: str,
        *,
        windows: tuple[int, int],
        tile_px: int | None = None,
        given: bool = False,
        wanted: FrameRange | None = None,
    ) -> None:
        plain = whole_clips(size, frames) / frames
        total = counted_run(
            network, size, frames, windows=windows, tile_px=tile_px, given=given, wanted=wanted
        )
        each = total / (len(wanted) if wanted else frames)
        found.append(
            Cost(
                size=f"{size[0]}x{size[1]}",
                way=way,
                frames=frames,
                gflop_per_frame=each / 1e9,
                ratio=each / plain,
            )
        )

    small, default = COUNTED_SIZE, (DEFAULT.window_frames, DEFAULT.lookahead_frames)
    said = f"windows of {default[0]}, lookahead {default[1]} (default)"
    span = PIECE.end + DEFAULT.lookahead_frames
    for frames in (100, span, LONG_FRAMES):
        count(small, frames, said, windows=default)
        count(small, frames, f"{said}, flows given", windows=default, given=True)
    for windows in ((32, 16), (48, 16), (64, 16), (96, 16), (32, 8)):
        way = f"windows of {windows[0]}, lookahead {windows[1]}"
        count(small, LONG_FRAMES, way, windows=windows)
        count(small, LONG_FRAMES, f"{way}, flows given", windows=windows, given=True)
    piece = f"a render's piece: {len(PIECE)} of the frames"
    count(small, span, piece, windows=default, wanted=PIECE)
    count(small, span, f"{piece}, flows given", windows=default, wanted=PIECE, given=True)
    for tile in (512, 256):
        count((1080, 1920), 3, f"tiles of {tile} px", windows=(3, 1), tile_px=tile)
    return found
