"""What an edit is made of. Coordinates are pixels of the source."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from peanut_daemon.errors import InvalidRequestError, MaskSizeError, PromptError
from peanut_daemon.media import ClipInfo
from peanut_models.errors import FrameRangeError
from peanut_models.matte import EFFECT_FEATHER_PX, MatteShape, TargetKind
from peanut_models.ranges import FrameRange

MAX_GROW_PX = 256
# The outline of a proxy mask lies a few source pixels off; a wide search finds other edges.
MAX_REFINE_PX = 32
# What text encoders read is far less; more is a paste by mistake.
MAX_TEXT_CHARACTERS = 1000
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A click."""

    frame_index: int
    x_px: float
    y_px: float
    positive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle `[x0, x1)` by `[y0, y1)` around the target."""

    frame_index: int
    x0_px: float
    y0_px: float
    x1_px: float
    y1_px: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PaintedMask:
    """A mask at the source's size, as a PNG; bright pixels belong to the target."""

    frame_index: int
    png: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """What the target is, in words; it holds for the whole range, whatever its frame."""

    frame_index: int
    text: str


Prompt = Point | Box | PaintedMask | Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One object to remove.

    Attributes:
        id: given by the client, unique within its edit.
        name: what people call it; may be empty.
        prompts: what the user said about it, in order.
        enabled: whether it counts for the matte.
        mask_frames: frames that have the mask that follows from these prompts.
        revision: counts the changes of its prompts; undo goes back in it.
        last_revision: how far redo can go.
        kind: what its mask means for the matte; None in a request: as it was, else an object.
    """

    id: str
    name: str
    prompts: tuple[Prompt, ...]
    enabled: bool = True
    mask_frames: int = 0
    revision: int = 0
    last_revision: int = 0
    kind: TargetKind | None = TargetKind.OBJECT


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskFrame:
    """The mask of one target on one frame: 1-bit PNG; confidence 0 (lost) to 1 (certain).

    `doubt` says in words why the frame should be looked at; empty where there is no reason.
    """

    target_id: str
    frame_index: int
    png: bytes
    confidence: float
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class FrozenMask:
    """A mask as it was when its matte was approved: 1-bit PNG."""

    png: bytes
    kind: TargetKind = TargetKind.OBJECT


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A frozen matte: all masks, and how they become a matte (`peanut_models.matte.matte_of`)."""

    matte_hash: str
    grow_px: int
    feather_px: int
    approved_at: float
    refine_px: int = 0
    effect_feather_px: int = EFFECT_FEATHER_PX

    @property
    def shape(self) -> MatteShape:
        """The settings alone."""
        return MatteShape(
            grow_px=self.grow_px,
            feather_px=self.feather_px,
            refine_px=self.refine_px,
            effect_feather_px=self.effect_feather_px,
        )


