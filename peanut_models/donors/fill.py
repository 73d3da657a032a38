"""Filling holes from pictures that the editor says show the background."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64
from numpy import ndarray

from peanut_models.donors.match import features, find_view
from peanut_models.donors.view import SPILL_PX, View, view
from peanut_models.embedded.eraser.geometry import box_around, grow
from peanut_models.errors import InvalidInputError
from peanut_models.stages import Frames, Image, dtype_scale

CONTEXT_PX = 48
"""How far around a hole frame and donor are compared."""

KEEP_DONOR = 0.7
"""Another donor replaces the one of the frame before only if its error is below this share of
that one's: a change of donor is a cut in the background."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DonorConfig:
    """How far donors are trusted.

    Raises:
        InvalidInputError: a value outside its range.
    """

    confidence_floor: float = 0.5
    """0 to 1: a donor's pixel is used where it is believed at least this much. 0 takes whatever
    could be registered, 1 nothing that differs at all."""

    donors_per_frame: int = 2
    """So many of those that show most of the hole are looked at closely for each frame."""

    def __post_init__(self) -> None:
        if not 0 <= self.confidence_floor <= 1:
            raise InvalidInputError(
                f"confidence_floor is {self.confidence_floor}: it must be 0 to 1"
            )
        if self.donors_per_frame < 1:
            raise InvalidInputError(
                f"donors_per_frame is {self.donors_per_frame}: it must be 1 or more"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class DonorFill:
    """Frames whose holes the donors filled as far as they are believed.

    Attributes:
        frames: as given, with the donors' colours where `used`.
        used: True where a donor's colour was taken.
    """

    frames: Frames
    used: Bool[ndarray, "t h w"]


class Donors:
    """Pictures that show the background: a clean plate, or frames of a donor clip.

    Args:
        pictures: RGB, uint8 or uint16, of any size and exposure. What they show at the hole must
            be background: nothing in the frame itself can tell whether it is.

    Raises:
        InvalidInputError: a picture is not RGB of 8 or 16 bits.
    """

    def __init__(self, pictures: Sequence[Image]) -> None:
        for number, picture in enumerate(pictures):
            if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype.itemsize > 2:
                raise InvalidInputError(
                    f"donor {number} has shape {picture.shape} and type {picture.dtype}: it must "
                    "be RGB, (h, w, 3), of uint8 or uint16"
                )
        self.pictures = [_levels(picture) for picture in pictures]
        self.features = [features(picture) for picture in pictures]


def fill_from_donors(
    frames: Frames,
    holes: Bool[ndarray, "t h w"],
    donors: Donors,
    config: DonorConfig | None = None,
    on_frame: Callable[[], None] = lambda: None,
) -> DonorFill:
    """Take the background of the holes from donors.

    For every frame: features find the donors' views, dense flow takes up what one homography
    leaves (parallax, lens) and is completed in the hole, colours are fitted to the frame's, and
    the error that remains around the hole says how far the donor is believed inside it. What
    falls below the floor stays a hole.

    Args:
        frames: of one clip.
        holes: True where the background is wanted.
        donors: where from.
        config: see there.
        on_frame: called after each frame; whatever it raises ends the call.
    """
    config = config or DonorConfig()
    filled, used = frames.copy(), np.zeros_like(holes)
    last = -1
    for k, hole in enumerate(holes):
        if hole.any():
            last = _fill(filled[k], hole, used[k], donors, config, last)
        on_frame()
    return DonorFill(frames=filled, used=used)


def _fill(
    frame: Image,
    hole: Bool[ndarray, "h w"],
    used: Bool[ndarray, "h w"],
    donors: Donors,
    config: DonorConfig,
    last: int,
) -> int:
    """Fill one frame in place; returns the donor that gave most, -1 if none did."""
    box = box_around(hole, CONTEXT_PX)
    part, true = hole[box.slices], _levels(frame[box.slices])
    views = []
    for number, matrix in _candidates(frame, hole, donors)[: config.donors_per_frame]:
        seen = view(true, part, donors.pictures[number], matrix, box)
        if seen is not None:
            views.append((number, seen))
    views.sort(key=lambda entry: entry[1].error * (KEEP_DONOR if entry[0] == last else 1.0))
    for _, seen in views:
        take = part & ~used[box.slices] & _believed(seen, config)
        scale = dtype_scale(frame) / 255
        frame[box.slices][take] = np.rint(seen.colour[take] * scale).astype(frame.dtype)
        used[box.slices] |= take
    return views[0][0] if views and used.any() else -1


def _believed(seen: View, config: DonorConfig) -> Bool[ndarray, "h w"]:
    return (seen.confidence > 0) & (seen.confidence >= config.confidence_floor)


def _candidates(
    frame: Image, hole: Bool[ndarray, "h w"], donors: Donors
) -> list[tuple[int, Float64[ndarray, "3 3"]]]:
    """The donors found in the frame, with the frame's map to each; those showing most first."""
    own = features(frame, grow(hole, SPILL_PX))
    rows, cols = np.nonzero(hole)
    points = np.stack([cols, rows, np.ones_like(cols)])
    found = []
    for number, theirs in enumerate(donors.features):
        matrix = find_view(own, theirs)
        if matrix is None:
            continue
        height, width = donors.pictures[number].shape[:2]
        x, y, w = matrix @ points
        with np.errstate(divide="ignore", invalid="ignore"):
            shown = (w > 0) & (x >= 0) & (y >= 0) & (x / w <= width - 1) & (y / w <= height - 1)
        if shown.any():
            found.append((int(np.count_nonzero(shown)), number, matrix))
    return [(number, matrix) for _, number, matrix in sorted(found, key=lambda f: (-f[0], f[1]))]


def _levels(image: Image) -> Float32[ndarray, "h w 3"]:
    """0..255 whatever the depth, fractions kept."""
    return image.astype(np.float32) * np.float32(255 / dtype_scale(image))
