"""The wall of the house: stones, door, window, shutters and the iron on them.

What may go in: what is part of the wall. What stands or hangs in front of it is in `props.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from geometry import Pile, Rect, block, rows, turn, turned
from materials import Shader, plain, stone, wood

# Metres; x right, y away from the camera, z up. The wall's face is y = 0.
DOOR: Rect = (-2.05, -1.05, 0.0, 2.1)
WINDOW: Rect = (0.75, 1.65, 1.05, 2.1)


def free_spans(
    z: float, holes: Sequence[Rect], x0: float, x1: float
) -> Iterator[tuple[float, float]]:
    """The parts of [x0, x1] that no hole covers at height z."""
    start = x0
    for left, right, low, high in sorted(holes):
        if low <= z <= high:
            yield start, left
            start = right
    yield start, x1


def add_wall(rng: np.random.Generator) -> None:
    """Courses of rough stones, each its own body, in front of a bed of mortar."""
    pile = Pile()
    levels = rows(rng, 0.0, 3.9, 0.11, 0.27)
    for z0, z1 in pairwise(levels):
        for start, end in free_spans((z0 + z1) / 2, (DOOR, WINDOW), -5.2, 5.2):
            cuts = rows(rng, start, end, 0.15, 0.55)
            for x0, x1 in pairwise(cuts):
                joint = rng.uniform(0.008, 0.02, 2)
                size = (x1 - x0 - joint[0], 0.25, z1 - z0 - joint[1])
                shape = turn(block(rng, size, 0.03, 0.011), rng.normal(0, 0.7), "Y")
                centre = ((x0 + x1) / 2, 0.125 + rng.uniform(-0.014, 0.016), (z0 + z1) / 2)
                pile.add(shape, centre, rng.uniform())
    material = stone(
        "wall stone",
        (0.30, 0.25, 0.19),
        (0.40, 0.35, 0.28),
        (0.27, 0.26, 0.25),
        (0.46, 0.38, 0.27),
        (0.35, 0.31, 0.26),
        moss=1.3,
    )
    pile.build("wall", material)
    add_mortar(rng)


def add_mortar(rng: np.random.Generator) -> None:
    """The bed behind the stones, with the openings left free."""
    mortar = Pile()
    for span in free_spans(1.5, (DOOR, WINDOW), -5.2, 5.2):
        mortar.add(
            block(rng, (span[1] - span[0], 0.2, 3.9), 0.01), (sum(span) / 2, 0.135, 1.95), 0.3
        )
    for x0, x1, z0, z1 in (
        (*DOOR[:2], DOOR[3], 3.9),
        (*WINDOW[:2], WINDOW[3], 3.9),
        (*WINDOW[:2], 0.0, WINDOW[2]),
    ):
        mortar.add(
            block(rng, (x1 - x0 + 0.1, 0.2, z1 - z0), 0.01),
            ((x0 + x1) / 2, 0.135, (z0 + z1) / 2),
            0.3,
        )
    mortar.build(
        "mortar", plain("mortar", (0.26, 0.22, 0.17), (0.42, 0.37, 0.30), 0.95, 14.0, 0.012)
    )


def add_surround(rng: np.random.Generator, hole: Rect, sill: bool) -> None:
    """Dressed stones around an opening: jambs in turn long and short, lintel, sill or step."""
    pile = Pile()
    x0, x1, z0, z1 = hole
    for side, edge in ((-1, x0), (1, x1)):
        levels = rows(rng, z0, z1, 0.26, 0.36)
        for i, (low, high) in enumerate(pairwise(levels)):
            width = 0.2 if i % 2 else 0.3
            pile.add(
                block(rng, (width, 0.33, high - low - 0.012), 0.018, 0.005),
                (edge + side * (width / 2 - 0.06), 0.12, (low + high) / 2),
                rng.uniform(),
            )
    pile.add(
        block(rng, (x1 - x0 + 0.5, 0.34, 0.27), 0.02, 0.006), ((x0 + x1) / 2, 0.115, z1 + 0.10), 0.4
    )
    depth, height = (0.46, 0.1) if sill else (0.85, 0.15)
    pile.add(
        block(rng, (x1 - x0 + 0.36, depth, height), 0.02, 0.006),
        ((x0 + x1) / 2, 0.02, z0 - 0.03 if sill else 0.06),
        0.6,
    )
    pile.build("surround", stone("dressed stone", (0.42, 0.38, 0.31), (0.5, 0.46, 0.39), moss=0.5))


def add_boards(
    rng: np.random.Generator, pile: Pile, area: Rect, y: float, count: int, thick: float = 0.03
) -> None:
    """Fill a rectangle with upright boards."""
    x0, x1, z0, z1 = area
    step = (x1 - x0) / count
    for i in range(count):
        pile.add(
            block(rng, (step - 0.006, thick, z1 - z0), 0.006),
            (x0 + (i + 0.5) * step, y + rng.normal(0, 0.002), (z0 + z1) / 2),
            rng.uniform(),
        )


def add_joinery(rng: np.random.Generator) -> None:
    """The door, the window's shutters and the iron on them."""
    paint = wood("paint", (0.10, 0.075, 0.05), (0.25, 0.2, 0.14), 2, paint=(0.035, 0.14, 0.155))
    iron = plain("iron", (0.012, 0.011, 0.010), (0.05, 0.036, 0.026), 0.55, 40.0, 0.002, 0.6)
    boards, metal = Pile(), Pile()
    add_door(rng, boards, metal)
    add_shutters(rng, boards)
    add_window_bars(rng, boards)
    boards.build("painted boards", paint)
    metal.build("iron", iron)
    add_pane(rng)