def check_shape(shape: dict[str, int]) -> MatteShape:
    """The settings of a matte as a request gives them.

    Raises:
        InvalidRequestError: one is out of bounds.
    """
    for name, value in shape.items():
        limit = MAX_REFINE_PX if name == "refine_px" else MAX_GROW_PX
        if not 0 <= value <= limit:
            raise InvalidRequestError(
                f"{name} is {value}: it must be between 0 and {limit} source pixels"
            )
    return MatteShape(**shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One range of one clip, its targets and its matte; the unit that the daemon stores.

    `otio` is the host's request as it came; the result is written into a copy of it.
    """

    id: str
    clip: ClipInfo
    frame_range: FrameRange
    otio: str = ""
    targets: tuple[Target, ...]
    approval: Approval | None
    created_at: float


def checked_range(clip: ClipInfo, wanted: FrameRange | None) -> FrameRange:
    """`wanted`, or the whole clip where it is None.

    Raises:
        FrameRangeError: `wanted` is not inside the clip.
    """
    whole = FrameRange(0, clip.frame_count)
    if wanted is not None and not whole.covers(wanted):
        raise FrameRangeError(
            f"frame range {wanted} is outside the clip {clip.path}: it has the frames {whole}; "
            f"end_frame may be {clip.frame_count} at most"
        )
    return wanted or whole


def check_prompts(edit: Edit, prompts: Iterable[Prompt]) -> None:
    """Refuse prompts that nothing could be tracked from.

    Raises:
        FrameRangeError: a prompt lies on a frame outside the edit's range.
        PromptError: a prompt lies outside the picture, or none is positive.
        MaskSizeError: a painted mask has not the clip's size, or is no PNG.
    """
    prompts = tuple(prompts)
    for prompt in prompts:
        if prompt.frame_index not in edit.frame_range:
            raise FrameRangeError(
                f"prompt on frame {prompt.frame_index} is outside the edit's range "
                f"{edit.frame_range}: put it on a frame of the range, or widen the range"
            )
        match prompt:
            case Point():
                _check_point(edit.clip, prompt)
            case Box():
                _check_box(edit.clip, prompt)
            case PaintedMask():
                _check_mask(edit.clip, prompt)
            case Text():
                _check_text(prompt)
    _check_contradictions(prompts)
    if not any(not isinstance(p, Point) or p.positive for p in prompts):
        raise PromptError(
            "no prompt says where the target is: give a point on it, a box around it or a mask"
        )


def _check_point(clip: ClipInfo, point: Point) -> None:
    if not (0 <= point.x_px < clip.width and 0 <= point.y_px < clip.height):
        raise PromptError(
            f"point ({point.x_px:g}, {point.y_px:g}) on frame {point.frame_index} is outside the "
            f"picture: x must be 0 to {clip.width - 1} and y 0 to {clip.height - 1}"
        )


def _check_box(clip: ClipInfo, box: Box) -> None:
    inside = 0 <= box.x0_px < box.x1_px <= clip.width and 0 <= box.y0_px < box.y1_px <= clip.height
    if not inside:
        raise PromptError(
            f"box ({box.x0_px:g}, {box.y0_px:g}, {box.x1_px:g}, {box.y1_px:g}) on frame "
            f"{box.frame_index} is empty, reversed or outside the picture: x0 < x1 <= {clip.width} "
            f"and y0 < y1 <= {clip.height} are needed"
        )


def _check_mask(clip: ClipInfo, mask: PaintedMask) -> None:
    size = png_size(mask.png)
    if size is None:
        raise MaskSizeError(
            f"the mask on frame {mask.frame_index} is not a PNG picture "
            f"({len(mask.png)} bytes): save it as PNG"
        )
    if size != (clip.width, clip.height):
        raise MaskSizeError(
            f"the mask on frame {mask.frame_index} is {size[0]}x{size[1]}, but the clip is "
            f"{clip.width}x{clip.height}: a mask must have the clip's size"
        )


def _check_text(prompt: Text) -> None:
    if not prompt.text.strip():
        raise PromptError(
            "the text is empty: say what must go, such as 'the man in the red jacket'"
        )
    if len(prompt.text) > MAX_TEXT_CHARACTERS:
        raise PromptError(
            f"the text has {len(prompt.text)} characters: {MAX_TEXT_CHARACTERS} at most; one "
            "sentence about the object works best"
        )


def _check_contradictions(prompts: Iterable[Prompt]) -> None:
    """Refuse clicks that say yes and no to the same pixel of the same frame."""
    said: dict[tuple[int, int, int], bool] = {}
    for point in prompts:
        if isinstance(point, Point):
            pixel = (point.frame_index, round(point.x_px), round(point.y_px))
            if said.setdefault(pixel, point.positive) != point.positive:
                raise PromptError(
                    f"point ({point.x_px:g}, {point.y_px:g}) on frame {point.frame_index} is said "
                    "to be on the target and not on it: take one of the two back"
                )


def png_size(png: bytes) -> tuple[int, int] | None:
    """Width and height from a PNG's header; None if it is no PNG."""
    if len(png) < 24 or not png.startswith(PNG_SIGNATURE) or png[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def matte_hash(
    masks: Iterable[MaskFrame], kinds: Mapping[str, TargetKind], shape: MatteShape
) -> str:
    """Hash over all that makes a matte; equal hashes mean equal mattes.

    Args:
        masks: of all targets that count.
        kinds: of these targets, by id.
        shape: how the masks become a matte.
    """
    digest = hashlib.sha256(f"matte/1 {shape_label(shape, kinds.values())}".encode())
    for mask in sorted(masks, key=lambda m: (m.frame_index, m.target_id)):
        kind = kinds[mask.target_id]
        # Objects are not named, so that mattes of before there were others keep their hash.
        named = "" if kind is TargetKind.OBJECT else f"{kind.value} "
        digest.update(f" {mask.frame_index} {mask.target_id} {named}{len(mask.png)} ".encode())
        digest.update(mask.png)
    return digest.hexdigest()


def shape_label(shape: MatteShape, kinds: Iterable[TargetKind]) -> str:
    """The settings that count for a matte with these kinds, in words for hashes."""
    label = f"grow {shape.grow_px} feather {shape.feather_px}"
    if shape.refine_px:
        label += f" refine {shape.refine_px}"
    if TargetKind.EFFECT in kinds:
        label += f" effects {shape.effect_feather_px}"
    return label
