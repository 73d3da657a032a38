"""Windows that hold a cut are done shot by shot: nothing is carried from one shot into another."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import pairwise

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from peanut_models.cascade import FinishedFrames, fill_window
from peanut_models.donors import DonorConfig, Donors
from peanut_models.ranges import FrameRange, Window
from peanut_models.stages import Eraser, Frames, Plate


def shots_of(window: Window, cuts: Collection[int]) -> tuple[Window, ...]:
    """A window's parts with frames of the core, each within one shot.

    Args:
        window: to be divided.
        cuts: the first frame of each new shot; those outside the span are of no account.
    """
    span = window.span
    inside = {cut for cut in cuts if span.start < cut < span.end}
    parts = []
    for start, end in pairwise(sorted({span.start, *inside, span.end})):
        shot = FrameRange(start, end)
        core = shot.overlap(window.core)
        if core is not None:
            parts.append(Window(index=window.index, core=core, span=shot))
    return tuple(parts)


def fill_shots(
    eraser: Eraser,
    window: Window,
    frames: Frames,
    holes: Bool[ndarray, "t h w"],
    before: FinishedFrames | None,
    cuts: Collection[int],
    on_progress: Callable[[float], None] | None = None,
    *,
    donors: Donors | None = None,
    donor_config: DonorConfig | None = None,
) -> Plate:
    """`fill_window`, once for each shot of the window.

    Args:
        eraser: as there, and so are the others.
        window: may hold several shots.
        frames: the source frames of its span.
        holes: True where the plate must be found.
        before: the finished frames just before the core; those before a cut are left out.
        cuts: the first frame of each new shot, counted in the clip.
        on_progress: called now and then with the core frames done so far; may raise to cancel.
        donors: pictures of the background that the editor supplied.
        donor_config: how far they are trusted.

    Returns:
        The plate of the whole core; flows are known up to its first cut.
    """
    plates = []
    for part in shots_of(window, cuts):
        own = slice(part.span.start - window.span.start, part.span.end - window.span.start)
        done = part.core.start - window.core.start

        def report(frames_done: float, done: int = done) -> None:
            if on_progress is not None:
                on_progress(done + frames_done)

        plates.append(
            fill_window(
                eraser,
                part,
                frames[own],
                holes[own],
                _of_same_shot(before, part) if part.core.start == window.core.start else None,
                report,
                donors=donors,
                donor_config=donor_config,
            )
        )
    if len(plates) == 1:
        return plates[0]
    return Plate(
        frames=np.concatenate([plate.frames for plate in plates]),
        provenance=np.concatenate([plate.provenance for plate in plates]),
        flows=plates[0].flows,
    )


def _of_same_shot(before: FinishedFrames | None, part: Window) -> FinishedFrames | None:
    kept = None if before is None else before.frame_range.overlap(part.span)
    if before is None or kept is None:
        return None
    return FinishedFrames(
        frame_range=kept,
        frames=before.frames[-len(kept) :],
        generated=before.generated[-len(kept) :],
    )
