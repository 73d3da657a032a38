"""Scripted clips of coloured squares, and segmenters that see colours instead of running networks.

The stubs go wrong as trackers do: they follow what is nearest to where the target was last, and
remember whatever they followed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from peanut_models.p_mask.memory import Memory, MemoryBank, Recalled
from peanut_models.p_mask.samwise import ClipSeen
from peanut_models.p_mask.segmenter import Clicks, Seen
from peanut_models.ranges import FrameRange

HEIGHT, WIDTH, SIDE = 48, 96, 12
RED, BROWN, BLUE, GREEN, YELLOW = (
    *((210, 40, 40), (190, 120, 30), (40, 40, 210)),
    *((40, 190, 60), (220, 220, 40)),
)

TEXTURE = np.repeat(
    np.random.default_rng(1).integers(90, 130, (HEIGHT, WIDTH, 1), dtype=np.uint8), 3, axis=2
)

Place = tuple[int, int] | None
"""Left and top of a square; None where it is out of the picture."""


@dataclass
class ScriptedClip:
    """Squares on a grey texture; later ones hide earlier ones. Counts what is read."""

    length: int
    objects: Mapping[tuple[int, int, int], Callable[[int], Place]]
    reads: list[int] = field(default_factory=list)

    @property
    def frame_range(self) -> FrameRange:
        return FrameRange(0, self.length)

    def read(self, frame_index: int) -> np.ndarray:
        assert 0 <= frame_index < self.length
        self.reads.append(frame_index)
        image = TEXTURE.copy()
        for colour, place in self.objects.items():
            at = place(frame_index)
            if at is not None:
                image[at[1] : at[1] + SIDE, at[0] : at[0] + SIDE] = colour
        return image

    def truth(self, colour: tuple[int, int, int], frame_index: int) -> np.ndarray:
        return visible(self.read(frame_index), colour)


def visible(image: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    # One comparison of packed values is quicker than three.
    packed = (image.astype(np.uint32) * np.array((65536, 256, 1), np.uint32)).sum(axis=2)
    return np.asarray(packed == colour[0] * 65536 + colour[1] * 256 + colour[2])


def centre(mask: np.ndarray) -> tuple[float, float]:
    rows, columns = np.nonzero(mask)
    return float(columns.mean()), float(rows.mean())


@dataclass
class Looks:
    """A frame's features: its squares by colour, and the image."""

    image: np.ndarray
    squares: dict[tuple[int, int, int], np.ndarray]


COLOURS = (RED, BROWN, BLUE, GREEN, YELLOW)
COLOUR_WEIGHT_PX = 20.0
"""How far away an object of the wrong colour may be mistaken for the target."""


class ColourSegmenter:
    """`Segmenter` by colour and place."""

    def __init__(self) -> None:
        self.encoded = 0

    def encode(self, image: np.ndarray) -> Looks:
        self.encoded += 1
        squares = {c: mask for c in COLOURS if (mask := visible(image, c)).any()}
        return Looks(image, squares)

    def prompted(self, features: Looks, clicks: Clicks) -> Seen:
        mask = np.zeros(features.image.shape[:2], np.bool_)
        for square in features.squares.values():
            on = [square[int(y), int(x)] for x, y, positive in clicks.points if positive]
            if any(on) or (clicks.box is not None and self._in_box(square, clicks.box)):
                mask |= square
        return seen(features, mask)

    def _in_box(self, square: np.ndarray, box: tuple[float, float, float, float]) -> bool:
        x, y = centre(square)
        return box[0] <= x < box[2] and box[1] <= y < box[3]

    def given(self, features: Looks, mask: np.ndarray) -> Seen:
        return seen(features, mask)

    def follow(self, features: Looks, recalled: Sequence[Recalled]) -> list[Seen]:
        return [self._followed(features, each, features.squares) for each in recalled]

    def refine(self, features: Looks, recalled: Recalled, seen: Seen, clicks: Clicks) -> Seen:
        squares = dict(features.squares)
        for x, y, positive in clicks.points:
            squares = {c: m for c, m in squares.items() if bool(m[int(y), int(x)]) <= positive}
        return self._followed(features, recalled, squares)

    def _followed(
        self,
        features: Looks,
        recalled: Recalled,
        squares: Mapping[tuple[int, int, int], np.ndarray],
    ) -> Seen:
        x, y, red, green, blue, present = newest(recalled)
        if not squares or not present:
            return seen(features, np.zeros(features.image.shape[:2], np.bool_))

        def unlike(colour: tuple[int, int, int]) -> float:
            away = np.hypot(*np.subtract(centre(squares[colour]), (x, y)))
            return float(away) + COLOUR_WEIGHT_PX * (colour != (red, green, blue))

        return seen(features, squares[min(squares, key=unlike)])

    def remember(self, features: Looks, seen: Sequence[Seen], *, prompted: bool) -> list[Memory]:
        return [Memory(torch.zeros(1, 64, 1, 1), each.raw) for each in seen]

    def describe(self, features: Looks, mask: np.ndarray) -> np.ndarray | None:
        return looks_of(features.image, mask)


