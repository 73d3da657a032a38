"""What a result changed: differences outside the matte, in the source's own code values.

A result in the source's pixel format is compared as it is. One in another format is brought to the
source's first, by the same arithmetic that a deliverable is written with, and a patch is laid over
the source first, as a host does. So what is measured is what an editor gets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float32
from numpy import ndarray

from peanut_daemon.errors import InvalidRequestError, MaskSizeError
from peanut_daemon.media.composite import composite
from peanut_daemon.media.convert import (
    alpha_codes,
    block_mean,
    components_from_rgb,
    native_from_working,
    requantised,
    rgb_dtype,
)
from peanut_daemon.media.frame import SourceFrame
from peanut_daemon.media.layout import Layout

_NAMES = {"yuv": "YUV", "rgb": "RGB", "gray": "Y"}


@dataclass(slots=True)
class ChannelDifference:
    """Differences of one channel so far.

    Attributes:
        name: "Y", "U", "V", "R", "G", "B" or "A".
        maximum, total: of the absolute differences, in code values of the source's pixel format;
            of floating point in its own unit. Infinite where one is a number and the other none.
        samples: how many were compared.
        differing: how many of these differ at all.
        worst_frame: of the source, where the maximum is; None while there is no difference.
    """

    name: str
    maximum: float = 0.0
    total: float = 0.0
    samples: int = 0
    differing: int = 0
    worst_frame: int | None = None

    @property
    def mean(self) -> float:
        """Of the absolute differences; 0 where nothing was compared."""
        return self.total / self.samples if self.samples else 0.0

    def add(self, frame_index: int, before: ndarray, after: ndarray) -> None:
        """Compare samples, in any shape, of one frame of the source."""
        self.samples += before.size
        if np.array_equal(before, after):
            return
        with np.errstate(invalid="ignore"):
            apart = np.abs(after.astype(np.float64) - before.astype(np.float64))
        both_none = np.isnan(before) & np.isnan(after) if before.dtype.kind == "f" else False
        apart[(before == after) | both_none] = 0
        apart[np.isnan(apart)] = np.inf
        worst = float(apart.max())
        self.total += float(apart.sum())
        self.differing += int(np.count_nonzero(apart))
        if worst > self.maximum:
            self.maximum, self.worst_frame = worst, frame_index

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it; what is infinite there is null."""
        finite = np.isfinite(self.maximum)
        return {
            "channel": self.name,
            "maximum": round(self.maximum, 6) if finite else None,
            "mean": round(self.mean, 6) if finite else None,
            "samples": self.samples,
            "differing": self.differing,
            "worst_frame": self.worst_frame,
        }


class Comparison:
    """Adds up the differences of a clip, frame by frame.

    Args:
        layout: of the source.
        patch: the results are patches, to be laid over the source.
        alpha: compare the source's alpha too; the result has one that is no matte.
    """

    def __init__(self, layout: Layout, *, patch: bool, alpha: bool) -> None:
        self._patch = patch
        names = _NAMES[layout.family] + ("A" if layout.alpha and alpha and not patch else "")
        self.channels = [ChannelDifference(name) for name in names]

    def add(
        self, source: SourceFrame, result: SourceFrame, matte: Bool[ndarray, "h w"] | None
    ) -> None:
        """Compare one frame.

        Args:
            source: the decoded frame.
            result: what became of it, of the same size.
            matte: where it may differ; None: nowhere.

        Raises:
            MaskSizeError: the matte's size is not the source's.
            InvalidRequestError: the result's size is not the source's.
        """
        size = (source.height, source.width)
        if (result.height, result.width) != size:
            raise InvalidRequestError(
                f"frame {result.frame_index} of the result is {result.width}x{result.height} and "
                f"the source {source.width}x{source.height}: only pictures of one size can be "
                "compared"
            )
        if matte is not None and matte.shape != size:
            raise MaskSizeError(
                f"the matte is {'x'.join(str(n) for n in matte.shape[::-1])} pixels and the source "
                f"{source.width}x{source.height}: give the matte at the source's size"
            )
        before = source.components()
        after = _in_codes_of(source, result, patch=self._patch)
        outside = None if matte is None else _outside(matte, source.layout)
        for index, channel in enumerate(self.channels):
            # Alpha, the last one, has the size of luma.
            place = slice(None) if outside is None else outside[index if index < 3 else 0]
            channel.add(source.frame_index, before[index][place], after[index][place])


def _outside(matte: Bool[ndarray, "h w"], layout: Layout) -> list[Bool[ndarray, "ch cw"]]:
    """Per component, which samples the matte does not touch (the rule of `composite`)."""
    luma = ~matte
    if layout.family != "yuv" or layout.subsampling == (1, 1):
        return [luma] * 3
    chroma = block_mean(matte.astype(np.float32), layout.subsampling) == 0
    return [luma, chroma, chroma]


def _in_codes_of(source: SourceFrame, result: SourceFrame, *, patch: bool) -> list[ndarray]:
    """The result's components in the source's pixel format."""
    if patch:
        plate = _rgb_like(source, result.to_rgb())
        return composite(source, plate, _alpha_of(result)).components()
    layout, other = source.layout, result.layout
    stored = (layout.family, layout.subsampling, layout.floating)
    # Half fits into float, so of these the depth does not matter.
    same = stored == (other.family, other.subsampling, other.floating) and (
        layout.floating or layout.bits == other.bits
    )
    if same and (layout.family == "rgb" or layout.floating or source.scale == result.scale):
        return _with_alpha(result.components(), result, layout)
    if layout.family == other.family == "yuv":
        return requantised(result.components(), other, result.scale, layout, source.scale)
    native = native_from_working(result.to_rgb(), source.transform)
    return _with_alpha(components_from_rgb(native, layout, source.scale), result, layout)


def _with_alpha(components: list[ndarray], result: SourceFrame, to: Layout) -> list[ndarray]:
    """The colours among the components, and the result's alpha where `to` has one."""
    colours = components[: 1 if to.family == "gray" else 3]
    if not to.alpha:
        return colours
    return [*colours, alpha_codes(result.components(), result.layout, to)]


def _alpha_of(result: SourceFrame) -> Float32[ndarray, "h w"]:
    """0 to 1."""
    return result.components()[-1].astype(np.float32) / np.float32(result.layout.maximum)


def _rgb_like(source: SourceFrame, rgb: ndarray) -> ndarray:
    """RGB in the depth of the source's."""
    wanted = np.dtype(rgb_dtype(source.layout, source.transform))
    if rgb.dtype == wanted:
        return rgb
    if wanted == np.uint8:
        return np.asarray(cv2.convertScaleAbs(rgb, alpha=1 / 257))
    return rgb.astype(np.uint16) * np.uint16(257)
