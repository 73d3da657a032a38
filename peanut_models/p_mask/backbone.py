"""SAM 2 on transformers' modules, taken apart so that a clip can be walked stage by stage.

The modules are built from our own configuration, never fetched. Frames, memory and prompts meet
in `network.py`; this file holds the image encoder and the container of the parts.

Source: Ravi et al., "SAM 2: Segment Anything in Images and Videos", 2024.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from transformers import (
    Sam2HieraDetConfig,
    Sam2VideoConfig,
    Sam2VisionConfig,
    Sam2VisionModel,
)
from transformers.models.sam2_video.configuration_sam2_video import (
    Sam2VideoMaskDecoderConfig,
    Sam2VideoPromptEncoderConfig,
)

from peanut_models.errors import InvalidInputError
from peanut_models.p_mask.config import POINTERS, Sam2Config
from peanut_models.p_mask.heads import Decoded, EncodedPrompts, MaskHeads
from peanut_models.p_mask.memory import Memory, MemoryModules, Recalled

STAGES = 4
"""Stages of a Hiera encoder, at strides 4, 8, 16 and 32."""


class ImageFeatures(NamedTuple):
    """What the image encoder gives for each frame; any number of targets share it.

    Attributes:
        stride4: for the mask decoder's finest step.
        stride8: for the step before.
        stride16: what attends to memory, before any memory or prompt.
        position: sine code of `stride16`, the same for every frame.
    """

    stride4: Float[Tensor, "t 32 h4 w4"]
    stride8: Float[Tensor, "t 64 h8 w8"]
    stride16: Float[Tensor, "t 256 h16 w16"]
    position: Float[Tensor, "1 256 h16 w16"]

    def frame(self, k: int) -> ImageFeatures:
        """One frame of the clip, with a leading dimension of 1."""
        return ImageFeatures(
            self.stride4[k : k + 1],
            self.stride8[k : k + 1],
            self.stride16[k : k + 1],
            self.position,
        )


class ImageEncoder(nn.Module):
    """Hiera and its feature pyramid, callable one stage at a time."""

    def __init__(self, config: Sam2Config) -> None:
        super().__init__()
        self.config = config
        self.vision_encoder = Sam2VisionModel(vision_config(config))

    def start(self, frames: Float[Tensor, "t 3 h w"]) -> Float[Tensor, "t h4 w4 c"]:
        """Patches and their position code: what stage 0 takes.

        Args:
            frames: normalised and padded by `preprocess`.

        Raises:
            InvalidInputError: not square frames of the configured size.
        """
        side = self.config.image_size_px
        if frames.ndim != 4 or frames.shape[1:] != (3, side, side):
            raise InvalidInputError(
                f"frames have shape {tuple(frames.shape)}: expected t x 3 x {side} x {side}; "
                "use preprocess.prepared"
            )
        trunk = self.vision_encoder.backbone
        patches: Tensor = trunk.patch_embed(frames)
        position: Tensor = trunk._get_pos_embed(patches.shape[1:3])
        return patches + position

    def stage(self, k: int, hidden: Float[Tensor, "t h w c"]) -> Float[Tensor, "t h2 w2 c2"]:
        """The blocks of stage `k` (0 to 3), a few frames at a time."""
        trunk, step = self.vision_encoder.backbone, self.config.encode_batch
        first = trunk.stage_ends[k - 1] + 1 if k else 0
        done = []
        for part in torch.split(hidden, step):
            for block in trunk.blocks[first : trunk.stage_ends[k] + 1]:
                part = block(part)
            done.append(part)
        return torch.cat(done)

    def pyramid(
        self, stages: Sequence[Float[Tensor, "t _ _ _"]]
    ) -> tuple[tuple[Tensor, Tensor, Tensor], Float[Tensor, "1 256 h16 w16"]]:
        """256-channel maps at strides 4, 8 and 16, and the sine code of the last."""
        maps, codes = self.vision_encoder.neck(tuple(stages))
        # Coarse to fine, and the coarsest is only summed into the next.
        return (maps[3], maps[2], maps[1]), codes[1][:1]


class Sam2(nn.Module):
    """Image encoder, mask heads and memory of SAM 2."""

    def __init__(self, config: Sam2Config) -> None:
        super().__init__()
        self.config = config
        video = video_config(config)
        self.image = ImageEncoder(config)
        self.heads = MaskHeads(video)
        self.memory = MemoryModules(video)

    def encode_image(self, frames: Float[Tensor, "t 3 h w"]) -> ImageFeatures:
        """Features of frames without any text; see `ImageEncoder.start` for the frames."""
        hidden, stages = self.image.start(frames), []
        for k in range(STAGES):
            hidden = self.image.stage(k, hidden)
            stages.append(hidden)
        return self.features(stages)

    def features(self, stages: Sequence[Float[Tensor, "t _ _ _"]]) -> ImageFeatures:
        """The pyramid of the four stage outputs, as the mask decoder takes it."""
        # A few frames at a time: the finest map has 256 channels before it is narrowed to 32.
        step, decoder, parts = self.config.encode_batch, self.heads.mask_decoder, []
        for part in zip(*(torch.split(stage, step) for stage in stages), strict=True):
            (fine, middle, coarse), position = self.image.pyramid(part)
            parts.append((decoder.conv_s0(fine), decoder.conv_s1(middle), coarse))
        stride4, stride8, stride16 = (torch.cat(maps) for maps in zip(*parts, strict=True))
        return ImageFeatures(stride4, stride8, stride16, position)

    def decode(
        self,
        features: ImageFeatures,
        prompts: EncodedPrompts,
        recalled: Recalled | None = None,
        *,
        multimask: bool = False,
        most_pointers: int = POINTERS + 1,
    ) -> Decoded:
        """The masks of `n` targets on one frame.

        Args:
            features: of the frame.
            prompts: of the targets.
            recalled: what the targets read from their memory; None or empty: nothing.
            multimask: see `MaskHeads.decode`.
            most_pointers: see `MemoryModules.attend`.
        """
        if recalled is None:
            conditioned = self.memory.without(features.stride16)
        else:
            conditioned = self.memory.attend(
                features.stride16, features.position, recalled, most_pointers=most_pointers
            )
        return self.heads.decode(
            conditioned, features.stride8, features.stride4, prompts, multimask=multimask
        )

    def given_mask(self, features: ImageFeatures, mask: Bool[Tensor, "n 1 h w"]) -> Decoded:
        """A user's mask as if it had been predicted; see `MaskHeads.given_mask`."""
        return self.heads.given_mask(mask, features.stride16, features.stride8, features.stride4)

    def encode_memory(
        self,
        features: ImageFeatures,
        decoded: Decoded,
        *,
        logits: Float[Tensor, "n 1 h w"] | None = None,
        prompted: bool = False,
    ) -> Memory:
        """What a frame leaves behind.

        Args:
            features: of the frame.
            decoded: its masks.
            logits: other mask logits to remember instead; default: the predicted ones.
            prompted: see `MemoryModules.encode`.
        """
        remembered = decoded.logits if logits is None else logits
        maps = self.memory.encode(
            features.stride16, remembered, decoded.object_score, prompted=prompted
        )
        return Memory(maps, decoded.pointer)


