"""True pixels first: propagation shrinks the holes, the network fills what no frame shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Bool, Float32
from numpy import ndarray

from peanut_models.embedded.eraser import PropagationEraser
from peanut_models.embedded.eraser.motion import Motion
from peanut_models.ranges import FrameRange
from peanut_models.stages import Eraser

LEVEL = 257
"""Steps of 16 bits per 8-bit level: plates go to the network without losing their fractions."""


def true_pixels_first(network: Eraser) -> Eraser:
    """The propagation of true pixels with a network for the rest.

    Provenance says which pixel came from where: propagated ones name their frame, the network's
    are `GENERATED`.
    """
    return PropagationEraser(rest=NetworkRest(network))


class NetworkRest:
    """A network as the filler of what true pixels could not reach; a `RestFiller`.

    It sees the frames with true pixels already in place, so it has more to go by and less to do.

    Args:
        network: fills holes; all it fills counts as generated.
    """

    def __init__(self, network: Eraser) -> None:
        self._network = network

    def __call__(
        self,
        plates: Float32[ndarray, "t h w 3"],
        unseen: Mapping[int, Bool[ndarray, "h w"]],
        forbidden: Bool[ndarray, "t h w"],
        motion: Motion,
        given: int | None,
        on_progress: Callable[[float], None],
    ) -> None:
        """Fill what is left, in place; see `fill_unseen`."""
        del motion, given  # The network finds its own, and sees the frames filled earlier.
        holes = forbidden.copy()
        for k, gap in unseen.items():
            holes[k] = gap
        wanted = [k for k, gap in unseen.items() if gap.any()]
        if not wanted:
            return
        frames = np.rint(np.clip(plates, 0, 255) * LEVEL).astype(np.uint16)
        core = FrameRange(min(wanted), max(wanted) + 1)
        filled = self._network.erase(
            frames, holes, core=core, on_progress=lambda done: on_progress(done / len(core))
        )
        for k in wanted:
            gap = unseen[k]
            plates[k][gap] = filled.frames[k - core.start][gap] / np.float32(LEVEL)
            gap[:] = False
