"""SAM 2's prompt encoder and mask decoder: prompts and features to masks and object pointers.

Targets are the leading dimension `n`; a text, clicks, a box or a mask each make one target.

Source: Ravi et al., "SAM 2", 2024, section 4 and appendix C.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from transformers.models.sam2_video.modeling_sam2_video import (
    Sam2VideoFeedForward,
    Sam2VideoMaskDecoder,
    Sam2VideoPromptEncoder,
)

from peanut_models.errors import InvalidInputError
from peanut_models.p_mask.config import CHANNELS, NO_OBJECT_LOGIT

MASK_TOKEN = 2
"""Place of the first mask token among the decoder's tokens: object score, IoU, masks, prompts."""

NOT_A_POINT = -1
"""Label of the empty point that stands where there are no clicks."""

GIVEN_SCALE, GIVEN_BIAS = 20.0, -10.0
"""A given mask's logits: +10 inside, -10 outside."""


MULTIMASK_MOST_POINTS = 1
"""SAM 2's tracker takes the best of three masks up to so many points; a box counts as two."""


class EncodedPrompts(NamedTuple):
    """Prompts of `n` targets, as the mask decoder takes them.

    Attributes:
        sparse: one token per click, box corner, text; clicks carry padding tokens.
        dense: one map per target.
    """

    sparse: Float[Tensor, "n 1 k 256"]
    dense: Float[Tensor, "n 256 h16 w16"]


class Decoded(NamedTuple):
    """What one pass of the mask decoder gives for `n` targets.

    Attributes:
        low_res: mask logits at a quarter of the input; -1024 everywhere without the object.
        logits: the same at the input's size.
        iou: the decoder's own estimate of the mask's quality.
        object_score: above 0 where the object is in the frame.
        pointer: the object pointer, for the memory and for the CME.
        early_token: the first mask token after the decoder's first layer, for the CME.
    """

    low_res: Float[Tensor, "n 1 h4 w4"]
    logits: Float[Tensor, "n 1 h w"]
    iou: Float[Tensor, "n 1"]
    object_score: Float[Tensor, "n 1"]
    pointer: Float[Tensor, "n 256"]
    early_token: Float[Tensor, "n 256"]

    def each(self) -> Iterator[Decoded]:
        """The targets one by one, each with a leading dimension of 1."""
        for parts in zip(*(torch.split(part, 1) for part in self), strict=True):
            yield Decoded(*parts)


