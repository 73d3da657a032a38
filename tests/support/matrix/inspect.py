"""What `ffprobe` and `ffmpeg` say about a file: other builds than the library that wrote it."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy import ndarray

from peanut_daemon.media.layout import Layout, layout_of
from peanut_daemon.media.sequence import find_sequence

MISSING = "no ffmpeg and ffprobe here: apt-get install --no-install-recommends ffmpeg"


def programs_there() -> bool:
    """Whether both programs are installed."""
    return all(shutil.which(name) for name in ("ffmpeg", "ffprobe"))


@dataclass(frozen=True, slots=True)
class Facts:
    """Of the first video stream; `audio` are hashes of the packets of the first audio stream."""

    frames: int
    times: list[Fraction]
    rate: Fraction
    pixel_format: str
    size: tuple[int, int]
    tags: tuple[str, str, str, str]
    timecode: str
    sample_aspect: str
    audio_codec: str


def facts_of(path: Path, rate: Fraction) -> Facts:
    """Ask ffprobe; `rate` is for image sequences."""
    document = json.loads(
        _run("ffprobe", *_input(path, rate), "-show_streams", "-show_entries",
             "packet=stream_index,pts_time", "-show_format", "-of", "json")
    )  # fmt: skip
    streams = document["streams"]
    video = next(s for s in streams if s["codec_type"] == "video")
    times = sorted(
        Fraction(p["pts_time"])
        for p in document["packets"]
        if p["stream_index"] == video["index"] and "pts_time" in p
    )
    metadata = [s.get("tags", {}) for s in (*streams, document["format"])]
    lowered = [{key.lower(): value for key, value in tags.items()} for tags in metadata]
    return Facts(
        frames=len(times),
        times=times,
        rate=Fraction(video["r_frame_rate"]),
        pixel_format=video["pix_fmt"],
        size=(video["width"], video["height"]),
        tags=tuple(
            video.get(f"color_{name}", "unknown")
            for name in ("primaries", "transfer", "space", "range")
        ),
        timecode=next((tags["timecode"] for tags in lowered if "timecode" in tags), ""),
        sample_aspect=video.get("sample_aspect_ratio", "1:1"),
        audio_codec=next((s["codec_name"] for s in streams if s["codec_type"] == "audio"), ""),
    )


def audio_of(path: Path) -> list[str]:
    """A hash of every packet."""
    lines = _run("ffmpeg", "-i", str(path), "-map", "0:a", "-c", "copy", "-f", "framemd5", "-")
    return [line.split(",")[-1].strip() for line in lines.decode().splitlines() if line[0] != "#"]


def planar(layout: Layout) -> str:
    """The planar pixel format with the same components, to which unpacking loses nothing."""
    if layout.floating:
        return f"gbr{'a' if layout.alpha else ''}pf32le"
    depth = "" if layout.bits == 8 else f"{layout.bits}le"
    alpha = "a" if layout.alpha else ""
    if layout.family == "gray":
        return f"gray{depth}"
    if layout.family == "rgb":
        return f"gbr{alpha}p{depth}"
    across, down = layout.subsampling
    name = {(2, 2): "420", (2, 1): "422", (1, 1): "444"}[across, down]
    # The letter keeps full range full where the format's name is all that says so.
    return f"yuv{'j' if layout.name.startswith('yuvj') else alpha}{name}p{depth}"


def decoded(path: Path, pixel_format: str, size: tuple[int, int], rate: Fraction) -> list[ndarray]:
    """All frames of a clip by component: n, h, w of each."""
    data = _run(
        "ffmpeg", *_input(path, rate), "-map", "0:v:0", "-vsync", "passthrough", "-f", "rawvideo",
        "-pix_fmt", pixel_format, "-",
    )  # fmt: skip
    layout = layout_of(pixel_format)
    # Planes in the order of storage, then in that of components.
    shapes: dict[int, tuple[int, int]] = {}
    for index, (plane, _, _) in enumerate(layout.places):
        width, height = layout.component_size(index, *size)
        shapes[plane] = (height, width)
    frame_samples = sum(h * w for h, w in shapes.values())
    samples = np.frombuffer(data, layout.dtype).reshape(-1, frame_samples)
    planes, start = {}, 0
    for plane in sorted(shapes):
        height, width = shapes[plane]
        planes[plane] = samples[:, start : start + height * width].reshape(-1, height, width)
        start += height * width
    return [planes[plane] for plane, _, _ in layout.places]


def _input(path: Path, rate: Fraction) -> list[str]:
    sequence = find_sequence(path)
    if sequence is None:
        return ["-i", str(path)]
    start = ["-start_number", str(sequence.first), "-framerate", str(rate)]
    return [*start, "-i", str(sequence.pattern)]


def _run(program: str, *arguments: str) -> bytes:
    command = [program, "-v", "error", *(["-nostdin"] if program == "ffmpeg" else []), *arguments]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout
