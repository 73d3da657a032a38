"""The back ends that are loaded in this worker, and what they run on."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from peanut_models.embedded.eraser import PropagationEraser
from peanut_models.embedded.masks import ClassicalMaskTracker
from peanut_models.embedded.upscaler import LanczosUpscaler
from peanut_models.errors import ModelNotFoundError
from peanut_models.stages import Eraser, MaskTracker, Upscaler
from peanut_models.zoo import profile

Backend = TypeVar("Backend", MaskTracker, Eraser, Upscaler)


class Backends:
    """One back end per stage, made when it is first asked for, and kept."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def tracker(self, profile_name: str) -> MaskTracker:
        """P-MASK of a profile."""
        name = profile(profile_name).p_mask
        if name == "embedded/masks":
            return self._kept(name, ClassicalMaskTracker)
        raise _unknown(name)

    def eraser(self, profile_name: str) -> Eraser:
        """NOF-Eraser of a profile."""
        name = profile(profile_name).nof_eraser
        if name == "embedded/propagation":
            return self._kept(name, PropagationEraser)
        raise _unknown(name)

    def upscaler(self, profile_name: str) -> Upscaler:
        """UR-Net of a profile."""
        name = profile(profile_name).ur_net
        if name == "embedded/lanczos":
            return self._kept(name, LanczosUpscaler)
        raise _unknown(name)

    def _kept(self, name: str, make: Callable[[], Backend]) -> Backend:
        if name not in self._loaded:
            self._loaded[name] = make()
        backend: Backend = self._loaded[name]
        return backend


def _unknown(name: str) -> ModelNotFoundError:
    return ModelNotFoundError(
        f"model {name!r} has a card but this worker cannot load it: choose another profile"
    )


def devices() -> tuple[tuple[str, str, int], ...]:
    """What models can run on, best first: (name, description, memory in bytes or 0).

    PyTorch is only asked where a driver is present: importing it takes seconds, which every
    restart of the worker would pay.
    """
    cpu = ("cpu", platform.processor() or platform.machine(), _host_memory_bytes())
    if sys.platform != "darwin" and not _has_cuda_driver():
        return (cpu,)
    import torch

    found = []
    for k in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(k)
        found.append((f"cuda:{k}", properties.name, int(properties.total_memory)))
    if torch.backends.mps.is_available():
        found.append(("mps", "Apple GPU", 0))
    return (*found, cpu)


def _has_cuda_driver() -> bool:
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def _host_memory_bytes() -> int:
    if hasattr(os, "sysconf"):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return 0
