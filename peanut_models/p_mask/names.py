"""Published tensor names to ours and back, as rules.

Templates name whole families: `{n}` stands for digits and `{w}` for a word, the same ones on both
sides; what follows a template is kept. The first template that fits counts, so longer ones come
first. Published names are those of SAM 2's and SAMWISE's own files.
"""

from __future__ import annotations

import re
from functools import lru_cache

_TRUNK, _OUR_TRUNK = "image_encoder.trunk.", "image.vision_encoder.backbone."
_BLOCK, _OUR_BLOCK = _TRUNK + "blocks.{n}.", _OUR_TRUNK + "blocks.{n}."
_ATTEND = "memory_attention.layers.{n}."
_ENCODE, _OUR_ENCODE = "memory_encoder.", "memory.memory_encoder."
_PROMPT, _OUR_PROMPT = "sam_prompt_encoder.", "heads.prompt_encoder."
_DECODE, _OUR_DECODE = "sam_mask_decoder.", "heads.mask_decoder."
_LAYER, _OUR_LAYER = _DECODE + "transformer.layers.{n}.", _OUR_DECODE + "transformer.layers.{n}."

Rules = tuple[tuple[str, str], ...]


def _mlp(published: str, ours: str, layers: int) -> Rules:
    """A stack of linear layers: transformers names the first, the middle ones and the last."""
    last = layers - 1
    return (
        (f"{published}layers.0.", f"{ours}proj_in."),
        *((f"{published}layers.{k}.", f"{ours}layers.{k - 1}.") for k in range(1, last)),
        (f"{published}layers.{last}.", f"{ours}proj_out."),
    )


def _downsampler() -> Rules:
    """Four steps of convolution, norm and activation, and a last convolution."""
    published, ours = _ENCODE + "mask_downsampler.encoder.", _OUR_ENCODE + "mask_downsampler."
    steps: list[tuple[str, str]] = [(f"{published}12.", f"{ours}final_conv.")]
    for k in range(4):
        steps.append((f"{published}{3 * k}.", f"{ours}layers.{k}.conv."))
        steps.append((f"{published}{3 * k + 1}.", f"{ours}layers.{k}.layer_norm."))
    return tuple(steps)


SAM: Rules = (
    (_BLOCK + "norm{n}.", _OUR_BLOCK + "layer_norm{n}."),
    *_mlp(_BLOCK + "mlp.", _OUR_BLOCK + "mlp.", 2),
    (_TRUNK + "patch_embed.proj.", _OUR_TRUNK + "patch_embed.projection."),
    (_TRUNK, _OUR_TRUNK),
    ("image_encoder.neck.convs.{n}.conv.", "image.vision_encoder.neck.convs.{n}."),
    ("maskmem_tpos_enc", "memory.memory_temporal_positional_encoding"),
    ("no_mem_embed", "memory.no_memory_embedding"),
    ("no_mem_pos_enc", "memory.no_memory_positional_encoding"),
    ("no_obj_embed_spatial", "memory.occlusion_spatial_embedding_parameter"),
    ("obj_ptr_tpos_proj.", "memory.temporal_positional_encoding_projection_layer."),
    (_ATTEND + "norm{n}.", "memory." + _ATTEND + "layer_norm{n}."),
    (_ATTEND + "{w}.out_proj.", "memory." + _ATTEND + "{w}.o_proj."),
    (_ATTEND, "memory." + _ATTEND),
    ("memory_attention.norm.", "memory.memory_attention.layer_norm."),
    *_downsampler(),
    (_ENCODE + "pix_feat_proj.", _OUR_ENCODE + "feature_projection."),
    (_ENCODE + "fuser.layers.{n}.gamma", _OUR_ENCODE + "memory_fuser.layers.{n}.scale"),
    (
        _ENCODE + "fuser.layers.{n}.dwconv.",
        _OUR_ENCODE + "memory_fuser.layers.{n}.depthwise_conv.",
    ),
    (_ENCODE + "fuser.layers.{n}.norm.", _OUR_ENCODE + "memory_fuser.layers.{n}.layer_norm."),
    (
        _ENCODE + "fuser.layers.{n}.pwconv{n}.",
        _OUR_ENCODE + "memory_fuser.layers.{n}.pointwise_conv{n}.",
    ),
    (_ENCODE + "out_proj.", _OUR_ENCODE + "projection."),
    ("no_obj_ptr", "heads.no_object_pointer"),
    ("mask_downsample.", "heads.mask_downsample."),
    *_mlp("obj_ptr_proj.", "heads.object_pointer_proj.", 3),
    (
        _PROMPT + "pe_layer.positional_encoding_gaussian_matrix",
        _OUR_PROMPT + "shared_embedding.positional_embedding",
    ),
    (_PROMPT + "mask_downscaling.0.", _OUR_PROMPT + "mask_embed.conv1."),
    (_PROMPT + "mask_downscaling.1.", _OUR_PROMPT + "mask_embed.layer_norm1."),
    (_PROMPT + "mask_downscaling.3.", _OUR_PROMPT + "mask_embed.conv2."),
    (_PROMPT + "mask_downscaling.4.", _OUR_PROMPT + "mask_embed.layer_norm2."),
    (_PROMPT + "mask_downscaling.6.", _OUR_PROMPT + "mask_embed.conv3."),
    (_PROMPT + "not_a_point_embed.", _OUR_PROMPT + "not_a_point_embed."),
    (_PROMPT + "no_mask_embed.", _OUR_PROMPT + "no_mask_embed."),
    (_LAYER + "norm{n}.", _OUR_LAYER + "layer_norm{n}."),
    *_mlp(_LAYER + "mlp.", _OUR_LAYER + "mlp.", 2),
    (_LAYER + "{w}.out_proj.", _OUR_LAYER + "{w}.o_proj."),
    (
        _DECODE + "transformer.{w}.out_proj.",
        _OUR_DECODE + "transformer.{w}.o_proj.",
    ),
    (
        _DECODE + "transformer.norm_final_attn.",
        _OUR_DECODE + "transformer.layer_norm_final_attn.",
    ),
    (_DECODE + "output_upscaling.0.", _OUR_DECODE + "upscale_conv1."),
    (_DECODE + "output_upscaling.1.", _OUR_DECODE + "upscale_layer_norm."),
    (_DECODE + "output_upscaling.3.", _OUR_DECODE + "upscale_conv2."),
    *_mlp(
        _DECODE + "output_hypernetworks_mlps.{n}.",
        _OUR_DECODE + "output_hypernetworks_mlps.{n}.",
        3,
    ),
    *_mlp(_DECODE + "iou_prediction_head.", _OUR_DECODE + "iou_prediction_head.", 3),
    *_mlp(_DECODE + "pred_obj_score_head.", _OUR_DECODE + "pred_obj_score_head.", 3),
    (_DECODE, _OUR_DECODE),
)
"""A SAM 2 file's names, and ours inside `Sam2`. Ours are transformers' behind the part's name.

The four point embeddings are one tensor of ours; `convert` stacks them.
"""

