"""The embedded profile's mask tracker: anchors from prompts, then frame by frame both ways."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray

from peanut_models.embedded.masks.model import ObjectModel, anchor_model
from peanut_models.embedded.masks.motion import FlowField, camera_flow
from peanut_models.embedded.masks.proposals import propose_extent
from peanut_models.embedded.masks.segment import box_mask, segment_box
from peanut_models.embedded.masks.track import SEARCH_AFTER, Tracker, TrackState
from peanut_models.prompts import FramePrompts, by_frame
from peanut_models.stages import FrameReader, Prompt, TrackedMask

OVERLAP = 16
"""Frames around the middle between two anchors that are tracked from both sides; the masks of one
side wait there for the other, packed to bits, so memory does not grow with the distance."""

PROMPTED_CONFIDENCE = 0.9
"""Of a mask found from points or a box: the user pointed at it, but did not draw it."""


@dataclass(slots=True)
class Anchor:
    """A prompted frame: its mask, and how sure that is; the picture is read again when needed."""

    frame_index: int
    mask: Bool[ndarray, "h w"]
    confidence: float


@dataclass(frozen=True, slots=True)
class PackedMask:
    """A mask at one bit per pixel."""

    bits: UInt8[ndarray, " n"]
    confidence: float

    @classmethod
    def of(cls, mask: Bool[ndarray, "h w"], confidence: float) -> PackedMask:
        """Pack."""
        return cls(np.packbits(mask), confidence)

    def unpack(self, shape: tuple[int, int]) -> Bool[ndarray, "h w"]:
        """The mask."""
        flat = np.unpackbits(self.bits, count=shape[0] * shape[1])
        return flat.reshape(shape).astype(np.bool_)


class ClassicalMaskTracker:
    """`MaskTracker` by colour, place and motion: no weights, no download, the same every time.

    A prompted frame is segmented (`segment`, `proposals`), teaches a model of the object's
    appearance (`model`), and the mask is carried outwards by dense flow and cut anew on each frame
    (`track`). Painted masks are kept pixel for pixel. Between two prompted frames the masks from
    both sides are merged around the middle. It holds about five working images at a time, plus
    one mask for each prompted frame and `OVERLAP` masks.

    Weak where classical vision is: objects of the background's colours that do not move, and a
    single click on an object of many colours that does not move.
    """

    def track(self, frames: FrameReader, prompts: Sequence[Prompt]) -> Iterator[TrackedMask]:
        """Yield one mask for each frame of the range, prompted frames first, then outwards.

        Args:
            frames: working images, RGB uint8, all of one size; read one at a time.
            prompts: of one target, any order; several per frame are read together.

        Raises:
            InvalidInputError: no positive prompt, or a prompt outside the picture or the range.
                Raised by the call itself, before the first mask is asked for.
        """
        if not prompts:
            shape = (1, 1)
        else:
            index = prompts[0].frame_index
            known = index if index in frames.frame_range else frames.frame_range.start
            shape = frames.read(known).shape[:2]
        return self._run(frames, by_frame(prompts, frames.frame_range, shape))

    def _run(self, frames: FrameReader, said: dict[int, FramePrompts]) -> Iterator[TrackedMask]:
        flow, model = FlowField(), ObjectModel()
        anchors: list[Anchor] = []
        # A frame with nothing but negative clicks corrects what tracking brings there.
        corrections = {k: p.clicks for k, p in said.items() if not p.positive}
        for index, prompt in said.items():
            if not prompt.positive:
                continue
            image = frames.read(index)
            anchor = make_anchor(frames, index, image, prompt, flow)
            anchor_model(model, image, anchor.mask)
            anchors.append(anchor)
            yield TrackedMask(
                frame_index=index, mask=anchor.mask.copy(), confidence=anchor.confidence
            )
        area = max(int(anchor.mask.sum()) for anchor in anchors)
        walk = Walk(frames, Tracker(flow), model, corrections, area)
        first, last = anchors[0], anchors[-1]
        yield from walk.open_end(last, frames.frame_range.end)
        yield from walk.open_end(first, frames.frame_range.start - 1)
        for left, right in pairwise(anchors):
            yield from walk.between(left, right)


def make_anchor(
    frames: FrameReader,
    index: int,
    image: UInt8[ndarray, "h w 3"],
    prompt: FramePrompts,
    flow: FlowField,
) -> Anchor:
    """The mask of a prompted frame."""
    if prompt.mask is not None:
        return Anchor(index, prompt.mask, 1.0)
    shape = image.shape[:2]
    ignore = None if prompt.box is None else box_mask(prompt.box, shape)
    residuals = neighbour_residuals(frames, index, image, flow, ignore)
    box = prompt.box
    if box is None:
        box = propose_extent(image, prompt.clicks, residuals)
    mask = segment_box(image, box, residuals, prompt.clicks)
    if not mask.any():
        # The user pointed at something: the prompt itself is a better answer than nothing.
        mask = box_mask(box, shape)
    return Anchor(index, mask, PROMPTED_CONFIDENCE)


def neighbour_residuals(
    frames: FrameReader,
    index: int,
    image: UInt8[ndarray, "h w 3"],
    flow: FlowField,
    ignore: Bool[ndarray, "h w"] | None,
) -> list[Float32[ndarray, "h w 2"]]:
    """Flow to the frames before and after minus the camera's, in pixels."""
    residuals = []
    for neighbour in (index - 1, index + 1):
        if neighbour in frames.frame_range:
            moved = flow(image, frames.read(neighbour))
            residuals.append(moved - camera_flow(moved, ignore))
    return residuals


