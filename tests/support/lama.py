"""The recorded LaMa cases: seeded weights, and how far off we may be."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support import seeded

from peanut_models.lama.config import NetworkConfig
from peanut_models.lama.convert import build_network, to_published
from peanut_models.lama.network import LamaNetwork

RECORDED = Path(__file__).parents[2].parent / "shared" / "parity" / "lama"

TOLERANCE = 2e-5
"""Largest difference, times the largest value of the array where that is over 1."""

SMALL = NetworkConfig(channels=16, blocks=3)
TINY = NetworkConfig(channels=2, blocks=1)


def recorded(name: str) -> Path:
    """A recorded file; skips the test where the folder is absent."""
    path = RECORDED / name
    if not path.is_file():
        pytest.skip(f"no recorded tensors: {name} is not beside the checkout")
    return path


def recorded_keys(name: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a published checkpoint."""
    rows: Any = json.loads(recorded(name).read_text(encoding="utf-8"))
    return {row[0]: tuple(row[1]) for row in rows}


def seeded_tensor(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """One weight by its published name; the prefix does not matter."""
    name = name.removeprefix("generator.")
    if name.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.int64)
    noise = seeded.normal(name, shape)
    if len(shape) >= 2:
        value = noise * (_gain(name, shape) / math.sqrt(_fan_in(name, shape)))
    else:
        # Every eighth channel varies so little that a wrong eps shows.
        small = np.arange(*shape) % 8 == 5
        if name.endswith("running_var"):
            value = np.exp(0.3 * noise) * np.where(small, 2e-4, 1.0)
        elif name.endswith(".weight"):
            value = (1.0 + 0.1 * noise) * np.where(small, 0.0145, 1.0)
        else:
            value = 0.05 * noise
    return torch.from_numpy(value.astype(np.float32))


def _doubles(name: str, shape: tuple[int, ...]) -> bool:
    return re.fullmatch(r"model\.\d+\.weight", name) is not None and shape[2] == 3


def _fan_in(name: str, shape: tuple[int, ...]) -> float:
    return shape[0] * 9 / 4 if _doubles(name, shape) else math.prod(shape[1:])


def _gain(name: str, shape: tuple[int, ...]) -> float:
    if re.fullmatch(r"model\.\d+\.weight", name):
        return 1.3 if _doubles(name, shape) else 2.0
    return 0.25 if ".conv2.ffc." in name else 0.9 if ".conv1.ffc." in name else 1.2


def seeded_checkpoint(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    return {name: seeded_tensor(name, shape) for name, shape in shapes.items()}


def published_shapes(config: NetworkConfig) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        state = to_published(LamaNetwork(config).state_dict(), config)
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


@lru_cache(maxsize=2)
def seeded_network(config: NetworkConfig = TINY) -> LamaNetwork:
    """Shared between tests: do not change it."""
    return build_network(seeded_checkpoint(published_shapes(config)))


def worst(ours: torch.Tensor | np.ndarray, theirs: np.ndarray) -> float:
    """Largest difference, over the largest recorded value where that is more than 1."""
    ours = np.asarray(ours)
    assert ours.shape == theirs.shape
    difference = np.abs(ours.astype(np.float64) - theirs.astype(np.float64)).max()
    return float(difference / max(1.0, np.abs(theirs).max()))
