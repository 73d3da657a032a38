"""Media of every container, small and valid, and ways to damage them."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from support.clips import MPEG4, PRORES, make_clip, numbered_frame
from support.scenes import ground, make_square_clip

FRAMES = 4
SEQUENCES = {
    "png": ("png", "rgb24"),
    "exr": ("exr", "gbrpf32le"),
    "tif": ("tiff", "rgb48le"),
    "dpx": ("dpx", "gbrp10le"),
}
# Sizes and counts that make a parser allocate, loop or step backwards.
_ABSURD = (0, 1, 0x7F, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF0, 0x00FFFFFF, 65536)
# Where formats keep their sizes and tables.
_HEAD_BYTES = 2048

Seed = dict[str, bytes]
"""Files by name: one of a movie, several of a sequence."""


def seeds(folder: Path) -> dict[str, Seed]:
    """A valid clip of each kind, by its extension."""
    movies = {
        "mp4": make_square_clip(folder / "a.mp4", frames=FRAMES, audio_codec="aac"),
        "mov": make_clip(
            folder / "a.mov", **PRORES, frames=FRAMES, timecode="01:00:00:00",
            audio_codec="pcm_s16le",
        ),
        "mkv": make_square_clip(folder / "a.mkv", frames=FRAMES, codec="ffv1", options={"g": "1"}),
        "mxf": make_clip(
            folder / "a.mxf", codec="mpeg2video", pixel_format="yuv422p", frames=FRAMES,
            options={"g": "1"},
        ),
        "avi": make_clip(folder / "a.avi", **MPEG4, frames=FRAMES, rate=Fraction(25)),
    }  # fmt: skip
    found: dict[str, Seed] = {kind: {path.name: path.read_bytes()} for kind, path in movies.items()}
    for suffix, (encoder, pixel_format) in SEQUENCES.items():
        found[suffix] = {
            f"a.{k:04d}.{suffix}": _picture(encoder, pixel_format, k) for k in range(1, FRAMES)
        }
    return found


def _picture(encoder: str, pixel_format: str, number: int) -> bytes:
    frame = numbered_frame(number, "yuv420p").reformat(format=pixel_format)
    if pixel_format.startswith("gbrpf"):
        image = ground(FRAMES)[number].astype(np.float32) / 255
        frame = av.VideoFrame.from_ndarray(image, format="gbrpf32le")
    context = av.CodecContext.create(encoder, "w")
    context.width, context.height, context.pix_fmt = frame.width, frame.height, pixel_format
    context.time_base = Fraction(1, 24)
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


class Damager:
    """Damages clips, the same way for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._ways: dict[str, Callable[[bytearray], bytearray]] = {
            "flipped": self._flipped,
            "truncated": self._truncated,
            "boxes": self._boxes,
            "sizes": self._sizes,
            "spliced": self._spliced,
        }

    def damaged(self, clip: Seed) -> tuple[str, Seed]:
        """What was done, and the files after it; of a sequence one or all are damaged."""
        way = self._random.choice(list(self._ways))
        names = sorted(clip)
        hit = names if self._random.random() < 0.4 else [self._random.choice(names)]
        made = {
            name: bytes(self._ways[way](bytearray(data))) if name in hit else data
            for name, data in clip.items()
        }
        return way, made

    def _place(self, size: int) -> int:
        """Somewhere, in the head as often as not."""
        return self._random.randrange(
            min(size, _HEAD_BYTES) if self._random.random() < 0.6 else size
        )

    def _flipped(self, data: bytearray) -> bytearray:
        for _ in range(self._random.choice((1, 1, 2, 4, 16, 64))):
            data[self._place(len(data))] ^= 1 << self._random.randrange(8)
        return data

    def _truncated(self, data: bytearray) -> bytearray:
        return data[: self._random.choice((0, self._place(len(data)), len(data) - 1))]

    def _sizes(self, data: bytearray) -> bytearray:
        if data[:8] == b"\x89PNG\r\n\x1a\n" and self._random.random() < 0.5:
            return self._png_size(data)
        for _ in range(self._random.choice((1, 1, 2, 5))):
            width = self._random.choice((1, 2, 4, 4, 4, 8))
            place = self._place(max(1, len(data) - width)) // width * width
            value = self._random.choice(_ABSURD) & ((1 << 8 * width) - 1)
            data[place : place + width] = value.to_bytes(
                width, self._random.choice(("big", "little"))
            )
        return data

    def _png_size(self, data: bytearray) -> bytearray:
        """An absurd size that its checksum vouches for."""
        for place in self._random.sample((16, 20), self._random.choice((1, 2))):
            data[place : place + 4] = struct.pack(">I", self._random.choice(_ABSURD))
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
        return data

    def _boxes(self, data: bytearray) -> bytearray:
        """Two boxes of one level swapped, or one left out or doubled; elsewhere of any bytes."""
        spans = self._random.choice(_levels(data))
        if len(spans) < 2:
            return self._spliced(data)
        first, second = sorted(self._random.sample(spans, 2))
        one, other = data[slice(*first)], data[slice(*second)]
        between = data[first[1] : second[0]]
        made = self._random.choice((other + between + one, between + other, one + between + one))
        return data[: first[0]] + made + data[second[1] :]

    def _spliced(self, data: bytearray) -> bytearray:
        """Two stretches of the same length swapped, or one laid over the other."""
        length = self._random.choice((4, 16, 64, 512))
        first, second = self._place(len(data)), self._place(len(data))
        one = data[first : first + length]
        data[first : first + length] = data[second : second + length]
        if self._random.random() < 0.5:
            data[second : second + length] = one
        return data


_HOLDERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf")


def _levels(data: bytearray) -> list[list[tuple[int, int]]]:
    """Boxes of an ISO base media file, level by level, as (start, end); [[]] for another file."""
    levels: list[list[tuple[int, int]]] = []
    pending = [(0, len(data))]
    while pending:
        place, end = pending.pop()
        level = []
        while place + 8 <= end:
            size, kind = struct.unpack(">I4s", data[place : place + 8])
            if size < 8 or place + size > end:
                break
            level.append((place, place + size))
            if kind in _HOLDERS:
                pending.append((place + 8, place + size))
            place += size
        levels.append(level)
    return levels
