"""`PropagationEraser`: plates from true pixels, without weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32
from numpy import ndarray

from peanut_models.embedded.eraser.fusion import fuse
from peanut_models.embedded.eraser.geometry import LATTICE, Box, box_around, grow
from peanut_models.embedded.eraser.motion import estimate_motion
from peanut_models.embedded.eraser.seams import BAND_PX, seam_correction
from peanut_models.embedded.eraser.sources import Scene, looks, make_scene
from peanut_models.embedded.eraser.temporal import settle
from peanut_models.embedded.eraser.unseen import RestFiller, fill_unseen
from peanut_models.errors import FrameRangeError, InvalidInputError
from peanut_models.flow.dis import luma8
from peanut_models.ranges import FrameRange
from peanut_models.stages import GENERATED, SOURCE, Frames, Plate

CONTEXT_PX = 32
"""How much of the picture around a hole is looked at: it tells which looks can be believed."""

LOOK_AHEAD_FRAMES = 4
"""Frames after the core that are filled too, so that the last core frames have neighbours."""

UNSEEN_SPREAD = 2500.0
"""Expected squared error of a made-up pixel, levels^2: any true neighbour outweighs it."""


class PropagationEraser:
    """Fills holes with true pixels of other frames, and makes up only what no frame shows.

    Per window: dense flow between neighbours, completed in the holes (`motion`); every hole looks
    at all other frames along the flow and along the camera's motion, and each look is believed as
    far as it reproduces the ring around the hole (`sources`); the best looks vote (`fusion`); the
    result is fitted to the frame's colours (`seams`); the rest is made up on a key frame and
    carried along the flow (`unseen`, `patchmatch`); last, neighbouring frames are made to agree
    (`temporal`). Flow and weights are computed in 8 bits, colours are sampled at the input's depth.

    Implements `peanut_models.stages.Eraser`. Holds no state: instances may be shared.

    Args:
        rest: makes up what no frame shows; by default from patches of the frame itself.
    """

    def __init__(self, rest: RestFiller = fill_unseen) -> None:
        self._rest = rest

    def erase(
        self,
        frames: Frames,
        holes: Bool[ndarray, "t h w"],
        *,
        core: FrameRange,
        generated: Bool[ndarray, "t h w"] | None = None,
        on_progress: Callable[[float], None] | None = None,
    ) -> Plate:
        """Fill the holes of the `core` frames; see `stages.Eraser.erase`.

        A frame that is all hole is filled as far as others show it along their mutual motion;
        best effort, since nothing in the frame itself can confirm that.

        Raises:
            InvalidInputError: shapes or types do not fit, or every pixel of every frame is hole.
            FrameRangeError: `core` is not within the window.
        """
        _check(frames, holes, core, generated)
        last = min(len(frames), core.end + LOOK_AHEAD_FRAMES)
        work = [k for k in range(core.start, last) if holes[k].any()]
        provenance = np.full(holes[core.start : core.end].shape, SOURCE, np.int32)
        if not any(k < core.end for k in work):
            return Plate(frames=frames[core.start : core.end].copy(), provenance=provenance)
        if holes.all():
            raise InvalidInputError(
                f"holes cover every pixel of all {len(holes)} frames: nothing is left to fill "
                "them from; shrink the matte or add frames that show the background"
            )
        made_up = np.zeros_like(holes) if generated is None else generated
        # One step for each pair of frames, each frame to fill, and the two passes at the end.
        step = _Steps(on_progress, len(frames) - 1 + len(work) + 2, len(core))
        motion = estimate_motion([luma8(frame) for frame in frames], holes, step)
        # True pixels first: what an earlier window made up is no source until all else failed.
        scene = make_scene(frames, holes | made_up, motion)
        plates = _as_levels(frames)
        boxes, spreads, unseen = {}, {}, {}
        for k in work:
            boxes[k] = box_around(holes[k], CONTEXT_PX)
            spreads[k], origin = _fill_seen(scene, plates[k], holes[k], k, boxes[k])
            unseen[k] = np.zeros(holes[k].shape, bool)
            unseen[k][boxes[k].slices] = origin == GENERATED
            if k < core.end:
                provenance[k - core.start][boxes[k].slices] = origin
            step()
        forbidden = holes & ~np.isin(np.arange(len(holes)), work)[:, None, None]
        given = core.start - 1 if core.start and made_up[core.start - 1].any() else None
        self._rest(plates, unseen, forbidden, motion, given, step.part)
        step()
        settle(plates, spreads, boxes, holes, motion)
        step()
        return Plate(
            frames=_composite(frames, plates, holes, core),
            provenance=provenance,
            flows=tuple(motion.pair(k) for k in core if k < len(motion.forward)),
        )


class _Steps:
    """Turns steps of equal worth into the core frames done so far."""

    def __init__(
        self, on_progress: Callable[[float], None] | None, steps: int, core_frames: int
    ) -> None:
        self._on_progress = on_progress
        self._worth = core_frames / steps
        self._done = 0

    def __call__(self) -> None:
        self._done += 1
        self.part(0)

    def part(self, share: float) -> None:
        """So much of the next step is done, 0 to 1."""
        if self._on_progress is not None:
            self._on_progress((self._done + share) * self._worth)


def _fill_seen(
    scene: Scene, plate: Float32[ndarray, "h w 3"], hole: Bool[ndarray, "h w"], k: int, box: Box
) -> tuple[Float32[ndarray, "h w"], ndarray[Any, np.dtype[np.int32]]]:
    """Fill what other frames show; return expected squared errors and provenance in the box."""
    part = hole[box.slices]
    wanted = grow(part, BAND_PX)
    fused = fuse(scene, looks(scene, k, box), box, wanted)
    seen = np.isfinite(fused.spread)
    fill = np.zeros((*part.shape, 3), np.float32)
    fill[wanted] = fused.colour
    known = np.zeros(part.shape, bool)
    known[wanted] = seen
    spread = np.full(part.shape, UNSEEN_SPREAD, np.float32)
    spread[wanted] = np.where(seen, fused.spread, UNSEEN_SPREAD)
    origin = np.full(part.shape, SOURCE, np.int32)
    origin[wanted] = np.where(seen, fused.frame, GENERATED)
    origin[~part] = SOURCE
    true = plate[box.slices]
    fill += seam_correction(true, fill, known & ~part)
    filled = part & known
    true[filled] = np.clip(fill[filled], 0, 255)
    return spread, origin


def _as_levels(frames: Frames) -> Float32[ndarray, "t h w 3"]:
    """0..255 whatever the depth, fractions kept."""
    plates = frames.astype(np.float32)
    if frames.dtype == np.uint16:
        plates /= 257.0
    return plates


def _composite(
    frames: Frames,
    plates: Float32[ndarray, "t h w 3"],
    holes: Bool[ndarray, "t h w"],
    core: FrameRange,
) -> Frames:
    """The input, bit for bit, with the plates in the holes."""
    result = frames[core.start : core.end].copy()
    scale = 257.0 if frames.dtype == np.uint16 else 1.0
    for k in core:
        hole = holes[k]
        result[k - core.start][hole] = np.rint(plates[k][hole] * scale).astype(frames.dtype)
    return result


def _check(
    frames: Frames,
    holes: Bool[ndarray, "t h w"],
    core: FrameRange,
    generated: Bool[ndarray, "t h w"] | None,
) -> None:
    if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype not in (np.uint8, np.uint16):
        raise InvalidInputError(
            f"frames must be (t, h, w, 3) of uint8 or uint16; got {frames.shape} {frames.dtype}: "
            "stack RGB frames of one size"
        )
    if min(frames.shape[1:3]) < LATTICE * 4:
        raise InvalidInputError(
            f"frames of {frames.shape[2]}x{frames.shape[1]} are too small to find motion in: "
            f"both sides must be {LATTICE * 4} px or more"
        )
    for name, mask in (("holes", holes), ("generated", generated)):
        if mask is not None and (mask.shape != frames.shape[:3] or mask.dtype != np.bool_):
            raise InvalidInputError(
                f"{name} must be bool of shape {frames.shape[:3]} like the frames; got "
                f"{mask.shape} {mask.dtype}: give one mask per frame at the frames' size"
            )
    if core.end > len(frames):
        raise FrameRangeError(
            f"core {core} exceeds the window of {len(frames)} frames: count core within the window"
        )
