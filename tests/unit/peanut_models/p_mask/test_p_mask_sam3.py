"""Texts by SAM 3: scripted instances, and the network itself at a tiny size with random weights."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from support.p_mask_stub import BLUE, RED, ColourSegmenter, ScriptedClip, visible
from transformers import (
    CLIPTokenizerFast,
    Sam2VideoVideoProcessor,
    Sam3ImageProcessor,
    Sam3VideoConfig,
    Sam3VideoModel,
    Sam3VideoProcessor,
)
from transformers.models.sam3_video.modeling_sam3_video import Sam3VideoInferenceSession

from peanut_models.errors import InvalidInputError, WeightsMissingError
from peanut_models.p_mask.build import sam3_tracker
from peanut_models.p_mask.predictor import Sam2Tracker
from peanut_models.p_mask.sam3 import (
    NOT_YET,
    TOO_MANY,
    InstanceReader,
    Instances,
    Sam3Settings,
    TransformersSam3,
)
from peanut_models.p_mask.sentences import NOTHING_FOUND, MaskReader, SentenceTracker
from peanut_models.ranges import FrameRange
from peanut_models.stages import PointPrompt
from peanut_models.tracking import TargetMask, TargetPrompts

GREEN = (40, 190, 60)
CLIP = ScriptedClip(
    12,
    {
        RED: lambda t: (10 + t, 6) if 3 < t < 9 else None,
        BLUE: lambda t: (60, 30),
        GREEN: lambda t: (30, 30),
    },
)
COLOURS = {"red": (RED, 0.6), "blue": (BLUE, 0.9), "green": (GREEN, 0.5)}


class ColourFinder:
    """An instance for each colour that a text names, given once all frames are read."""

    def __init__(self):
        self.passes = []

    def check(self, text):
        pass

    def follow(self, images, count, texts):
        self.passes.append((count, list(texts)))
        images = list(images)
        assert len(images) == count
        for image in images:
            yield [self.named(image, text) for text in texts]

    def named(self, image, text):
        found = [(visible(image, c), s) for name, (c, s) in COLOURS.items() if name in text]
        found = [(mask, score) for mask, score in found if mask.any()]
        empty = np.zeros((0, *image.shape[:2]), bool)
        masks = np.concatenate([empty, *(mask[None] for mask, _ in found)])
        return Instances(masks, np.array([score for _, score in found], np.float32))


def target(text, *prompts, name="a", frames=CLIP.frame_range):
    return TargetPrompts(target_id=name, frames=frames, prompts=list(prompts), text=text)


def tracked(finder, *targets, settings=None):
    reader = InstanceReader(finder, settings)
    tracker = SentenceTracker(reader, Sam2Tracker(ColourSegmenter()))
    events = [e for e in tracker.track(CLIP, targets) if isinstance(e, TargetMask)]
    return {(e.target_id, e.tracked.frame_index): e for e in events}


def test_all_instances_together_are_the_target():
    finder = ColourFinder()
    assert isinstance(InstanceReader(finder), MaskReader)
    found = tracked(finder, target("blue and green"))
    assert [k for _, k in found] == list(range(12))
    for k in range(12):
        both = CLIP.truth(BLUE, k) | CLIP.truth(GREEN, k)
        assert np.array_equal(found["a", k].tracked.mask, both)
        # Squares of one size: the mean of 0.9 and 0.5.
        assert found["a", k].tracked.confidence == pytest.approx(0.7, abs=1e-6)
        assert not found["a", k].doubt


def test_texts_with_the_same_run_share_a_pass():
    finder = ColourFinder()
    part = FrameRange(2, 5)
    found = tracked(
        finder,
        *(target("blue", name="a"), target("green", name="b"), target("blue", name="c")),
        target("blue", name="d", frames=part),
    )
    assert sorted(finder.passes) == [(3, ["blue"]), (12, ["blue", "green"])]
    assert [k for name, k in found if name == "d"] == list(part)
    for name, colour in (("a", BLUE), ("b", GREEN), ("c", BLUE)):
        assert np.array_equal(found[name, 7].tracked.mask, CLIP.truth(colour, 7))


def test_what_is_odd_is_said():
    found = tracked(ColourFinder(), target("a unicorn", name="a"), target("red", name="b"))
    assert not any(found["a", k].tracked.mask.any() for k in range(12))
    assert found["a", 3].tracked.confidence == 0
    doubts = {at: e.doubt for at, e in found.items() if e.doubt}
    assert doubts.pop(("a", 0)) == doubts.pop(("b", 0)) == NOT_YET
    assert doubts.pop(("a", 11)) == NOTHING_FOUND
    assert "lost" in doubts.pop(("b", 9))
    assert not doubts


def test_that_others_may_be_left_out_is_said_once():
    finder = ColourFinder()
    see = finder.named
    finder.named = lambda image, text: see(image, text)._replace(full=visible(image, RED).any())
    found = tracked(finder, target("blue"))
    assert {k: e.doubt for (_, k), e in found.items() if e.doubt} == {4: TOO_MANY}


def test_clicks_correct_what_the_text_finds():
    finder = ColourFinder()
    click = PointPrompt(frame_index=0, x_px=65, y_px=35)
    settings = Sam3Settings(key_frames=4)
    found = tracked(finder, target("red", click), settings=settings)
    # Frames by themselves, and not the one that was clicked on.
    assert finder.passes == [(1, ["red"])] * 4
    assert np.array_equal(found["a", 0].tracked.mask, CLIP.truth(BLUE, 0))
    assert np.array_equal(found["a", 7].tracked.mask, CLIP.truth(RED, 7))
    # Nothing is found, and there is the click.
    found = tracked(finder, target("a unicorn", click))
    assert np.array_equal(found["a", 11].tracked.mask, CLIP.truth(BLUE, 11))


def test_settings_are_checked():
    for options in (
        {"new_score": 1.5},
        {"new_score": float("nan")},
        {"most_instances": 0},
        {"gone_frames": 0},
        {"key_frames": 0},
    ):
        with pytest.raises(InvalidInputError, match=next(iter(options))):
            Sam3Settings(**options)


SIDE, PATCH, WIDTH = 112, 14, 128


def tiny_config():
    grid = SIDE // PATCH
    vision = {
        "model_type": "sam3_vision_model",
        "fpn_hidden_size": WIDTH,
        "backbone_feature_sizes": [[4 * grid] * 2, [2 * grid] * 2, [grid] * 2],
        "backbone_config": {
            **{"model_type": "sam3_vit_model", "hidden_size": 32, "intermediate_size": 32},
            **{"num_hidden_layers": 2, "num_attention_heads": 2, "global_attn_indexes": [1]},
            **{"image_size": SIDE, "patch_size": PATCH, "pretrain_image_size": SIDE},
            "window_size": 4,
        },
    }
    text = {
        **{"model_type": "clip_text_model", "vocab_size": 55, "hidden_size": 32},
        **{"intermediate_size": 32, "projection_dim": 32, "num_hidden_layers": 1},
        **{"num_attention_heads": 2, "max_position_embeddings": 32},
        **{"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2},
    }
    small = {"hidden_size": WIDTH, "num_attention_heads": 2}
    layers = {**small, "num_layers": 1, "intermediate_size": 32}
    detector = {
        **{"model_type": "sam3", "vision_config": vision, "text_config": text},
        **{"geometry_encoder_config": layers, "detr_encoder_config": layers},
        **{"detr_decoder_config": {**layers, "num_queries": 4}, "mask_decoder_config": small},
    }
    tracker = {
        **{"model_type": "sam3_tracker_video", "vision_config": vision, "image_size": SIDE},
        "prompt_encoder_config": {
            **{"hidden_size": WIDTH, "image_size": SIDE, "patch_size": PATCH},
            "mask_input_channels": 4,
        },
        "mask_decoder_config": {
            **small,
            **{"mlp_dim": 32, "num_hidden_layers": 1, "iou_head_hidden_dim": 32},
        },
        **{"memory_attention_hidden_size": WIDTH, "memory_attention_num_layers": 1},
        **{"memory_attention_feed_forward_hidden_size": 32, "memory_fuser_num_layers": 1},
        **{"memory_encoder_hidden_size": WIDTH, "mask_downsampler_embed_dim": WIDTH},
        **{"memory_fuser_embed_dim": WIDTH, "memory_fuser_intermediate_dim": 32},
        # Short memories, so that a short clip outgrows them.
        **{"num_maskmem": 3, "max_object_pointers_in_encoder": 4, "max_cond_frame_num": 2},
    }
    return Sam3VideoConfig(
        detector_config=detector,
        tracker_config=tracker,
        low_res_mask_size=4 * grid,
        # Random scores are low, and random masks overlap no other: all count, and all are matched.
        **{"score_threshold_detection": 0.0, "assoc_iou_thresh": 1e-6, "det_nms_thresh": 0.9},
        **{"trk_assoc_iou_thresh": 1e-6, "high_conf_thresh": 0.0, "high_iou_thresh": 0.0},
        **{"recondition_every_nth_frame": 4, "hotstart_delay": 3},
        **{"hotstart_unmatch_thresh": 3, "hotstart_dup_thresh": 3},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """SAM 3 in miniature, as published: it sees noise, but sees it the same way each time."""
    folder = tmp_path_factory.mktemp("sam3")
    letters = [*"abcdefghijklmnopqrstuvwxyz"]
    words = ["!", "<|startoftext|>", "<|endoftext|>", *letters, *(f"{c}</w>" for c in letters)]
    (folder / "vocab.json").write_text(json.dumps({w: k for k, w in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizerFast(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=32
    )
    torch.manual_seed(0)
    model = Sam3VideoModel(tiny_config())
    # An untrained tracker is as often sure that nothing is there.
    head = model.tracker_model.mask_decoder.pred_obj_score_head
    torch.nn.init.constant_(head.proj_out.bias, 5.0)
    model.save_pretrained(folder)
    size = {"height": SIDE, "width": SIDE}
    Sam3VideoProcessor(
        Sam3ImageProcessor(size=size), Sam2VideoVideoProcessor(size=size), tokenizer
    ).save_pretrained(folder)
    return folder


def images(count):
    rng = np.random.default_rng(3)
    return [rng.integers(0, 255, (48, 96, 3), dtype=np.uint8) for _ in range(count)]


def finder_of(folder, precision="float32", **options):
    settings = Sam3Settings(new_score=0.0, **options)
    return TransformersSam3(folder, precision=precision, settings=settings)


def whole_video(folder, frames, text):
    """transformers' own pass over a video that it holds as a whole."""
    processor = Sam3VideoProcessor.from_pretrained(folder)
    model = Sam3VideoModel.from_pretrained(folder).eval()
    model.new_det_thresh = 0.0
    pixels = [processor(images=f, return_tensors="pt")["pixel_values"][0] for f in frames]
    session = Sam3VideoInferenceSession(
        torch.stack(pixels), *frames[0].shape[:2], dtype=torch.float32
    )
    processor.add_text_prompt(session, text)
    for out in model.propagate_in_video_iterator(session):
        masks = processor.postprocess_outputs(session, out)["masks"].numpy()
        yield masks, out.obj_id_to_mask


