"""What tracking needs of a segmentation network, and SAM 2 as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Bool, Float, Float32, UInt8
from numpy import ndarray
from torch import Tensor

from peanut_models.p_mask.backbone import ImageFeatures, Sam2
from peanut_models.p_mask.heads import GIVEN_BIAS, GIVEN_SCALE, Decoded, is_ambiguous
from peanut_models.p_mask.memory import Memory, Recalled, at_once
from peanut_models.p_mask.preprocess import Fit, Placement, placement, prepared
from peanut_models.p_mask.settings import Precision

Image = UInt8[ndarray, "h w 3"]
Mask = Bool[ndarray, "h w"]

HINT_LIMIT = 32.0
"""SAM 2's tracker clips an earlier prediction's logits to this before it refines them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clicks:
    """Points and a box on one frame, for one target.

    Attributes:
        points: x and y in pixels of the frame, and whether the target is there.
        box: x0, y0, x1, y1 in pixels of the frame.
        earlier: a mask of the frame that they correct; None where they stand alone.
    """

    points: tuple[tuple[float, float, bool], ...] = ()
    box: tuple[float, float, float, float] | None = None
    earlier: Mask | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One target on one frame.

    Attributes:
        logits: of the mask, at the frame's size.
        quality: the network's own estimate of the mask's overlap with the truth, 0 to 1.
        presence: probability that the target is in the frame.
        raw: what `Segmenter.remember` wants of it.
    """

    logits: Float32[ndarray, "h w"]
    quality: float
    presence: float
    raw: Any

    @property
    def confidence(self) -> float:
        """0 (lost) to 1 (certain)."""
        return self.quality * self.presence


class Segmenter(Protocol):
    """A network that segments one target on one frame, and remembers.

    Features and memories are its own; what tracks only hands them on.
    """

    def encode(self, image: Image) -> Any:
        """The features of a frame; they know no target."""
        ...

    def prompted(self, features: Any, clicks: Clicks) -> Seen:
        """The target that clicks or a box on this frame say."""
        ...

    def given(self, features: Any, mask: Mask) -> Seen:
        """A painted or locked mask, as if it had been predicted."""
        ...

    def follow(self, features: Any, recalled: Sequence[Recalled]) -> list[Seen]:
        """The targets that memories hold, all on one frame."""
        ...

    def refine(self, features: Any, recalled: Recalled, seen: Seen, clicks: Clicks) -> Seen:
        """One target that was followed, corrected by clicks."""
        ...

    def remember(self, features: Any, seen: Sequence[Seen], *, prompted: bool) -> list[Memory]:
        """What a frame leaves behind for each target."""
        ...

    def describe(self, features: Any, mask: Mask) -> Float32[ndarray, " c"] | None:
        """What lies under a mask as a vector of length 1; None where nothing does."""
        ...


class Sam2Segmenter:
    """SAM 2 for clicks, boxes and masks.

    Args:
        sam: ready for inference, on its device.
        precision: of convolutions and products; the halves are for accelerators.
        fit: `stretch` fills the square input, as SAM 2's own tracker does.
    """

    def __init__(
        self, sam: Sam2, *, precision: Precision = "float32", fit: Fit = "stretch"
    ) -> None:
        self._sam = sam
        self._precision = precision
        self._fit = fit
        self._side = sam.config.image_size_px
        self._device = next(sam.parameters()).device

    def encode(self, image: Image) -> tuple[ImageFeatures, Placement]:
        """See `Segmenter`."""
        where = placement(*image.shape[:2], fit=self._fit, image_size_px=self._side)
        frames = prepared(image[None], fit=self._fit, image_size_px=self._side)
        with self._running():
            return self._sam.encode_image(frames.to(self._device)), where

    def prompted(self, features: tuple[ImageFeatures, Placement], clicks: Clicks) -> Seen:
        """See `Segmenter`."""
        image, where = features
        with self._running():
            hint = None if clicks.earlier is None else self._as_logits(clicks.earlier, where)
            return self._decoded(image, where, clicks, hint, None)

    def given(self, features: tuple[ImageFeatures, Placement], mask: Mask) -> Seen:
        """See `Segmenter`."""
        image, where = features
        with self._running():
            decoded = self._sam.given_mask(image, where.to_input_mask(self._as_tensor(mask)))
            return seen_of(decoded, where)

    def follow(
        self, features: tuple[ImageFeatures, Placement], recalled: Sequence[Recalled]
    ) -> list[Seen]:
        """See `Segmenter`."""
        image, where = features
        alike: dict[Any, list[int]] = {}
        for k, each in enumerate(recalled):
            alike.setdefault(each.places, []).append(k)
        found: dict[int, Seen] = {}
        for group in alike.values():
            with self._running():
                decoded = self._sam.decode(
                    image,
                    self._sam.heads.encode_nothing(len(group)),
                    at_once([recalled[k] for k in group]),
                    multimask=is_ambiguous(0),
                )
                for k, one in zip(group, decoded.each(), strict=True):
                    found[k] = seen_of(one, where)
        return [found[k] for k in range(len(recalled))]

    def refine(
        self,
        features: tuple[ImageFeatures, Placement],
        recalled: Recalled,
        seen: Seen,
        clicks: Clicks,
    ) -> Seen:
        """See `Segmenter`."""
        image, where = features
        with self._running():
            hint = seen.raw.low_res.clamp(-HINT_LIMIT, HINT_LIMIT)
            return self._decoded(image, where, clicks, hint, recalled)

    def remember(
        self, features: tuple[ImageFeatures, Placement], seen: Sequence[Seen], *, prompted: bool
    ) -> list[Memory]:
        """See `Segmenter`."""
        decoded = [each.raw for each in seen]
        together = Decoded(*(torch.cat(parts) for parts in zip(*decoded, strict=True)))
        with self._running():
            left = self._sam.encode_memory(features[0], together, prompted=prompted)
        # Copies, since a part would keep the memories of all targets alive.
        return [Memory(*(part[k : k + 1].clone() for part in left)) for k in range(len(seen))]

    def describe(
        self, features: tuple[ImageFeatures, Placement], mask: Mask
    ) -> Float32[ndarray, " c"] | None:
        """See `Segmenter`."""
        image, where = features
        with self._running():
            return described(image.stride16, mask, where)

    def _decoded(
        self,
        image: ImageFeatures,
        where: Placement,
        clicks: Clicks,
        hint: Tensor | None,
        recalled: Recalled | None,
    ) -> Seen:
        given = len(clicks.points)
        points = torch.tensor([(x, y) for x, y, _ in clicks.points]).reshape(1, given, 2)
        labels = torch.tensor([[int(positive) for _, _, positive in clicks.points]])
        box = None
        if clicks.box is not None:
            corners = where.to_input_xy(torch.tensor(clicks.box).reshape(2, 2))
            box = corners.reshape(1, 4).to(self._device)
        # A box is two points to SAM 2.
        count = given + (0 if box is None else 2)
        prompts = self._sam.heads.encode_prompts(
            # Pixel centres lie at integers before and after the scaling.
            points_xy_px=(where.to_input_xy(points + 0.5) - 0.5).to(self._device),
            labels=labels.to(self._device, torch.int64),
            boxes_xyxy_px=box,
            mask_logits=hint,
        )
        decoded = self._sam.decode(
            image, prompts, recalled, multimask=hint is None and is_ambiguous(count)
        )
        return seen_of(decoded, where)

    def _as_tensor(self, mask: Mask) -> Bool[Tensor, "1 1 h w"]:
        return torch.from_numpy(np.ascontiguousarray(mask))[None, None].to(self._device)

    def _as_logits(self, mask: Mask, where: Placement) -> Float[Tensor, "1 1 h4 w4"]:
        inside = where.to_input_mask(self._as_tensor(mask)).to(torch.float32)
        quarter = F.avg_pool2d(inside, kernel_size=4)
        return quarter * GIVEN_SCALE + GIVEN_BIAS

    def _running(self) -> Any:
        return running(self._device, self._precision)


@contextmanager
def running(device: torch.device, precision: Precision) -> Iterator[None]:
    """Inference at a precision."""
    half: Any = nullcontext()
    if precision != "float32":
        half = torch.autocast(device.type, dtype=getattr(torch, precision))
    with torch.inference_mode(), half:
        yield


def seen_of(decoded: Decoded, where: Placement) -> Seen:
    """One target's prediction, back at the frame's size and in host memory."""
    logits = where.to_source(decoded.logits.float())[0, 0]
    return Seen(
        logits=logits.cpu().numpy(),
        quality=float(decoded.iou.float().clamp(0, 1)),
        presence=float(torch.sigmoid(decoded.object_score.float())),
        raw=decoded,
    )


def described(
    stride16: Float[Tensor, "1 c h w"], mask: Mask, where: Placement
) -> Float32[ndarray, " c"] | None:
    """The mean feature under a mask relative to the frame's mean, scaled to length 1.

    Every place of a frame shares most of its feature, so without its mean all cosines would lie
    near 1.

    Args:
        stride16: of one frame, before it read any memory.
        mask: at the frame's size.
        where: how the frame lies in the network's input.
    """
    inside = where.to_input_mask(torch.from_numpy(np.ascontiguousarray(mask))[None, None])
    share = F.avg_pool2d(inside.to(torch.float32), kernel_size=16).to(stride16.device)
    total = share.sum()
    if float(total) <= 0:
        return None
    rows, columns = (-(-side // 16) for side in where.placed_hw)
    features = stride16.float()
    mean = features[..., :rows, :columns].mean(dim=(-2, -1))[0]
    feature = (features * share).sum(dim=(-2, -1))[0] / total - mean
    length = feature.norm()
    if float(length) < 1e-6:
        return None
    return np.asarray((feature / length).cpu().numpy(), np.float32)
