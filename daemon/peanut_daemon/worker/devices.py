"""Devices: their names, which one a setting means, and which of them each worker gets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from peanut_models.errors import UnsupportedDeviceError

Device = tuple[str, str, int]
"""Name, description, memory in bytes or 0."""

# What a container may use, where there is one; "max" where it is not limited.
CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")

AUTO = "auto"
ALL = "all"


def device_for(wanted: str, found: Sequence[Device]) -> str:
    """The device that networks run on.

    Args:
        wanted: `auto`, or a name as PyTorch spells it.
        found: what there is, best first.

    Raises:
        UnsupportedDeviceError: there is no such device.
    """
    names = [name for name, _, _ in found]
    if wanted == AUTO:
        return names[0]
    matching = [name for name in names if name == wanted or name.split(":")[0] == wanted]
    if not matching:
        raise UnsupportedDeviceError(
            f"setting device is {wanted!r}, but this machine has {', '.join(names)}: "
            "choose one of these, or auto"
        )
    return matching[0]


def placements(wanted: str, found: Sequence[Device], per_device: int) -> tuple[str, ...]:
    """The device of each worker, all devices once before any gets a second worker.

    Args:
        wanted: the setting `device`: `all` (every accelerator, else the CPU), or what `device_for`
            takes, with commas between several.
        found: what there is, best first; empty while nobody has looked.
        per_device: workers on each.
    """
    names = [name for name, _, _ in found]
    if wanted == ALL:
        chosen = [name for name in names if name != "cpu"] or names[:1] or [AUTO]
    else:
        chosen = [_known(name.strip(), found) for name in wanted.split(",")]
    return tuple(chosen) * per_device


def _known(name: str, found: Sequence[Device]) -> str:
    """The device that a name means; one that is not there stays, to be refused when it is used."""
    try:
        return device_for(name, found) if found else name
    except UnsupportedDeviceError:
        return name


def host_memory_bytes() -> int:
    """The memory that this process can have: the machine's, or its container's; 0 where unknown."""
    if not hasattr(os, "sysconf"):
        return 0
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = CONTAINER_LIMIT.read_text(encoding="ascii").strip()
    except OSError:
        return machine
    return min(machine, int(limit)) if limit.isdecimal() else machine