def test_frame_by_frame_is_as_the_whole_video(folder):
    frames = images(12)
    finder, raw = finder_of(folder), []
    see = finder._seen

    def noted(session, k, image):
        raw.append(see(session, k, image))
        return raw[-1]

    finder._seen = noted
    ours = [found for (found,) in finder.follow(frames, 12, ["a red cup"])]
    theirs = list(whole_video(folder, frames, "a red cup"))
    assert len(ours) == len(theirs) == 12
    for k, (found, (masks, logits)) in enumerate(zip(ours, theirs, strict=True)):
        # What is forgotten too early shows here first: far memories hardly move an outline.
        assert raw[k].objects
        for each in raw[k].objects:
            torch.testing.assert_close(each.logits, logits[each.number], rtol=0, atol=0)
        mask, confidence = found.together()
        assert np.array_equal(mask, masks.any(axis=0)), k
        assert 0 < confidence < 1
    shares = [float(found.together()[0].mean()) for found in ours]
    # Else there is nothing to compare.
    assert min(shares) > 0.02 and len(set(shares)) > 6


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_masks_do_not_wait_for_the_last_frame(folder, precision):
    read = []

    def one_by_one():
        for k, image in enumerate(images(8)):
            read.append(k)
            yield image

    finder = finder_of(folder, precision)
    given = finder.follow(one_by_one(), 8, ["a cup", "a dog"])
    for k in range(8):
        found = next(given)
        assert [one.masks.shape[1:] for one in found] == [(48, 96)] * 2
        assert all(len(one.masks) for one in found)
        assert read[-1] == min(k + 2, 7)


