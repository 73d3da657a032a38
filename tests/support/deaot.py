"""The recorded DeAOT cases: seeded weights, and how far off we may be."""

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

from peanut_models.deaot.config import NetworkConfig
from peanut_models.deaot.convert import build_network, to_published
from peanut_models.deaot.network import DeaotNetwork

RECORDED = Path(__file__).parents[2].parent / "shared" / "parity" / "aot"

SMALL = NetworkConfig(encoder="mobilenet_v2", blocks=1)

GAINS = (
    (".conv3.weight", 0.4),
    ("encoder.", 1.4),
    ("encoder_projector.", 0.4),
    (".linear_QV.weight", 1.0),
    (".linear_QK.weight", 1.0),
    (".relative_emb_k.weight", 1.0),
    (".dw_conv.", 1.0),
    (".projection.weight", 2.5),
    (".linear_ID_V.weight", 2.0),
    ("LSTT.", 1.5),
    ("patch_wise_id_bank.", 3.0),
    ("decoder.adapter_", 0.25),
    ("decoder.conv_out.", 4.0),
    ("decoder.", 1.4),
)
"""Gain by name: the first fragment that occurs in it counts."""


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


@lru_cache(maxsize=1)
def facts() -> dict[str, Any]:
    """What was noted of each recorded tensor: its shape, which part is stored, the limit."""
    loaded: dict[str, Any] = json.loads(recorded("fixtures.json").read_text(encoding="utf-8"))
    return loaded


class Case:
    """One recorded case; of `add` there are only notes, of the others samples too."""

    def __init__(self, name: str) -> None:
        self._notes: dict[str, Any] = facts()[name]["tensors"]
        self.compared: set[str] = set()
        self.stored: dict[str, np.ndarray] = {}
        if name == "add":
            return
        with np.load(recorded(f"{name}.npz")) as stored:
            self.stored = {key: stored[key] for key in stored.files}

    @property
    def names(self) -> set[str]:
        """Of all tensors that were recorded."""
        return set(self._notes)

    def check(self, name: str, ours: torch.Tensor | np.ndarray) -> None:
        """Compare; where masks are nearly tied, either side is right."""
        note, ours = self._notes[name], np.asarray(ours)
        assert list(ours.shape) == note["shape"], name
        self.compared.add(name)
        if note.get("exact"):
            wrong = ours.astype(np.int64) != self.stored[name].astype(np.int64)
            near = self.stored.get(name.replace("mask_", "near_"))
            if name.startswith("mask_t") and near is not None:
                wrong &= ~np.unpackbits(near)[: ours.size].reshape(ours.shape).astype(np.bool_)
            assert not wrong.any(), name
            return
        values = ours.astype(np.float64)
        if name in self.stored:
            part = values[tuple(slice(*each) for each in note["slices"])]
            assert np.abs(part - self.stored[name]).max() <= note["tol"], name
        assert abs(values.mean() - note["mean"]) <= note["tol"], name
        norm = math.sqrt((values * values).sum())
        assert abs(norm - note["l2"]) <= note["tol"] * math.sqrt(values.size), name


def seeded_tensor(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """One weight by its published name."""
    noise = seeded.normal(name, shape)
    last = name.rsplit(".", 1)[-1]
    if last == "running_mean":
        value = 0.1 * noise
    elif last == "running_var":
        value = 0.6 + 0.4 * noise * noise
    elif len(shape) >= 2:
        gain = next(gain for fragment, gain in GAINS if fragment in name)
        value = noise * (gain * math.sqrt(1.0 / math.prod(shape[1:])))
    else:
        value = 1.0 + 0.1 * noise if last == "weight" else 0.05 * noise
    return torch.from_numpy(value.astype(np.float32))


def seeded_checkpoint(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    return {name: seeded_tensor(name, shape) for name, shape in shapes.items()}


def published_shapes(config: NetworkConfig) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        state = to_published(DeaotNetwork(config).state_dict())
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


@lru_cache(maxsize=2)
def seeded_network(config: NetworkConfig = SMALL) -> DeaotNetwork:
    """Shared between tests: do not change it."""
    return build_network(seeded_checkpoint(published_shapes(config)))
