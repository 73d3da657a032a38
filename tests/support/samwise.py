"""The recorded SAMWISE cases: their seeded weights and inputs, and our parts with them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support import seeded
from torch import nn

from peanut_models.p_mask import names
from peanut_models.p_mask.config import HieraConfig, NetworkConfig, Sam2Config, TextConfig
from peanut_models.p_mask.convert import TOKEN_TYPES, fill, plain_names, samwise_to_published
from peanut_models.p_mask.network import PMaskNetwork

RECORDED = Path(__file__).parents[2].parent / "shared" / "parity" / "samwise"

TOLERANCE = 2e-5
"""Absolute, float32, one module. Measured: at most 3.6e-6, in RoBERTa and the memory encoder."""

HALF_TOLERANCE = 8e-3
"""Absolute, mask logits that were stored as float16. Measured: 3.9e-3, which is its rounding."""

VISIBLE = {"sam.sam_mask_decoder.pred_obj_score_head.layers.2.bias": [2.0]}
"""With plain seeded weights the object is absent everywhere; this makes it present."""

SWITCHING = {**VISIBLE, "conditional_memory_encoder.decision_class_head.bias": [-1.0, 1.0]}
"""Makes the CME decide to switch."""

TOKENS = [[0, 627, 5253, 12340, 5, 12144, 2]]
"""The text of the recorded runs."""

SMALL = NetworkConfig(
    sam=Sam2Config(
        hiera=HieraConfig(
            width=16,
            heads=1,
            blocks=(1, 1, 2, 1),
            global_blocks=(3,),
            windows=(8, 4, 4, 2),
            background=(4, 4),
        ),
        image_size_px=128,
    ),
    text=TextConfig(
        layers_per_stage=(1, 1, 1, 1),
        width=32,
        heads=2,
        feed_forward=64,
        vocabulary=300,
        max_tokens=40,
    ),
    clip_window=3,
)
"""Small enough for unit tests: 128 px, narrow encoders. What lies behind them is full size."""

_TABLES = {
    *("pos_embed", "pos_embed_window", "spatial_pos_embed", "maskmem_tpos_enc"),
    *("no_mem_embed", "no_mem_pos_enc", "no_obj_ptr"),
}


def recorded(name: str) -> Path:
    """A recorded file; skips the test where the folder is absent."""
    path = RECORDED / name
    if not path.is_file():
        pytest.skip(f"no recorded tensors: {name} is not beside the checkout")
    return path


def load_json(name: str) -> Any:
    return json.loads(recorded(name).read_text(encoding="utf-8"))


def arrays(name: str) -> dict[str, np.ndarray]:
    with np.load(recorded(name)) as stored:
        return dict(stored)


def given(name: str, *shape: int, scale: float = 1.0) -> torch.Tensor:
    """A seeded input of a recorded case."""
    return torch.from_numpy((scale * seeded.normal(name, shape)).astype(np.float32))


def tensor(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """One weight by its published name; float64 before the cast."""
    noise = seeded.normal(name, shape)
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "running_mean":
        return 0.05 * noise
    if leaf == "running_var":
        return 1.0 + 0.05 * np.abs(noise)
    if leaf == "positional_encoding_gaussian_matrix":
        return noise
    if leaf in _TABLES:
        return 0.25 * noise
    if len(shape) >= 2:
        return noise * np.sqrt(1.0 / np.prod(shape[1:]))
    return 0.05 * noise if leaf.endswith("bias") else 1.0 + 0.05 * noise


def checkpoint(
    shapes: Mapping[str, tuple[int, ...]], overrides: Mapping[str, Any] | None = None
) -> dict[str, torch.Tensor]:
    """A checkpoint as published, by name and shape, with seeded values."""
    state = {}
    for name, shape in shapes.items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.zeros(shape, dtype=torch.int64)
            continue
        value = (overrides or {}).get(name)
        value = tensor(name, shape) if value is None else np.broadcast_to(value, shape)
        state[name] = torch.from_numpy(np.ascontiguousarray(value, dtype=np.float32))
    return state


@lru_cache(maxsize=4)
def published_shapes(config: NetworkConfig) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors that a published checkpoint of the network must hold."""
    with torch.device("meta"):
        ours = PMaskNetwork(config).state_dict()
    return {name: tuple(t.shape) for name, t in samwise_to_published(ours).items()}


def recorded_checkpoint(overrides: Mapping[str, Any] | None = None) -> dict[str, torch.Tensor]:
    """The whole checkpoint of the recorded runs, 171 million values."""
    return plain_names(checkpoint(published_shapes(NetworkConfig()), overrides))


def partial_network(
    prefixes: Iterable[str], overrides: Mapping[str, Any] | None = None
) -> PMaskNetwork:
    """The published network with seeded weights in some parts only, by published prefix.

    The rest has no memory, so a test that strays into it fails.
    """
    config, starts = NetworkConfig(), tuple(prefixes)
    with torch.device("meta"):
        network = PMaskNetwork(config)
    wanted = {n: s for n, s in published_shapes(config).items() if n.startswith(starts)}
    state = network_names(checkpoint(wanted, overrides))
    if any(name.startswith("text.") for name in state):
        state[TOKEN_TYPES] = torch.zeros(1, config.text.width)
    fill(network, state, strict=False)
    assert isinstance(network, nn.Module)
    return network


def network_names(published: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A part of a checkpoint under our names."""
    ours, rows = {}, {}
    for name, value in published.items():
        if ".point_embeddings." in name:
            rows[int(name.split(".")[-2])] = value
            continue
        renamed = names.renamed(name, names.SAMWISE)
        assert renamed is not None, name
        ours[renamed] = value.flatten(0, -2) if renamed.endswith("hsa.position") else value
    if rows:
        stacked = torch.cat([rows[k] for k in sorted(rows)])
        ours["sam.heads.prompt_encoder.point_embed.weight"] = stacked
    return ours


def furthest(ours: torch.Tensor, theirs: np.ndarray) -> float:
    """The largest absolute difference; shapes must be the same but for dimensions of 1."""
    mine = ours.detach().double().squeeze().numpy()
    expected = np.asarray(theirs, dtype=np.float64).squeeze()
    assert mine.shape == expected.shape
    return float(np.abs(mine - expected).max())


def small_checkpoint(config: NetworkConfig = SMALL) -> dict[str, torch.Tensor]:
    """A whole published checkpoint for a small network; the object is present."""
    return checkpoint(published_shapes(config), VISIBLE)


def byte_symbols() -> list[str]:
    """The printable stand-ins of the 256 bytes in RoBERTa's byte-level vocabulary."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [b for b in range(256) if b not in printable]
    symbols = {b: chr(b) for b in printable} | {b: chr(256 + k) for k, b in enumerate(hidden)}
    return [symbols[b] for b in range(256)]


def byte_tokenizer(folder: Path) -> Path:
    """A folder with a byte-level vocabulary as roberta-base's, with one merge."""
    folder.mkdir(parents=True)
    words = ["<s>", "<pad>", "</s>", "<unk>", *byte_symbols(), "do", "<mask>"]
    (folder / "vocab.json").write_text(json.dumps({w: k for k, w in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\nd o\n")
    return folder