def kept_bytes(session):
    """Of all tensors that a session holds, each storage once."""
    storages = {}

    def walk(thing):
        if isinstance(thing, torch.Tensor):
            storage = thing.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
        elif isinstance(thing, dict):
            for value in thing.values():
                walk(value)

    walk(session.output_dict_per_obj)
    walk(session.processed_frames)
    walk(session.mask_inputs_per_obj)
    return sum(storages.values())


def test_memory_does_not_grow_with_the_clip(folder):
    finder, sizes, sessions = finder_of(folder, most_instances=4), [], []
    # None is taken back, so that there are many.
    finder._model.hotstart_delay = 0
    see = finder._seen

    def weighed(session, k, image):
        frame = see(session, k, image)
        sizes.append(kept_bytes(session))
        sessions[:] = [session]
        return frame

    finder._seen = weighed
    assert len(list(finder.follow(images(40), 40, ["a red cup"]))) == 40
    # Confirmed frames' pointers (516 bytes) fill up at another time for each of the four, to four.
    assert max(sizes[20:]) <= max(sizes[12:20]) + 4 * 4 * 516
    (session,) = sessions
    assert len(session.obj_ids) == 4
    for outputs in session.output_dict_per_obj.values():
        assert 2 <= len(outputs["cond_frame_outputs"]) <= 4
        for output in outputs["cond_frame_outputs"].values():
            memory = output.get("maskmem_features", torch.zeros(1))
            # Not a part of something larger.
            assert memory.untyped_storage().nbytes() == memory.nbytes
    for by_frame in (session.suppressed_obj_ids, session.obj_id_to_tracker_score_frame_wise):
        assert len(by_frame) <= 1
    for frames in session.overlap_pair_to_frame_inds.values():
        assert len(frames) <= 3


