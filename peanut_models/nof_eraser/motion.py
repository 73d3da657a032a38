"""The background's motion between two frames, also inside the holes, by any estimator."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Bool, Float
from numpy import ndarray
from torch import Tensor

from peanut_models.errors import InvalidInputError
from peanut_models.flow.completion import complete_flow
from peanut_models.flow.consistency import consistent
from peanut_models.flow.estimator import FlowEstimator
from peanut_models.flow.warp import Flow, identity_flow, warp_mask
from peanut_models.nof_eraser.config import FEATURE_STRIDE_PX
from peanut_models.nof_eraser.images import grown
from peanut_models.nof_eraser.regions import Region
from peanut_models.stages import Frames, dtype_scale

SPILL_PX = 4
"""How far the patches of a flow carry the hole's own content into what lies around it."""

Measure = Callable[[ndarray, ndarray], Flow]
"""The flow between two pictures `h w 3`, uint8 or uint16, in pixels; `flow.dis.DisFlow` is one."""


def measured_by(estimator: FlowEstimator, device: torch.device) -> Measure:
    """A network that estimates flow, for pictures in host memory.

    Args:
        estimator: RGB in [0, 1] to pixels, for example `flow.raft.Raft`.
        device: where the network is.

    Returns:
        A function that raises `InvalidInputError` where the estimator's flow has another size
        than the pictures.
    """

    def measure(source: ndarray, target: ndarray) -> Flow:
        first, second = (_unit_image(image, device) for image in (source, target))
        with torch.inference_mode():
            flow = estimator(first, second)
        if flow.shape != (1, 2, *source.shape[:2]):
            raise InvalidInputError(
                f"the flow estimator gave {tuple(flow.shape)} for pictures of "
                f"{source.shape[0]}x{source.shape[1]}: it must give (n, 2, h, w) of their size"
            )
        return np.ascontiguousarray(flow[0].float().permute(1, 2, 0).cpu().numpy())

    return measure


def _unit_image(image: ndarray, device: torch.device) -> Float[Tensor, "1 3 h w"]:
    scaled = image.astype(np.float32) / np.float32(dtype_scale(image))
    return torch.from_numpy(np.ascontiguousarray(scaled.transpose(2, 0, 1)))[None].to(device)


def background_motion(
    frames: ndarray, holes: Bool[ndarray, "2 h w"], measure: Measure
) -> tuple[Flow, Flow]:
    """The background's flow from one frame to another and back, holes included.

    It is measured on the frames as they are, with the object in place, and believed outside the
    holes only and where both directions agree; `flow.completion` carries it on into the rest.

    Args:
        frames: two, `2 h w 3`, uint8 or uint16.
        holes: True on the object.
        measure: gives the flow of one picture to another.

    Returns:
        Flow of the first to the second and back, in pixels; 0 where nothing at all is known.
    """
    there, back = measure(frames[0], frames[1]), measure(frames[1], frames[0])
    first, second = grown(holes, SPILL_PX)
    return (
        _completed(there, ~(first | warp_mask(second, there)) & consistent(there, back)),
        _completed(back, ~(second | warp_mask(first, back)) & consistent(back, there)),
    )


def _completed(flow: Flow, known: Bool[ndarray, "h w"]) -> Flow:
    return complete_flow(flow, known) if known.any() else identity_flow(*known.shape)


class RegionFlows:
    """Completed flow between neighbours of one region, at the size of its feature maps.

    What the network's own SPyNet gives, from another estimator: its flow is found at full size on
    the frames with the object in place, completed, and brought to a quarter as the network does
    with its frames (corners aligned), so that both speak of the same pixels.

    Args:
        frames: of the region, without what lies beyond the frame.
        holes: of the region.
        region: its size; smaller frames are mirrored up to it, as the network sees them.
        measure: gives the flow of one picture to another.
        device: where the flows are needed.
    """

    def __init__(
        self,
        frames: Frames,
        holes: Bool[ndarray, "t h w"],
        region: Region,
        measure: Measure,
        device: torch.device,
    ) -> None:
        self._frames = frames
        self._holes = holes
        below, right = (
            (0, max(0, side - have))
            for side, have in zip((region.height, region.width), frames.shape[1:3], strict=True)
        )
        self._border = ((0, 0), below, right)
        self._measure = measure
        self._device = device

    def __call__(
        self, frame_index: int
    ) -> tuple[Float[Tensor, "2 h4 w4"], Float[Tensor, "2 h4 w4"]]:
        """The flow of a frame to the next one, and of the next one to it, in feature pixels."""
        pair = slice(frame_index, frame_index + 2)
        frames = np.pad(self._frames[pair], (*self._border, (0, 0)), mode="symmetric")
        holes = np.pad(self._holes[pair], self._border, mode="symmetric")
        there, back = background_motion(frames, holes, self._measure)
        return quarter_flow(there, self._device), quarter_flow(back, self._device)


def quarter_flow(flow: Flow, device: torch.device) -> Float[Tensor, "2 h4 w4"]:
    """A flow at the size of the feature maps, in their pixels; corners stay corners."""
    size = [side // FEATURE_STRIDE_PX for side in flow.shape[:2]]
    full = torch.from_numpy(flow).permute(2, 0, 1)[None].to(device)
    # The longest sides are a multiple of 60, so none of these is 0 or 1.
    scale = full.new_tensor(
        [(size[1] - 1) / (flow.shape[1] - 1), (size[0] - 1) / (flow.shape[0] - 1)]
    )
    small = F.interpolate(full, size, mode="bilinear", align_corners=True)[0]
    return small * scale[:, None, None]
