"""What the daemon and the command line do with a timeline or a clip, in a process of its own."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from peanut_daemon.edits.request import clip_and_range, clip_at
from peanut_daemon.edits.timeline_extract import Choice, extract
from peanut_daemon.edits.timeline_inspect import inspect
from peanut_daemon.errors import DaemonError
from peanut_daemon.guard.roots import Roots
from peanut_daemon.media import ClipReader, Reading, probe
from peanut_daemon.media.rate import Rate
from peanut_models.errors import ModelError


def read_timeline(path: Path) -> list[str]:
    """Inspect, extract and request; the names of the errors that were raised on purpose."""
    roots = Roots(private=path.parent / "data")
    rate = Rate(25) if path.suffix == ".edl" else None
    text = path.read_text(encoding="utf-8", errors="replace")
    reasons = []
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        for work in (
            lambda: inspect(path, rate=rate),
            lambda: extract(
                path, path.with_name("out.otio"), Choice(rate=rate), probe=probe, overwrite=True
            ),
            lambda: clip_and_range(text, roots, Reading()),
        ):
            try:
                work()
                reasons.append("")
            except (DaemonError, ModelError) as error:
                reasons.append(type(error).__name__)
    return reasons


def read_clip(path: Path) -> list[str]:
    """Probe and decode all frames; the name of the error, if one was raised on purpose."""
    try:
        clip_at(path, Roots(private=path.parent / "data"))
        with ClipReader(path) as reader:
            for frame in reader.frames(reader.frame_range):
                frame.working_rgb(64)
    except (DaemonError, ModelError) as error:
        return [type(error).__name__]
    return [""]
