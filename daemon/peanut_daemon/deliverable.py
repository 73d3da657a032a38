"""What a render makes, and all the settings that decide it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any

from peanut_daemon.errors import InvalidRequestError
from peanut_daemon.media import CODECS


class RenderStage(Enum):
    """What a render is busy with, in this order."""

    PLATE = "plate"
    UPSCALE = "upscale"
    ENCODE = "encode"


class Deliverable(StrEnum):
    """What lands in the timeline."""

    PATCH = "patch"
    FULL = "full"
    UPSCALED = "upscaled"


class Codec(StrEnum):
    """How the deliverable is encoded."""

    FFV1 = "ffv1"
    PRORES_HQ = "prores_hq"
    PRORES_4444 = "prores_4444"
    H264 = "h264"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """The files that a render writes, all beside each other under one stem."""

    deliverable: Path
    otio: Path
    matte: Path
    report: Path
    contact_sheet: Path

    @classmethod
    def beside(cls, deliverable: Path) -> Outputs:
        """Name the side files after the deliverable."""
        stem = deliverable.with_suffix("")
        return cls(
            deliverable=deliverable,
            otio=stem.with_name(f"{stem.name}.otio"),
            matte=stem.with_name(f"{stem.name}.matte.mkv"),
            report=stem.with_name(f"{stem.name}.report.json"),
            contact_sheet=stem.with_name(f"{stem.name}.sheet.png"),
        )

    def paths(self) -> tuple[Path, ...]:
        """All of them."""
        return tuple(getattr(self, f.name) for f in fields(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderSettings:
    """All that decides what a render computes and writes, besides the edit itself.

    Raises:
        InvalidRequestError: the codec cannot carry the deliverable, or the extension is another's.
    """

    profile: str
    deliverable: Deliverable
    codec: Codec
    output_path: Path
    overwrite: bool
    matte_hash: str
    grow_px: int
    feather_px: int
    window_frames: int
    context_frames: int

    def __post_init__(self) -> None:
        able = [name for name, entry in CODECS.items() if entry.alpha_pixel_format != ""]
        if self.deliverable is Deliverable.PATCH and self.codec not in able:
            names = " or ".join(able)
            raise InvalidRequestError(
                f"codec {self.codec} has no alpha, which a patch needs: use {names}"
            )
        suffix = CODECS[self.codec.value].suffix
        if self.output_path.suffix.lower() != suffix:
            raise InvalidRequestError(
                f"output path {self.output_path} ends in {self.output_path.suffix!r}, but "
                f"{self.codec} is written as {suffix!r}: change one of the two"
            )

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self) | {"output_path": str(self.output_path)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RenderSettings:
        """Back from `to_dict`."""
        return cls(
            **values
            | {
                "deliverable": Deliverable(values["deliverable"]),
                "codec": Codec(values["codec"]),
                "output_path": Path(values["output_path"]),
            }
        )
