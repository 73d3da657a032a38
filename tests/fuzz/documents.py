"""Timelines for the readers: valid ones of every format, changed in structure and in bytes."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import random
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
from support.timelines import clip, gap, timeline

_SHARED = Path(__file__).resolve().parents[3] / "shared" / "facts" / "otio_samples"
# Adapters that write as well, so that there is a seed of each format on every machine.
_WRITTEN = {".edl": "cmx_3600", ".xml": "fcp_xml", ".fcpxml": "fcpx_xml", ".kdenlive": "kdenlive"}
_LARGEST_SEED = 200_000
# Stands for the folder of the clips, whose real name would make every run another one.
CLIPS = "/peanut-fuzz-clips/"

_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1e308, -1e308, 2**63, 0.0, 24, 23.976, float("nan"), float("inf")),
    *("", "x", "../../etc/passwd", "file:///etc/passwd", "file:///%00", "\0", "n" * 9999),
    *([], {}, [[]], {"OTIO_SCHEMA": "Clip.1"}, {"OTIO_SCHEMA": "None.99"}),
    {"OTIO_SCHEMA": "RationalTime.1", "rate": 0, "value": 1},
    {"OTIO_SCHEMA": "RationalTime.1", "rate": -24, "value": 1e300},
)
_PIECES = (
    *(b"\0", b"\xff\xfe", b"{", b"}" * 9, b"[" * 2000, b'"', b"<", b"]]>", b"&lol;", b"%00"),
    *(
        b"99:99:99:99",
        b"-1",
        b"1e999",
        b"file://",
        b"..",
        b"<!ENTITY a SYSTEM 'file:///etc/passwd'>",
    ),
)


def seeds(folder: Path) -> dict[str, bytes]:
    """Valid timelines by name; the extension says the format."""
    rate = Fraction(25)
    source = f"{CLIPS}a.mov"
    made = timeline(
        rate,
        90_000,
        (
            "V1",
            "Video",
            [gap(5, rate), clip(source, rate=rate, length=20), clip(source, rate=rate)],
        ),
        ("V2", "Video", [clip(source, rate=rate, length=7)]),
    )
    found = {"made.otio": made.to_json_string().encode()}
    for suffix, adapter in _WRITTEN.items():
        path = folder / f"made{suffix}"
        tracks = (
            made
            if suffix != ".edl"
            else timeline(rate, 0, ("V1", "Video", [clip(source, rate=rate)]))
        )
        # A format that cannot hold this timeline has its seeds from real hosts only.
        with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
            otio.adapters.write_to_file(tracks, str(path), adapter_name=adapter)
            found[path.name] = path.read_bytes()
    if _SHARED.is_dir():
        for path in sorted(_SHARED.iterdir()):
            if path.is_file() and path.stat().st_size <= _LARGEST_SEED:
                found[path.name] = path.read_bytes()
    return found


class Tamperer:
    """Changes timelines, the same way for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def document(self, name: str, content: bytes) -> bytes:
        """One input: OTIO mostly with its structure changed, everything else in its bytes."""
        if name.endswith(".otio") and self.random.random() < 0.7:
            # Nested in what was nested already; `test_fuzz.py` has such documents.
            with contextlib.suppress(RecursionError):
                return self._restructured(content)
        return self.bytes_of(content)

    def bytes_of(self, content: bytes) -> bytes:
        """Some bytes replaced, cut out, repeated, or pieces put in that parsers stumble over."""
        data = bytearray(content)
        for _ in range(self.random.choice((1, 1, 1, 2, 8))):
            at = self.random.randrange(len(data) + 1)
            length = self.random.choice((1, 2, 8, 64, 4000))
            match self.random.randrange(8):
                case 0:
                    data[at : at + 1] = self.random.randbytes(1)
                case 5 | 6 | 7:  # Most often still of the format: a digit becomes another.
                    digits = [k for k in range(at, min(len(data), at + 400)) if 48 <= data[k] < 58]
                    for k in digits[: self.random.choice((1, 3))]:
                        data[k] = self.random.choice(b"0123456789-.")
                case 1:
                    del data[at : at + length]
                case 2:
                    data[at:at] = data[at : at + length] * self.random.choice((1, 1, 30))
                case 3:
                    data[at:at] = self.random.choice(_PIECES)
                case _:
                    if self.random.random() < 0.2:
                        del data[at:]
        return bytes(data)

    def _restructured(self, content: bytes) -> bytes:
        root = copy.deepcopy(json.loads(content))
        for _ in range(self.random.choice((1, 1, 2, 4))):
            places = list(_places(root))
            if not places:
                break
            holder, key = self.random.choice(places)
            match self.random.randrange(5):
                case 0 if isinstance(holder, dict):
                    del holder[key]
                case 1:
                    other, other_key = self.random.choice(places)
                    holder[key] = copy.deepcopy(other[other_key])
                case 2 if isinstance(holder, list):
                    holder.extend(copy.deepcopy(holder[:3]) * self.random.choice((1, 20)))
                case 3:
                    holder[key] = self._nested()
                case _:
                    holder[key] = copy.deepcopy(self.random.choice(_VALUES))
        # With NaN and Infinity, which OTIO reads.
        return json.dumps(root).encode()

    def _nested(self) -> Any:
        nested: Any = self.random.choice(_VALUES)
        for _ in range(self.random.choice((5, 60, 300))):
            nested = (
                [nested]
                if self.random.random() < 0.5
                else {"OTIO_SCHEMA": "Stack.1", "children": [nested]}
            )
        return nested


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a document that holds a value, as its holder and key."""
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])
