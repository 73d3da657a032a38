"""What no frame shows: made up once on a key frame, and carried from there to the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from jaxtyping import Bool, Float32
from numpy import ndarray

from peanut_models.embedded.eraser.geometry import LATTICE, Box, box_around, inside, sample
from peanut_models.embedded.eraser.motion import Motion
from peanut_models.embedded.eraser.patchmatch import fill_from_itself
from peanut_models.embedded.eraser.sources import follow

CONTEXT_PX = 64
"""How far around the gap patches are looked for: farther away there is other texture."""

MAX_KEYS = 6
"""Key frames filled by patches; what remains after them are crumbs, filled smoothly."""

CRUMBS_PX = 12
"""A gap of fewer pixels needs no texture."""


class GapFiller(Protocol):
    """Makes up what one picture lacks; `fill_by_patches` is one."""

    def __call__(
        self,
        plate: Float32[ndarray, "h w 3"],
        gap: Bool[ndarray, "h w"],
        forbidden: Bool[ndarray, "h w"],
    ) -> None:
        """Fill the gap in place.

        Args:
            plate: 0..255.
            gap: True where it lacks something; not empty.
            forbidden: True where it shows what is to be removed.
        """
        ...


class RestFiller(Protocol):
    """Makes up what true pixels could not fill; `fill_unseen` is one."""

    def __call__(
        self,
        plates: Float32[ndarray, "t h w 3"],
        unseen: Mapping[int, Bool[ndarray, "h w"]],
        forbidden: Bool[ndarray, "t h w"],
        motion: Motion,
        given: int | None,
        on_progress: Callable[[float], None],
    ) -> None:
        """See `fill_unseen`."""
        ...


def fill_unseen(
    plates: Float32[ndarray, "t h w 3"],
    unseen: Mapping[int, Bool[ndarray, "h w"]],
    forbidden: Bool[ndarray, "t h w"],
    motion: Motion,
    given: int | None,
    on_progress: Callable[[float], None] = lambda share: None,
    *,
    fill: GapFiller | None = None,
) -> None:
    """Fill what is left, in place, the same way in all frames.

    Args:
        plates: full frames, 0..255, filled but for `unseen`.
        unseen: full-size masks of the frames to fill; emptied as they are filled.
        forbidden: what patches must not be copied from (the object in frames not yet filled).
        motion: completed flows.
        given: a frame that is already full and shows what was made up earlier; the first key.
        on_progress: called now and then with the share done, 0 to 1; may raise to cancel.
        fill: fills a key frame; by default from patches of the frame itself.
    """
    fill = fill or fill_by_patches
    if given is not None:
        _carry(plates, unseen, given, motion)
    for n in range(MAX_KEYS):
        on_progress(n / MAX_KEYS)
        key = max(unseen, key=lambda k: int(unseen[k].sum()), default=None)
        if key is None or unseen[key].sum() < CRUMBS_PX:
            break
        fill(plates[key], unseen[key], forbidden[key])
        unseen[key][:] = False
        _carry(plates, unseen, key, motion)
    for k, gap in unseen.items():
        if gap.any():
            fill_by_patches(plates[k], gap, forbidden[k])
            gap[:] = False


def fill_by_patches(
    plate: Float32[ndarray, "h w 3"], gap: Bool[ndarray, "h w"], forbidden: Bool[ndarray, "h w"]
) -> None:
    """Copy patches of the surroundings into the gap; see `GapFiller`."""
    part = box_around(gap, CONTEXT_PX).slices
    plate[part] = fill_from_itself(plate[part], gap[part], forbidden[part])


def _carry(
    plates: Float32[ndarray, "t h w 3"],
    unseen: Mapping[int, Bool[ndarray, "h w"]],
    key: int,
    motion: Motion,
) -> None:
    """Copy the key frame's colours along the flow to where they are missing."""
    height, width = plates.shape[1:3]
    for k, gap in unseen.items():
        if k == key or not gap.any():
            continue
        box: Box = box_around(gap, LATTICE)
        path = follow(motion, k, box.points(), 1 if key > k else -1)
        shift = next(shift for frame, shift, _ in path if frame == key)
        y, x = np.nonzero(gap[box.slices])
        local = np.stack([x, y], axis=1).astype(np.float32)
        at = local + np.array((box.x0, box.y0), np.float32)
        at = at + sample(shift, local / np.float32(LATTICE))
        found = inside(at, height, width)
        rows, cols = y[found] + box.y0, x[found] + box.x0
        plates[k][rows, cols] = sample(plates[key], at[found])
        gap[rows, cols] = False
