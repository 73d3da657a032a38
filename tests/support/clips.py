"""Tiny clips made in code. Every frame carries its own number, readable after lossy coding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy import ndarray

WIDTH, HEIGHT = 64, 48
_BITS = 8
_CELL = WIDTH // _BITS


def luma_with_number(number: int, *, width: int = WIDTH, height: int = HEIGHT) -> ndarray:
    """Gray picture (uint8, 16 to 235): eight bars at the top spell the number in binary."""
    ramp = np.linspace(60, 160, width, dtype=np.float32)
    picture = np.tile(ramp, (height, 1)) + (number * 7) % 40
    for bit in range(_BITS):
        level = 220 if number >> bit & 1 else 30
        picture[:16, bit * _CELL : (bit + 1) * _CELL] = level
    return picture.astype(np.uint8)


def number_in(luma: ndarray) -> int:
    """The number that `luma_with_number` wrote, from a gray picture of any depth."""
    middle = luma[4:12].astype(np.float32)
    threshold = middle.max() / 2 + middle.min() / 2
    cells = [
        middle[:, bit * _CELL + 2 : (bit + 1) * _CELL - 2].mean() > threshold
        for bit in range(_BITS)
    ]
    return sum(1 << bit for bit, is_set in enumerate(cells) if is_set)


def numbered_frame(number: int, pixel_format: str) -> av.VideoFrame:
    """A colourful frame that carries its number."""
    luma = luma_with_number(number)
    u = np.tile(np.linspace(70, 180, WIDTH // 2, dtype=np.uint8), (HEIGHT // 2, 1))
    v = np.tile(np.linspace(190, 80, HEIGHT // 2, dtype=np.uint8)[:, None], (1, WIDTH // 2))
    planar = np.concatenate([luma.ravel(), u.ravel(), v.ravel()]).reshape(HEIGHT * 3 // 2, WIDTH)
    frame = av.VideoFrame.from_ndarray(planar, format="yuv420p")
    return frame if pixel_format == "yuv420p" else frame.reformat(format=pixel_format)


def random_frame(pixel_format: str, seed: int, *, width: int = WIDTH, height: int = HEIGHT) -> Any:
    """A frame of random code values in every component."""
    from peanut_daemon.media.layout import frame_from_components, layout_of

    generator = np.random.default_rng(seed)
    layout = layout_of(pixel_format)
    components = []
    for index in range(len(layout.places)):
        across, down = layout.component_size(index, width, height)
        components.append(
            generator.integers(0, layout.maximum + 1, (down, across)).astype(layout.dtype)
        )
    return frame_from_components(components, pixel_format, width, height)


@dataclass(kw_only=True)
class ClipSpec:
    """How a clip is made; the defaults are H.264 with B-frames."""

    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    rate: Fraction = Fraction(25)
    frames: int = 30
    options: dict[str, str] = field(
        default_factory=lambda: {"bf": "2", "g": "10", "crf": "10", "preset": "ultrafast"}
    )
    timecode: str | None = None
    pts: Sequence[int] | None = None
    time_base: Fraction | None = None
    context: dict[str, Any] = field(default_factory=dict)
    audio_codec: str | None = None
    muxer_options: dict[str, str] = field(default_factory=dict)
    pictures: Sequence[Any] | None = None


MPEG4 = {"codec": "mpeg4", "options": {"bf": "2", "g": "10", "qmin": "2", "qmax": "2"}}
FFV1 = {"codec": "ffv1", "options": {"g": "1"}}
PRORES = {"codec": "prores_ks", "pixel_format": "yuv422p10le", "options": {"profile": "3"}}


def make_clip(path: Path, **settings: Any) -> Path:
    """Write a clip as `ClipSpec` says; the container follows from the suffix."""
    spec = ClipSpec(**settings)
    time_base = spec.time_base or 1 / spec.rate
    with av.open(str(path), "w", container_options=spec.muxer_options) as container:
        stream = container.add_stream(spec.codec, rate=spec.rate, options=dict(spec.options))
        context = stream.codec_context
        first = spec.pictures[0] if spec.pictures else None
        context.width, context.height = (first.width, first.height) if first else (WIDTH, HEIGHT)
        context.pix_fmt = spec.pixel_format
        context.time_base = time_base
        for name, value in spec.context.items():
            setattr(context, name, value)
        if spec.timecode is not None:
            stream.metadata["timecode"] = spec.timecode
        audio = None
        if spec.audio_codec is not None:
            audio = container.add_stream(spec.audio_codec, rate=48000)
        count = len(spec.pictures) if spec.pictures is not None else spec.frames
        for k in range(count):
            if spec.pictures is not None:
                frame = spec.pictures[k]
            else:
                frame = numbered_frame(k, spec.pixel_format)
            frame.pts = spec.pts[k] if spec.pts is not None else k
            frame.time_base = time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if audio is not None:
            _write_tone(container, audio, seconds=float(count / spec.rate))
    return path


def make_audio_file(path: Path, codec: str = "pcm_s16le") -> Path:
    """Half a second of sound and no picture."""
    with av.open(str(path), "w") as container:
        _write_tone(container, container.add_stream(codec, rate=48000), seconds=0.5)
    return path


def _write_tone(container: Any, stream: Any, *, seconds: float) -> None:
    total, step = int(48000 * seconds), 1024
    sample_format = stream.codec_context.format.name
    for start in range(0, total, step):
        count = min(step, total - start)
        wave = np.sin(np.arange(start, start + count) * 0.05 * (1 + start / total))
        stereo = np.stack([wave, wave * 0.5]).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(stereo, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        resampler = av.AudioResampler(format=sample_format, layout="stereo", rate=48000)
        for ready in resampler.resample(frame):
            container.mux(stream.encode(ready))
    container.mux(stream.encode(None))


def packets_of(path: Path, kind: str) -> list[tuple[Fraction, bytes]]:
    """Presentation time in seconds and bytes of every packet of the first stream of a kind."""
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[0]
        return [
            (packet.pts * packet.time_base, bytes(packet))
            for packet in container.demux(stream)
            if packet.pts is not None and packet.size
        ]
