"""What a render makes, and all the settings that decide it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any

from peanut_daemon.errors import InvalidRequestError
from peanut_daemon.media import CODECS
from peanut_models.zoo import profile

DEFAULT_DONOR_CONFIDENCE = 0.5
"""How sure a donor's pixel must be to be used, unless the editor says."""


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


@dataclass(frozen=True, slots=True)
class ChosenModel:
    """A back end as one job uses it.

    Attributes:
        name: of its card.
        weights: SHA-256 of the stored weights; empty where it needs none.
    """

    name: str
    weights: str = ""

    @property
    def key(self) -> str:
        """Names it for content keys; just its name where there are no weights."""
        return f"{self.name}@{self.weights}" if self.weights else self.name


@dataclass(frozen=True, slots=True)
class DonorFile:
    """A clean plate or donor clip, and what tells its content from another's."""

    path: Path
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderSettings:
    """All that decides what a render computes and writes, besides the edit itself.

    Raises:
        InvalidRequestError: the codec cannot carry the deliverable, or the extension is another's.
    """

    profile: str
    eraser: ChosenModel
    upscaler: ChosenModel
    deliverable: Deliverable
    codec: Codec
    output_path: Path
    overwrite: bool
    matte_hash: str
    grow_px: int
    feather_px: int
    window_frames: int
    context_frames: int
    donors: tuple[DonorFile, ...] = ()
    donor_confidence: float = DEFAULT_DONOR_CONFIDENCE
    working_scale: int = 1
    working_reason: str = ""
    upscaler_reason: str = ""
    sparse_stride: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.donor_confidence <= 1:
            raise InvalidRequestError(
                f"donor_confidence is {self.donor_confidence}: it must be 0 to 1"
            )
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
        donors = [{"path": str(d.path), "fingerprint": d.fingerprint} for d in self.donors]
        return asdict(self) | {"output_path": str(self.output_path), "donors": donors}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RenderSettings:
        """Back from `to_dict`, also from journals that did not know models and donors yet."""
        of_profile = profile(values["profile"])
        return cls(
            **values
            | {
                "eraser": ChosenModel(**values.get("eraser", {"name": of_profile.nof_eraser})),
                "upscaler": ChosenModel(**values.get("upscaler", {"name": of_profile.ur_net})),
                "donors": tuple(
                    DonorFile(Path(donor["path"]), donor["fingerprint"])
                    for donor in values.get("donors", ())
                ),
                "deliverable": Deliverable(values["deliverable"]),
                "codec": Codec(values["codec"]),
                "output_path": Path(values["output_path"]),
            }
        )
