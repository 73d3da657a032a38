"""Reading a checkpoint that carries its trainer's objects, without making any of them.

Big-LaMa was saved by a training framework together with callbacks and settings. Only tensors and
plain containers are made; whatever class or function the file names otherwise is replaced by
something that does nothing.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import torch
from torch import Tensor

from peanut_models.checkpoints import read_checkpoint
from peanut_models.errors import InvalidInputError, WeightsMissingError

MEMBER = "models/best.ckpt"
"""How the checkpoint's name ends inside the published archive."""

_TENSORS = {
    ("collections", "OrderedDict"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_parameter"),
}
"""What a state dict needs; the storages under it are made by torch itself."""


class Inert:
    """Stands in for every class and function that is not needed; takes anything, does nothing."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def __call__(self, *args: object, **kwargs: object) -> Inert:
        """As of a function that the file would have called."""
        return self

    def __setstate__(self, state: object) -> None:
        pass

    def __setitem__(self, key: object, value: object) -> None:
        pass

    def append(self, value: object) -> None:
        """As of a list."""

    def extend(self, values: object) -> None:
        """As of a list."""

    def add(self, value: object) -> None:
        """As of a set."""


class RestrictedUnpickler(pickle.Unpickler):
    """Finds tensors and plain containers; everything else is `Inert`."""

    def find_class(self, module: str, name: str) -> Any:
        """What a global in the file stands for."""
        if (module, name) in _TENSORS:
            return super().find_class(module, name)
        return Inert


_RESTRICTED = SimpleNamespace(Unpickler=RestrictedUnpickler, __name__="restricted")
"""What `torch.load` asks of a replacement for the module `pickle`."""


def read_archive(
    path: Path, wanted: str = "Big-LaMa's best.ckpt or big-lama.zip"
) -> dict[str, Tensor]:
    """The tensors of a checkpoint with its trainer's objects, by their published names.

    Args:
        path: the checkpoint, the archive it was published in, or a safetensors file.
        wanted: what the file should be, for the errors.

    Raises:
        WeightsMissingError: there is no such file.
        InvalidInputError: it holds no state dict, is a program rather than a checkpoint, or is
            damaged.
    """
    if not path.is_file():
        raise WeightsMissingError(f"no weights at {path}: give the path of {wanted}")
    if path.suffix == ".safetensors":
        return read_checkpoint(path, wanted)
    try:
        with path.open("rb") as file:
            loaded = _load(_checkpoint_in(file, path))
    except InvalidInputError:
        raise
    except (
        pickle.UnpicklingError,
        RuntimeError,
        EOFError,
        ValueError,
        TypeError,
        zipfile.BadZipFile,
    ) as error:
        raise InvalidInputError(
            f"{path} is no checkpoint that can be read ({type(error).__name__}): give {wanted}"
        ) from error
    state = loaded.get("state_dict") if isinstance(loaded, dict) else None
    if not isinstance(state, dict) or not any(isinstance(x, Tensor) for x in state.values()):
        raise InvalidInputError(f"{path} holds no state_dict of tensors: give {wanted}")
    return {str(name): x for name, x in state.items() if isinstance(x, Tensor)}


def _checkpoint_in(file: BinaryIO, path: Path) -> BinaryIO:
    """The checkpoint itself, out of the archive if it lies in one."""
    if file.read(4) != b"PK\x03\x04" or not zipfile.is_zipfile(file):
        raise InvalidInputError(
            f"{path} is no archive as torch has saved checkpoints since 1.6: give the published "
            "file"
        )
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        inside = next((name for name in names if name.endswith(MEMBER)), None)
        if inside is not None:
            return _checkpoint_in(io.BytesIO(archive.read(inside)), path)
    if any(name.endswith("/constants.pkl") for name in names):
        raise InvalidInputError(
            f"{path} is a program exported for torch, whose code would have to be run: give the "
            "published best.ckpt, or the archive it came in"
        )
    return file


def _load(file: BinaryIO) -> Any:
    file.seek(0)
    return torch.load(file, map_location="cpu", pickle_module=_RESTRICTED, weights_only=False)