def add_door(rng: np.random.Generator, boards: Pile, metal: Pile) -> None:
    """Upright boards, two iron straps, a knob."""
    add_boards(rng, boards, (DOOR[0] + 0.02, DOOR[1] - 0.02, 0.13, 2.12), 0.14, 6)
    for z in (0.45, 1.62):
        metal.add(block(rng, (0.72, 0.012, 0.05), 0.005), (DOOR[0] + 0.45, 0.118, z), 0.5)
    knob = turned([(0, 0), (0.035, 0.004), (0.04, 0.02), (0.02, 0.05), (0, 0.055)], 24)
    metal.add(turn(knob, 90, "X"), (DOOR[1] - 0.15, 0.12, 1.05), 0.2)


def add_shutters(rng: np.random.Generator, boards: Pile) -> None:
    """Open shutters on both sides of the window."""
    for x0, x1 in ((WINDOW[0] - 0.52, WINDOW[0] - 0.04), (WINDOW[1] + 0.04, WINDOW[1] + 0.52)):
        add_boards(rng, boards, (x0, x1, WINDOW[2] + 0.03, WINDOW[3] - 0.03), -0.085, 4)
        for z in (WINDOW[2] + 0.2, WINDOW[3] - 0.2):
            boards.add(
                block(rng, (x1 - x0 - 0.05, 0.025, 0.07), 0.006),
                ((x0 + x1) / 2, -0.11, z),
                rng.uniform(),
            )


def add_window_bars(rng: np.random.Generator, boards: Pile) -> None:
    """The window's frame and its cross."""
    middle = (WINDOW[0] + WINDOW[1]) / 2
    for x, z, w, h in (
        (WINDOW[0] + 0.05, 1.57, 0.07, 1.0),
        (WINDOW[1] - 0.05, 1.57, 0.07, 1.0),
        (middle, 1.57, 0.06, 1.0),
        (middle, 1.12, 0.9, 0.08),
        (middle, 2.04, 0.9, 0.07),
        (middle, 1.66, 0.9, 0.035),
    ):
        boards.add(block(rng, (w, 0.06, h), 0.008), (x, 0.16, z), rng.uniform())


def add_pane(rng: np.random.Generator) -> None:
    """Dark glass with a slight ripple."""
    middle = (WINDOW[0] + WINDOW[1]) / 2
    glass = Shader.new("glass")
    pane = Pile()
    pane.add(block(rng, (1.0, 0.01, 1.1), 0.001), (middle, 0.2, 1.57), 0.5)
    ripple = glass.noise(glass.place(), 2.5, 1.0)
    pane.build("pane", glass.finish((0.012, 0.014, 0.016, 1), 0.06, ripple, 0.01))
