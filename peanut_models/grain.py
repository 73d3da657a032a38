"""Film grain and sensor noise: measured on the source, given to a plate that lacks it.

A fill that was made up or averaged is smooth, and stands still in a picture whose grain moves. The
surround's grain is measured as colours have it: how strong in each channel at each lightness, and
with its correlation between neighbours and channels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Complex, Float, Float32
from numpy import ndarray

from peanut_models.flow.dis import DisFlow
from peanut_models.stages import Frames, Image, dtype_scale

BLOCK_PX = 16
"""Side of the squares that grain is measured on; correlation over more than half is not seen."""

MIN_BLOCKS = 12
"""Fewer squares say nothing about grain."""

MAX_LEVELS = 6
"""Lightness levels at which the strength is measured."""

BLOCKS_PER_LEVEL = 32

SURROUND_PX = 96
"""How far around a hole is looked: close to it, light and focus are those of the fill."""

MAX_PAIRS = 6
"""Pairs of frames that are measured, spread over the given ones."""

CLEAN_SIGMA = 0.3 / 255
"""Of full scale: less than this is the rounding of a clean picture."""

_ABS_OF_NORMAL = float(np.sqrt(2 / np.pi))
"""Mean of |x| where x is normal with deviation 1."""

_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grain:
    """The grain of a picture.

    Attributes:
        luma: lightness of each level, 0 to 1, rising.
        sigma: standard deviation by level and channel, in parts of full scale.
        kernels: what white noise of each channel (second axis) is filtered with to get each
            channel (first) of grain with deviation 1.
    """

    luma: Float32[ndarray, " levels"]
    sigma: Float32[ndarray, "levels 3"]
    kernels: Float32[ndarray, "3 3 b b"]

    @property
    def none(self) -> bool:
        """Whether the picture is clean."""
        return not self.sigma.any()


def measure_grain(
    frames: Frames, hole: Bool[ndarray, "t h w"], cuts: Collection[int] = ()
) -> Grain | None:
    """The grain around a hole, from the squares that show it best.

    A single picture does not tell grain from fine texture. The next one does: along the motion
    texture stays and grain changes. On flat squares, where the motion follows the grain itself,
    the picture alone is the better witness.

    Args:
        frames: of one clip, in order.
        hole: True where they may not be looked at.
        cuts: those of the frames on which a new shot begins.

    Returns:
        None where there is no hole, or too little around it in two frames that follow each other.
    """
    pairs = [
        k
        for k in range(len(frames) - 1)
        if k + 1 not in cuts and hole[k].any() and hole[k + 1].any()
    ]
    chosen = pairs[:: max(1, -(-len(pairs) // MAX_PAIRS))]
    found = [_squares(frames[k], frames[k + 1], hole[k] | hole[k + 1]) for k in chosen]
    if sum(len(luma) for luma, _, _ in found) < MIN_BLOCKS:
        return None
    luma, here, along = (np.concatenate(parts) for parts in zip(*found, strict=True))
    energy, change = _variance(here), _variance(along)
    is_flat = energy.sum(axis=1) < 1.5 * change.sum(axis=1)
    noise = np.where(is_flat[:, None, None, None], here, along)
    variances = np.where(is_flat[:, None], energy, change - _texture_left(energy, change) * energy)
    order = np.argsort(luma, kind="stable")
    count = int(np.clip(len(order) // BLOCKS_PER_LEVEL, 1, MAX_LEVELS))
    levels = [_calm(here, level) for level in np.array_split(order, count)]
    rounding = 1 / 12 / dtype_scale(frames) ** 2
    variance = np.stack([np.median(variances[level], axis=0) for level in levels]) - rounding
    # A level without calm squares measures what is left of texture: grain differs less than that.
    variance = np.clip(variance, 0, 4 * np.maximum(np.median(variance, axis=0), 0))
    sigma = np.sqrt(variance)
    sigma[sigma < CLEAN_SIGMA] = 0
    scaled = [
        _usual(noise[level]) / np.where(s > 0, s, 1)
        for level, s in zip(levels, sigma, strict=True)
        if s.any()
    ]
    kernels, unseen = _kernels(np.concatenate(scaled) if scaled else np.zeros_like(noise))
    return Grain(
        luma=np.array([luma[level].mean() for level in levels], np.float32),
        sigma=(sigma * unseen).astype(np.float32),
        kernels=kernels,
    )


def add_missing_grain(image: Image, fill: Bool[ndarray, "h w"], grain: Grain, seed: str) -> Image:
    """The picture with grain where the fill has less of it than the source.

    What the fill has is measured in its small neighbourhoods: pixels that came from real frames
    unchanged have their grain, averaged ones a part, made-up ones none; each gets the difference.

    Args:
        image: source and fill, put together.
        fill: True on the pixels that may change.
        grain: of the source.
        seed: the same seed gives the same grain, bit for bit.
    """
    if grain.none or not fill.any():
        return image
    white = np.float32(dtype_scale(image))
    colours = image.astype(np.float32) / white
    noise = _synthesized(grain, fill.shape, seed)
    lightness = cv2.GaussianBlur(colours, (0, 0), 3) @ _LUMA
    sigma = np.stack(
        [np.interp(lightness, grain.luma, grain.sigma[:, c]) for c in range(3)], axis=2
    ).astype(np.float32)
    lacking = 1 - _share_there(colours, fill, sigma, noise)
    # A part this small is the error of measuring: what has its grain stays as it is.
    amount = np.sqrt(np.where(lacking < 0.2, 0, lacking)) * sigma
    grained = np.rint(np.clip((colours + amount * noise) * white, 0, white)).astype(image.dtype)
    return np.where(fill[..., None] & (amount > 0), grained, image)


def _share_there(
    colours: Float32[ndarray, "h w 3"],
    fill: Bool[ndarray, "h w"],
    sigma: Float32[ndarray, "h w 3"],
    noise: Float32[ndarray, "h w 3"],
) -> Float32[ndarray, "h w 3"]:
    """Of the grain's variance, the part that the fill has already; 0 to 1.

    From fine detail as absolute values, cut off: an edge of the fill must not pass for grain.
    """
    wanted = np.abs(_detail(noise)).mean(axis=(0, 1)) / _ABS_OF_NORMAL
    has = np.minimum(np.abs(_detail(colours)) / (sigma * wanted + 1e-9), 2.5)
    size = (BLOCK_PX - 1, BLOCK_PX - 1)
    weight = cv2.boxFilter(fill.astype(np.float32), -1, size)[..., None]
    mean = cv2.boxFilter(has * fill[..., None], -1, size) / np.maximum(weight, 1e-6)
    return np.asarray(np.clip((mean / _ABS_OF_NORMAL) ** 2, 0, 1), np.float32)


def _detail(picture: Float32[ndarray, "h w 3"]) -> Float32[ndarray, "h w 3"]:
    return np.asarray(picture - cv2.GaussianBlur(picture, (0, 0), 1.6))


def _squares(
    image: Image, following: Image, hole: Bool[ndarray, "h w"]
) -> tuple[Float32[ndarray, " n"], Float32[ndarray, "n b b 3"], Float32[ndarray, "n b b 3"]]:
    """Of the squares near the hole: lightness, detail, and what of it changes along the motion."""
    left, top, across, down = cv2.boundingRect(hole.astype(np.uint8))
    near = (
        slice(max(0, top - SURROUND_PX), top + down + SURROUND_PX),
        slice(max(0, left - SURROUND_PX), left + across + SURROUND_PX),
    )
    white, usable = np.float32(dtype_scale(image)), ~hole[near]
    colours, following = image[near], following[near]
    flow = DisFlow("fast")(colours, following)
    colours, following = colours.astype(np.float32) / white, following.astype(np.float32) / white
    blocks = _blocks(colours, usable)
    along = _detrended(_blocks(_change_along(colours, following, flow), usable))
    return blocks.mean(axis=(1, 2)) @ _LUMA, _detrended(blocks), along


def _change_along(
    colours: Float32[ndarray, "h w 3"],
    following: Float32[ndarray, "h w 3"],
    flow: Float32[ndarray, "h w 2"],
) -> Float32[ndarray, "h w 3"]:
    """What changes along the motion, with the variance of one picture's grain.

    Interpolating between pixels averages the grain of the second picture; how much is known.
    """
    y, x = np.mgrid[: flow.shape[0], : flow.shape[1]].astype(np.float32)
    x, y = x + flow[..., 0], y + flow[..., 1]
    moved = cv2.remap(following, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    kept = _kept_by_cubic(x) * _kept_by_cubic(y)
    change: Float32[ndarray, "h w 3"] = (colours - moved) / np.sqrt(1 + kept)[..., None]
    return change


def _kept_by_cubic(place: Float32[ndarray, "h w"]) -> Float32[ndarray, "h w"]:
    """Of white noise, the variance that OpenCV's cubic interpolation keeps at these places."""
    part = place - np.floor(place)
    a = np.float32(-0.75)

    def inner(d: ndarray) -> ndarray:
        return np.asarray(((a + 2) * d - (a + 3)) * d * d + 1)

    def outer(d: ndarray) -> ndarray:
        return np.asarray(((a * d - 5 * a) * d + 8 * a) * d - 4 * a)

    weights = (outer(part + 1), inner(part), inner(1 - part), outer(2 - part))
    return np.asarray(sum(weight**2 for weight in weights), np.float32)


