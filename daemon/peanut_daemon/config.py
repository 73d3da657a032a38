"""Settings of one daemon, read once: defaults, then `peanut.toml`, then `PEANUT_*`, then flags."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import platformdirs

from peanut_daemon.errors import InvalidRequestError

API_MINOR_LOWEST = 1
API_MINOR_HIGHEST = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one daemon is told at its start."""

    # Journal, store, log and connection file. One daemon per folder.
    data_dir: Path = Path(platformdirs.user_data_dir("peanut", appauthor=False))
    # TCP port on 127.0.0.1; 0 = any free one. -1 = a Unix socket where the system has them, else 0.
    port: int = -1
    # Jobs that may wait or run; more are refused at once, so that a client never waits blindly.
    max_queued_jobs: int = 64
    # One message; holds the painted masks of a few thousand frames.
    max_message_bytes: int = 64 * 2**20
    # Long side of the images masks are computed on; an edge is placed to a pixel of HD that way.
    working_long_side_px: int = 960
    # Frames a render commits at once; fewer lose the long view, more cost memory and lost work.
    window_frames: int = 48
    # Frames seen on each side of a window: the distance over which hidden background shows up.
    context_frames: int = 16
    # Bytes of decoded frames that a window may hold; larger pictures get shorter windows.
    window_bytes: int = 1 * 2**30
    # A piece of work is tried this often when the worker dies on it, so a bad file cannot loop.
    max_attempts: int = 3
    # Renders are refused when less would be left: journal and store need room to commit.
    min_free_disk_bytes: int = 256 * 2**20
    # What networks run on: `auto` takes the best there is, else `cpu`, `cuda`, `cuda:1`, `mps`.
    device: str = "auto"
    # P-MASK unless a request names another: `embedded`, or a model's name.
    p_mask: str = "embedded"
    # A network fills every n-th frame, and what lies between is warped from these where the motion
    # is sure; 1 = every frame. 3 takes a third of the time on calm shots, and more on hard ones.
    sparse_stride: int = 1
    # Level of the log on stderr.
    log_level: str = "INFO"

    def __post_init__(self) -> None:
        for name in ("max_queued_jobs", "window_frames", "max_attempts", "working_long_side_px"):
            if getattr(self, name) < 1:
                raise InvalidRequestError(
                    f"setting {name} is {getattr(self, name)}: it must be 1 or more"
                )
        if not 1 <= self.sparse_stride <= 10:
            raise InvalidRequestError(
                f"setting sparse_stride is {self.sparse_stride}: it must be 1 to 10"
            )
        if self.context_frames < 0:
            raise InvalidRequestError(
                f"setting context_frames is {self.context_frames}: it must be 0 or more"
            )

    @property
    def connection_file(self) -> Path:
        """Where clients read address and token."""
        return self.data_dir / "daemon.json"

    @property
    def models_dir(self) -> Path:
        """Where weights lie."""
        return self.data_dir / "models"

    @property
    def store_dir(self) -> Path:
        """Where committed windows lie."""
        return self.data_dir / "store"


def load_settings(
    flags: Mapping[str, Any], environment: Mapping[str, str] | None = None
) -> Settings:
    """Settle the settings of this process.

    Args:
        flags: settings given on the command line; None values count as not given.
        environment: `PEANUT_<SETTING>` variables; by default the process's own.

    Raises:
        InvalidRequestError: a setting is unknown, of the wrong type or out of bounds.
    """
    environment = os.environ if environment is None else environment
    given: dict[str, Any] = {}
    names = {f.name for f in fields(Settings)}
    for name in names:
        if (text := environment.get(f"PEANUT_{name.upper()}")) is not None:
            given[name] = text
    given |= {name: value for name, value in flags.items() if value is not None}
    data_dir = Path(given.get("data_dir", Settings().data_dir)).expanduser().absolute()
    from_file = _read_file(data_dir / "peanut.toml")
    merged = from_file | given | {"data_dir": data_dir}
    if unknown := sorted(merged.keys() - names):
        raise InvalidRequestError(f"unknown setting {unknown[0]!r}: known are {sorted(names)}")
    return replace(Settings(), **{name: _typed(name, value) for name, value in merged.items()})


def _read_file(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise InvalidRequestError(
            f"settings file {path} is not valid TOML: {error}; correct or remove it"
        ) from error


def _typed(name: str, value: Any) -> Any:
    kind = type(getattr(Settings(), name))
    kind = Path if issubclass(kind, Path) else kind
    try:
        return kind(value)
    except (TypeError, ValueError) as error:
        raise InvalidRequestError(
            f"setting {name} is {value!r}: it must be of type {kind.__name__}"
        ) from error
