"""Does the confusion check help at crossings, and does it hurt where nothing is confused?

    python benchmarks/bench_confusion.py

Scripted clips: a square that another one passes in front of, and a square alone that changes.
Sizes, speeds, colours and the spread of features vary. The tracker is a script too: it follows what
is nearest to where the target was last and looks like it, and remembers whatever it followed, so it
goes wrong as trackers do. Only the check is real. What it costs or brings with trained networks is
not measured here.
Takes about four minutes on one core.

Writes `results/confusion.json` and `confusion.md` beside this file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product

import numpy as np
import torch
from common import markdown_table, write_results
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray

from peanut_models.p_mask.confusion import iou
from peanut_models.p_mask.memory import Memory, Recalled
from peanut_models.p_mask.predictor import Sam2Tracker
from peanut_models.p_mask.segmenter import Clicks, Seen
from peanut_models.p_mask.settings import ConfusionSettings, TrackSettings
from peanut_models.ranges import FrameRange
from peanut_models.stages import MaskPrompt
from peanut_models.tracking import TargetMask, TargetPrompts

Mask = Bool[ndarray, "h w"]
Colour = tuple[float, float, float]

HEIGHT, WIDTH, LENGTH = 64, 128, 44
MIDDLE = LENGTH // 2
RED: Colour = (200, 60, 50)
OTHERS: dict[str, Colour] = {
    "near": (210, 110, 40),
    "like": (180, 120, 50),
    "unlike": (60, 70, 190),
}
TURN_PX = 50
"""How far from the middle of the picture objects go."""

SPEEDS = (0.8, 1.6, 2.2)
WOBBLES = (0.1, 0.3, 0.5)
CHANGES = ("none", "blur", "turn", "post")

LEAST_VISIBLE = 0.25
"""An object of which less is to be seen is not seen by the tracker."""

FEATURE_WIDTH = 32

WRONG_COLOUR_PX = 20.0
"""How much nearer an object of another colour must be to be taken for the target."""

SETTLED_FRAMES = 8
"""At the end of a clip; a crossing is survived if the target is right on all of these."""

DEVIATIONS = (1.5, 2.0, 3.0, 4.0)
LEAST_DEVIATIONS = (0.01, 0.02, 0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What happens.

    Attributes:
        side: of the target, in pixels.
        speed: of the target, in pixels per frame.
        wobble: how far a feature strays from frame to frame, relative to its length, as a
            network's do: at 0.3 two of one object have a cosine of 0.92, at 0.5 of 0.8.
        other: which colour passes in front; empty: nothing does.
        change: of the target's looks: `none`, `blur` (its feature strays three times as far on
            every seventh frame), `turn` (its colour drifts), `post` (a bar hides a part of it).
    """

    side: int
    speed: float
    wobble: float
    other: str = ""
    change: str = "none"


