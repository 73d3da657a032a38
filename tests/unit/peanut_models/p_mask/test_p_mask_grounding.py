"""Texts by a detector: scripted boxes, and the two kinds of models at a tiny size."""

import json

import numpy as np
import pytest
import torch
from support.p_mask_stub import BLUE, RED, ColourSegmenter, ScriptedClip, visible
from transformers import (
    BertConfig,
    BertTokenizerFast,
    CLIPTokenizerFast,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessor,
    GroundingDinoProcessor,
    Owlv2Config,
    Owlv2ForObjectDetection,
    Owlv2ImageProcessor,
    Owlv2Processor,
    SwinConfig,
)

from peanut_models.errors import InvalidInputError, WeightsMissingError
from peanut_models.p_mask.build import grounding_tracker
from peanut_models.p_mask.grounding import (
    Detection,
    GroundingReader,
    GroundingSettings,
    TransformersDetector,
    key_frames,
)
from peanut_models.p_mask.predictor import Sam2Tracker
from peanut_models.p_mask.sentences import MaskReader, SentenceTracker
from peanut_models.ranges import FrameRange
from peanut_models.stages import PointPrompt
from peanut_models.tracking import TargetMask, TargetPrompts

CLIP = ScriptedClip(12, {RED: lambda t: (10 + t, 6) if t > 3 else None, BLUE: lambda t: (60, 30)})


class RedBoxes:
    """Sees red things, the better the later; and rubbish."""

    def __init__(self):
        self.looked = 0

    def check(self, text):
        pass

    def __call__(self, image, text):
        self.looked += 1
        found = [Detection(box_xyxy_px=(float("nan"), 0, 5, 5), score=0.99)]
        found.append(Detection(box_xyxy_px=(200, 200, 300, 300), score=0.98))
        rows, columns = np.nonzero(visible(image, RED))
        if "red" in text and len(rows):
            box = columns.min() - 1, rows.min() - 1, columns.max() + 2, rows.max() + 2
            found.append(
                Detection(box_xyxy_px=tuple(float(v) for v in box), score=0.3 + columns.min() / 99)
            )
        return found


def target(text, *prompts):
    return TargetPrompts(target_id="a", frames=CLIP.frame_range, prompts=list(prompts), text=text)


def tracked(detector, wanted, settings=None):
    tracker = SentenceTracker(GroundingReader(detector, settings), Sam2Tracker(ColourSegmenter()))
    events = [e for e in tracker.track(CLIP, [wanted]) if isinstance(e, TargetMask)]
    return {e.tracked.frame_index: e for e in events}


def test_the_best_box_on_the_key_frames_is_tracked():
    detector = RedBoxes()
    found = tracked(detector, target("the red square"), GroundingSettings(key_frames=4))
    assert detector.looked == 4
    assert next(iter(found)) == 10
    assert sorted(found) == list(range(12))
    for k in range(4, 12):
        assert np.array_equal(found[k].tracked.mask, CLIP.truth(RED, k))
    assert not isinstance(GroundingReader(detector), MaskReader)


def test_what_is_not_found_is_said():
    found = tracked(RedBoxes(), target("a unicorn"))
    assert sorted(found) == list(range(12))
    assert not any(e.tracked.mask.any() or e.tracked.confidence for e in found.values())
    assert "finds nothing" in found[0].doubt


def test_clicks_are_enough_where_the_text_finds_nothing():
    click = PointPrompt(frame_index=0, x_px=65, y_px=35)
    found = tracked(RedBoxes(), target("a unicorn", click))
    assert np.array_equal(found[11].tracked.mask, CLIP.truth(BLUE, 11))


def test_boxes_below_the_least_score_do_not_count():
    found = tracked(RedBoxes(), target("red"), GroundingSettings(least_score=0.9))
    assert not found[11].tracked.mask.any()


def test_key_frames_are_spread():
    assert key_frames(FrameRange(0, 80), 4) == [10, 30, 50, 70]
    assert key_frames(FrameRange(5, 8), 8) == [5, 6, 7]
    for options in ({"key_frames": 0}, {"least_score": 2.0}):
        with pytest.raises(InvalidInputError, match=next(iter(options))):
            GroundingSettings(**options)


def grounding_dino(folder):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "a", "red", "square"]
    (folder / "vocab.txt").write_text("\n".join(words))
    tokenizer = BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=16)
    images = GroundingDinoImageProcessor(size={"shortest_edge": 64, "longest_edge": 96})
    backbone = SwinConfig(
        image_size=64,
        embed_dim=8,
        depths=[1, 1, 1, 1],
        num_heads=[1, 1, 1, 1],
        window_size=2,
        out_indices=[2, 3, 4],
    )
    text = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=16,
    )
    config = GroundingDinoConfig(
        backbone_config=backbone,
        text_config=text,
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        num_queries=5,
        max_text_len=16,
    )
    GroundingDinoForObjectDetection(config).save_pretrained(folder)
    GroundingDinoProcessor(images, tokenizer).save_pretrained(folder)


def owlv2(folder):
    letters = [*"abcdefghijklmnopqrstuvwxyz"]
    # A text whose first token is 0 counts as padding.
    words = ["!", "<|startoftext|>", "<|endoftext|>", *letters, *(f"{c}</w>" for c in letters)]
    (folder / "vocab.json").write_text(json.dumps({w: k for k, w in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizerFast(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=16
    )
    images = Owlv2ImageProcessor(size={"height": 64, "width": 64})
    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    config = Owlv2Config(
        text_config={
            **{**small, "num_attention_heads": 1, "vocab_size": len(words)},
            **{"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0},
        },
        vision_config={**small, "num_attention_heads": 1, "image_size": 64, "patch_size": 16},
        projection_dim=16,
    )
    Owlv2ForObjectDetection(config).save_pretrained(folder)
    Owlv2Processor(images, tokenizer).save_pretrained(folder)


@pytest.mark.parametrize("make", [grounding_dino, owlv2])
def test_both_kinds_of_models_are_read_from_a_folder(make, tmp_path):
    torch.manual_seed(0)
    make(tmp_path)
    detector = TransformersDetector(tmp_path)
    detector.check("a red square")
    with pytest.raises(InvalidInputError, match="16 at most"):
        detector.check("a red " * 20)
    found = detector(CLIP.read(5), "a red square")
    assert found and all(0 <= one.score <= 1 for one in found)
    centres = np.array([one.box_xyxy_px for one in found]).reshape(-1, 2, 2).mean(axis=1)
    # Boxes are in pixels of the frame, not shares of it.
    assert 1 < float(np.abs(centres).max()) < 2 * 96
    tracker = grounding_tracker(
        tmp_path, Sam2Tracker(ColourSegmenter()), settings=GroundingSettings(least_score=0)
    )
    assert len(list(tracker.track(CLIP, [target("a red square")]))) == 12


def test_other_folders_are_refused(tmp_path):
    with pytest.raises(
        WeightsMissingError, match=r"config\.json, model\.safetensors, preprocessor"
    ):
        TransformersDetector(tmp_path)
    for name in ("model.safetensors", "preprocessor_config.json"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(InvalidInputError, match="'bert'"):
        TransformersDetector(tmp_path)
