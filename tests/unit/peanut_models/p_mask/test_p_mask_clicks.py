"""SAM 2.1's road for clicks, boxes and masks, against transformers' own video session."""

from dataclasses import replace

import pytest
import torch
from support.samwise import SMALL
from transformers import Sam2VideoModel
from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

from peanut_models.errors import InvalidInputError
from peanut_models.p_mask.backbone import Sam2, video_config
from peanut_models.p_mask.config import Sam2Config
from peanut_models.p_mask.convert import fill
from peanut_models.p_mask.heads import Decoded, is_ambiguous
from peanut_models.p_mask.memory import Memory, MemoryBank

CONFIG = replace(SMALL.sam, version="2.1", stability_fallback=True)
SIDE, FRAMES = 128, 6
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def theirs() -> Sam2VideoModel:
    torch.manual_seed(1)
    model = Sam2VideoModel(video_config(CONFIG)).eval()
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1 and not bool(parameter.any()):
            torch.nn.init.normal_(parameter, std=0.3)
        elif name.endswith("pred_obj_score_head.proj_out.bias"):
            torch.nn.init.constant_(parameter, 6.0)
        elif "norm" not in name:
            torch.nn.init.normal_(parameter, std=(1.0 / parameter[0].numel()) ** 0.5)
    # One matrix under two names.
    with torch.no_grad():
        model.shared_image_embedding.positional_embedding.copy_(
            model.prompt_encoder.shared_embedding.positional_embedding
        )
    return model


@pytest.fixture(scope="module")
def ours(theirs: Sam2VideoModel) -> Sam2:
    with torch.device("meta"):
        sam = Sam2(CONFIG)
    given = theirs.state_dict()
    fill(sam, {name: given[name.split(".", 1)[1]] for name in sam.state_dict()})
    return sam


@pytest.fixture(scope="module")
def video() -> torch.Tensor:
    torch.manual_seed(2)
    return torch.randn(1, 3, SIDE, SIDE) + 0.3 * torch.randn(FRAMES, 3, SIDE, SIDE)


def session(video: torch.Tensor) -> Sam2VideoInferenceSession:
    begun = Sam2VideoInferenceSession(
        video=video, video_height=SIDE, video_width=SIDE, dtype=torch.float32
    )
    begun.obj_id_to_idx(1)
    begun.obj_with_new_inputs = [1]
    return begun


def followed(theirs: Sam2VideoModel, begun: Sam2VideoInferenceSession) -> list[torch.Tensor]:
    first = theirs(begun, frame_idx=0).pred_masks
    rest = theirs.propagate_in_video_iterator(begun, start_frame_idx=1)
    return [first, *(out.pred_masks for out in rest)]


def tracked(sam: Sam2, video: torch.Tensor, first: Decoded, bank: MemoryBank) -> list[torch.Tensor]:
    """Our own loop over the frames after a prompted one."""
    low_res, prompted = [first.low_res], True
    decoded = first
    for f in range(FRAMES):
        features = sam.encode_image(video[f : f + 1])
        if f:
            nothing = sam.heads.encode_prompts()
            decoded = sam.decode(
                features,
                nothing,
                bank.recall(f),
                multimask=is_ambiguous(0),
                most_pointers=FRAMES,
            )
            low_res.append(decoded.low_res)
            prompted = False
        memory = sam.encode_memory(features, decoded, prompted=prompted)
        # Transformers keeps memories in bfloat16.
        rounded = memory.features.to(torch.bfloat16).to(torch.float32)
        bank.push(f, Memory(rounded, memory.pointer), prompted=prompted)
    return low_res


@pytest.mark.parametrize(
    ("points", "labels"),
    [([[40.0, 50.0]], [1]), ([[40.0, 50.0], [90.0, 20.0]], [1, 0]), ([[20, 30], [80, 90]], [2, 3])],
    ids=["one click", "two clicks", "a box"],
)
def test_clicks_and_boxes_give_transformers_masks(theirs, ours, video, points, labels):
    with torch.inference_mode():
        begun = session(video)
        coordinates = torch.tensor([[points]], dtype=torch.float32)
        kinds = torch.tensor([[labels]])
        begun.add_point_inputs(0, 0, {"point_coords": coordinates, "point_labels": kinds})
        expected = followed(theirs, begun)
        if labels == [2, 3]:
            prompts = ours.heads.encode_prompts(boxes_xyxy_px=coordinates[0].reshape(1, 4))
        else:
            prompts = ours.heads.encode_prompts(points_xy_px=coordinates[0], labels=kinds[0])
        features = ours.encode_image(video[:1])
        first = ours.decode(features, prompts, multimask=is_ambiguous(len(points)))
        masks = tracked(ours, video, first, MemoryBank())
    assert len(masks) == len(expected) == FRAMES
    for mine, other in zip(masks, expected, strict=True):
        assert float((mine - other).abs().max()) <= TOLERANCE
    # Otherwise everything could be absent, or memory unread, and still agree.
    assert float(masks[0].min()) > -1000
    assert float((masks[1] - masks[4]).abs().max()) > 100 * TOLERANCE