_SENTENCE = "text_encoder.model.encoder.sentence_encoder."
_WORDS, _OUR_WORDS = _SENTENCE + "layers.{n}.", "text.roberta.encoder.layer.{n}."
_ADAPTER, _OUR_ADAPTER = "cmt_adapters.{n}.", "adapters.{n}."
_CME = "conditional_memory_encoder."

SAMWISE: Rules = (
    (_SENTENCE + "embed_tokens.", "text.roberta.embeddings.word_embeddings."),
    (_SENTENCE + "embed_positions.", "text.roberta.embeddings.position_embeddings."),
    (_SENTENCE + "layernorm_embedding.", "text.roberta.embeddings.LayerNorm."),
    (_WORDS + "self_attn.q_proj.", _OUR_WORDS + "attention.self.query."),
    (_WORDS + "self_attn.k_proj.", _OUR_WORDS + "attention.self.key."),
    (_WORDS + "self_attn.v_proj.", _OUR_WORDS + "attention.self.value."),
    (_WORDS + "self_attn.out_proj.", _OUR_WORDS + "attention.output.dense."),
    (_WORDS + "self_attn_layer_norm.", _OUR_WORDS + "attention.output.LayerNorm."),
    (_WORDS + "fc1.", _OUR_WORDS + "intermediate.dense."),
    (_WORDS + "fc2.", _OUR_WORDS + "output.dense."),
    (_WORDS + "final_layer_norm.", _OUR_WORDS + "output.LayerNorm."),
    # Ours: no file with CLIP was published.
    ("text_encoder.clip.", "text.clip."),
    ("sam." + _PROMPT + "project_text.layers.{n}.", "prompts.contextual.layers.{n}."),
    ("sam." + _PROMPT + "project_motion_prompts.layers.{n}.", "prompts.motion.layers.{n}."),
    *((f"sam.{published}", f"sam.{ours}") for published, ours in SAM),
    (_ADAPTER + "spatial_pos_embed", _OUR_ADAPTER + "hsa.position"),
    (_ADAPTER + "norm_pre_HSA.", _OUR_ADAPTER + "hsa.norm."),
    (_ADAPTER + "hsa.self_attn.", _OUR_ADAPTER + "hsa.attention.attend."),
    (_ADAPTER + "hsa.linear.", _OUR_ADAPTER + "hsa.attention.out."),
    (_ADAPTER + "proj_vis_down.{n}.", _OUR_ADAPTER + "vision_down.{n}."),
    (_ADAPTER + "proj_vis_up.{n}.", _OUR_ADAPTER + "vision_up.{n}."),
    (_ADAPTER + "proj_text_down.0.", _OUR_ADAPTER + "text_down."),
    (_ADAPTER + "proj_text_up.0.", _OUR_ADAPTER + "text_up."),
    (_ADAPTER + "ca_V2T.multihead_attn.", _OUR_ADAPTER + "vision_from_text.attend."),
    (_ADAPTER + "ca_T2V.multihead_attn.", _OUR_ADAPTER + "text_from_vision.attend."),
    (_CME + "transformerBlock.self_attn.", "cme.attention."),
    (_CME + "transformerBlock.linear1.", "cme.expand."),
    (_CME + "transformerBlock.linear2.", "cme.contract."),
    (_CME + "transformerBlock.norm1.", "cme.norm_attention."),
    (_CME + "transformerBlock.norm3.", "cme.norm_feed_forward."),
    (_CME + "decision_token.", "cme.decision."),
    (_CME + "decision_class_head.", "cme.head."),
)
"""A SAMWISE file's names, and ours inside `PMaskNetwork`."""


def renamed(name: str, rules: Rules, *, back: bool = False) -> str | None:
    """Our name of a published tensor (`back`: the other way), or None where no rule fits."""
    for pattern, replacement in _compiled(rules, back):
        match = pattern.match(name)
        if match is not None:
            return replacement.format(*match.groups()) + name[match.end() :]
    return None


@lru_cache(maxsize=8)
def _compiled(rules: Rules, back: bool) -> tuple[tuple[re.Pattern[str], str], ...]:
    compiled = []
    for published, ours in rules:
        before, after = (ours, published) if back else (published, ours)
        pattern = re.escape(before).replace(r"\{n\}", r"(\d+)").replace(r"\{w\}", r"([a-z_]+)")
        compiled.append((re.compile(pattern), re.sub(r"\{[nw]\}", "{}", after)))
    return tuple(compiled)
