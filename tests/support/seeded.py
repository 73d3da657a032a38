"""Seeded weights and clips for the parity tests: noise by a written rule, nobody's weights.

A tensor's values follow from its published name and shape alone: PCG64 seeded with the CRC-32 of
the name, standard normal in float64, scaled, cast to float32. The gains keep activations of order
one through the whole network.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping

import numpy as np
import torch

E2FGVI_GAINS = (
    ("conv_offset.6.weight", 0.15),
    ("basic_module.4.basic_module.4.conv.weight", 1.4),
    ("basic_module.5.basic_module.4.conv.weight", 1.4),
    ("basic_module.4.conv.weight", 0.1),
    ("update_spynet.", 1.4),
    ("encoder.", 1.4),
    ("decoder.6.weight", 0.8),
    ("decoder.", 1.4),
    ("conv_offset.", 1.4),
    ("feat_prop_module.deform_align.", 1.8),
    ("feat_prop_module.backbone.backward_.2.", 0.6),
    ("feat_prop_module.backbone.forward_.2.", 0.6),
    ("feat_prop_module.backbone.", 1.4),
    ("ss.embedding.weight", 2.0),
    ("sc.embedding.weight", 0.12),
    ("sc.bias_conv.weight", 1.4),
    ("attn.qkv.weight", 1.6),
    ("attn.proj.weight", 0.6),
    ("mlp.conv2.1.weight", 1.5),
    ("conv.10.weight", 30.0),
    ("conv.", 1.4),
)
"""Gain by name: the first fragment that occurs in it counts; 1 where none does."""

IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)


def normal(name: str, shape: Iterable[int]) -> np.ndarray:
    """Standard normal noise that belongs to a name; float64."""
    generator = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode("utf-8"))))
    return generator.standard_normal(tuple(shape))


def e2fgvi_tensor(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """One weight of the E2FGVI generator or discriminator; float64 before the cast."""
    for ending, constant in ((".mean", IMAGE_MEAN), (".std", IMAGE_STD)):
        if name.endswith("update_spynet" + ending):
            return np.array(constant).reshape(shape)
    noise = normal(name, shape)
    if name.endswith(("weight_u", "weight_v")):
        return noise / math.sqrt(float((noise**2).sum()))
    if name.endswith("bias"):
        return 0.05 * noise
    if ".norm1." in name or ".norm2." in name:
        return 1.0 + 0.05 * noise
    gain = next((gain for fragment, gain in E2FGVI_GAINS if fragment in name), 1.0)
    return gain * math.sqrt(1.0 / math.prod(shape[1:])) * noise


def e2fgvi_state_dict(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """Published names to seeded tensors; the attention's stored index is left to the caller."""
    state = {name: e2fgvi_tensor(name, shape).astype(np.float32) for name, shape in shapes.items()}
    for name in list(state):
        if name.endswith("weight_u"):
            # One power iteration in float64, so that the spectral norm is near its value.
            stem = name.removesuffix("_u")
            weight = state[stem + "_orig"].astype(np.float64)
            weight = weight.reshape(len(weight), -1)
            v = weight.T @ state[name].astype(np.float64)
            v /= np.linalg.norm(v)
            u = weight @ v
            u /= np.linalg.norm(u)
            state[name], state[stem + "_v"] = u.astype(np.float32), v.astype(np.float32)
    return {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in state.items()}


def drifting_frames(times: Iterable[int], height: int, width: int) -> np.ndarray:
    """Three plane waves at two velocities: uint8, t h w 3."""
    y = np.arange(height, dtype=np.float64)[:, None]
    x = np.arange(width, dtype=np.float64)[None, :]
    tau = 2.0 * math.pi
    frames = []
    for t in times:
        xa, ya, xb, yb = x - 3.7 * t, y - 2.3 * t, x + 2.9 * t, y - 1.6 * t
        channels = [
            127.5
            + 50.0 * np.sin(tau * (xa / 37.0 + ya / 53.0) + 1.1 * c)
            + 40.0 * np.sin(tau * (xa / 19.0 - ya / 29.0) + 0.7 * c)
            + 30.0 * np.sin(tau * (xb / 61.0 + yb / 23.0) + 1.9 * c)
            for c in range(3)
        ]
        frames.append(np.stack(channels, axis=-1))
    return np.clip(np.floor(np.stack(frames) + 0.5), 0, 255).astype(np.uint8)


def drifting_masks(times: Iterable[int], height: int, width: int) -> np.ndarray:
    """One rectangle that moves: bool, t h w, True in the hole."""
    rows, columns = height // 3, width // 4
    times = list(times)
    masks = np.zeros((len(times), height, width), np.bool_)
    for k, t in enumerate(times):
        top = (height // 5 + 2 * t) % (height - rows + 1)
        left = (width // 6 + 3 * t) % (width - columns + 1)
        masks[k, top : top + rows, left : left + columns] = True
    return masks


def basicvsr_spynet_state_dict(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """SPyNet's tensors by bare published name, seeded by the rule of the BasicVSR++ cases."""
    state = {}
    for name, shape in shapes.items():
        if name in ("mean", "std"):
            value = np.array(IMAGE_MEAN if name == "mean" else IMAGE_STD).reshape(shape)
        else:
            last = name.endswith("basic_module.4.conv.weight")
            gain = 0.5 if last else 1.4
            scale = gain * math.sqrt(1.0 / math.prod(shape[1:])) if len(shape) > 1 else 0.05
            value = scale * normal("spynet." + name, shape)
        state[name] = torch.from_numpy(value.astype(np.float32))
    return state
