"""Which part of the frame is computed, and which part of that is wanted."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float, Float32
from numpy import ndarray
from torch import Tensor

from peanut_models.errors import InvalidInputError
from peanut_models.stages import Image
from peanut_models.ur_net.config import NetworkConfig, PredictorConfig
from peanut_models.ur_net.images import (
    FlowPair,
    check_flow,
    flow_at,
    legal_side,
    network_input,
)
from peanut_models.ur_net.windows import Pair

BoxPx = tuple[int, int, int, int]
"""`[x0, x1)` by `[y0, y1)` in pixels of the frames given, as (x0, y0, x1, y1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A part of the frames, or all of them, brought to a size that the network takes.

    Attributes:
        rows: of the frame that are computed.
        columns: likewise.
        size: height and width after mirroring up to what the network takes.
        box: what is wanted.
        frame_size: height and width of the frames.
        enlarges: output pixels per input pixel, along a side.
        stride_px: input pixels per feature pixel, along a side.
    """

    rows: slice
    columns: slice
    size: tuple[int, int]
    box: BoxPx
    frame_size: tuple[int, int]
    enlarges: int
    stride_px: int

    def input(self, frame: Image) -> Float32[Tensor, "1 3 h w"]:
        """This part of a frame, in [0, 1]."""
        return network_input(frame[self.rows, self.columns], self.size)

    def pair(self, flows: FlowPair | None) -> Pair | None:
        """This part of the flows of one pair, in feature pixels.

        Args:
            flows: of whole frames, at any scale; None where they are to be estimated.

        Raises:
            InvalidInputError: they do not have the right form.
        """
        if flows is None:
            return None
        there, back = (check_flow(flow) for flow in flows)
        return self._flow(there), self._flow(back)

    def wanted(self, enlarged: ndarray) -> ndarray:
        """The box, out of what the network gave for this part."""
        x0, y0, x1, y1 = self.box
        top, left = self.rows.start, self.columns.start
        e = self.enlarges
        part = enlarged[(y0 - top) * e : (y1 - top) * e, (x0 - left) * e : (x1 - left) * e]
        return part if part.shape == enlarged.shape else part.copy()

    def _flow(self, flow: Float[Tensor, "1 2 h w"]) -> Float[Tensor, "1 2 h2 w2"]:
        s = self.stride_px
        whole = flow_at(flow, (-(-self.frame_size[0] // s), -(-self.frame_size[1] // s)))
        part = whole[
            ...,
            self.rows.start // s : -(-self.rows.stop // s),
            self.columns.start // s : -(-self.columns.stop // s),
        ]
        more = [side // s - have for side, have in zip(self.size, part.shape[-2:], strict=True)]
        # What was mirrored moves with the edge; nothing of it is kept.
        return F.pad(part, (0, more[1], 0, more[0]), mode="replicate") if any(more) else part


def area_of(
    network: NetworkConfig, frame: Image, box: BoxPx | None, predictor: PredictorConfig
) -> Area:
    """The part of the frame that a box needs; all of it without a box.

    Raises:
        InvalidInputError: the box is empty or not inside the frame.
    """
    height, width = frame.shape[:2]
    if box is None:
        box = (0, 0, width, height)
    x0, y0, x1, y1 = box
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
        raise InvalidInputError(
            f"box {box} is empty or leaves the frame: x0 < x1 must lie in 0 to {width}, y0 < y1 "
            f"in 0 to {height}"
        )
    halo = predictor.region_halo_px * network.stride_px
    rows = _grown(y0, y1, height, halo, network)
    columns = _grown(x0, x1, width, halo, network)
    return Area(
        rows=rows,
        columns=columns,
        size=(
            legal_side(network, rows.stop - rows.start),
            legal_side(network, columns.stop - columns.start),
        ),
        box=box,
        frame_size=(height, width),
        enlarges=network.enlarges,
        stride_px=network.stride_px,
    )


def _grown(first: int, end: int, length: int, halo: int, network: NetworkConfig) -> slice:
    """A box's side with its halo: of a size the network takes, as far as the frame allows."""
    stride, least = network.stride_px, legal_side(network, 1)
    start, stop = max(0, first - halo), min(length, end + halo)
    # True pixels are better than mirrored ones, so too small a part is moved and grown first.
    if stop - start < least:
        start = max(0, min(start - (least - (stop - start)) // 2, length - least))
        stop = min(length, start + least)
    start -= start % stride
    return slice(start, min(length, -(-stop // stride) * stride))
