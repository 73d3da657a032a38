"""Reading checkpoints without executing anything in them, and checking what they hold."""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from peanut_models.errors import InvalidInputError, WeightsMissingError

NESTED = ("state_dict", "model")
"""Under which names training frameworks put the state dict into a file."""

NAMES_SHOWN = 3
"""Of missing or unexpected tensors; more would hide the sentence."""


def read_checkpoint(path: Path, wanted: str = "a downloaded checkpoint") -> dict[str, Tensor]:
    """The tensors of a PyTorch or safetensors file, plain or under one of `NESTED`.

    Published files may carry the settings of their training; nothing of them is executed.

    Args:
        path: the file.
        wanted: what the file should be, for the errors.

    Raises:
        WeightsMissingError: there is no such file.
        InvalidInputError: it holds no state dict of tensors, or would have to be unpickled.
    """
    if not path.is_file():
        raise WeightsMissingError(f"no weights at {path}: give the path of {wanted}")
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        with torch.serialization.safe_globals([argparse.Namespace]):
            loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, SafetensorError) as error:
        raise InvalidInputError(
            f"{path} is no plain checkpoint ({type(error).__name__}): only files that hold "
            "nothing but tensors and settings are read"
        ) from error
    if isinstance(loaded, dict):
        loaded = next((loaded[name] for name in NESTED if name in loaded), loaded)
    if not isinstance(loaded, dict) or not all(isinstance(v, Tensor) for v in loaded.values()):
        raise InvalidInputError(
            f"{path} holds no plain state dict of tensors, neither itself nor under "
            f"{' or '.join(NESTED)}: give {wanted}"
        )
    return {str(name): tensor for name, tensor in loaded.items()}


def check_tensor(name: str, tensor: Tensor, expected: Tensor) -> None:
    """Refuse a tensor of another shape or kind, or with values that are not finite.

    Raises:
        InvalidInputError: the tensor is not what the network needs.
    """
    if tensor.shape != expected.shape:
        raise InvalidInputError(
            f"{name} has shape {tuple(tensor.shape)}, expected {tuple(expected.shape)}: "
            "this is the checkpoint of another model or size"
        )
    if tensor.is_floating_point() != expected.is_floating_point():
        kind = "floating point" if expected.is_floating_point() else str(expected.dtype)
        raise InvalidInputError(f"{name} holds {tensor.dtype}, expected {kind}")
    if not bool(torch.isfinite(tensor).all()):
        raise InvalidInputError(
            f"{name} holds NaN or infinite values: the file is damaged or training diverged"
        )


def counted(kind: str, names: Sequence[str]) -> str:
    """`2 missing (a, b)`: how many tensors, and the first of them."""
    shown = ", ".join(sorted(names)[:NAMES_SHOWN]) + (", ..." if len(names) > NAMES_SHOWN else "")
    return f"{len(names)} {kind}" + (f" ({shown})" if names else "")
