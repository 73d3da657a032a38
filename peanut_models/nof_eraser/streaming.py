"""The network over a run of windows with nothing computed twice and bounded memory.

Each frame is encoded once, each pair's flow is found once, each reference is split into tokens
once; all of it is dropped after the last window that needs it. References take no part in the
last transformer block, the composite and the decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from jaxtyping import Float, Float32
from torch import Tensor

from peanut_models.nof_eraser.config import Precision
from peanut_models.nof_eraser.network import NofEraserNetwork
from peanut_models.nof_eraser.schedule import WindowPlan

Load = Callable[[Sequence[int]], Float32[Tensor, "n 3 h w"]]
"""Frames by index, masked, as the network takes them: [-1, 1], holes 0, sizes that fit."""

PairFlows = Callable[[int], tuple[Float[Tensor, "2 h4 w4"], Float[Tensor, "2 h4 w4"]]]
"""Completed flow of a frame to the next one and back, in feature pixels: `motion.RegionFlows`."""


class Streaming:
    """The network over one region and a list of windows.

    Args:
        network: in evaluation mode, on its device.
        load: gives frames; called once per frame.
        windows: in ascending order.
        flows: where completed flow comes from; default: the network's own SPyNet. Called once per
            pair.
        encode_batch: frames encoded at once.
        precision: of convolutions and products.
        on_step: called between the parts of a window's work; whatever it raises ends the run.
    """

    def __init__(
        self,
        network: NofEraserNetwork,
        load: Load,
        windows: Sequence[WindowPlan],
        *,
        flows: PairFlows | None = None,
        encode_batch: int = 4,
        precision: Precision = "float32",
        on_step: Callable[[], None] = lambda: None,
    ) -> None:
        self._network = network
        self._load = load
        self._windows = windows
        self._pair_flows = flows or self._own_flows
        self._encode_batch = encode_batch
        self._precision = precision
        self._on_step = on_step
        self._device = next(network.parameters()).device
        self._features: dict[int, Tensor] = {}
        self._quarters: dict[int, Tensor] = {}
        self._flows: dict[int, tuple[Tensor, Tensor]] = {}
        self._tokens: dict[int, Tensor] = {}
        self.frames_encoded = 0
        self.pairs_estimated = 0

    def __iter__(self) -> Iterator[tuple[WindowPlan, Float[Tensor, "n 3 h w"]]]:
        """Each window with the prediction of the frames it fills, RGB in (-1, 1)."""
        for k, window in enumerate(self._windows):
            with torch.inference_mode(), self._autocast():
                predicted = self._window(window)
            self._forget(self._windows[k + 1 :])
            yield window, predicted

    def cached_frames(self) -> int:
        """How many frames have anything in the cache."""
        return len(self._features.keys() | self._quarters.keys() | self._tokens.keys())

    def _autocast(self) -> AbstractContextManager[object]:
        if self._precision == "float32":
            return nullcontext()
        return torch.autocast(self._device.type, dtype=getattr(torch, self._precision))

    def _window(self, window: WindowPlan) -> Float[Tensor, "n 3 h w"]:
        network, local = self._network, list(window.local)
        self._encode([*local, *(k for k in window.references if k not in self._tokens)])
        encoded = torch.stack([self._features[k] for k in local])[None]
        flow_fwd, flow_bwd = self._flows_between(local)
        features = network.propagation(encoded, flow_fwd, flow_bwd)
        self._on_step()
        tokens = torch.cat(
            [network.split(features), *(self._reference_tokens(k) for k in window.references)],
            dim=1,
        )
        size = (features.shape[-2], features.shape[-1])
        features = features + network.hallucinate(tokens, size, out_frames=len(local))
        self._on_step()
        first = window.fills.start - window.local.start
        result: Tensor = network.decoder(features[0, first : first + len(window.fills)])
        return result

    def _encode(self, wanted: Sequence[int]) -> None:
        missing = [k for k in wanted if k not in self._features]
        for at in range(0, len(missing), self._encode_batch):
            batch = missing[at : at + self._encode_batch]
            frames = self._load(batch).to(self._device)
            features, quarters = self._network.encoder(frames), self._network.quarter(frames)
            self._features.update(zip(batch, features, strict=True))
            self._quarters.update(zip(batch, quarters, strict=True))
            self.frames_encoded += len(batch)
            self._on_step()

    def _flows_between(
        self, local: list[int]
    ) -> tuple[Float[Tensor, "1 p 2 h w"], Float[Tensor, "1 p 2 h w"]]:
        """Completed flows of neighbours, t to t + 1 and back."""
        for k in local[:-1]:
            if k not in self._flows:
                self._flows[k] = self._pair_flows(k)
                self.pairs_estimated += 1
                self._on_step()
        if len(local) < 2:
            none = self._quarters[local[0]].new_zeros(1, 0, 2, *self._quarters[local[0]].shape[1:])
            return none, none
        return (
            torch.stack([self._flows[k][0] for k in local[:-1]])[None],
            torch.stack([self._flows[k][1] for k in local[:-1]])[None],
        )

    def _own_flows(
        self, frame_index: int
    ) -> tuple[Float[Tensor, "2 h4 w4"], Float[Tensor, "2 h4 w4"]]:
        first, second = (self._quarters[k][None] for k in (frame_index, frame_index + 1))
        return self._network.flow(first, second)[0], self._network.flow(second, first)[0]

    def _reference_tokens(self, frame_index: int) -> Float[Tensor, "1 1 m n c_e"]:
        if frame_index not in self._tokens:
            self._tokens[frame_index] = self._network.split(self._features[frame_index][None, None])
        return self._tokens[frame_index]

    def _forget(self, windows: Sequence[WindowPlan]) -> None:
        """Drop what no later window needs."""
        local = {k for window in windows for k in window.local}
        references = {k for window in windows for k in window.references}
        pairs = {k for window in windows for k in window.local if k + 1 in window.local}
        # A reference whose tokens are there needs its features only if it is local later on.
        pending = references - self._tokens.keys()
        _keep(self._features, local | pending)
        _keep(self._quarters, local)
        _keep(self._flows, pairs)
        _keep(self._tokens, references)


def _keep(cache: dict[int, Any], needed: set[int]) -> None:
    for frame_index in cache.keys() - needed:
        del cache[frame_index]
