"""What the object and its surroundings look like, learnt from the frames already masked."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8
from numpy import ndarray

BASIS = 256
"""Random features: what two cores multiply in a tenth of a second for a whole region."""

RIDGE = 2e-3
"""Penalty relative to the mean weight of a sample."""

BLURS_PX = (0.0, 1.5, 4.0)
"""Scales at which a pixel is described: itself, its texture, its part."""

COLOUR_WIDTHS = (0.10, 0.09, 0.08)
"""Difference of Lab (L scaled to 0..1, a and b alike) that counts as another colour, per blur."""

PLACE_WIDTH = 0.45
"""Difference in place, in object sizes, that counts as another part of the object."""

PIXEL_FEATURES = 11
"""Lab at three scales, and the contrast around the pixel at two."""


def to_lab(image: UInt8[ndarray, "h w 3"]) -> Float32[ndarray, "h w 3"]:
    """CIE Lab divided by 100: distances mean about the same everywhere, values about -1..1."""
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return np.asarray(lab / 100, np.float32)


def pixel_features(lab: Float32[ndarray, "h w 3"]) -> Float32[ndarray, "h w f"]:
    """Colour and texture of each pixel, in units of what counts as another colour."""
    columns: list[Float32[ndarray, "h w c"]] = []
    for blur_px, width in zip(BLURS_PX, COLOUR_WIDTHS, strict=True):
        smooth = lab if blur_px == 0 else cv2.GaussianBlur(lab, (0, 0), blur_px)
        columns.append(smooth / width)
        if blur_px > 0:
            spread = cv2.GaussianBlur((lab[..., 0] - smooth[..., 0]) ** 2, (0, 0), blur_px)
            columns.append(np.sqrt(np.maximum(spread, 0))[..., None] / width)
    return np.asarray(np.concatenate(columns, axis=2), np.float32)


@dataclass(slots=True)
class Basis:
    """Random Fourier features: inner products of them are a Gaussian kernel of the inputs.

    `width` is the kernel's, in units of the inputs.

    Far from everything seen they average to nothing, so an unknown colour is no evidence.
    Source: Rahimi and Recht, "Random features for large-scale kernel machines", 2007.
    """

    inputs: int
    width: float = 1.7
    seed: int = 1
    directions: Float32[ndarray, "i b"] = field(init=False)
    phases: Float32[ndarray, " b"] = field(init=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        self.directions = rng.standard_normal((self.inputs, BASIS)).astype(np.float32)
        self.directions /= self.width
        self.phases = rng.uniform(0, 2 * np.pi, BASIS).astype(np.float32)

    def __call__(self, features: Float32[ndarray, "n i"]) -> Float32[ndarray, "n b"]:
        """The features of each row."""
        # OpenCV's product: NumPy's BLAS spins on threads that other work holds, at 4x the time.
        # Its stub does not know that the third matrix may be absent.
        rows = np.ascontiguousarray(features)
        z = np.asarray(cv2.gemm(rows, self.directions, 1, None, 0))  # type: ignore[call-overload]
        z += self.phases
        return np.asarray(np.cos(z, out=z))


@dataclass(slots=True)
class Classifier:
    """Ridge regression from random features to -1 (surroundings) .. 1 (object).

    It keeps only sums over samples: what several frames taught can be added, and fades by a factor.
    """

    basis: Basis
    gram: Float64[ndarray, "b b"] = field(init=False)
    moment: Float64[ndarray, " b"] = field(init=False)
    solution: Float32[ndarray, " b"] | None = None

    def __post_init__(self) -> None:
        self.gram = np.zeros((BASIS, BASIS))
        self.moment = np.zeros(BASIS)

    def learn(
        self,
        features: Float32[ndarray, "n i"],
        targets: Float32[ndarray, " n"],
        weights: Float32[ndarray, " n"],
        *,
        keep: float = 1.0,
    ) -> None:
        """Fade what is known by `keep` and add these samples; weights should sum to about 1."""
        z = self.basis(features)
        root = np.sqrt(weights)[:, None]
        z *= root
        self.gram = keep * self.gram + cv2.mulTransposed(z, True)
        self.moment = keep * self.moment + (z * (root[:, 0] * targets)[:, None]).sum(0)
        self.solution = None

    def blend(self, other: Classifier, share: float) -> Classifier:
        """A classifier that knows both; `share` is what `other` weighs."""
        both = Classifier(self.basis)
        both.gram = (1 - share) * self.gram + share * other.gram
        both.moment = (1 - share) * self.moment + share * other.moment
        return both

    def solve(self) -> Float32[ndarray, " b"]:
        """The weights of the random features."""
        if self.solution is None:
            ridge = RIDGE * max(1e-9, 2 * float(np.trace(self.gram)) / BASIS)
            matrix = self.gram + ridge * np.eye(BASIS)
            _, found = cv2.solve(matrix, self.moment[:, None], flags=cv2.DECOMP_CHOLESKY)
            self.solution = np.asarray(found[:, 0], np.float32)
        return self.solution

    def score(self, features: Float32[ndarray, "h w i"]) -> Float32[ndarray, "h w"]:
        """About -1 (surroundings) to 1 (object), 0 for what was never seen."""
        flat = self.basis(features.reshape(-1, features.shape[-1])) @ self.solve()
        return np.asarray(flat.reshape(features.shape[:2]), np.float32)
