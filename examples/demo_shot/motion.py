"""How the camera and the airship move, and for how long.

What may go in: the length and rate of the shot, and functions from a frame number to a place.
"""

from __future__ import annotations

import math
from typing import Any

FRAMES = 48
RATE = 24


def sway(time: float, seed: float, *rates: float) -> float:
    """A slow wander around 0, about -1 to 1, as a hand or a breeze makes it."""
    return sum(
        math.sin(2 * math.pi * r * time + seed * (i + 1.7)) for i, r in enumerate(rates)
    ) / len(rates)


def place_camera(camera: Any, frame: int) -> None:
    """A slow step to the right and forward, hand-held."""
    time, part = frame / RATE, frame / (FRAMES - 1)
    ease = part * part * (3 - 2 * part) * 0.5 + part * 0.5
    wobble = [sway(time, seed, 0.45, 0.9, 1.7) for seed in (0.3, 1.9, 4.2, 5.5)]
    camera.location = (
        -0.42 + 0.72 * ease + 0.010 * wobble[0],
        -6.1 + 0.28 * ease,
        1.62 + 0.012 * wobble[1],
    )
    pitch, yaw = -4.6 + 0.16 * wobble[2], 1.3 - 2.0 * ease + 0.20 * wobble[3]
    camera.rotation_euler = (
        math.radians(90 + pitch),
        math.radians(0.1 * wobble[0]),
        math.radians(yaw),
    )


def place_airship(airship: Any, frame: int) -> None:
    """Left to right across the shot, two metres in front of the wall, bobbing a little."""
    time, part = frame / RATE, frame / (FRAMES - 1)
    airship.location = (
        -1.62 + 3.25 * part,
        -2.35 + 0.15 * part,
        1.52 + 0.16 * math.sin(2.6 * part - 0.5) + 0.012 * sway(time, 2.0, 0.8, 1.3),
    )
    pitch = -7.5 * math.cos(2.6 * part - 0.5) * 0.9 + 1.0 * sway(time, 3.0, 0.7)
    roll, yaw = 2.5 * sway(time, 1.0, 0.6, 1.1), -9 + 16 * part
    airship.rotation_euler = (math.radians(roll), math.radians(pitch), math.radians(yaw))