class Clip:
    """A script's frames and the objects in them; a `FrameReader`."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.frame_range = FrameRange(0, LENGTH)
        ground = np.random.default_rng(7).uniform(80, 130, (HEIGHT, WIDTH, 1)) * np.ones(3)
        self._images = []
        for k in range(LENGTH):
            image = ground.astype(np.uint8)
            for colour, mask in self._drawn(k):
                image[mask] = colour
            # A place for the frame's number, so that the tracker's script finds it again.
            image[0, 0] = k
            self._images.append(image)

    def read(self, frame_index: int) -> UInt8[ndarray, "h w 3"]:
        """One frame."""
        return self._images[frame_index]

    def objects(self, frame_index: int) -> list[tuple[Colour, Mask]]:
        """What the tracker can tell apart: whose looks, and which pixels of it are visible."""
        drawn = [(c, mask) for c, mask in self._drawn(frame_index) if c != POST]
        seen = []
        for k, (colour, mask) in enumerate(drawn):
            visible = mask.copy()
            for _, above in self._drawn(frame_index)[k + 1 :]:
                visible &= ~above
            if visible.sum() >= LEAST_VISIBLE * mask.sum():
                seen.append((RED if k == 0 else colour, visible))
        return seen

    def truth(self, frame_index: int) -> Mask:
        """The target's visible pixels."""
        (_, mask), *above = self._drawn(frame_index)
        for _, other in above:
            mask = mask & ~other
        return mask

    def _drawn(self, frame_index: int) -> list[tuple[Colour, Mask]]:
        """From back to front, the target first."""
        script, away = self.script, frame_index - MIDDLE
        share = frame_index / LENGTH if script.change == "turn" else 0.0
        turned = (RED[0] - 60 * share, RED[1] + 90 * share, RED[2] + 40 * share)
        drawn = [(turned, _square(WIDTH / 2 + _to_and_fro(script.speed * away), script.side))]
        if script.other:
            # A little larger, so that the target is hidden for a moment.
            place = WIDTH / 2 - _to_and_fro(script.speed * away)
            drawn.append((OTHERS[script.other], _square(place, round(1.2 * script.side))))
        if script.change == "post":
            bar = np.zeros((HEIGHT, WIDTH), np.bool_)
            bar[:, WIDTH // 2 : WIDTH // 2 + script.side // 2] = True
            drawn.append((POST, bar))
        return drawn


POST: Colour = (40, 90, 60)


def _to_and_fro(way: float) -> float:
    """A place in the picture after so many pixels, turning at `TURN_PX`."""
    return TURN_PX - abs((way - TURN_PX) % (4 * TURN_PX) - 2 * TURN_PX)


def _square(middle: float, side: int) -> Mask:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    left, top = round(middle - side / 2), (HEIGHT - side) // 2
    mask[top : top + side, max(left, 0) : max(left + side, 0)] = True
    return mask


@dataclass(frozen=True, slots=True)
class Features:
    """A frame and what is in it."""

    index: int
    image: UInt8[ndarray, "h w 3"]
    objects: list[tuple[Colour, Mask]]


class Scripted:
    """A `Segmenter` that knows the objects and confuses them; looks are measured on the image."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip

    def encode(self, image: UInt8[ndarray, "h w 3"]) -> Features:
        """See `Segmenter`."""
        index = int(image[0, 0, 0])
        return Features(index, image, self._clip.objects(index))

    def prompted(self, features: Features, clicks: Clicks) -> Seen:
        """See `Segmenter`."""
        raise AssertionError("these clips are prompted by masks")

    def given(self, features: Features, mask: Mask) -> Seen:
        """See `Segmenter`."""
        return _seen(RED, mask)

    def follow(self, features: Features, recalled: Sequence[Recalled]) -> list[Seen]:
        """See `Segmenter`: the nearest that looks like what was remembered last."""
        return [self._followed(features, each) for each in recalled]

    def _followed(self, features: Features, recalled: Recalled) -> Seen:
        _, pointer = min(recalled.pointers, key=lambda item: item[0])
        x, *colour = pointer[0, :4].tolist()

        def unlike(item: tuple[Colour, Mask]) -> float:
            away = abs(float(np.nonzero(item[1])[1].mean()) - float(x))
            return away + WRONG_COLOUR_PX * (not np.allclose(item[0], colour))

        if not features.objects:
            return _seen(RED, np.zeros((HEIGHT, WIDTH), np.bool_))
        return _seen(*min(features.objects, key=unlike))

    def refine(self, features: Features, recalled: Recalled, seen: Seen, clicks: Clicks) -> Seen:
        """See `Segmenter`."""
        raise AssertionError("there are no clicks")

    def remember(self, features: Features, seen: Sequence[Seen], *, prompted: bool) -> list[Memory]:
        """See `Segmenter`."""
        return [Memory(torch.zeros(1, 64, 1, 1), each.raw) for each in seen]

    def describe(self, features: Features, mask: Mask) -> Float32[ndarray, " c"] | None:
        """See `Segmenter`: mean colour relative to the frame's, and what strays."""
        if not mask.any():
            return None
        image = features.image.astype(np.float32)
        looks = np.zeros(FEATURE_WIDTH, np.float32)
        looks[:3] = image[mask].mean(axis=0) - image.reshape(-1, 3).mean(axis=0)
        looks /= max(float(np.linalg.norm(looks)), 1e-6)
        # The same for the same pixels, as a network's would be.
        random = np.random.default_rng([features.index, int(np.nonzero(mask)[1].mean())])
        stray = random.normal(size=FEATURE_WIDTH)
        script = self._clip.script
        blurred = script.change == "blur" and features.index % 7 == 6
        looks += script.wobble * (3 if blurred else 1) * stray / np.linalg.norm(stray)
        return np.asarray(looks / np.linalg.norm(looks), np.float32)


def _seen(colour: Colour, mask: Mask) -> Seen:
    raw = torch.zeros(1, 256)
    x = float(np.nonzero(mask)[1].mean()) if mask.any() else WIDTH / 2
    raw[0, :4] = torch.tensor([x, *colour])
    logits = np.where(mask, 8.0, -8.0).astype(np.float32)
    return Seen(logits=logits, quality=0.9, presence=float(mask.any()), raw=raw)


def crossings() -> list[Script]:
    """Sizes, speeds, spreads and colours of what passes in front."""
    return [
        Script(side=side, speed=speed, wobble=wobble, other=other)
        for side, speed, wobble, other in product((10, 16, 24), SPEEDS, WOBBLES, OTHERS)
    ]


def alone() -> list[Script]:
    """A target that nothing passes, but that changes."""
    return [
        Script(side=side, speed=speed, wobble=wobble, change=change)
        for side, speed, wobble, change in product((10, 24), (*SPEEDS, 5.0), WOBBLES, CHANGES)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a clip went.

    Attributes:
        iou: with the truth, mean over the frames that show the target.
        right: the target was right at the end.
        doubted: frames that the check did not simply believe, of those that show the target.
    """

    iou: float
    right: bool
    doubted: int


def track(clip: Clip, segmenter: Scripted, settings: ConfusionSettings) -> Outcome:
    """Follow a clip's target from its first frame."""
    tracker = Sam2Tracker(segmenter, TrackSettings(confusion=settings))
    first = MaskPrompt(frame_index=0, mask=clip.truth(0))
    wanted = TargetPrompts(target_id="a", frames=clip.frame_range, prompts=[first])
    overlaps, doubted = {}, 0
    for event in _masks(tracker.track(clip, [wanted])):
        index, truth = event.tracked.frame_index, clip.truth(event.tracked.frame_index)
        if truth.sum() >= LEAST_VISIBLE * clip.script.side**2:
            overlaps[index] = iou(event.tracked.mask, truth)
            doubted += "similarity" in event.doubt
    last = [overlaps.get(k, 0.0) for k in range(LENGTH - SETTLED_FRAMES, LENGTH)]
    return Outcome(iou=float(np.mean([*overlaps.values()])), right=min(last) > 0.5, doubted=doubted)


def _masks(events: Iterator[object]) -> Iterator[TargetMask]:
    return (event for event in events if isinstance(event, TargetMask))


def measure(
    clips: Sequence[tuple[Clip, Scripted]], settings: ConfusionSettings
) -> dict[str, float]:
    """The outcome of all clips: share that ends right, mean overlap, doubted frames per clip."""
    outcomes = [track(clip, segmenter, settings) for clip, segmenter in clips]
    return {
        "right": float(np.mean([o.right for o in outcomes])),
        "iou": float(np.mean([o.iou for o in outcomes])),
        "doubted": float(np.mean([o.doubted for o in outcomes])),
    }


def page(
    table: Sequence[dict[str, float | str]], parts: Sequence[dict[str, float | str]]
) -> list[str]:
    """The results as Markdown."""
    chosen = ConfusionSettings()
    return [
        "# The confusion check on scripted clips",
        "",
        f"{len(crossings())} crossings (three sizes, speeds, spreads of features and colours of "
        f"the other object) and {len(alone())} clips of a target alone that changes. The tracker "
        "is a script that goes wrong at every crossing; the check is real. What it does with "
        "trained networks is not measured here.",
        "",
        "The threshold is the mean of the accepted cosines less so many deviations, a deviation "
        "being no less than the least one. Right: crossings after which the right object is "
        "followed. Overlap: IoU with the truth. Doubted: frames of 44 that were not simply "
        "believed though they show the target.",
        "",
        markdown_table(
            ["deviations", "least", "crossings: right", "overlap", "alone: overlap", "doubted"],
            [_cells(row) for row in table],
        ),
        "",
        f"The defaults are {chosen.deviations:g} and {chosen.least_deviation:g}. "
        "By part, with them:",
        "",
        markdown_table(
            ["clips", "right without", "right with", "overlap with", "doubted"],
            [_cells(row) for row in parts],
        ),
    ]


def _cells(row: dict[str, float | str]) -> list[str]:
    return [v if isinstance(v, str) else f"{v:.3f}" for v in row.values()]


def main() -> None:
    """Run all settings and write the page."""
    torch.set_num_threads(1)
    crossed, lone = (
        [(clip, Scripted(clip)) for clip in map(Clip, scripts)]
        for scripts in (crossings(), alone())
    )
    off = ConfusionSettings(enabled=False)
    tried = [("off", "-", off)] + [
        (f"{k:g}", f"{least:g}", ConfusionSettings(deviations=k, least_deviation=least))
        for k, least in product(DEVIATIONS, LEAST_DEVIATIONS)
    ]
    table: list[dict[str, float | str]] = []
    for deviations, least, settings in tried:
        helped, hurt = measure(crossed, settings), measure(lone, settings)
        table.append(
            {
                "deviations": deviations,
                "least_deviation": least,
                "crossings_right": helped["right"],
                "crossings_iou": helped["iou"],
                "alone_iou": hurt["iou"],
                "alone_doubted": hurt["doubted"],
            }
        )
    parts: list[dict[str, float | str]] = []
    for name, chosen in [
        *((f"crossing, {o}", [c for c in crossed if c[0].script.other == o]) for o in OTHERS),
        *((f"alone, {how}", [c for c in lone if c[0].script.change == how]) for how in CHANGES),
    ]:
        plain, checked = measure(chosen, off), measure(chosen, ConfusionSettings())
        parts.append(
            {
                "clips": name,
                "right_without": plain["right"],
                "right_with": checked["right"],
                "iou_with": checked["iou"],
                "doubted": checked["doubted"],
            }
        )
    written = page(table, parts)
    record = {"settings": asdict(ConfusionSettings()), "table": table, "parts": parts}
    write_results("confusion", record, written)
    print("\n".join(written))


if __name__ == "__main__":
    main()