class Walk:
    """Runs of frames away from anchors."""

    def __init__(
        self,
        frames: FrameReader,
        tracker: Tracker,
        model: ObjectModel,
        corrections: dict[int, list[tuple[float, float, bool]]],
        usual_area: int,
    ) -> None:
        self._frames = frames
        self._tracker = tracker
        self._model = model
        self._corrections = corrections
        self._usual_area = usual_area

    def open_end(self, anchor: Anchor, stop: int) -> Iterator[TrackedMask]:
        """From an anchor to before frame `stop`, in either direction."""
        step = 1 if stop > anchor.frame_index else -1
        for index, state in self._states(anchor, range(anchor.frame_index + step, stop, step)):
            yield TrackedMask(frame_index=index, mask=state.mask, confidence=state.confidence)

    def between(self, left: Anchor, right: Anchor) -> Iterator[TrackedMask]:
        """The frames between two anchors: each side alone near its anchor, both in the middle."""
        first, last = left.frame_index + 1, right.frame_index - 1
        middle = (first + last + 1) // 2
        meet = max(first, middle - OVERLAP // 2), min(last + 1, middle + OVERLAP // 2)
        waiting: dict[int, PackedMask] = {}
        for index, state in self._states(left, range(first, meet[1])):
            if index < meet[0]:
                yield TrackedMask(frame_index=index, mask=state.mask, confidence=state.confidence)
            else:
                waiting[index] = PackedMask.of(state.mask, state.confidence)
        for index, state in self._states(right, range(last, meet[0] - 1, -1)):
            if index >= meet[1]:
                yield TrackedMask(frame_index=index, mask=state.mask, confidence=state.confidence)
                continue
            share = (index - left.frame_index) / (right.frame_index - left.frame_index)
            yield merge(index, waiting.pop(index), state, share)

    def _states(self, anchor: Anchor, indices: range) -> Iterator[tuple[int, TrackState]]:
        """Track from an anchor over frames in the order given."""
        if not len(indices):
            return
        image = self._frames.read(anchor.frame_index)
        present = bool(anchor.mask.any())
        state = TrackState(
            image=image,
            mask=anchor.mask,
            confidence=anchor.confidence,
            model=self._model.copy(),
            usual_area=float(anchor.mask.sum()) if present else float(self._usual_area),
            ghost=anchor.mask.astype(np.float32),
            hidden=0 if present else SEARCH_AFTER,
        )
        image = self._frames.read(indices[0])
        for index in indices:
            ahead = index + indices.step
            known = ahead in self._frames.frame_range
            following = self._frames.read(ahead) if known else None
            clicks = self._corrections.get(index, ())
            state = self._tracker.step(state, image, following, clicks)
            yield index, state
            if following is None:
                return
            image = following


def merge(index: int, before: PackedMask, after: TrackState, share: float) -> TrackedMask:
    """One mask of two: the nearer and surer side counts more, an outline lies between both.

    Args:
        index: of the frame.
        before: from the anchor on the left.
        after: from the anchor on the right.
        share: where the frame lies between the anchors, 0 (left) to 1 (right).
    """
    left = before.unpack(after.mask.shape)
    weight_left = (1 - share) * max(before.confidence, 1e-3)
    weight_right = share * max(after.confidence, 1e-3)
    right_share = weight_right / (weight_left + weight_right)
    confidence = (1 - right_share) * before.confidence + right_share * after.confidence
    if not left.any() or not after.mask.any():
        # Signed distances need an outline on both sides.
        mask: ndarray[Any, Any] = left if right_share < 0.5 else after.mask
    else:
        mask = (1 - right_share) * signed_distance(left) + right_share * signed_distance(
            after.mask
        ) > 0
    return TrackedMask(frame_index=index, mask=np.asarray(mask, np.bool_), confidence=confidence)


def signed_distance(mask: Bool[ndarray, "h w"]) -> Float32[ndarray, "h w"]:
    """Pixels to the outline, positive inside."""
    inner = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    outer = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(inner - outer, np.float32)