class MaskHeads(nn.Module):
    """Prompt encoder, mask decoder and the projection of object pointers."""

    def __init__(self, video_config: Any) -> None:
        super().__init__()
        self.image_size_px = int(video_config.image_size)
        self.prompt_encoder = Sam2VideoPromptEncoder(video_config.prompt_encoder_config)
        self.mask_decoder = Sam2VideoMaskDecoder(video_config.mask_decoder_config)
        self.object_pointer_proj = Sam2VideoFeedForward(CHANNELS, CHANNELS, CHANNELS, 3)
        self.no_object_pointer = nn.Parameter(torch.zeros(1, CHANNELS))
        self.mask_downsample = nn.Conv2d(1, 1, kernel_size=4, stride=4)

    def encode_prompts(
        self,
        *,
        points_xy_px: Float[Tensor, "n k 2"] | None = None,
        labels: Int64[Tensor, "n k"] | None = None,
        boxes_xyxy_px: Float[Tensor, "n 4"] | None = None,
        mask_logits: Float[Tensor, "n 1 h4 w4"] | None = None,
        tokens: Float[Tensor, "n m 256"] | None = None,
    ) -> EncodedPrompts:
        """Prompts of `n` targets; kinds may be combined.

        Args:
            points_xy_px: clicks in pixels of the network's input.
            labels: 1 on the target, 0 off it, -1 for none.
            boxes_xyxy_px: one box per target, in pixels of the network's input. Encoded as two
                points with labels 2 and 3 before the clicks, as SAM 2's tracker does.
            mask_logits: an earlier prediction to refine, at a quarter of the input's size.
            tokens: from `TextPrompts`; they follow the points.

        Raises:
            InvalidInputError: clicks without labels, or counts of targets that differ.
        """
        given = {"points": points_xy_px, "boxes": boxes_xyxy_px, "mask": mask_logits}
        counts = {name: len(x) for name, x in {**given, "text": tokens}.items() if x is not None}
        n = next(iter(counts.values()), 1)
        if any(count != n for count in counts.values()):
            raise InvalidInputError(f"prompts are for different numbers of targets: {counts}")
        if (points_xy_px is None) != (labels is None):
            raise InvalidInputError("points and labels come together: give both or neither")
        points, kinds = self._as_points(n, points_xy_px, labels, boxes_xyxy_px)
        sparse, dense = self.prompt_encoder(points[:, None], kinds[:, None], None, mask_logits)
        if tokens is not None:
            sparse = torch.cat((sparse, tokens[:, None].to(sparse.dtype)), dim=2)
        return EncodedPrompts(sparse, dense)

    def encode_nothing(self, n: int) -> EncodedPrompts:
        """The prompts of `n` targets that are only followed."""
        none = self.encode_prompts()
        return EncodedPrompts(*(part.expand(n, *part.shape[1:]) for part in none))

    def _as_points(
        self, n: int, points: Tensor | None, labels: Tensor | None, boxes: Tensor | None
    ) -> tuple[Float[Tensor, "n k 2"], Int64[Tensor, "n k"]]:
        """Boxes and clicks as labelled points; one empty point where there are none."""
        like = self.no_object_pointer
        coordinates, kinds = [], []
        if boxes is not None:
            coordinates.append(boxes.to(like.device, torch.float32).reshape(n, 2, 2))
            kinds.append(torch.tensor([[2, 3]], device=like.device).expand(n, 2))
        if points is not None and labels is not None:
            # Never in half precision: bfloat16 would move a click by up to 2 px.
            coordinates.append(points.to(like.device, torch.float32))
            kinds.append(labels.to(like.device))
        if not coordinates:
            # parity: SAM 2 puts an empty point and pads it, so text follows two empty tokens.
            coordinates.append(torch.zeros(n, 1, 2, device=like.device))
            kinds.append(torch.full((n, 1), NOT_A_POINT, device=like.device))
        return torch.cat(coordinates, dim=1), torch.cat(kinds, dim=1)

    def image_position(self) -> Float[Tensor, "1 256 h16 w16"]:
        """The decoder's code of each cell's place, from the random matrix that points use too."""
        embedding = self.prompt_encoder.shared_embedding
        rows, columns = self.prompt_encoder.image_embedding_size
        like = embedding.positional_embedding
        y = (torch.arange(rows, dtype=like.dtype, device=like.device) + 0.5) / rows
        x = (torch.arange(columns, dtype=like.dtype, device=like.device) + 0.5) / columns
        grid = torch.stack((x.expand(rows, -1), y[:, None].expand(-1, columns)), dim=-1)
        code: Tensor = embedding(grid)
        return code.permute(2, 0, 1)[None]

    def decode(
        self,
        conditioned: Float[Tensor, "n 256 h16 w16"],
        stride8: Float[Tensor, "f 64 h8 w8"],
        stride4: Float[Tensor, "f 32 h4 w4"],
        prompts: EncodedPrompts,
        *,
        multimask: bool = False,
    ) -> Decoded:
        """One pass of the mask decoder.

        Args:
            conditioned: the frame's features after memory, or with the no-memory code.
            stride8: the frame's finer features, shared by all targets (`f` = 1) or one each.
            stride4: as `stride8`.
            prompts: of the same `n` targets.
            multimask: take the best of three masks by estimated quality, for ambiguous prompts.
        """
        n = len(prompts.sparse)
        with _first_layer_tokens(self.mask_decoder) as early:
            masks, iou, tokens, score = self.mask_decoder(
                image_embeddings=conditioned.expand(n, -1, -1, -1),
                image_positional_embeddings=self.image_position().expand(n, -1, -1, -1),
                sparse_prompt_embeddings=prompts.sparse,
                dense_prompt_embeddings=prompts.dense,
                multimask_output=multimask,
                high_resolution_features=[
                    stride4.expand(n, -1, -1, -1),
                    stride8.expand(n, -1, -1, -1),
                ],
            )
        masks, iou, tokens, score = masks[:, 0], iou[:, 0], tokens[:, 0], score[:, 0]
        target = torch.arange(n, device=masks.device)
        best = iou.argmax(dim=1)
        # Without multimask there is one mask, and one token even where stability chose another.
        token = tokens[target, best if tokens.shape[1] > 1 else 0]
        return self._decoded(masks[target, best][:, None], iou[target, best], token, score, early)

    def _decoded(
        self, low_res: Tensor, iou: Tensor, token: Tensor, score: Tensor, early: list[Tensor]
    ) -> Decoded:
        visible = score > 0
        low_res = torch.where(visible[:, :, None, None], low_res, NO_OBJECT_LOGIT)
        return Decoded(
            low_res,
            self.enlarged(low_res),
            iou[:, None],
            score,
            torch.where(visible, self.object_pointer_proj(token), self.no_object_pointer),
            early[0][:, 0, MASK_TOKEN],
        )

    def enlarged(self, low_res: Float[Tensor, "n 1 h4 w4"]) -> Float[Tensor, "n 1 h w"]:
        """Logits at the input's size, in float32 or better."""
        side = self.image_size_px
        exact = low_res.to(torch.promote_types(low_res.dtype, torch.float32))
        return F.interpolate(exact, (side, side), mode="bilinear", align_corners=False)

    def given_mask(
        self,
        mask: Bool[Tensor, "n 1 h w"],
        stride16: Float[Tensor, "f 256 h16 w16"],
        stride8: Float[Tensor, "f 64 h8 w8"],
        stride4: Float[Tensor, "f 32 h4 w4"],
    ) -> Decoded:
        """A user's mask as if it had been predicted; the decoder only adds its object pointer.

        Args:
            mask: at the input's size, True on the target.
            stride16: the frame's features, without memory and without the no-memory code.
            stride8: its finer features.
            stride4: its finest.

        Raises:
            InvalidInputError: the mask is not of the input's size.
        """
        side = self.image_size_px
        if mask.ndim != 4 or mask.shape[1:] != (1, side, side):
            raise InvalidInputError(
                f"the mask has shape {tuple(mask.shape)}: expected n x 1 x {side} x {side}"
            )
        inside = mask.to(stride16.dtype)
        logits = inside * GIVEN_SCALE + GIVEN_BIAS
        quarter = (side // 4, side // 4)
        low_res = _shrunk(logits, quarter)
        hint = _shrunk(self.mask_downsample(inside), quarter)
        prompts = self.encode_prompts(mask_logits=hint)
        # SAM 2 asks for three masks here too; the best one's token is the pointer.
        seen = self.decode(stride16, stride8, stride4, prompts, multimask=True)
        present = mask.flatten(1).any(dim=1)[:, None]
        return Decoded(
            low_res,
            logits,
            torch.ones_like(seen.iou),
            torch.where(present, GIVEN_SCALE + GIVEN_BIAS, GIVEN_BIAS).to(stride16.dtype),
            torch.where(present, seen.pointer, self.no_object_pointer),
            seen.early_token,
        )


def is_ambiguous(points: int) -> bool:
    """Whether SAM 2's tracker takes the best of three masks: one click, or none (tracking)."""
    return points <= MULTIMASK_MOST_POINTS


def _shrunk(image: Tensor, size: tuple[int, int]) -> Tensor:
    if image.shape[-2:] == size:
        return image
    # PyTorch's antialiasing knows no bfloat16 on a CPU.
    exact = image.to(torch.promote_types(image.dtype, torch.float32))
    shrunk = F.interpolate(exact, size, mode="bilinear", align_corners=False, antialias=True)
    return shrunk.to(image.dtype)


@contextmanager
def _first_layer_tokens(decoder: Any) -> Iterator[list[Tensor]]:
    """Collects the tokens after the first layer of the decoder's transformer."""
    kept: list[Tensor] = []
    hook = decoder.transformer.layers[0].register_forward_hook(
        lambda _module, _given, out: kept.append(out[0])
    )
    try:
        yield kept
    finally:
        hook.remove()
