"""Settings of one daemon, read once: defaults, then `peanut.toml`, then `PEANUT_*`, then flags."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

import platformdirs

from peanut_daemon import log
from peanut_daemon.errors import InvalidRequestError
from peanut_daemon.guard.roots import Roots

API_MINOR_LOWEST = 1
API_MINOR_HIGHEST = 1

# Frames that a window commits where nobody asks for another number.
USUAL_WINDOW_FRAMES = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one daemon is told at its start."""

    # Journal, store, log and connection file. One daemon per folder.
    data_dir: Path = Path(platformdirs.user_data_dir("peanut", appauthor=False))
    # TCP port on 127.0.0.1; 0 = any free one. -1 = a Unix socket where the system has them, else 0.
    port: int = -1
    # HOST:PORT for clients on other machines, beside the local address; empty = nobody else may
    # call. Needs a certificate and `allowed_roots`, since those clients are not this user.
    listen: str = ""
    # PEM files of the daemon's certificate chain and its key, for `listen`.
    tls_cert: Path | None = None
    tls_key: Path | None = None
    # PEM file of the authority whose certificates clients must show; None = the token is enough.
    tls_client_ca: Path | None = None
    # Folders that the paths in requests must lie in; empty = all that this user may read, except
    # the daemon's own files. An editor's media lie anywhere, and a local client is the same user.
    allowed_roots: tuple[Path, ...] = ()
    # Calls that one client may make a second, and how many of these it may save up: playing a
    # result frame by frame and asking for jobs meanwhile stays far below.
    calls_per_s: float = 500.0
    call_burst: int = 2000
    # Calls of one client at once, streams included; a page and a few plugins need a dozen.
    max_calls_at_once: int = 64
    # Edits that are kept: a list of them is one message.
    max_edits: int = 10_000
    # Seconds that looking at a file or a timeline may take; a long-GOP file is read once as a whole
    # for that, which for 100 GB on a slow network disk takes a quarter of an hour.
    probe_timeout_s: float = 900.0
    # Jobs that may wait or run; more are refused at once, so that a client never waits blindly.
    max_queued_jobs: int = 64
    # One message; holds the painted masks of a few thousand frames.
    max_message_bytes: int = 64 * 2**20
    # Long side of the images masks are computed on; an edge is placed to a pixel of HD that way.
    working_long_side_px: int = 960
    # Long side of the pictures on the review page: HD, so that an edge can be judged.
    review_long_side_px: int = 1920
    # Frames a render commits at once; fewer lose the long view, more cost memory and lost work. 0 =
    # the usual number, or as many as fit; any other is taken as it is, or refused.
    window_frames: int = 0
    # Frames seen on each side of a window: the distance over which hidden background shows up.
    context_frames: int = 16
    # Host memory that one worker may use; 0 = three quarters of the machine's. Lower it where other
    # programs need theirs; work that needs more is refused before it starts.
    host_memory_bytes: int = 0
    # The same for the memory of an accelerator; 0 = nine tenths of it.
    device_memory_bytes: int = 0
    # A piece of work is tried this often when the worker dies on it, so a bad file cannot loop.
    max_attempts: int = 3
    # Renders are refused when less would be left: journal and store need room to commit.
    min_free_disk_bytes: int = 256 * 2**20
    # Size of the store of computed windows; what was of no use for longest goes first. Room for
    # some days of work at UHD.
    store_budget_bytes: int = 50 * 2**30
    # The windows of an edit's newest render stay so long whatever the budget: for corrections.
    keep_results_days: int = 30
    # Interactive tasks (masks, pictures) that may wait or run; each is one gesture of somebody.
    max_queued_tasks: int = 256
    # What networks run on: `auto` takes the best there is, else `cpu`, `cuda`, `cuda:1`, `mps`.
    # Several with commas between, or `all` accelerators, get a worker each.
    device: str = "auto"
    # Workers on each device. More than one share its memory and time: for machines with many cores.
    workers: int = 1
    # Seconds that an unused model stays in memory; 0 = it goes at once, -1 = until there is need.
    # Within five minutes the next click or shot has mostly come.
    keep_alive_s: float = 300.0
    # TCP port on 127.0.0.1 for Prometheus; 0 = none.
    metrics_port: int = 0
    # P-MASK unless a request names another: `embedded`, or a model's name.
    p_mask: str = "embedded"
    # A network fills every n-th frame, and what lies between is warped from these where the motion
    # is sure; 1 = every frame. 3 takes a third of the time on calm shots, and more on hard ones.
    sparse_stride: int = 1
    # UR-Net takes the eraser's motion instead of estimating its own: a twelfth less work. Off, as
    # published weights were trained on another estimator's, and the price needs them to be known.
    reuse_flows: bool = False
    # Trained weights of UR-Net's seam step; None = enlarged seams are left as they are.
    seam_weights: Path | None = None
    # Level of the log on stderr.
    log_level: str = "INFO"
    # `text` for people, `json` for programs: one object per line.
    log_format: str = log.TEXT

    def __post_init__(self) -> None:
        for name in (
            *("max_queued_jobs", "max_queued_tasks", "max_attempts", "workers"),
            *("working_long_side_px", "review_long_side_px"),
        ):
            if getattr(self, name) < 1:
                raise InvalidRequestError(
                    f"setting {name} is {getattr(self, name)}: it must be 1 or more"
                )
        if self.log_format not in log.FORMATS:
            raise InvalidRequestError(
                f"setting log_format is {self.log_format!r}: it must be {' or '.join(log.FORMATS)}"
            )
        if not 0 <= self.metrics_port <= 65535:
            raise InvalidRequestError(
                f"setting metrics_port is {self.metrics_port}: it must be 0 (none) to 65535"
            )
        if not 1 <= self.sparse_stride <= 10:
            raise InvalidRequestError(
                f"setting sparse_stride is {self.sparse_stride}: it must be 1 to 10"
            )
        for name in ("calls_per_s", "call_burst", "max_calls_at_once", "max_edits"):
            if getattr(self, name) < 1:
                raise InvalidRequestError(
                    f"setting {name} is {getattr(self, name)}: it must be 1 or more"
                )
        if self.probe_timeout_s <= 0:
            raise InvalidRequestError(
                f"setting probe_timeout_s is {self.probe_timeout_s}: it must be above 0"
            )
        for name in (
            *("window_frames", "context_frames", "host_memory_bytes", "device_memory_bytes"),
            *("store_budget_bytes", "keep_results_days"),
        ):
            if getattr(self, name) < 0:
                raise InvalidRequestError(
                    f"setting {name} is {getattr(self, name)}: it must be 0 or more"
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
    def roots(self) -> Roots:
        """What clients may name."""
        return Roots(allowed=self.allowed_roots, private=self.data_dir)

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
    hint = get_type_hints(Settings)[name]
    try:
        if hint == tuple[Path, ...]:
            return tuple(_path(part) for part in _parts(value))
        if hint in (Path, Path | None):
            return _path(value)
        if hint is bool:
            return _switch(value)
        return hint(value)
    except (TypeError, ValueError, KeyError) as error:
        raise InvalidRequestError(
            f"setting {name} is {value!r}: it must be of type {getattr(hint, '__name__', hint)}"
        ) from error


def _switch(value: Any) -> bool:
    """On or off; the environment and flags have words only, of which every one counts as true."""
    if isinstance(value, bool):
        return value
    return {"true": True, "1": True, "false": False, "0": False}[str(value).lower()]


def _parts(value: Any) -> list[Any]:
    """A list as TOML has it, or as the system's own variables do: `a:b`, on Windows `a;b`."""
    return [part for part in value.split(os.pathsep) if part] if isinstance(value, str) else value


def _path(value: Any) -> Path:
    return Path(value).expanduser().absolute()