@pytest.mark.parametrize("empty", [False, True])
def test_a_painted_mask_gives_transformers_masks(theirs, ours, video, empty):
    mask = torch.zeros(1, 1, SIDE, SIDE, dtype=torch.bool)
    mask[..., 30:70, 40:90] = not empty
    with torch.inference_mode():
        begun = session(video)
        begun.add_mask_inputs(0, 0, mask)
        expected = followed(theirs, begun)
        features = ours.encode_image(video[:1])
        first = ours.given_mask(features, mask)
        masks = tracked(ours, video, first, MemoryBank())
    for mine, other in zip(masks, expected, strict=True):
        assert float((mine - other).abs().max()) <= TOLERANCE
    assert bool((first.logits > 0).any()) is not empty
    assert (float(first.object_score) > 0) is not empty


def test_targets_in_one_pass_are_what_each_is_alone(ours, video):
    points = torch.tensor([[[40.0, 50.0]], [[90.0, 20.0]], [[10.0, 110.0]]])
    labels = torch.ones(3, 1, dtype=torch.int64)
    with torch.inference_mode():
        features = ours.encode_image(video[:1])
        together = ours.decode(
            features, ours.heads.encode_prompts(points_xy_px=points, labels=labels), multimask=True
        )
        memory = ours.encode_memory(features, together, prompted=True)
        bank = MemoryBank()
        bank.push(0, memory, prompted=True)
        following = ours.encode_image(video[1:2])
        next_prompts = ours.heads.encode_prompts(tokens=torch.zeros(3, 0, 256))
        later = ours.decode(following, next_prompts, bank.recall(1), multimask=True)
        for k in range(3):
            one = slice(k, k + 1)
            prompts = ours.heads.encode_prompts(points_xy_px=points[one], labels=labels[one])
            alone = ours.decode(features, prompts, multimask=True)
            assert torch.allclose(together.low_res[one], alone.low_res, atol=1e-4)
            bank_alone = MemoryBank()
            bank_alone.push(0, ours.encode_memory(features, alone, prompted=True), prompted=True)
            single = ours.decode(
                following, ours.heads.encode_prompts(), bank_alone.recall(1), multimask=True
            )
            assert torch.allclose(later.low_res[one], single.low_res, atol=1e-3)
            assert torch.allclose(later.pointer[one], single.pointer, atol=1e-3)


def test_text_tokens_and_clicks_may_meet(ours):
    prompts = ours.heads.encode_prompts(
        points_xy_px=torch.tensor([[[40.0, 50.0]]]),
        labels=torch.tensor([[1]]),
        tokens=torch.ones(1, 1, 256),
    )
    # The click, its padding, the text.
    assert prompts.sparse.shape == (1, 1, 3, 256)
    assert bool((prompts.sparse[0, 0, 2] == 1).all())


def test_prompts_that_do_not_fit_are_refused(ours):
    with pytest.raises(InvalidInputError, match="give both or neither"):
        ours.heads.encode_prompts(points_xy_px=torch.zeros(1, 1, 2))
    with pytest.raises(InvalidInputError, match="different numbers of targets"):
        ours.heads.encode_prompts(boxes_xyxy_px=torch.zeros(2, 4), tokens=torch.zeros(1, 1, 256))
    features = ours.encode_image(torch.zeros(1, 3, SIDE, SIDE))
    with pytest.raises(InvalidInputError, match="expected n x 1 x 128 x 128"):
        ours.given_mask(features, torch.zeros(1, 1, 64, 64, dtype=torch.bool))


def test_release_2_0_has_neither_code_of_2_1():
    with torch.device("meta"):
        later = set(Sam2(CONFIG).state_dict())
        earlier = set(Sam2(replace(CONFIG, version="2.0")).state_dict())
    assert later - earlier == {
        "memory.occlusion_spatial_embedding_parameter",
        "memory.temporal_positional_encoding_projection_layer.bias",
        "memory.temporal_positional_encoding_projection_layer.weight",
    }
    assert not earlier - later
    with pytest.raises(InvalidInputError, match=r"use 2\.0 or 2\.1"):
        Sam2Config(version="3.0")
