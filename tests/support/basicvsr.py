"""The recorded BasicVSR++ cases: seeded weights, clips, and how far off we are."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support import seeded

from peanut_models.ur_net.config import NetworkConfig
from peanut_models.ur_net.convert import build_network, to_published
from peanut_models.ur_net.network import UrNetNetwork

RECORDED = Path(__file__).parents[2].parent / "shared" / "parity" / "basicvsr_pp"

FEATURE_TOLERANCE = 2e-5
"""Largest difference of outputs and features."""
FLOW_TOLERANCE = 2e-4
HALF_TOLERANCE = 2e-3
"""Of arrays recorded in float16."""

TINY = NetworkConfig(channels=16, blocks=2)

GAINS = (
    (".conv_offset.6.weight", 0.5),
    (".conv_offset.", 1.0),
    ("deform_align.", 1.2),
    (".conv2.weight", 0.4),
    ("conv_last.weight", 0.3),
)


def recorded(name: str) -> Path:
    """A recorded file; skips the test where the folder is absent."""
    path = RECORDED / name
    if not path.is_file():
        pytest.skip(f"no recorded tensors: {name} is not beside the checkout")
    return path


def recorded_keys(name: str) -> list[tuple[str, tuple[int, ...]]]:
    """Names and shapes of a published checkpoint, in order."""
    rows: Any = json.loads(recorded(name).read_text(encoding="utf-8"))
    return [(row[0], tuple(row[1])) for row in rows]


def seeded_tensor(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """One weight by its published name; the prefix does not matter."""
    name = name.removeprefix("generator.")
    if name == "step_counter":
        return torch.zeros(shape)
    if name.startswith("spynet."):
        bare = name.removeprefix("spynet.")
        return seeded.basicvsr_spynet_state_dict({bare: shape})[bare]
    noise = seeded.normal(name, shape)
    if len(shape) < 2:
        return torch.from_numpy((0.05 * noise).astype(np.float32))
    first = name.startswith("backbone.") and name.endswith(".main.0.weight")
    gain = 0.8 if first else next((g for part, g in GAINS if part in name), 1.2)
    return torch.from_numpy((noise * (gain * math.sqrt(1.0 / math.prod(shape[1:])))).astype("f4"))


def seeded_checkpoint(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    return {name: seeded_tensor(name, shape) for name, shape in shapes.items()}


@lru_cache(maxsize=3)
def seeded_network(config: NetworkConfig = TINY) -> UrNetNetwork:
    """Shared between tests: do not change it."""
    with torch.device("meta"):
        state = to_published(UrNetNetwork(config).state_dict(), config)
    return build_network(seeded_checkpoint({n: tuple(x.shape) for n, x in state.items()}))


def clip(count: int, height: int, width: int, phase: float = 0.8, speed: float = 1.0) -> np.ndarray:
    """Two layers of waves that move apart: uint8, t h w 3."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    waves = ((0.31, 0.11, 0.0), (0.07, 0.23, 1.1), (-0.19, 0.29, 2.3), (0.045, -0.06, 0.7))
    front = 1 / (1 + np.exp(-(x - 0.55 * width - 0.15 * y) / 1.5))
    frames = np.empty((count, height, width, 3), np.uint8)
    for t in range(count):
        dx, dy = 3.1 * speed * t, -1.9 * speed * t
        for c in range(3):
            near = sum(
                np.sin(p * (x - dx) + q * (y - dy) + r + phase + 0.9 * c) for p, q, r in waves
            )
            far = sum(
                np.cos(q * (x + 0.5 * dx) - p * (y - 0.25 * dy) + r + phase - 0.6 * c)
                for p, q, r in waves
            )
            value = 0.5 + 0.115 * ((1 - front) * near + front * far)
            frames[t, ..., c] = np.clip(np.rint(value * 255), 0, 255)
    return frames


def network_input(frames: np.ndarray) -> torch.Tensor:
    """uint8 t h w 3 as 1 t 3 h w in [0, 1]."""
    return torch.from_numpy(frames.astype(np.float32) / 255).permute(0, 3, 1, 2)[None].contiguous()


def worst(ours: torch.Tensor | np.ndarray, theirs: np.ndarray) -> float:
    """Largest absolute difference; shapes must agree."""
    ours = np.asarray(ours)
    assert ours.shape == theirs.shape
    return float(np.abs(ours.astype(np.float64) - theirs.astype(np.float64)).max())
