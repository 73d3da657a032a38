"""The published test procedure, exactly: slow, and the yardstick for the streaming one.

Every window is computed from scratch, so each frame passes the network about three times, and the
whole clip is in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy import ndarray
from torch import Tensor

from peanut_models.nof_eraser.images import (
    check_frames,
    masked_input,
    mirror_padded,
    padded_size,
    truncated_pixels,
)
from peanut_models.nof_eraser.network import NofEraserNetwork
from peanut_models.nof_eraser.schedule import WindowPlan
from peanut_models.stages import Frames


def fill_by_windows(
    network: NofEraserNetwork,
    frames: Frames,
    holes: Bool[ndarray, "t h w"],
    windows: tuple[WindowPlan, ...],
    on_step: Callable[[int], None] = lambda _: None,
) -> Frames:
    """Fill a clip window by window.

    Args:
        network: in evaluation mode.
        frames: RGB, whole clip.
        holes: True where pixels are replaced; already grown (`images.grown`).
        windows: see `schedule.published_windows`.
        on_step: called with the number of windows done, after each and between the parts of one;
            whatever it raises ends the call.

    Returns:
        The frames with filled holes; frames that no window fills stay as they are.

    parity: a frame that several windows predict is not their mean: each later prediction is
    averaged half and half with what is there.

    Raises:
        InvalidInputError: frames and holes disagree, or the variant does not take their size.
    """
    check_frames(frames, holes)
    height, width = frames.shape[1:3]
    composed: list[ndarray | None] = [None] * len(frames)
    done = 0
    predictions = predict_windows(network, frames, holes, windows, lambda: on_step(done))
    for window, predicted in predictions:
        pixels = truncated_pixels(predicted[:, :, :height, :width], frames)
        for k, frame_index in enumerate(window.local):
            if frame_index not in window.fills:
                continue
            hole = holes[frame_index][..., None]
            filled = np.where(hole, pixels[k], frames[frame_index]).astype(np.float32)
            before = composed[frame_index]
            composed[frame_index] = filled if before is None else before * 0.5 + filled * 0.5
        done += 1
        on_step(done)
    result = frames.copy()
    for frame_index, pixels_so_far in enumerate(composed):
        if pixels_so_far is not None:
            result[frame_index] = pixels_so_far.astype(frames.dtype)
    return result


def predict_windows(
    network: NofEraserNetwork,
    frames: Frames,
    holes: Bool[ndarray, "t h w"],
    windows: tuple[WindowPlan, ...],
    on_step: Callable[[], None] = lambda: None,
) -> Iterator[tuple[WindowPlan, Float[Tensor, "l 3 h w"]]]:
    """Each window with the prediction of its local frames, of padded size, RGB in (-1, 1).

    A window takes long on a CPU, so `on_step` is called after each part of the network, too.
    """
    size = padded_size(*frames.shape[1:3])
    device = next(network.parameters()).device
    for window in windows:
        shown = [*window.local, *window.references]
        given = mirror_padded(masked_input(frames[shown], holes[shown]), size).to(device)
        with torch.inference_mode(), _heard(network, on_step):
            predicted = network(given[None], len(window.local)).frames[0, : len(window.local)]
        yield window, predicted


@contextmanager
def _heard(network: NofEraserNetwork, on_step: Callable[[], None]) -> Iterator[None]:
    """Within it, `on_step` is called whenever a part of the network has done its work."""
    parts = (network.encoder, network.flow, network.propagation, *network.blocks)
    handles = [part.register_forward_hook(lambda *_: on_step()) for part in parts]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
