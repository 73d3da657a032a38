"""What a render makes, and all the settings that decide it."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any

from peanut_daemon.errors import InvalidRequestError
from peanut_daemon.media import CODECS, check_name, pattern_of
from peanut_models.matte import EFFECT_FEATHER_PX, MatteShape
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
    PRORES_422 = "prores_422"
    PRORES_HQ = "prores_hq"
    PRORES_4444 = "prores_4444"
    DNXHR_HQ = "dnxhr_hq"
    DNXHR_HQX = "dnxhr_hqx"
    DNXHR_444 = "dnxhr_444"
    H264 = "h264"
    H264_10 = "h264_10"
    H265 = "h265"
    H265_10 = "h265_10"
    EXR = "exr"
    TIFF = "tiff"
    PNG = "png"
    DPX = "dpx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """The files that a render writes, all beside each other under one stem."""

    deliverable: Path
    otio: Path
    matte: Path
    report: Path
    report_page: Path
    contact_sheet: Path

    @classmethod
    def beside(cls, deliverable: Path) -> Outputs:
        """Name the side files after the deliverable; of a sequence, without its number."""
        sequence = pattern_of(deliverable)
        name = deliverable.stem if sequence is None else sequence.prefix.rstrip("._- ")
        stem = deliverable.with_name(name or "frames")
        return cls(
            deliverable=deliverable,
            otio=stem.with_name(f"{stem.name}.otio"),
            matte=stem.with_name(f"{stem.name}.matte.mkv"),
            report=stem.with_name(f"{stem.name}.report.json"),
            report_page=stem.with_name(f"{stem.name}.report.html"),
            contact_sheet=stem.with_name(f"{stem.name}.sheet.png"),
        )

    def paths(self) -> tuple[Path, ...]:
        """All of them."""
        return tuple(getattr(self, f.name) for f in fields(self))


def is_taken(path: Path) -> bool:
    """Whether there is something of that name; of a sequence, any of its files."""
    sequence = pattern_of(path)
    if sequence is None:
        return path.exists()
    return path.parent.is_dir() and bool(sequence.numbers_there())


def with_plain_pattern(path: Path) -> Path:
    """The path, with "%04d" for "####": one name for one sequence."""
    sequence = pattern_of(path)
    return path if sequence is None else path.with_name(sequence.pattern.name)


def next_version(path: Path, planned: Collection[Path]) -> Path:
    """The path with "_v001", or the first higher number that no file and no plan has.

    Counting goes on after the highest one there is, so that a version that was deleted does not
    come back as another.

    Args:
        path: "shot.mov" or "shot.%04d.exr".
        planned: paths that are about to be written.
    """
    sequence = pattern_of(path)
    tail = path.suffix if sequence is None else path.name[len(sequence.prefix.rstrip("._- ")) :]
    stem = path.name[: len(path.name) - len(tail)]
    named = re.compile(re.escape(stem) + r"_v(\d{3,})(?![0-9A-Za-z])")
    names = [p.name for p in planned if p.parent == path.parent]
    if path.parent.is_dir():
        names += [entry.name for entry in path.parent.iterdir()]
    last = max((int(match[1]) for name in names if (match := named.match(name))), default=0)
    return path.with_name(f"{stem}_v{last + 1:03d}{tail}")


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


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """Weights that no card knows, such as those of one's own training; SHA-256 of the content."""

    path: Path
    sha256: str


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
    window_reason: str = ""
    # First frames of windows that did not fit into memory and were cut in two.
    halved_windows: tuple[int, ...] = ()
    reuse_flows: bool = False
    seam: WeightsFile | None = None
    cuts: tuple[int, ...] | None = None
    # Read the deliverable back and compare it with the source.
    proof: bool = True
    refine_px: int = 0
    effect_feather_px: int = EFFECT_FEATHER_PX
    # Give the plate the source's grain where it lacks it.
    grain: bool = True

    @property
    def matte_shape(self) -> MatteShape:
        """How masks become the matte."""
        return MatteShape(
            grow_px=self.grow_px,
            feather_px=self.feather_px,
            refine_px=self.refine_px,
            effect_feather_px=self.effect_feather_px,
        )

    def __post_init__(self) -> None:
        if self.window_frames < 1:
            raise InvalidRequestError(
                f"window_frames is {self.window_frames}: it must be 1 or more, or unset"
            )
        if not 0 <= self.donor_confidence <= 1:
            raise InvalidRequestError(
                f"donor_confidence is {self.donor_confidence}: it must be 0 to 1"
            )
        able = [name for name, entry in CODECS.items() if entry.alpha_pixel_formats is not None]
        if self.deliverable is Deliverable.PATCH and self.codec not in able:
            names = " or ".join(able)
            raise InvalidRequestError(
                f"codec {self.codec} has no alpha, which a patch needs: use {names}"
            )
        check_name(self.codec.value, CODECS[self.codec.value], self.output_path)

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        donors = [{"path": str(d.path), "fingerprint": d.fingerprint} for d in self.donors]
        seam = self.seam and {"path": str(self.seam.path), "sha256": self.seam.sha256}
        own = {"output_path": str(self.output_path), "donors": donors, "seam": seam}
        return asdict(self) | own

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RenderSettings:
        """Back from `to_dict`, also from journals that did not know models and donors yet."""
        of_profile = profile(values["profile"])
        seam, cuts = values.get("seam"), values.get("cuts")
        return cls(
            **values
            | {
                "eraser": ChosenModel(**values.get("eraser", {"name": of_profile.nof_eraser})),
                "upscaler": ChosenModel(**values.get("upscaler", {"name": of_profile.ur_net})),
                "donors": tuple(
                    DonorFile(Path(donor["path"]), donor["fingerprint"])
                    for donor in values.get("donors", ())
                ),
                "seam": WeightsFile(Path(seam["path"]), seam["sha256"]) if seam else None,
                "cuts": None if cuts is None else tuple(cuts),
                "halved_windows": tuple(values.get("halved_windows", ())),
                # A job from before there was grain goes on as it began.
                "grain": values.get("grain", False),
                "deliverable": Deliverable(values["deliverable"]),
                "codec": Codec(values["codec"]),
                "output_path": Path(values["output_path"]),
            }
        )