def test_instances_are_forgotten_once_gone_and_are_not_too_many(folder):
    finder, counts = finder_of(folder, gone_frames=3, most_instances=2), []
    # Each frame's detections are new ones, and the tracker never sees them again.
    finder._model.assoc_iou_thresh = 2.0
    head = finder._model.tracker_model.mask_decoder.pred_obj_score_head
    torch.nn.init.constant_(head.proj_out.bias, -50.0)
    numbers = set()
    see = finder._seen

    def counted(session, k, image):
        frame = see(session, k, image)
        counts.append(len(session.obj_ids))
        numbers.update(session.obj_ids)
        return frame

    finder._seen = counted
    found = list(finder.follow(images(12), 12, ["a red cup"]))
    assert len(found) == 12 and found[0][0].full and not found[-1][0].masks.any()
    assert max(counts) == 2 and min(counts) == 0
    assert len(numbers) > 4


def test_masks_stay_with_their_instances_where_one_is_taken_back(folder):
    network = finder_of(folder)._model
    masks = torch.stack([torch.full((32, 32), float(k + 1)) for k in range(3)])
    plan = {"new_det_out_inds": [], "new_det_obj_ids": [], "obj_ids_newly_removed": {4}}
    session = SimpleNamespace(obj_ids=[2, 7])
    out = network.build_outputs(session, {}, masks, plan)
    assert {number: float(mask.mean()) for number, mask in out.items()} == {2: 1.0, 7: 3.0}


def test_holes_are_filled_and_doubles_dropped(folder):
    from transformers.models.sam3_video import modeling_sam3_video as theirs

    finder_of(folder)
    logits = torch.full((1, 1, 32, 32), -5.0)
    logits[..., 4:20, 4:20] = 5.0
    logits[..., 10:12, 10:12] = -5.0
    logits[..., 28, 28] = 5.0
    filled = theirs.fill_holes_in_mask_scores(logits, 16) > 0
    assert filled[..., 4:20, 4:20].all() and filled.sum() == 16 * 16
    masks = torch.zeros(3, 8, 8)
    masks[0, :4] = masks[1, :4] = masks[2, 5:] = 1
    kept = theirs.nms_masks(torch.tensor([0.6, 0.9, 0.7]), masks, 0.5, 0.5)
    assert kept.tolist() == [False, True, True]


def test_a_tracker_is_built_from_a_folder(folder):
    tracker = sam3_tracker(folder, settings=Sam3Settings(new_score=0.0))
    found = list(tracker.track(CLIP, [target("a red square")]))
    assert [e.tracked.frame_index for e in found] == list(range(12))
    assert {e.tracked.mask.shape for e in found} == {(48, 96)}
    assert any(e.tracked.mask.any() for e in found)
    with pytest.raises(InvalidInputError, match="32 at most"):
        tracker.track(CLIP, [target("a red square " * 5)])
    with pytest.raises(InvalidInputError, match="empty"):
        tracker.track(CLIP, [target("  ")])


def test_other_folders_are_refused(folder, tmp_path):
    with pytest.raises(WeightsMissingError, match=r"config\.json, model\.safetensors .* License"):
        TransformersSam3(tmp_path)
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    tensors = load_file(tmp_path / "model.safetensors")
    lacking = {name: t for name, t in tensors.items() if not name.startswith("tracker_neck")}
    assert len(lacking) < len(tensors)
    save_file(lacking, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(InvalidInputError, match="tracker_neck"):
        TransformersSam3(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(InvalidInputError, match="'bert'"):
        TransformersSam3(tmp_path)
