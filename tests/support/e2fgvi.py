"""The recorded E2FGVI cases: their inputs, our network on them, and how far off it is."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support import seeded

from peanut_models.nof_eraser.config import NetworkConfig, Variant
from peanut_models.nof_eraser.convert import build_network, to_published
from peanut_models.nof_eraser.images import masked_input, mirror_padded, padded_size
from peanut_models.nof_eraser.network import NofEraserNetwork
from peanut_models.nof_eraser.transformer import rolled_index

RECORDED = Path(__file__).parents[2].parent / "shared" / "parity" / "e2fgvi"

TOLERANCE = 2e-5
"""Relative L2 in float32. Measured: at most 9e-7 on the two hq cases, so that an approximate GELU
(7e-5) or another LayerNorm epsilon (1e-5) cannot pass."""


def recorded(name: str) -> Path:
    """A recorded file; skips the test where the folder is absent."""
    path = RECORDED / name
    if not path.is_file():
        pytest.skip(f"no recorded tensors: {name} is not beside the checkout")
    return path


def load_json(name: str) -> Any:
    return json.loads(recorded(name).read_text(encoding="utf-8"))


@lru_cache(maxsize=2)
def seeded_checkpoint(variant: Variant) -> dict[str, torch.Tensor]:
    """A checkpoint as published, by name and shape, with seeded values."""
    with torch.device("meta"):
        state = NofEraserNetwork(NetworkConfig(variant=variant)).state_dict()
    shapes = {
        name: tuple(tensor.shape)
        for name, tensor in to_published(state).items()
        if not name.endswith("valid_ind_rolled")
    }
    checkpoint = seeded.e2fgvi_state_dict(shapes)
    for k in range(8):
        checkpoint[f"transformer.{k}.attn.valid_ind_rolled"] = rolled_index()
    return checkpoint


@lru_cache(maxsize=2)
def seeded_network(variant: Variant) -> NofEraserNetwork:
    return build_network(seeded_checkpoint(variant), NetworkConfig(variant=variant))


def case_input(times: list[int], height: int, width: int) -> torch.Tensor:
    """The network's input of a recorded case: 1 t 3 h w."""
    frames = seeded.drifting_frames(times, height, width)
    holes = seeded.drifting_masks(times, height, width)
    return mirror_padded(masked_input(frames, holes), padded_size(height, width))[None]


def traced(network: NofEraserNetwork, given: torch.Tensor, local: int) -> dict[str, np.ndarray]:
    """Every recorded tensor of one run, by its recorded name and of its recorded shape."""
    seen: dict[str, list[torch.Tensor]] = {}

    def keep(name: str, module: torch.nn.Module) -> Any:
        return module.register_forward_hook(
            lambda _module, _given, out: seen.setdefault(name, []).append(out)
        )

    hooks = [
        keep("enc_feat", network.encoder),
        keep("dcn_backward", network.propagation.backward_pass.align),
        keep("dcn_forward", network.propagation.forward_pass.align),
        keep("resid_backward", network.propagation.backward_pass.residual),
        keep("resid_forward", network.propagation.forward_pass.residual),
        keep("prop_feat", network.propagation),
        keep("tokens", network.soft_split),
        keep("blk0_attn", network.blocks[0].get_submodule("attention.out")),
        keep("blk0", network.blocks[0]),
        keep("blk_last", network.blocks[-1]),
        keep("trans_feat", network.soft_composite),
    ]
    with torch.inference_mode():
        filled = network(given, local)
    for hook in hooks:
        hook.remove()
    tensors = {name: parts[0] for name, parts in seen.items()}
    for name in ("enc_feat", "tokens", "trans_feat"):
        tensors[name] = seen[name][0][None]
    for name in ("dcn_backward", "dcn_forward", "resid_backward", "resid_forward"):
        tensors[name] = torch.stack([part[0] for part in seen[name]])[None]
    tensors |= {"flow_fwd": filled.flow_fwd, "flow_bwd": filled.flow_bwd, "out": filled.frames}
    return {name: tensor.numpy() for name, tensor in tensors.items()}


@lru_cache(maxsize=4)
def run_case(name: str) -> dict[str, np.ndarray]:
    case = load_json("fixtures.json")[name]
    variant: Variant = "base" if case["model"] == "e2fgvi" else "hq"
    given = case_input(case["times"], case["H"], case["W"])
    return traced(seeded_network(variant), given, case["num_local"])


def relative_l2(ours: np.ndarray, theirs: np.ndarray) -> float:
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    return float(np.sqrt(((ours - theirs) ** 2).sum() / (theirs**2).sum()))
