"""The object as known so far: anchors that the user vouched for, and how it looked lately."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray

from peanut_models.embedded.masks.appearance import (
    PIXEL_FEATURES,
    PLACE_WIDTH,
    Basis,
    Classifier,
    pixel_features,
    to_lab,
)
from peanut_models.embedded.masks.region import Region, mask_box, region_around

SAMPLES = 2000
"""Pixels learnt per side and frame."""

RECENT_KEEP = 0.75
"""What is left of earlier frames in the recent model: it forgets in about four frames."""

RECENT_SHARE = 0.3
"""What the recent model weighs against the anchors: light and pose
change, but drift must not win."""

ANCHOR_MARGIN = 0.7
"""Surroundings learnt from an anchor, in box sides: twice what tracking looks at, since the object
moves into them."""

SEED = 11
"""Of the draw of pixels."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the object is and how large, in pixels of the picture."""

    x_px: float
    y_px: float
    size_px: float


def pose_of(mask: Bool[ndarray, "h w"]) -> Pose:
    """Centroid and spread of a mask that is not empty; spreads ignore a stray limb."""
    y, x = np.nonzero(mask)
    return Pose(float(x.mean()), float(y.mean()), max(4.0, 3 * float(np.sqrt(x.std() * y.std()))))


def place_features(region: Region, pose: Pose) -> Float32[ndarray, "rh rw 2"]:
    """Where each pixel lies on the object, in units of what counts as another part."""
    unit = pose.size_px * PLACE_WIDTH
    x = (region.x0 + (np.arange(region.width) + 0.5) / region.scale - pose.x_px) / unit
    y = (region.y0 + (np.arange(region.height) + 0.5) / region.scale - pose.y_px) / unit
    # Beyond a few sizes all places are equally far.
    return np.asarray(np.clip(np.stack(np.meshgrid(x, y), axis=2), -4, 4), np.float32)


class ObjectModel:
    """Two classifiers of pixels by appearance and place: one of the anchors, one of late."""

    def __init__(self) -> None:
        self._basis = Basis(PIXEL_FEATURES + 2)
        self._anchors = Classifier(self._basis)
        self._recent = Classifier(self._basis)
        self._both: Classifier | None = None

    def copy(self) -> ObjectModel:
        """A model that goes its own way from here; sums are replaced, never changed."""
        twin = ObjectModel()
        twin._anchors, twin._recent = Classifier(self._basis), Classifier(self._basis)
        twin._anchors.gram, twin._anchors.moment = self._anchors.gram, self._anchors.moment
        twin._recent.gram, twin._recent.moment = self._recent.gram, self._recent.moment
        return twin

    def learn(
        self,
        features: Float32[ndarray, "h w i"],
        soft: Float32[ndarray, "h w"],
        trust: Float32[ndarray, "h w"],
        *,
        anchor: bool,
    ) -> None:
        """Learn one frame.

        Args:
            features: appearance and place.
            soft: the mask, 0..1.
            trust: what each pixel's label is worth, 0..1.
            anchor: the user vouched for the frame.
        """
        rng = np.random.default_rng(SEED)
        worth = (trust * np.abs(2 * soft - 1)).ravel()
        label = soft.ravel() > 0.5
        picked = np.concatenate(
            [
                rng.permutation(np.flatnonzero((worth > 0.05) & side))[:SAMPLES]
                for side in (label, ~label)
            ]
        )
        target = np.where(label[picked], 1, -1).astype(np.float32)
        weight = worth[picked]
        for side in (target > 0, target < 0):
            weight[side] /= max(1e-6, 2 * float(weight[side].sum()))
        sample = features.reshape(-1, features.shape[-1])[picked]
        if anchor:
            self._anchors.learn(sample, target, weight)
        self._recent.learn(sample, target, (1 - RECENT_KEEP) * weight, keep=RECENT_KEEP)
        self._both = None

    def vouched(self, features: Float32[ndarray, "h w i"]) -> Float32[ndarray, "h w"]:
        """As `score`, by the anchors alone: it cannot drift."""
        return np.asarray(np.clip(self._anchors.score(features), -1.2, 1.2))

    def scores(
        self, features: Float32[ndarray, "h w i"]
    ) -> tuple[Float32[ndarray, "h w"], Float32[ndarray, "h w"]]:
        """By the anchors alone, and with what was learnt lately, at the price of one."""
        if self._both is None:
            self._both = self._anchors.blend(self._recent, RECENT_SHARE)
        solutions = np.stack([self._anchors.solve(), self._both.solve()], axis=1)
        flat = self._basis(features.reshape(-1, features.shape[-1])) @ solutions
        both = np.clip(flat, -1.2, 1.2).reshape(*features.shape[:2], 2)
        return both[..., 0], both[..., 1]


def anchor_model(
    model: ObjectModel, image: UInt8[ndarray, "h w 3"], mask: Bool[ndarray, "h w"]
) -> None:
    """Teach the model a frame that the user vouched for; the mask must not be empty."""
    box = mask_box(mask)
    if box is None:
        return
    region = region_around(box, image.shape[:2], margin=ANCHOR_MARGIN)
    lab = to_lab(region.crop(image))
    place = place_features(region, pose_of(mask))
    features = np.concatenate([pixel_features(lab), place], axis=2)
    soft = region.crop_mask(mask)
    model.learn(features, soft, np.ones_like(soft), anchor=True)
