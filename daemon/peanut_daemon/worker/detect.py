"""Looks what models can run on here. Only in the worker: it may import PyTorch."""

from __future__ import annotations

import ctypes
import platform
import sys

from peanut_daemon.worker.devices import Device, host_memory_bytes


def devices() -> tuple[Device, ...]:
    """What models can run on, best first.

    PyTorch is only asked where a driver is present: importing it takes seconds, which every
    restart of the worker would pay.
    """
    cpu = ("cpu", platform.processor() or platform.machine(), host_memory_bytes())
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
