"""The forward-backward check: which flow vectors can be believed."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32
from numpy import ndarray

from peanut_models.errors import InvalidInputError
from peanut_models.flow.warp import Flow, backward_warp, in_frame

RELATIVE_ERROR = 0.01
"""Tolerated squared round-trip error as a share of the squared motion: long vectors err more."""

ABSOLUTE_ERROR_PX2 = 0.5
"""Tolerated squared round-trip error without motion, px^2: the noise of dense flow."""


def round_trip_error(flow_fwd: Flow, flow_bwd: Flow) -> Float32[ndarray, "h w"]:
    """Squared distance in px^2 between a pixel and where going there and back ends.

    Args:
        flow_fwd: flow a -> b.
        flow_bwd: flow b -> a, the same size.

    Raises:
        InvalidInputError: the sizes differ.
    """
    if flow_fwd.shape != flow_bwd.shape:
        raise InvalidInputError(
            f"forward and backward flow must have one size: got {flow_fwd.shape} and "
            f"{flow_bwd.shape}"
        )
    total = flow_fwd + backward_warp(flow_bwd, flow_fwd)
    return np.asarray((total**2).sum(axis=2), np.float32)


def consistent(flow_fwd: Flow, flow_bwd: Flow) -> Bool[ndarray, "h w"]:
    """Where the forward flow leads to a pixel whose backward flow leads back.

    False where `a` shows what `b` hides (occlusion), where the flow leaves the frame, and where
    either flow is wrong.

    Source: Sundaram, Brox, Keutzer, ECCV 2010, eq. 5.
    """
    back = backward_warp(flow_bwd, flow_fwd)
    motion = (flow_fwd**2).sum(axis=2) + (back**2).sum(axis=2)
    tolerance = RELATIVE_ERROR * motion + ABSOLUTE_ERROR_PX2
    return np.asarray((round_trip_error(flow_fwd, flow_bwd) <= tolerance) & in_frame(flow_fwd))