def _blocks(
    picture: Float32[ndarray, "h w 3"], usable: Bool[ndarray, "h w"]
) -> Float32[ndarray, "n b b 3"]:
    """The usable squares."""
    rows, columns = usable.shape[0] // BLOCK_PX, usable.shape[1] // BLOCK_PX
    shape = (rows, BLOCK_PX, columns, BLOCK_PX)
    whole = usable[: rows * BLOCK_PX, : columns * BLOCK_PX].reshape(shape).all(axis=(1, 3))
    cut = picture[: rows * BLOCK_PX, : columns * BLOCK_PX].reshape(*shape, 3).swapaxes(1, 2)
    return np.asarray(cut[whole])


def _detrended(blocks: Float32[ndarray, "n b b 3"]) -> Float32[ndarray, "n b b 3"]:
    """The squares without what a plane explains: shading is no grain.

    A curved surface would take a good part of coarse grain along.
    """
    axis = np.linspace(-1, 1, BLOCK_PX)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    terms = np.stack([np.ones_like(x), x, y]).reshape(3, -1)
    basis = np.linalg.qr(terms.T)[0].astype(np.float32)
    flat = blocks.reshape(len(blocks), BLOCK_PX * BLOCK_PX, 3)
    surface = np.einsum("pk,nkc->npc", basis, np.einsum("pk,npc->nkc", basis, flat))
    return np.asarray((flat - surface).reshape(blocks.shape))


