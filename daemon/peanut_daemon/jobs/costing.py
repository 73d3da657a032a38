"""How a cost is written down: by what it grows with. The numbers are in `costs`."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """How much there is to do.

    Attributes:
        px: of one picture, at the size that the model works at.
        frames: held at once.
        done: that come out.
        matte_px: of one picture, around the matte, with the surroundings that are looked at.
        tile_px: computed at once; 0 where the model has no tiles.
        targets: tracked together.
    """

    px: int
    frames: int
    done: int = 0
    matte_px: int = 0
    tile_px: int = 0
    targets: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Bytes, by what they grow with.

    Attributes:
        fixed: weights, and what libraries hold.
        per_px: of a picture, whatever the number of frames.
        per_px_frame: of all frames that are held.
        per_matte_px_frame: of their mattes.
        per_tile_px: of what is computed at once.
        per_target: for every target after the first.
    """

    fixed: int = 0
    per_px: float = 0.0
    per_px_frame: float = 0.0
    per_matte_px_frame: float = 0.0
    per_tile_px: float = 0.0
    per_target: int = 0

    def bytes(self, work: Work) -> int:
        """At the peak of that work."""
        return self.fixed + round(
            self.per_px * work.px
            + self.per_px_frame * work.px * work.frames
            + self.per_matte_px_frame * work.matte_px * work.frames
            + self.per_tile_px * work.tile_px
            + self.per_target * (work.targets - 1)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Time:
    """Seconds, by what they grow with.

    Attributes:
        fixed: to load it, once.
        per_frame: of every frame held.
        per_megapixel: of every frame held.
        per_matte_megapixel_look: of the matte, for each frame that comes out and each frame held:
            every hole looks at every other frame.
        per_done_frame: of every frame that comes out.
        per_done_megapixel: likewise.
    """

    fixed: float = 0.0
    per_frame: float = 0.0
    per_megapixel: float = 0.0
    per_matte_megapixel_look: float = 0.0
    per_done_frame: float = 0.0
    per_done_megapixel: float = 0.0

    def faster(self, factor: float) -> Time:
        """On a device that does so many times as much; loading takes as long."""
        return Time(
            fixed=self.fixed,
            per_frame=self.per_frame / factor,
            per_megapixel=self.per_megapixel / factor,
            per_matte_megapixel_look=self.per_matte_megapixel_look / factor,
            per_done_frame=self.per_done_frame / factor,
            per_done_megapixel=self.per_done_megapixel / factor,
        )

    def seconds(self, work: Work) -> float:
        """Of that work, without `fixed`, which is spent once."""
        held, looks = work.px * work.frames / 1e6, work.matte_px * work.done * work.frames / 1e6
        return (
            self.per_frame * work.frames
            + self.per_megapixel * held
            + self.per_matte_megapixel_look * looks
            + self.per_done_frame * work.done
            + self.per_done_megapixel * work.px * work.done / 1e6
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One model on one kind of device.

    Attributes:
        host: memory of the worker; on a CPU all there is.
        device: memory of the accelerator.
        movable: what lives there while there is room, else in host memory.
        time: seconds.
        measured: False where no such device was at hand, and the row was reckoned.
    """

    host: Memory
    device: Memory = field(default_factory=Memory)
    movable: Memory = field(default_factory=Memory)
    time: Time
    measured: bool
