"""The pieces of a render, each with a key that says all it follows from.

Equal keys mean equal results, so a piece whose key is committed is never computed again: that is
how a job goes on after a crash, and how a corrected job reuses the windows that did not change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from peanut_daemon.deliverable import Deliverable, RenderSettings, RenderStage
from peanut_daemon.edits.model import Edit, FrozenMask, shape_label
from peanut_models.matte import TargetKind
from peanut_models.ranges import FrameRange, Window, plan_windows

# Raise when a change to the code changes what the same inputs give.
PLATE_VERSION = 3
UPSCALE_VERSION = 3

# Plates that a network upscales in one go: its context of 16 frames on each side is computed for
# every piece, a sixth of the work at 192 frames and two thirds at 48.
PLATES_PER_UPSCALE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What the worker does in one go.

    Attributes:
        stage: which kind of work.
        key: what its artifact is stored under; empty for the encode, which leaves a deliverable.
        window: the frames; for the encode, the whole range.
        after_key: the artifact it builds on: for a plate that of the window before (empty for the
            first), for an upscale that of its plate.
    """

    stage: RenderStage
    key: str
    window: Window
    after_key: str = ""

    @property
    def frames(self) -> int:
        """How many frames it commits."""
        return len(self.window.core)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderPlan:
    """All pieces of a render, in the order in which they must be done."""

    pieces: tuple[Piece, ...]

    def of_stage(self, stage: RenderStage) -> tuple[Piece, ...]:
        """The pieces of one stage, in order of frames."""
        return tuple(piece for piece in self.pieces if piece.stage is stage)

    @property
    def frames_total(self) -> int:
        """Frames over all stages."""
        return sum(piece.frames for piece in self.pieces)


def plan_render(
    edit: Edit,
    settings: RenderSettings,
    matte: Mapping[int, Sequence[FrozenMask]],
) -> RenderPlan:
    """Cut a render into pieces.

    Args:
        edit: its clip and range count.
        settings: its models, donors, windows, matte settings, grain and deliverable count.
        matte: the frozen masks by frame.
    """
    pieces: list[Piece] = []
    before = ""
    for window in windows_of(edit.frame_range, settings):
        key = _key(
            f"plate/{PLATE_VERSION}",
            settings.eraser.key,
            edit.clip.fingerprint,
            window.core,
            window.span,
            settings.grow_px,
            settings.feather_px,
            _masks_hash(window.span, matte),
            before,
            *_scale_parts(settings),
            *_donor_parts(settings),
            *_reading_parts(edit, settings),
            *_matte_parts(settings, window.span, matte),
        )
        pieces.append(Piece(stage=RenderStage.PLATE, key=key, window=window, after_key=before))
        before = key
    if settings.deliverable is Deliverable.UPSCALED:
        pieces += _upscale_pieces(tuple(pieces), settings)
    whole = Window(index=0, core=edit.frame_range, span=edit.frame_range)
    pieces.append(Piece(stage=RenderStage.ENCODE, key="", window=whole))
    return RenderPlan(pieces=tuple(pieces))


def windows_of(frame_range: FrameRange, settings: RenderSettings) -> tuple[Window, ...]:
    """The windows of a render; those that did not fit into memory are cut in two.

    The halves have their own context and keys, so what a key says stays true; windows before them
    keep theirs.
    """
    context = settings.context_frames
    windows = plan_windows(frame_range, core_frames=settings.window_frames, context_frames=context)
    cores: list[FrameRange] = []
    for window in windows:
        core, middle = window.core, window.core.start + len(window.core) // 2
        if core.start in settings.halved_windows and len(core) > 1:
            cores += [FrameRange(core.start, middle), FrameRange(middle, core.end)]
        else:
            cores.append(core)
    return tuple(
        Window(index=k, core=core, span=core.grown(context, frame_range))
        for k, core in enumerate(cores)
    )


def _upscale_pieces(plates: Sequence[Piece], settings: RenderSettings) -> list[Piece]:
    """The plates once more, several at a time for a network, whose context costs as they do."""
    together = PLATES_PER_UPSCALE if settings.upscaler.weights else 1
    pieces = []
    for index, first in enumerate(range(0, len(plates), together)):
        group = plates[first : first + together]
        # A plate's key says all about the plates before it; that of the next is context too.
        keys = [plate.key for plate in plates[first : first + together + 1]]
        core = FrameRange(group[0].window.core.start, group[-1].window.core.end)
        pieces.append(
            Piece(
                stage=RenderStage.UPSCALE,
                key=_key(
                    f"upscale/{UPSCALE_VERSION}",
                    settings.upscaler.key,
                    *keys,
                    *([settings.seam.sha256] if settings.seam else []),
                    *(["grain"] if settings.grain else []),
                ),
                window=Window(index=index, core=core, span=core),
                after_key=group[-1].key,
            )
        )
    return pieces


def _scale_parts(settings: RenderSettings) -> list[object]:
    parts: list[object] = []
    if settings.working_scale != 1:
        parts += [settings.working_scale, settings.upscaler.key]
    if settings.sparse_stride != 1:
        parts.append(f"every {settings.sparse_stride}")
    if settings.reuse_flows:
        parts.append("with flows")
    return parts


def _reading_parts(edit: Edit, settings: RenderSettings) -> list[object]:
    """How the editor wants the clip read, where that is not as it is."""
    parts: list[object] = []
    if edit.clip.colourspace or edit.clip.deinterlace:
        parts += [edit.clip.colourspace, edit.clip.deinterlace]
    if settings.cuts is not None:
        parts.append(f"cuts {settings.cuts}")
    return parts


def _donor_parts(settings: RenderSettings) -> list[object]:
    if not settings.donors:
        return []
    return [*(donor.fingerprint for donor in settings.donors), settings.donor_confidence]


def _matte_parts(
    settings: RenderSettings, frames: FrameRange, matte: Mapping[int, Sequence[FrozenMask]]
) -> list[object]:
    """What else decides the matte, where it is not only grown and feathered objects."""
    kinds = {mask.kind for k in frames for mask in matte.get(k, ())}
    parts: list[object] = []
    if kinds - {TargetKind.OBJECT} or settings.refine_px:
        parts.append(shape_label(settings.matte_shape, kinds))
    return parts


def _masks_hash(frames: FrameRange, matte: Mapping[int, Sequence[FrozenMask]]) -> str:
    digest = hashlib.sha256()
    for frame_index in frames:
        for mask in matte.get(frame_index, ()):
            # Objects are not named, so that windows of before there were other kinds stay valid.
            named = "" if mask.kind is TargetKind.OBJECT else f"{mask.kind.value} "
            digest.update(f"{frame_index} {named}{len(mask.png)} ".encode())
            digest.update(mask.png)
    return digest.hexdigest()


def _key(*parts: object) -> str:
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()
