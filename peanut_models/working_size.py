"""At which size the network of NOF-Eraser works: the source's while that fits, else a fraction.

True pixels come from the source at its own size whatever is chosen here; only what the network
makes up is enlarged by UR-Net. Nothing here imports torch: jobs are planned with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from peanut_models.errors import InvalidInputError

SCALES = {"full": 1, "half": 2, "quarter": 4}
"""The sizes by name, and the divisor of width and height."""

BYTES_PER_PX = 12_000
"""Memory of one window of the network in float32, weights apart, per pixel of its region: 11 local
and 3 reference frames (`benchmarks/results/working_size.md`)."""

HALF_BYTES_PER_PX = 6_000
"""The same in half precision."""

WEIGHT_BYTES = 400 * 2**20
"""Weights, and what PyTorch holds besides."""

USABLE_SHARE = 0.6
"""Of a device's memory: the rest is for decoding, true pixels and other programs."""

CPU_MOST_PX = 640 * 360
"""More than this on a CPU takes over ten seconds a frame on two cores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingSize:
    """The choice.

    Attributes:
        scale: 1, 2 or 4: the divisor of width and height.
        reason: for the report, in words.
    """

    scale: int
    reason: str


def working_size(
    width: int, height: int, *, device: str, memory_bytes: int, wanted: str = "auto"
) -> WorkingSize:
    """The largest size that fits the device.

    The whole frame is reckoned with: the region of a matte is not known before it moves.

    Args:
        width: of the source, in pixels.
        height: likewise.
        device: as PyTorch spells it.
        memory_bytes: of the device; 0 where unknown.
        wanted: `auto`, or a name of `SCALES` that is taken as it is.

    Raises:
        InvalidInputError: no size has that name.
    """
    if wanted in SCALES:
        return WorkingSize(scale=SCALES[wanted], reason="asked for")
    if wanted != "auto":
        raise InvalidInputError(f"working size is {wanted!r}: use auto, {', '.join(SCALES)}")
    for name, scale in SCALES.items():
        pixels = (width // scale) * (height // scale)
        limit, why = _limit_px(device, memory_bytes)
        if pixels <= limit:
            said = f"{pixels / 1e6:.2f} megapixels at {name} size are within the {limit / 1e6:.2f}"
            return WorkingSize(scale=scale, reason=f"{said} that {why}")
    return WorkingSize(
        scale=4,
        reason=f"the smallest there is: a quarter of {width}x{height} is above what {why}",
    )


def _limit_px(device: str, memory_bytes: int) -> tuple[int, str]:
    """The most pixels, and what sets the limit."""
    half = device.startswith("cuda")
    per_px = HALF_BYTES_PER_PX if half else BYTES_PER_PX
    room = max(0, int(memory_bytes * USABLE_SHARE) - WEIGHT_BYTES) // per_px
    fits = f"the memory of {device} holds"
    if device == "cpu":
        if not memory_bytes or room > CPU_MOST_PX:
            return CPU_MOST_PX, "a CPU fills in bearable time"
        return room, fits
    if not memory_bytes:
        return CPU_MOST_PX * 4, f"{device}, whose memory is unknown, is trusted with"
    return room, fits