def _calm(here: Float32[ndarray, "n b b 3"], level: ndarray) -> ndarray:
    """Of a level's squares, those with no more coarse structure than the calmest fifth has.

    Coarse structure is not much of grain and much of texture, so choosing by it hardly favours
    squares whose grain happens to be weak.
    """
    cells = here[level].reshape(len(level), 4, BLOCK_PX // 4, 4, BLOCK_PX // 4, 3)
    structure = cells.mean(axis=(2, 4)).var(axis=(1, 2)).sum(axis=1)
    return np.asarray(level[structure <= 2 * np.quantile(structure, 0.2)])


def _usual(noise: Float32[ndarray, "n b b 3"]) -> Float32[ndarray, "m b b 3"]:
    """The squares without those where much more than in most is left: texture, met badly."""
    energy = _variance(noise).sum(axis=1)
    return np.asarray(noise[energy <= 1.5 * np.median(energy)])


def _texture_left(energy: Float32[ndarray, "n 3"], change: Float32[ndarray, "n 3"]) -> float:
    """The share of a texture's variance that no motion takes away: it is never met exactly.

    The slope of change over energy, from groups of squares with more and more texture.
    """
    groups = np.array_split(np.argsort(energy.sum(axis=1), kind="stable"), 8)
    x, y = (np.array([np.median(part[group]) for group in groups]) for part in (energy, change))
    spread = x - x.mean()
    slope = (spread * (y - y.mean())).sum() / max((spread**2).sum(), 1e-18)
    return float(np.clip(slope, 0, 0.5))


def _variance(noise: Float32[ndarray, "n b b 3"]) -> Float32[ndarray, "n 3"]:
    """Of each square and channel."""
    return np.asarray((noise**2).mean(axis=(1, 2)), np.float32)


def _kernels(
    noise: Float32[ndarray, "n b b 3"],
) -> tuple[Float32[ndarray, "3 3 b b"], Float[ndarray, " 3"]]:
    """Filters whose output has the noise's spectra and correlations, and deviation 1.

    At each frequency, the square root of the matrix of the channels' cross spectra. The slowest
    waves went with the planes; they are taken to be as strong as the next ones.

    Returns:
        The filters, and by how much the deviations grow with the slowest waves.
    """
    waves = np.fft.fft2(noise, axes=(1, 2))
    spectra = np.einsum("nyxc,nyxd->yxcd", waves, waves.conj())
    seen = _power(spectra)
    cycles = np.abs(np.fft.fftfreq(BLOCK_PX, 1 / BLOCK_PX))
    speed = np.hypot(cycles[:, None], cycles)
    spectra[speed <= 1] = spectra[(speed > 1) & (speed <= 2)].mean(axis=0).real
    power, vectors = np.linalg.eigh(spectra)
    root = (vectors * np.sqrt(np.maximum(power, 0))[..., None, :]) @ vectors.conj().swapaxes(-1, -2)
    kernels = np.fft.fftshift(np.fft.ifft2(root, axes=(0, 1)).real, axes=(0, 1))
    strength = np.sqrt((kernels**2).sum(axis=(0, 1, 3)))
    kernels = (kernels / np.maximum(strength, 1e-12)[:, None]).transpose(2, 3, 0, 1)
    unseen = np.sqrt(_power(spectra) / np.maximum(seen, 1e-12))
    # OpenCV correlates where this convolves.
    return np.ascontiguousarray(kernels[..., ::-1, ::-1], np.float32), np.asarray(unseen)


def _power(spectra: Complex[ndarray, "b b 3 3"]) -> Float[ndarray, " 3"]:
    """Of each channel, over all frequencies."""
    return np.asarray(np.einsum("yxcc->c", spectra).real)


def _synthesized(grain: Grain, shape: tuple[int, ...], seed: str) -> Float32[ndarray, "h w 3"]:
    """Grain of deviation 1."""
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:16], "big")
    white = np.random.default_rng(number).standard_normal((3, *shape), np.float32)
    channels = [
        sum(cv2.filter2D(white[d], -1, kernel) for d, kernel in enumerate(row))
        for row in grain.kernels
    ]
    return np.stack(channels, axis=2).astype(np.float32)
