"""A textured object that moves over a textured ground under a moving camera, masks known."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from peanut_models.ranges import FrameRange

HEIGHT, WIDTH = 96, 128
RADIUS = 17


def texture(seed: int, shape: tuple[int, int], colour: Sequence[int]) -> np.ndarray:
    """Smooth noise around a colour."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((*shape, 3)).astype(np.float32)
    noise = sum(cv2.GaussianBlur(noise, (0, 0), s) * s for s in (1.0, 3.0))
    return np.clip(np.asarray(colour, np.float32) + 55 * noise, 0, 255).astype(np.uint8)


class Scene:
    """A `FrameReader` made in code that records what is read.

    Args:
        frames: length of the range, which starts at `start`.
        path: centre of the object on the first frame, and its step per frame.
        camera: step of the ground per frame.
    """

    def __init__(
        self,
        frames: int = 6,
        *,
        start: int = 0,
        path: tuple[tuple[float, float], tuple[float, float]] = ((40.0, 50.0), (4.0, -1.0)),
        camera: tuple[float, float] = (-1.5, 0.5),
        arm: bool = False,
    ) -> None:
        self._range = FrameRange(start, start + frames)
        self._path = path
        self._camera = camera
        self._arm = arm
        self._ground = texture(1, (3 * HEIGHT, 3 * WIDTH), (90, 110, 70))
        self._object = texture(2, (HEIGHT, WIDTH), (190, 80, 60))
        self.reads: list[int] = []

    @property
    def frame_range(self) -> FrameRange:
        return self._range

    def centre(self, frame_index: int) -> tuple[float, float]:
        k = frame_index - self._range.start
        (x, y), (dx, dy) = self._path
        return x + k * dx, y + k * dy

    def truth(self, frame_index: int) -> np.ndarray:
        x, y = self.centre(frame_index)
        rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
        body = (columns - x) ** 2 + (rows - y) ** 2 < RADIUS**2
        return body | self.arm(frame_index) if self._arm else body

    def arm(self, frame_index: int) -> np.ndarray:
        """A second part, of another colour, that belongs to the object or not."""
        x, y = self.centre(frame_index)
        rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
        return (np.abs(columns - x - RADIUS - 10) < 11) & (np.abs(rows - y) < 9)

    def box(self, frame_index: int, pad: float = 2) -> tuple[float, float, float, float]:
        rows, columns = np.nonzero(self.truth(frame_index))
        return (
            max(0.0, columns.min() - pad),
            max(0.0, rows.min() - pad),
            min(float(WIDTH), columns.max() + 1 + pad),
            min(float(HEIGHT), rows.max() + 1 + pad),
        )

    def read(self, frame_index: int) -> np.ndarray:
        assert frame_index in self._range
        self.reads.append(frame_index)
        k = frame_index - self._range.start
        x, y = self.centre(frame_index)
        dx, dy = self._camera
        shift = np.float32([[1, 0, -WIDTH - k * dx], [0, 1, -HEIGHT - k * dy]])
        image = cv2.warpAffine(
            self._ground, shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT_101
        )
        place = np.float32([[1, 0, x - WIDTH / 2], [0, 1, y - HEIGHT / 2]])
        skin = cv2.warpAffine(
            self._object, place, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT_101
        )
        mask = self.truth(frame_index)
        image[mask] = skin[mask]
        if self._arm:
            arm = self.arm(frame_index)
            image[arm] = (image[arm] // 4 + np.array([20, 40, 170])).astype(np.uint8)
        return image


def iou(mask: np.ndarray, truth: np.ndarray) -> float:
    union = int((mask | truth).sum())
    return float((mask & truth).sum()) / union if union else 1.0
