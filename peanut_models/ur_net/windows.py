"""Four branches over an endless run of frames, in windows that fit together.

Forward branches are simply carried on. A backward branch comes from the future, so it starts
`lookahead` frames beyond what it has to give, from zeros as at the end of a clip; what it finds
there is thrown away. Everything else is computed once: a window's first backward branch need not
go over frames again that had their lookahead in the window before.

With n frames to a window and lookahead l, one window in the middle of a clip does

    backward_1  on frames [s + l, s + n + 2 l)   keeps all but the last l
    forward_1   on frames [s + l, s + n + l)     carried on
    backward_2  on frames [s,     s + n + l)     keeps all but the last l
    forward_2   on frames [s,     s + n)         carried on, then reconstructed

so two of the four branches cost (n + l) / n of the plain network, and the rest costs the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from jaxtyping import Float
from torch import Tensor

from peanut_models.ranges import FrameRange
from peanut_models.ur_net.config import BRANCHES
from peanut_models.ur_net.propagation import State
from peanut_models.ur_net.tiles import TiledSteps

Pair = tuple[Tensor, Tensor]
"""The flow of t to t + 1 and of t + 1 to t, each 1 2 h w in feature pixels."""


@dataclass(slots=True, kw_only=True)
class ReadyFrame:
    """A frame whose propagation is complete.

    Attributes:
        index: counted from the first frame given.
        frame: as given.
        maps: extracted features, then those of the branches in order.
    """

    index: int
    frame: Float[Tensor, "1 3 h w"]
    maps: list[Float[Tensor, "1 c h4 w4"]]


@dataclass(slots=True, kw_only=True)
class _Held:
    """What is in memory, by frame index."""

    frames: dict[int, Tensor] = field(default_factory=dict)
    extracted: dict[int, Tensor] = field(default_factory=dict)
    pairs: dict[int, Pair] = field(default_factory=dict)
    branches: dict[str, dict[int, Tensor]] = field(
        default_factory=lambda: {name: {} for name in BRANCHES}
    )


class WindowedRun:
    """One clip, pushed in frame by frame.

    Args:
        steps: the network for frames of this size.
        window_frames: frames finished at a time.
        lookahead_frames: see above; 1 or more.
        wanted: the frames to give, all by default; the others are context, whose last branch and
            pixels are only computed as far as the wanted ones need them.
        hold_extracted: keep extracted features from their first use to their last; otherwise each
            branch extracts them again, for a fifth more work and a quarter less memory.
        on_step: called after each step of a branch; whatever it raises ends the run.
    """

    def __init__(
        self,
        steps: TiledSteps,
        *,
        window_frames: int,
        lookahead_frames: int,
        wanted: FrameRange | None = None,
        hold_extracted: bool = True,
        on_step: Callable[[], None] = lambda: None,
    ) -> None:
        self._steps = steps
        self._window = window_frames
        self._lookahead = lookahead_frames
        self._wanted = wanted
        self._hold_extracted = hold_extracted
        self._on_step = on_step
        self._held = _Held()
        self._read = 0
        # Frames before these have their final features of the first two branches, and are out.
        self._settled = 0
        self._out = 0

    def push(self, frame: Float[Tensor, "1 3 h w"], pair: Pair | None) -> Iterator[ReadyFrame]:
        """Take the next frame and give those that are ready.

        Args:
            frame: RGB in [0, 1].
            pair: flow between the frame before and this one; None on the first frame, and where
                it is to be estimated.
        """
        held, at = self._held, self._read
        if at:
            held.pairs[at - 1] = pair or self._steps.flows(held.frames[at - 1], frame)
        held.frames[at] = frame
        self._read += 1
        # One frame more than a window needs says that this window is not the last.
        if self._read > self._out + self._window + 2 * self._lookahead:
            yield from self._finish_window(self._read - 1, last=False)

    def finish(self) -> Iterator[ReadyFrame]:
        """The clip has ended: give the rest."""
        if self._out < self._read:
            yield from self._finish_window(self._read, last=True)

    def maps_held(self) -> int:
        """How many feature maps of whole frames are in memory."""
        held = self._held
        return len(held.extracted) + sum(len(maps) for maps in held.branches.values())

    def _finish_window(self, end: int, *, last: bool) -> Iterator[ReadyFrame]:
        """Window that may look at frames before `end`; `last` where the clip ends there."""
        settled = end if last else end - self._lookahead
        out = settled if last else settled - self._lookahead
        self._run("backward_1", range(end - 1, self._settled - 1, -1), keep_before=settled)
        self._run("forward_1", range(self._settled, settled))
        self._run("backward_2", range(settled - 1, self._out - 1, -1), keep_before=out)
        self._settled = settled
        while self._out < out:
            at = self._out
            if self._wanted is None or at < self._wanted.end:
                self._run("forward_2", range(at, at + 1))
            if self._wanted is None or at in self._wanted:
                yield ReadyFrame(index=at, frame=self._held.frames[at], maps=self._inputs(at, 4))
            self._out += 1
            self._forget()

    def _run(self, name: str, indices: range, keep_before: int | None = None) -> None:
        """One branch over consecutive frames, carried on from where its features are held."""
        features = self._held.branches[name]
        step = indices.step
        # A backward branch starts afresh at the end of what is known.
        features_back = features if step > 0 else {}
        for at in indices:
            one, two = at - step, at - 2 * step
            state = State(
                features_back.get(one),
                features_back.get(two),
                self._flow(one, two) if two in features_back else None,
            )
            flow = self._flow(at, one) if one in features_back else None
            inputs = self._inputs(at, BRANCHES.index(name))
            features_back[at] = self._steps.advance(name, inputs, state, flow)
            self._on_step()
            if step < 0:
                if keep_before is None or at < keep_before:
                    features[at] = features_back[at]
                features_back.pop(two, None)

    def _flow(self, start: int, end: int) -> Tensor:
        """From a frame to its neighbour."""
        return self._held.pairs[min(start, end)][0 if end > start else 1]

    def _inputs(self, at: int, earlier: int) -> list[Tensor]:
        branches = self._held.branches
        return [self._extracted(at), *(branches[name][at] for name in BRANCHES[:earlier])]

    def _extracted(self, at: int) -> Tensor:
        held = self._held
        if at not in held.extracted:
            if not self._hold_extracted:
                held.extracted.clear()
            held.extracted[at] = self._steps.extract(held.frames[at])
        return held.extracted[at]

    def _forget(self) -> None:
        """Drop what no later frame needs; the forward branches carry two frames on."""
        held = self._held
        carried = min(self._out, self._settled - 2)
        _drop_before(held.extracted, self._out)
        _drop_before(held.frames, min(self._out, self._read - 1))
        _drop_before(held.pairs, self._out - 2)
        _drop_before(held.branches["backward_1"], self._out)
        _drop_before(held.branches["forward_1"], carried)
        _drop_before(held.branches["backward_2"], self._out)
        _drop_before(held.branches["forward_2"], self._out - 2)


def _drop_before(held: dict[int, Any], first: int) -> None:
    for index in [k for k in held if k < first]:
        del held[index]