def vision_config(config: Sam2Config) -> Any:
    """The image encoder's configuration, as transformers takes it."""
    hiera, side = config.hiera, config.image_size_px
    trunk = Sam2HieraDetConfig(
        hidden_size=hiera.width,
        num_attention_heads=hiera.heads,
        image_size=[side, side],
        window_positional_embedding_background_size=list(hiera.background),
        blocks_per_stage=list(hiera.blocks),
        embed_dim_per_stage=list(hiera.widths),
        num_attention_heads_per_stage=[hiera.heads << k for k in range(STAGES)],
        window_size_per_stage=list(hiera.windows),
        global_attention_blocks=list(hiera.global_blocks),
    )
    vision: Any = Sam2VisionConfig(
        backbone_config=trunk,
        backbone_channel_list=list(reversed(hiera.widths)),
        backbone_feature_sizes=[[side // s, side // s] for s in (4, 8, 16)],
    )
    # PyTorch's fused attention: weights are never materialised.
    vision._attn_implementation = vision.backbone_config._attn_implementation = "sdpa"
    return vision


def video_config(config: Sam2Config) -> Any:
    """The configuration of everything behind the image encoder, as transformers takes it."""
    cells, is_later = config.image_size_px // 16, config.version == "2.1"
    video: Any = Sam2VideoConfig(
        vision_config=vision_config(config),
        prompt_encoder_config=Sam2VideoPromptEncoderConfig(image_size=config.image_size_px),
        mask_decoder_config=Sam2VideoMaskDecoderConfig(
            dynamic_multimask_via_stability=config.stability_fallback
        ),
        image_size=config.image_size_px,
        enable_occlusion_spatial_embedding=is_later,
        enable_temporal_pos_encoding_for_object_pointers=is_later,
        memory_attention_rope_feat_sizes=[cells, cells],
    )
    video._attn_implementation = video.mask_decoder_config._attn_implementation = "sdpa"
    return video
