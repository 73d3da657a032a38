"""Small scenes with an object to remove: textured ground under a panning camera, a red square."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from support.clips import HEIGHT, WIDTH, make_clip

SQUARE = 12
PAN_PX = 1  # per frame, to the left
STEP_PX = 2  # of the square per frame, to the right
TOP = 18
START = 4


def ground(frames: int) -> np.ndarray:
    """The true background: smooth noise, larger than the picture, seen through a moving window."""
    generator = np.random.default_rng(5)
    coarse = generator.uniform(40, 200, (HEIGHT // 4 + 2, (WIDTH + frames) // 4 + 2, 3))
    wide = coarse.repeat(4, axis=0).repeat(4, axis=1)
    for axis in (0, 1):
        wide = (wide + np.roll(wide, 1, axis) + np.roll(wide, 2, axis) + np.roll(wide, 3, axis)) / 4
    return np.stack([wide[:HEIGHT, k * PAN_PX : k * PAN_PX + WIDTH] for k in range(frames)]).astype(
        np.uint8
    )


def square_mask(frame_index: int) -> np.ndarray:
    """Where the square is."""
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    left = START + STEP_PX * frame_index
    mask[TOP : TOP + SQUARE, left : left + SQUARE] = True
    return mask


def square_centre(frame_index: int = 0) -> tuple[int, int]:
    """A pixel on the square, as x and y."""
    return START + STEP_PX * frame_index + SQUARE // 2, TOP + SQUARE // 2


def make_square_clip(
    path: Path, frames: int = 24, rate: Fraction = Fraction(25), **settings
) -> Path:
    """A clip of the square crossing the ground."""
    pictures = []
    for k, image in enumerate(ground(frames)):
        image = image.copy()
        image[square_mask(k)] = (220, 30, 30)
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        pictures.append(frame.reformat(format=settings.get("pixel_format", "yuv420p")))
    return make_clip(path, pictures=pictures, rate=rate, **settings)
