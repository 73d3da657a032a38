"""The trackers on the real networks with seeded weights: noise for a picture, a real road."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from support.p_mask_stub import BLUE, RED, ScriptedClip
from support.samwise import SMALL, small_checkpoint
from transformers import Sam2VideoModel
from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

from peanut_models.errors import WeightsMissingError
from peanut_models.p_mask.backbone import Sam2, video_config
from peanut_models.p_mask.build import clicks_tracker, sentence_tracker
from peanut_models.p_mask.confusion import iou
from peanut_models.p_mask.convert import build_samwise, fill
from peanut_models.p_mask.network import TextTrack
from peanut_models.p_mask.predictor import Sam2Tracker
from peanut_models.p_mask.preprocess import placement, prepared
from peanut_models.p_mask.samwise import SamwiseSegmenter
from peanut_models.p_mask.segmenter import Clicks, Sam2Segmenter, described
from peanut_models.p_mask.sentences import SentenceTracker
from peanut_models.p_mask.settings import ConfusionSettings, TrackSettings
from peanut_models.p_mask.streams import ClipStream
from peanut_models.p_mask.text import tokens_from_ids
from peanut_models.stages import BoxPrompt, MaskPrompt, PointPrompt
from peanut_models.tracking import TargetMask, TargetPrompts

LENGTH = 5
PLAIN = TrackSettings(confusion=ConfusionSettings(enabled=False))
CLIP = ScriptedClip(LENGTH, {RED: lambda t: (10 + 3 * t, 6), BLUE: lambda t: (60, 30 - 2 * t)})


class Backwards:
    """The clip from its end."""

    frame_range = CLIP.frame_range

    def read(self, frame_index):
        return CLIP.read(LENGTH - 1 - frame_index)


@pytest.fixture(scope="module")
def samwise():
    return small_checkpoint()


@pytest.fixture(scope="module")
def clicks(samwise):
    sam2 = {n[4:]: t for n, t in samwise.items() if n.startswith("sam.") and "project" not in n}
    return clicks_tracker(sam2, config=SMALL.sam, settings=PLAIN)


@pytest.fixture(scope="module")
def network(samwise):
    return build_samwise(samwise, SMALL)


def words(text):
    """A token per letter."""
    return tokens_from_ids(torch.tensor([[0, *(10 + ord(c) % 200 for c in text), 2]]))


def click(frame, x=16, y=12, **options):
    return PointPrompt(frame_index=frame, x_px=x, y_px=y, **options)


def target(name, *prompts, text=""):
    return TargetPrompts(target_id=name, frames=CLIP.frame_range, prompts=list(prompts), text=text)


def masks(events, name):
    return {
        e.tracked.frame_index: e.tracked.mask
        for e in events
        if isinstance(e, TargetMask) and e.target_id == name
    }


def test_targets_together_are_what_each_is_alone_and_share_features(clicks):
    painted = np.zeros((48, 96), np.bool_)
    painted[5:25, 8:30] = True
    targets = [
        target("click", click(0)),
        target("box", BoxPrompt(frame_index=0, box_xyxy_px=(55.0, 20.0, 80.0, 45.0))),
        target("mask", MaskPrompt(frame_index=0, mask=painted)),
        target("two", click(0), click(0, 70, 36, positive=False)),
    ]
    together = list(clicks.track(CLIP, targets))
    assert clicks.counts.frames_encoded == LENGTH
    for one in targets:
        alone = masks(list(clicks.track(CLIP, [one])), one.target_id)
        both = masks(together, one.target_id)
        assert sorted(both) == list(range(LENGTH))
        for k in range(LENGTH):
            assert both[k].shape == (48, 96) and np.array_equal(both[k], alone[k])
    assert np.array_equal(masks(together, "mask")[0], painted)
    # The masks of noise are not all alike, or equality above would say nothing.
    assert len({mask.tobytes() for mask in masks(together, "click").values()}) > 1


def with_visible_noise(model):
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1 and not bool(parameter.any()):
            torch.nn.init.normal_(parameter, std=0.3)
        elif name.endswith("pred_obj_score_head.proj_out.bias"):
            torch.nn.init.constant_(parameter, 6.0)
        elif "norm" not in name:
            torch.nn.init.normal_(parameter, std=(1.0 / parameter[0].numel()) ** 0.5)
    with torch.no_grad():
        model.shared_image_embedding.positional_embedding.copy_(
            model.prompt_encoder.shared_embedding.positional_embedding
        )
    return model.eval()


@pytest.mark.parametrize("start", [0, 4], ids=["forward", "backward"])
def test_a_clip_gives_the_masks_of_transformers_session(start):
    torch.manual_seed(1)
    config = replace(SMALL.sam, version="2.1", stability_fallback=True)
    theirs = with_visible_noise(Sam2VideoModel(video_config(config)))
    with torch.device("meta"):
        sam = Sam2(config)
    given = theirs.state_dict()
    fill(sam, {name: given[name.split(".", 1)[1]] for name in sam.state_dict()})
    pictures = np.stack([CLIP.read(k) for k in range(LENGTH)])
    video = prepared(pictures, fit="stretch", image_size_px=128)
    session = Sam2VideoInferenceSession(
        video=video, video_height=48, video_width=96, dtype=torch.float32
    )
    session.obj_id_to_idx(1)
    session.obj_with_new_inputs = [1]
    # A click on pixel (16, 12) of 96x48.
    place = [16.5 * 128 / 96 - 0.5, 12.5 * 128 / 48 - 0.5]
    session.add_point_inputs(
        0, start, {"point_coords": torch.tensor([[[place]]]), "point_labels": torch.tensor([[[1]]])}
    )
    where, expected = placement(48, 96, fit="stretch", image_size_px=128), {}
    with torch.inference_mode():
        outs = [theirs(session, frame_idx=start)]
        first = start + 1 if start == 0 else start - 1
        outs += theirs.propagate_in_video_iterator(
            session, start_frame_idx=first, reverse=start > 0
        )
        for out in outs:
            logits = sam.heads.enlarged(out.pred_masks.reshape(1, 1, 32, 32))
            expected[out.frame_idx] = where.to_source(logits)[0, 0].numpy() > 0
    tracker = Sam2Tracker(Sam2Segmenter(sam), PLAIN)
    found = masks(list(tracker.track(CLIP, [target("a", click(start))])), "a")
    assert sorted(found) == sorted(expected) == list(range(LENGTH))
    for k in range(LENGTH):
        # Transformers keeps memories in bfloat16: single pixels of the outline may differ.
        assert iou(found[k], expected[k]) > 0.98
    assert iou(found[start], found[2]) < 0.98


def test_half_precision_is_close(clicks):
    half = Sam2Tracker(Sam2Segmenter(clicks._segmenter._sam, precision="bfloat16"), PLAIN)
    exact = masks(list(clicks.track(CLIP, [target("a", click(0))])), "a")
    near = masks(list(half.track(CLIP, [target("a", click(0))])), "a")
    assert all(iou(exact[k], near[k]) > 0.8 for k in range(LENGTH))


def test_time_has_no_preferred_direction(clicks):
    forward = masks(list(clicks.track(CLIP, [target("a", click(0))])), "a")
    backward = masks(list(clicks.track(Backwards(), [target("a", click(LENGTH - 1))])), "a")
    for k in range(LENGTH):
        assert np.array_equal(forward[k], backward[LENGTH - 1 - k])


def test_a_click_lands_on_the_same_place_of_the_input(clicks):
    """The square input is stretched: the same relative place must give the same prompt."""
    seen = []
    for height, width in ((128, 128), (64, 256)):
        segmenter = Sam2Segmenter(clicks._segmenter._sam)
        grey = np.full((height, width, 3), 90, np.uint8)
        x, y = 0.25 * width - 0.5, 0.75 * height - 0.5
        seen.append(
            segmenter.prompted(segmenter.encode(grey), Clicks(points=((x, y, True),))).raw.low_res
        )
    assert torch.allclose(seen[0], seen[1], atol=1e-4)


def test_negative_clicks_and_earlier_masks_change_what_is_seen(clicks):
    plain = masks(list(clicks.track(CLIP, [target("a", click(0))])), "a")
    off = click(2, 40, 30, positive=False)
    refined = masks(list(clicks.track(CLIP, [target("a", click(0), off)])), "a")
    assert np.array_equal(plain[1], refined[1])
    assert not np.array_equal(plain[2], refined[2])
    segmenter = clicks._segmenter
    features = segmenter.encode(CLIP.read(0))
    points = ((16.0, 12.0, True),)
    alone = segmenter.prompted(features, Clicks(points=points))
    again = segmenter.prompted(features, Clicks(points=points, earlier=plain[0]))
    assert not np.array_equal(alone.logits, again.logits)


def test_features_tell_places_apart(clicks):
    stride16, where = torch.zeros(1, 3, 8, 8), placement(64, 64, fit="stretch", image_size_px=128)
    stride16[:, 0, :, :4], stride16[:, 1, :, 4:] = 1, 1
    left, right = np.zeros((64, 64), np.bool_), np.zeros((64, 64), np.bool_)
    left[:, :32], right[:, 32:] = True, True
    a, b = described(stride16, left, where), described(stride16, right, where)
    assert float(a @ b) == pytest.approx(-1, abs=1e-5)
    assert described(stride16, np.zeros((64, 64), np.bool_), where) is None
    assert described(stride16, np.ones((64, 64), np.bool_), where) is None
    assert described(torch.zeros(1, 3, 8, 8), left, where) is None


@pytest.mark.parametrize("parity", [False, True])
def test_a_text_gives_the_network_s_masks(network, parity):
    segmenter = SamwiseSegmenter(network, words, parity=parity)
    tracker = SentenceTracker(ClipStream(segmenter, PLAIN))
    short = replace_length(4)
    found = masks(list(tracker.track(short, [the_text(short)])), "a")
    assert sorted(found) == [0, 1, 2, 3]
    track, where = TextTrack(SMALL), placement(48, 96, image_size_px=128)
    frames = prepared(np.stack([CLIP.read(k) for k in range(4)]), image_size_px=128)
    with torch.inference_mode():
        results = [
            result
            for start in (0, 3)
            for result in network(
                frames[start : min(start + 3, 4)], words("red"), track, parity=parity
            )
        ]
        expected = [where.to_source(r.decoded.logits)[0, 0].numpy() > 0 for r in results]
    for k in range(4):
        assert np.array_equal(found[k], expected[k])


def replace_length(length):
    return replace(CLIP, length=length, reads=[])


def the_text(clip):
    return TargetPrompts(target_id="a", frames=clip.frame_range, prompts=[], text="red")


def test_what_the_check_distrusts_leaves_the_bank_s_memory(network):
    segmenter = SamwiseSegmenter(network, words)
    carried = segmenter.begin("red")
    clip = segmenter.start([CLIP.read(k) for k in range(3)])
    given = segmenter.follow(clip, carried)
    next(given)
    next(given)
    assert len(carried.track.bank) == 2
    segmenter.forget(carried)
    assert len(carried.track.bank) == 1
    assert next(given).seen.logits.shape == (48, 96)
    # The frame before is gone, the one before that is still read.
    distances = [distance for distance, _ in carried.track.bank.recall(3).masks]
    assert distances == [3, 1]


def test_backward_from_the_playhead_reads_what_the_first_clip_left(network):
    segmenter = SamwiseSegmenter(network, words)
    carried = segmenter.begin("red")
    pictures = [CLIP.read(k) for k in range(LENGTH)]
    list(segmenter.follow(segmenter.start(pictures[2:]), carried))
    other = segmenter.turned(carried)
    # Frames 2, 3 and 4 lie one, two and three frames away from frame 1.
    assert [distance for distance, _ in other.track.recall().masks] == [3, 2, 1]
    before = segmenter.start(pictures[:2])
    walked = [each.seen.logits for each in segmenter.follow(before, other)]
    fresh = [each.seen.logits for each in segmenter.follow(before, segmenter.begin("red"))]
    # Last frame first, and memory makes a difference.
    assert walked[0].shape == walked[1].shape == (48, 96)
    assert not np.allclose(walked[0], fresh[1], atol=1e-3)
    assert [distance for distance, _ in other.track.recall().masks] == [5, 4, 3, 2, 1]
    # Neither direction moves the other one.
    assert [distance for distance, _ in carried.track.recall().masks] == [3, 2, 1]


def test_the_playhead_changes_the_order_and_on_the_first_clip_nothing_else(network):
    tracker = SentenceTracker(ClipStream(SamwiseSegmenter(network, words), PLAIN))
    text = target("a", text="red")
    plain, near, far = (list(tracker.track(CLIP, [text], playhead=k)) for k in (None, 1, 4))
    assert [e.tracked.frame_index for e in far] == [3, 4, 2, 1, 0]
    for k in range(LENGTH):
        assert np.array_equal(masks(plain, "a")[k], masks(near, "a")[k])
    assert sorted(masks(far, "a")) == list(range(LENGTH))


def test_the_threshold_grows_and_shrinks_masks(network):
    segmenter = SamwiseSegmenter(network, words)
    areas = []
    for threshold in (0.3, 0.5, 0.7):
        settings = replace(PLAIN, threshold=threshold)
        tracker = SentenceTracker(ClipStream(segmenter, settings))
        short = replace_length(1)
        areas.append(int(masks(list(tracker.track(short, [the_text(short)])), "a")[0].sum()))
    assert areas[0] >= areas[1] >= areas[2] and areas[0] > areas[2]


def test_text_and_clicks_run_end_to_end_from_published_names(samwise, clicks, tmp_path):
    with pytest.raises(WeightsMissingError, match="no tokenizer"):
        sentence_tracker(samwise, tmp_path, clicks, config=SMALL)
    letters = ["<s>", "<pad>", "</s>", "<unk>", *(chr(k) for k in range(33, 127)), "Ġ", "<mask>"]
    (tmp_path / "vocab.json").write_text(json.dumps({w: k for k, w in enumerate(letters)}))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    tracker = sentence_tracker(samwise, tmp_path / "vocab.json", clicks, config=SMALL)
    targets = [target("text", text="a red square"), target("both", click(1), text="red")]
    events = list(tracker.track(CLIP, targets))
    for name in ("text", "both"):
        assert sorted(masks(events, name)) == list(range(LENGTH))
    assert all(0 <= e.tracked.confidence <= 1 for e in events)
