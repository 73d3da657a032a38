"""What each of the three stages must offer; every back end is one of these.

Arrays at these borders are NumPy and live in host memory; a back end moves them to its device.
Images are display-referred RGB. Masks are boolean, True on the object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float16, Float32, Int32, UInt8, UInt16
from numpy import ndarray

from peanut_models.ranges import FrameRange

Image = UInt8[ndarray, "h w 3"] | UInt16[ndarray, "h w 3"]
"""One frame: RGB, full scale of its integer type, display-referred."""

Frames = UInt8[ndarray, "t h w 3"] | UInt16[ndarray, "t h w 3"]
"""A run of frames of one clip: RGB, full scale of its integer type, display-referred."""

UpscaledFrames = UInt8[ndarray, "t 4*h 4*w 3"] | UInt16[ndarray, "t 4*h 4*w 3"]
"""`Frames` after UR-Net."""

PairFlow = tuple[
    Float16[ndarray, "2 hf wf"] | Float32[ndarray, "2 hf wf"],
    Float16[ndarray, "2 hf wf"] | Float32[ndarray, "2 hf wf"],
]
"""The flow of a frame to the next one, and of that one back: x then y, in pixels of its own grid,
which covers the whole frame at any scale."""

UPSCALE = 4
"""By how much UR-Net enlarges, across and down."""

SOURCE = -1
"""Provenance of a pixel that was never in the matte: the source's own."""

GENERATED = -2
"""Provenance of a pixel that no frame shows: made up from its surroundings."""

DONOR = -3
"""Provenance of a pixel from a clean plate or donor clip that the editor supplied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointPrompt:
    """A click: this pixel belongs to the target (`positive`) or does not."""

    frame_index: int
    x_px: float
    y_px: float
    positive: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxPrompt:
    """A rectangle around the target: `[x0, x1)` by `[y0, y1)` in pixels of the working image."""

    frame_index: int
    box_xyxy_px: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskPrompt:
    """A painted mask of the target: it wins on its frame, pixel for pixel."""

    frame_index: int
    mask: Bool[ndarray, "h w"]


Prompt = PointPrompt | BoxPrompt | MaskPrompt


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedMask:
    """The mask of one target on one frame.

    Attributes:
        frame_index: as in the prompts.
        mask: True on the target; all False where it is out of the picture.
        confidence: 0 (lost) to 1 (given by the user or certain).
    """

    frame_index: int
    mask: Bool[ndarray, "h w"]
    confidence: float


@runtime_checkable
class FrameReader(Protocol):
    """Random access to the working images of a range, decoded on demand."""

    @property
    def frame_range(self) -> FrameRange:
        """The frames that can be read."""
        ...

    def read(self, frame_index: int) -> UInt8[ndarray, "h w 3"]:
        """One working image; all of a range have the same size."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Plate:
    """Frames with the targets gone.

    Attributes:
        frames: as given, with other colours only where the matte was.
        provenance: per pixel, `SOURCE`, `GENERATED`, `DONOR`, or the index (0 and up, counted
            like `core` in `Eraser.erase`) of the frame that most of its colour was propagated
            from.
        flows: the background's motion from each of the frames to the next, for UR-Net to reuse;
            shorter where the last ones are not known, empty where the back end found none.
    """

    frames: Frames
    provenance: Int32[ndarray, "t h w"]
    flows: tuple[PairFlow, ...] = ()


@runtime_checkable
class Eraser(Protocol):
    """NOF-Eraser: frames and mattes to the plate."""

    def erase(
        self,
        frames: Frames,
        holes: Bool[ndarray, "t h w"],
        *,
        core: FrameRange,
        generated: Bool[ndarray, "t h w"] | None = None,
        on_progress: Callable[[float], None] | None = None,
    ) -> Plate:
        """Fill the holes of the `core` frames.

        The same arguments give the same plate, bit for bit: resuming depends on it.

        Args:
            frames: one window, context on both sides of `core`. What lies under a hole is ignored,
                except that back ends may look at it to tell where the object's edge really is.
            holes: True where the plate must be found. The frames before `core` come from the
                window before, already filled, so they have no holes.
            core: the frames to fill, counted within this window (`0 <= start < end <= t`).
            generated: True where an already filled frame's colour was made up; a pixel propagated
                from there counts as generated too.
            on_progress: called often (at least once a second or so) with the number of core
                frames done so far, as far as that can be told; whatever it raises ends the call.

        Returns:
            The plate of the core frames only.
        """
        ...


@runtime_checkable
class Upscaler(Protocol):
    """UR-Net: frames to frames of four times the size."""

    @property
    def name(self) -> str:
        """What the report calls it."""
        ...

    @property
    def context_frames(self) -> int:
        """How many frames on each side of a run it should see for a run without seams."""
        ...

    def upscale(self, frames: Frames) -> UpscaledFrames:
        """`t h w 3` to `t 4h 4w 3`, same type and range."""
        ...

    def stream(
        self,
        frames: Iterable[Image],
        *,
        flows: Iterable[PairFlow | None] | None = None,
        core: FrameRange | None = None,
        on_progress: Callable[[float], None] | None = None,
    ) -> Iterator[Image]:
        """The same frame by frame, in order: memory does not grow with the clip.

        Args:
            frames: all of one size and type.
            flows: one pair between each two neighbours, read no further than the frames are; None
                in place of one that is not known. Back ends without motion leave it.
            core: give these frames only, counted from the first; the others are context.
            on_progress: called often with the frames done so far, as far as that can be told;
                whatever it raises ends the call.
        """
        ...


def dtype_scale(frames: ndarray) -> float:
    """The value of white in `frames`: 255 or 65535."""
    return float(np.iinfo(frames.dtype).max)
