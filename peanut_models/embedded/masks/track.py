"""From the mask of one frame to that of the next, in either direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray

from peanut_models.embedded.masks.appearance import pixel_features, to_lab
from peanut_models.embedded.masks.cut import cut, edge_weights
from peanut_models.embedded.masks.evidence import moves_along
from peanut_models.embedded.masks.model import ObjectModel, Pose, place_features, pose_of
from peanut_models.embedded.masks.motion import FlowField, camera_flow
from peanut_models.embedded.masks.parts import keep_parts, without_still_parts
from peanut_models.embedded.masks.region import Region, mask_box, region_around
from peanut_models.embedded.masks.search import find
from peanut_models.embedded.masks.segment import click_evidence, sharpen
from peanut_models.flow.warp import backward_warp

MARGIN = 0.35
"""Surroundings of the expected mask that are looked at, in box sides."""

APPEARANCE_WEIGHT = 3.0
"""Log odds of a pixel that looks just like the object."""

PLACE_CLIP = 4.0
"""Most that the expected place may say: a limb may move out of it in one frame."""

PLACE_TRUST = 1.5
"""Most that the expected place may say for the object: less than appearance says, so that what is
dragged into the mask by mistake can be told apart and leaves it again."""

MOVES_AGAINST = 6.0
"""Log odds against a pixel that moves just like the surroundings, where the object does not."""

MOVES_WITH_HELD = 3.0
"""Times that motion says more for the object where the mask is expected anyway; around it, flow
smears the object's motion over its surroundings."""

SMOOTHNESS = 2.0
"""Price of a pixel of outline on flat ground, in log odds."""

SIGMA_PX = 2.0
"""Least uncertainty of the expected outline, in pixels of the picture: that of dense flow."""

SIGMA_SHARE = 0.02
"""Uncertainty of the expected outline per object size."""

TRUSTED_ERROR_PX = 3.0
"""Disagreement of forward and backward flow at which a warped label is worth half."""

BIAS = -0.6
"""Doubt against the object: warping by dense flow drags a rim of surroundings along."""

GROWTH_LEAD = 0.1
"""By how much the recent model's score may exceed the anchors' where the mask would grow: what the
anchors do not know may stay in the mask, but not enter it, or the mask spreads without end."""

CONTRADICTED = 0.1
"""Score of the anchors against a label, beyond which the label is not learnt."""

LEAST_AREA_PX = 12
"""Fewer pixels are noise: the object is gone."""

LEAST_SCORE = 0.05
"""Mean appearance score over a mask below which something else was tracked: it is dropped."""

CONFIDENT_SCORE = 0.75
"""Mean appearance score over a mask at which it is as certain as tracking gets."""

LEAST_RETURN_SCORE = 0.4
"""The same for what comes out from behind something: an empty mask is an honest answer."""

IN_VIEW = 0.65
"""Share of the usual area from which on the object counts as in full view."""

NEARLY_GONE = 0.35
"""Share of the usual area below which the object counts as hidden, and its ghost takes over."""

AREA_KEEP = 0.93
"""What is left of the usual area per frame: objects come nearer over seconds, not frames."""

PARTIAL_KEEP = 0.97
"""The same while it is partly hidden or seems to have grown: after a second that is its size."""

DOUBLE = 1.25
"""Times the usual area above which a mask in several parts may hold two objects. What merely
splits the object, a pole in front of it, makes the area smaller."""

SIZE_DOUBT = 0.3
"""Score lost per e-fold between the area of a part and the usual one."""

AWAY_DOUBT = 0.4
"""Score lost per object size between a part and where the object was heading."""

DRIFT_KEEP = 0.7
"""The same of the object's own motion: a stride is not a direction."""

HIDDEN_SIGMA_PX = 1.5
"""Growth of the outline's uncertainty per hidden frame, in pixels of the picture."""

SEARCH_AFTER = 3
"""Hidden frames after which the whole picture is searched, too."""

IGNORE_PX = 9
"""Width of what dense flow smears around an object."""

MOST_IGNORED = 0.7
"""Share of the picture above which the object cannot be left out when fitting the camera."""

LEARN_CONFIDENCE = 0.35
"""Frames below it teach nothing."""