def newest(recalled: Recalled) -> tuple[float, ...]:
    """What the frame nearest in time left."""
    _, pointer = min(recalled.pointers, key=lambda item: item[0])
    return tuple(pointer[0, :6].tolist())


def looks_of(image: np.ndarray, mask: np.ndarray) -> np.ndarray | None:
    """Mean colour relative to the frame's, of length 1."""
    if not mask.any():
        return None
    colour = image[mask].mean(axis=0) - image.reshape(-1, 3).mean(axis=0)
    return np.asarray(colour / np.linalg.norm(colour), np.float32)


def seen(features: Looks, mask: np.ndarray, quality: float = 0.9) -> Seen:
    """A prediction; what it leaves behind is place and colour."""
    found = [c for c, square in features.squares.items() if (square & mask).any()]
    where = centre(mask) if mask.any() else (0.0, 0.0)
    raw = torch.zeros(1, 256)
    raw[0, :6] = torch.tensor([*where, *(found[0] if found else (0, 0, 0)), float(mask.any())])
    return Seen(
        logits=np.where(mask, 8.0, -8.0).astype(np.float32),
        quality=quality,
        presence=1.0 if mask.any() else 0.0,
        raw=raw,
    )


class ScriptedSentences:
    """`ClipSegmenter`: knows which colour a word means, but takes `instead` while it is absent.

    As with the conditional memory encoder, the mask of the frame on which the right object is
    noticed stays, and later frames follow the other one.
    """

    clip_window = 4

    def __init__(
        self,
        meant: tuple[int, int, int],
        instead: tuple[int, int, int],
        *,
        switches: bool = True,
        quality: Callable[[int], float] = lambda step: 0.9,
    ) -> None:
        self.meant, self.instead, self.switches, self.quality = meant, instead, switches, quality
        self.started: list[int] = []
        self.forgotten: list[int] = []

    def check(self, text: str) -> None:
        pass

    def begin(self, text: str) -> dict[str, object]:
        return {"step": 0, "follows": None, "bank": MemoryBank()}

    def start(self, images: Sequence[np.ndarray]) -> list[Looks]:
        self.started.append(len(images))
        return [ColourSegmenter().encode(image) for image in images]

    def turned(self, carried: dict) -> dict[str, object]:
        return {**carried, "backward": True}

    def follow(self, clip: list[Looks], carried: dict) -> Iterator[ClipSeen]:
        for features in reversed(clip) if carried.get("backward") else clip:
            squares = features.squares
            if carried["follows"] is None:
                first = [c for c in (self.meant, self.instead) if c in squares]
                carried["follows"] = first[0] if first else None
            empty = np.zeros(features.image.shape[:2], np.bool_)
            mask = squares.get(carried["follows"], empty)
            other = None
            if self.switches and self.meant in squares and carried["follows"] != self.meant:
                other = np.where(squares[self.meant], 8.0, -8.0).astype(np.float32)
                carried["follows"] = self.meant
            step = carried["step"]
            carried["step"] = step + 1
            yield ClipSeen(
                seen=seen(features, mask, self.quality(step)), features=features, switched_to=other
            )

    def forget(self, carried: dict) -> None:
        self.forgotten.append(carried["step"] - 1)

    def describe(self, features: Looks, mask: np.ndarray) -> np.ndarray | None:
        return looks_of(features.image, mask)