FlowPair = tuple[Float32[ndarray, "h w 2"], Float32[ndarray, "h w 2"]]
KeptPair = tuple[
    UInt8[ndarray, "h w 3"],
    UInt8[ndarray, "h w 3"],
    Float32[ndarray, "h w 2"],
    Float32[ndarray, "h w 2"],
]


@dataclass(slots=True)
class TrackState:
    """All that goes from one frame to the next: constant memory.

    Attributes:
        image: the last frame, RGB.
        mask: its mask; empty while lost.
        confidence: 0..1.
        model: what the object looks like.
        usual_area: pixels of the mask while the object is in full view.
        ghost: where the whole object would be now, seen or not; 0..1.
        drift: how the object moves apart from the camera: pixels per frame, as in `back` flow.
        hidden: frames since it was last in view.
    """

    image: UInt8[ndarray, "h w 3"]
    mask: Bool[ndarray, "h w"]
    confidence: float
    model: ObjectModel
    usual_area: float
    ghost: Float32[ndarray, "h w"]
    drift: Float32[ndarray, " c"] = field(default_factory=lambda: np.zeros(2, np.float32))
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the frame before leads to expect of this one.

    Attributes:
        mask: where the object should be, 0..1.
        ghost: as in `TrackState`, moved here.
        residuals: flow to the frame before, and to the one after if there is one, minus the
            camera's, in pixels.
        trusts: of each flow, by its agreement with the flow back, 0..1.
        hidden: frames since the object was last in view.
    """

    mask: Float32[ndarray, "h w"]
    ghost: Float32[ndarray, "h w"]
    residuals: list[Float32[ndarray, "h w 2"]]
    trusts: list[Float32[ndarray, "h w"]]
    hidden: int


class Tracker:
    """Moves a `TrackState` by one frame."""

    def __init__(self, flow: FlowField) -> None:
        self._flow = flow
        self._kept: KeptPair | None = None

    def step(
        self,
        state: TrackState,
        image: UInt8[ndarray, "h w 3"],
        following: UInt8[ndarray, "h w 3"] | None = None,
        clicks: Sequence[tuple[float, float, bool]] = (),
    ) -> TrackState:
        """The state on the neighbouring frame `image`, where `clicks` were said.

        Args:
            state: on the frame before, in the direction of the walk.
            image: RGB.
            following: the frame after in that direction: it shows the motion of what the object
                uncovers here, which the frame before cannot.
            clicks: (x, y, belongs to the object) in pixels.
        """
        expected = self._expect(state, image, following)
        if int((expected.mask > 0.5).sum()) >= LEAST_AREA_PX:
            new = self._decide(state, image, expected, clicks)
            if new.mask.any():
                return new
        if state.hidden >= SEARCH_AFTER or not (expected.ghost > 0.5).any():
            found = find(state.model, state.usual_area, image)
            if found is not None:
                there = found.astype(np.float32)
                return self._decide(
                    state, image, replace(expected, mask=there, ghost=there), clicks
                )
        return self._hide(state, image, expected)

    def _pair(self, source: UInt8[ndarray, "h w 3"], target: UInt8[ndarray, "h w 3"]) -> FlowPair:
        """Flow both ways; the pair of the step before is kept, since each is needed twice."""
        if self._kept is not None and self._kept[0] is target and self._kept[1] is source:
            return self._kept[3], self._kept[2]
        there, back = self._flow(source, target), self._flow(target, source)
        self._kept = (source, target, there, back)
        return there, back

    def _expect(
        self,
        state: TrackState,
        image: UInt8[ndarray, "h w 3"],
        following: UInt8[ndarray, "h w 3"] | None,
    ) -> Expectation:
        """Carry mask and ghost over; behind something, only the ghost knows where the object is."""
        pairs = [self._pair(image, state.image)]
        if following is not None:
            pairs.append(self._pair(image, following))
        back = pairs[0][0]
        mask = backward_warp(state.mask.astype(np.float32), back, border=cv2.BORDER_CONSTANT)
        around = np.maximum(mask, state.ghost if state.hidden else 0) > 0.05
        kernel = np.ones((IGNORE_PX, IGNORE_PX), np.uint8)
        ignore = cv2.dilate(around.astype(np.uint8), kernel) > 0
        if ignore.mean() > MOST_IGNORED:
            ignore[:] = False
        residuals, trusts = [], []
        for there, again in pairs:
            residuals.append(there - camera_flow(there, ignore))
            error = np.linalg.norm(there + backward_warp(again, there), axis=2)
            trusts.append(np.asarray(1 / (1 + (error / TRUSTED_ERROR_PX) ** 2), np.float32))
        moved = np.asarray(back - residuals[0] + state.drift, np.float32)
        ghost = backward_warp(state.ghost, moved, border=cv2.BORDER_CONSTANT)
        if state.hidden:
            mask = np.maximum(mask, ghost)
        return Expectation(mask, ghost, residuals, trusts, state.hidden)

    def _decide(
        self,
        state: TrackState,
        image: UInt8[ndarray, "h w 3"],
        expected: Expectation,
        clicks: Sequence[tuple[float, float, bool]],
    ) -> TrackState:
        """Weigh appearance, place and motion; cut; judge; learn."""
        seen = expected.mask > 0.5
        box = mask_box(seen)
        assert box is not None
        region = region_around(box, image.shape[:2], margin=MARGIN)
        lab = to_lab(region.crop(image))
        pose = pose_of(expected.ghost > 0.5 if expected.hidden and expected.ghost.any() else seen)
        features = np.concatenate([pixel_features(lab), place_features(region, pose)], axis=2)
        vouched, recent = state.model.scores(features)
        trusts = [region.crop(t) for t in expected.trusts]
        trust = trusts[0]
        held = region.crop(expected.mask) > 0.5
        # What the anchors do not know may stay in the mask, but not enter it.
        led = np.where(held, recent, np.minimum(recent, vouched + GROWTH_LEAD))
        appearance = vouched if expected.hidden else led
        # What hides the object moves there as well.
        moving = [] if expected.hidden else [region.crop(r) for r in expected.residuals]
        moved = moves_along(moving, held, against=MOVES_AGAINST, trusts=trusts[: len(moving)])
        # Light changes colours at once, from shadow to sun, but not how things move.
        moved = np.where(held & (moved > 0), MOVES_WITH_HELD * moved, moved)
        evidence = (
            APPEARANCE_WEIGHT * appearance
            + place_evidence(region, expected, pose, trust)
            + moved
            + click_evidence(region, clicks)
            + BIAS
        ).astype(np.float32)
        soft = cut(evidence, edge_weights(lab), smoothness=SMOOTHNESS)
        mask = region.paste(sharpen(image, region, soft), image.shape[:2])
        mask = keep_parts(mask, seen)
        if float(mask.sum()) > DOUBLE * state.usual_area:
            mask = self._one_of(state, region, features, mask, expected)
        share = float(mask.sum()) / state.usual_area
        if not IN_VIEW <= share <= DOUBLE:
            mask &= reach_of(expected, pose)
        if share < NEARLY_GONE:
            mask = without_still_parts(mask, expected.residuals[0], state.drift)
        inside = (soft > 0.5) & (region.crop_mask(mask) > 0.5)
        score = float(vouched[inside].mean()) if inside.any() else -1.0
        least = LEAST_RETURN_SCORE if expected.hidden else LEAST_SCORE
        if int(mask.sum()) < LEAST_AREA_PX or score < least:
            return self._hide(state, image, expected)
        sure = float(np.clip(score / CONFIDENT_SCORE, 0, 1) * (0.5 + 0.5 * trust[inside].mean()))
        if sure > LEARN_CONFIDENCE and not expected.hidden:
            label = region.crop_mask(mask)
            agreed = np.where(label > 0.5, vouched, -vouched) > -CONTRADICTED
            state.model.learn(features, label, np.abs(2 * soft - 1) * agreed, anchor=False)
        return self._arrive(state, image, mask, sure, expected)

    def _one_of(
        self,
        state: TrackState,
        region: Region,
        features: Float32[ndarray, "rh rw i"],
        mask: Bool[ndarray, "h w"],
        expected: Expectation,
    ) -> Bool[ndarray, "h w"]:
        """Of a mask that holds too much, the part that is most like the anchors by itself.

        Somebody who passed in front parts from the object again: then each is seen whole.
        """
        count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
        if not (expected.ghost > 0.5).any():
            return mask
        pose = pose_of(expected.ghost > 0.5)
        best, chosen = -np.inf, mask
        for k in range(1, count):
            part = labels == k
            area = float(part.sum())
            if area < NEARLY_GONE * state.usual_area:
                continue
            place = place_features(region, pose_of(part))
            score = state.model.vouched(np.concatenate([features[..., :-2], place], axis=2))
            inside = region.crop_mask(part) > 0.5
            if not inside.any():
                continue
            here = pose_of(part)
            off = float(np.hypot(here.x_px - pose.x_px, here.y_px - pose.y_px)) / pose.size_px
            value = float(score[inside].mean()) - AWAY_DOUBT * off
            value -= SIZE_DOUBT * abs(float(np.log(area / state.usual_area)))
            if value > best:
                best, chosen = value, part
        return chosen

    def _hide(
        self, state: TrackState, image: UInt8[ndarray, "h w 3"], expected: Expectation
    ) -> TrackState:
        """Nothing is seen here; only the ghost goes on."""
        nothing = np.zeros(image.shape[:2], np.bool_)
        hidden = state.hidden + 1
        return replace(
            state, image=image, mask=nothing, confidence=0.0, ghost=expected.ghost, hidden=hidden
        )

    def _arrive(
        self,
        state: TrackState,
        image: UInt8[ndarray, "h w 3"],
        mask: Bool[ndarray, "h w"],
        sure: float,
        expected: Expectation,
    ) -> TrackState:
        """The new state: in full view, partly hidden, or nearly gone."""
        area = float(mask.sum())
        share = area / state.usual_area
        if IN_VIEW <= share <= DOUBLE:
            drift = state.drift
            if not state.hidden:
                now = np.median(expected.residuals[0][mask], axis=0)
                drift = (DRIFT_KEEP * drift + (1 - DRIFT_KEEP) * now).astype(np.float32)
            usual = AREA_KEEP * state.usual_area + (1 - AREA_KEEP) * area
            ghost = mask.astype(np.float32)
            return TrackState(image, mask, sure, state.model, usual, ghost, drift, 0)
        hidden = state.hidden + 1 if share < NEARLY_GONE else 0
        sure *= float(np.clip(min(share / IN_VIEW, DOUBLE / share), 0.1, 1))
        usual = PARTIAL_KEEP * state.usual_area + (1 - PARTIAL_KEEP) * area
        return TrackState(
            image, mask, sure, state.model, usual, expected.ghost, state.drift, hidden
        )


def place_evidence(
    region: Region, expected: Expectation, pose: Pose, trust: Float32[ndarray, "rh rw"]
) -> Float32[ndarray, "rh rw"]:
    """Log odds from the distance to the expected outline, weak where flow contradicts itself."""
    inside = (region.crop(expected.mask) > 0.5).astype(np.uint8)
    into = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
    away = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3)
    sigma = SIGMA_PX + SIGMA_SHARE * pose.size_px + HIDDEN_SIGMA_PX * min(expected.hidden, 10)
    signed = (into - away) / (region.scale * sigma)
    # A ghost says where to look, not what is seen; far outside nothing may grow in any case.
    known = 0.0 if expected.hidden else PLACE_TRUST
    kept = np.minimum(signed, known) * trust
    return np.asarray(np.where(signed > 0, kept, np.maximum(signed, -PLACE_CLIP)), np.float32)


def reach_of(expected: Expectation, pose: Pose) -> Bool[ndarray, "h w"]:
    """How far an object may be from the shape it had, moved along its way.

    Without a limit, whoever passes by in the same colours becomes part of it for good, and what
    crept in stays behind in its place where the object itself goes out of sight.
    """
    reach = SIGMA_PX + SIGMA_SHARE * pose.size_px + HIDDEN_SIGMA_PX * min(expected.hidden, 10)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(reach) + 1,) * 2)
    return np.asarray(cv2.dilate((expected.ghost > 0.5).astype(np.uint8), kernel) > 0)
