"""Texts, and texts with clicks, on scripted clips."""

import numpy as np
import pytest
from support.p_mask_stub import (
    BLUE,
    BROWN,
    GREEN,
    RED,
    ColourSegmenter,
    ScriptedClip,
    ScriptedSentences,
)

from peanut_models.errors import InvalidInputError, WeightsMissingError
from peanut_models.p_mask.predictor import Sam2Tracker
from peanut_models.p_mask.sentences import SentenceTracker
from peanut_models.p_mask.settings import ConfusionSettings, TrackSettings
from peanut_models.p_mask.streams import ClipStream
from peanut_models.ranges import FrameRange
from peanut_models.stages import PointPrompt
from peanut_models.tracking import MaskTracker, TargetMask, TargetPrompts, held_mask

TEXT = "the red square that comes late"
LATE = 7


def late(length=14):
    """A blue square from the start, and the red one that is meant from frame `LATE` on."""
    return ScriptedClip(
        length,
        {BLUE: lambda t: (10 + t, 30), RED: lambda t: (60 - t, 5) if t >= LATE else None},
    )


def said(clip, *prompts, text=TEXT, name="a", **options):
    frames = options.pop("frames", clip.frame_range)
    return TargetPrompts(target_id=name, frames=frames, prompts=list(prompts), text=text, **options)


def tracker(sentences, settings=None, *, clicks=True):
    spread = Sam2Tracker(ColourSegmenter(), settings) if clicks else None
    return SentenceTracker(ClipStream(sentences, settings), spread)


def masks(events, name="a"):
    events = list(events)
    found = {
        e.tracked.frame_index: e
        for e in events
        if isinstance(e, TargetMask) and e.target_id == name
    }
    assert len(found) == sum(isinstance(e, TargetMask) and e.target_id == name for e in events)
    return found


@pytest.mark.parametrize("enabled", [True, False])
def test_the_right_object_appears_late_and_the_target_is_switched(enabled):
    clip, sentences = late(), ScriptedSentences(RED, BLUE)
    settings = TrackSettings(confusion=ConfusionSettings(enabled=enabled))
    found = masks(tracker(sentences, settings).track(clip, [said(clip)]))
    assert sorted(found) == list(range(14))
    for k, event in found.items():
        assert np.array_equal(event.tracked.mask, clip.truth(BLUE if k <= LATE else RED, k))
    # The check does not stand in the way of a switch on purpose, and the reason is said.
    assert "switched" in found[LATE].doubt
    assert not any("another object?" in e.doubt for e in found.values())
    assert sentences.forgotten == []


def test_without_a_switch_the_wrong_object_stays():
    clip = late()
    found = masks(tracker(ScriptedSentences(RED, BLUE, switches=False)).track(clip, [said(clip)]))
    assert np.array_equal(found[13].tracked.mask, clip.truth(BLUE, 13))


def test_a_drift_to_another_object_is_carried_by_motion_and_not_remembered():
    clip = ScriptedClip(12, {RED: lambda t: (10 + t, 6), BROWN: lambda t: (40, 30)})

    class Drifting(ScriptedSentences):
        def follow(self, clip, carried):
            for seen in super().follow(clip, carried):
                carried["follows"] = BROWN if carried["step"] == 8 else RED
                yield seen

    sentences = Drifting(RED, BROWN, switches=False)
    found = masks(tracker(sentences).track(clip, [said(clip)]))
    assert sentences.forgotten == [8]
    overlap = found[8].tracked.mask & clip.truth(RED, 8)
    assert overlap.sum() > 0.8 * clip.truth(RED, 8).sum()
    assert not (found[8].tracked.mask & clip.truth(BROWN, 8)).any()
    assert "carried on by motion" in found[8].doubt


def test_clips_follow_each_other_and_targets_with_one_run_share_them():
    clip, sentences = late(10), ScriptedSentences(RED, BLUE)
    targets = [said(clip, name="a"), said(clip, name="b")]
    events = list(tracker(sentences, clicks=False).track(clip, targets))
    assert sentences.started == [4, 4, 2]
    assert sorted(masks(events)) == sorted(masks(events, "b")) == list(range(10))
    assert clip.reads == list(range(10))


def test_masks_leave_as_clips_are_read():
    clip, sentences = late(), ScriptedSentences(RED, BLUE)
    events = tracker(sentences).track(clip, [said(clip)])
    next(events)
    assert max(clip.reads) == 3
    events.close()


@pytest.mark.parametrize(
    ("playhead", "order"),
    [
        (None, [0, 4, 8, 12]),
        (2, [0, 4, 8, 12]),
        (9, [8, 12, 4, 0]),
        (6, [4, 8, 0, 12]),
        (13, [12, 8, 4, 0]),
        (99, [12, 8, 4, 0]),
    ],
)
def test_the_clip_under_the_playhead_comes_first_then_outwards(playhead, order):
    clip, sentences = late(), ScriptedSentences(RED, BLUE)
    events = tracker(sentences).track(clip, [said(clip)], playhead=playhead)
    found = [e.tracked.frame_index for e in events]
    # The clips are those that are cut from the run's first frame on.
    assert list(dict.fromkeys(k - k % 4 for k in found)) == order
    assert sorted(found) == list(range(14))
    start = order[0]
    assert [k for k in found if k >= start] == list(range(start, 14))
    assert [k for k in found if k < start] == list(range(start - 1, -1, -1))


def test_from_the_playhead_the_object_that_is_meant_is_followed_both_ways():
    # The red one is there up to frame 9; blue would have been taken had the run begun later.
    clip = ScriptedClip(
        14, {BLUE: lambda t: (10 + t, 30), RED: lambda t: (60 - t, 5) if t < 10 else None}
    )
    found = masks(tracker(ScriptedSentences(RED, BLUE)).track(clip, [said(clip)], playhead=6))
    assert all(np.array_equal(found[k].tracked.mask, clip.truth(RED, k)) for k in range(10))
    assert not any("another object?" in e.doubt for e in found.values())
    # Lost is said where red leaves the picture, and not in the other direction.
    assert [k for k, e in found.items() if "lost" in e.doubt] == [10]


def test_what_is_not_believed_is_forgotten_in_the_backward_direction_too():
    clip = ScriptedClip(16, {RED: lambda t: (10 + t, 6), BROWN: lambda t: (60, 30)})

    class Drifting(ScriptedSentences):
        def follow(self, clip, carried):
            for seen in super().follow(clip, carried):
                # Of the frames before the first clip, the third.
                away = carried.get("backward") and carried["step"] == 4 + 2
                carried["follows"] = BROWN if away else RED
                yield seen

    found = masks(tracker(Drifting(RED, BROWN)).track(clip, [said(clip)], playhead=10))
    doubted = [k for k, e in found.items() if "another object?" in e.doubt]
    assert doubted == [5]
    assert (found[5].tracked.mask & clip.truth(RED, 5)).sum() > 0.8 * clip.truth(RED, 5).sum()


def test_as_published_the_playhead_changes_nothing():
    clip, sentences = late(), ScriptedSentences(RED, BLUE)
    made = SentenceTracker(ClipStream(sentences, from_start=True))
    events = made.track(clip, [said(clip)], playhead=9)
    assert [e.tracked.frame_index for e in events] == list(range(14))


def test_text_finds_and_clicks_correct():
    clip = ScriptedClip(
        12, {RED: lambda t: (10 + t, 6), GREEN: lambda t: (10 + t, 18) if t > 5 else None}
    )
    # Surest on frame 9; there the text's mask is red, and the click is on green at frame 6.
    sentences = ScriptedSentences(RED, BLUE, quality=lambda step: 0.95 if step == 9 else 0.6)
    click = PointPrompt(frame_index=6, x_px=20, y_px=24)
    events = list(tracker(sentences).track(clip, [said(clip, click)]))
    found = masks(events)
    assert sorted(found) == list(range(12))
    assert {e.tracked.frame_index for e in events[:2]} == {6, 9}
    assert np.array_equal(found[9].tracked.mask, clip.truth(RED, 9))
    assert found[9].tracked.confidence == 1
    assert np.array_equal(found[6].tracked.mask, clip.truth(GREEN, 6))


def test_a_correction_of_a_text_s_masks_goes_to_the_clicks_tracker_alone():
    clip, sentences = late(), ScriptedSentences(RED, BLUE)
    before = {
        k: e.tracked.mask for k, e in masks(tracker(sentences).track(clip, [said(clip)])).items()
    }
    sentences.started.clear()
    click = PointPrompt(frame_index=9, x_px=55, y_px=8)
    held = held_mask(12, before[12])
    corrected = said(
        clip, click, held, held=frozenset({12}), before=before.get, frames=FrameRange(5, 14)
    )
    events = list(tracker(sentences).track(clip, [corrected], playhead=9))
    assert sentences.started == []
    assert events[0].tracked.frame_index == 9 and 12 not in masks(events)


def test_targets_with_clicks_alone_come_first():
    clip, sentences = late(), ScriptedSentences(RED, BLUE)
    click = PointPrompt(frame_index=0, x_px=12, y_px=32)
    both = [said(clip, name="text"), said(clip, click, text="", name="clicked")]
    events = list(tracker(sentences).track(clip, both))
    assert [e.target_id for e in events[:14]] == ["clicked"] * 14
    assert sorted(masks(events, "text")) == list(range(14))


def test_nothing_to_do_is_done():
    clip = late()
    made = tracker(ScriptedSentences(RED, BLUE))
    assert list(made.track(clip, [])) == [] and isinstance(made, MaskTracker)


@pytest.mark.parametrize(
    ("text", "message"), [("   ", "empty"), ("x" * 10_000, "10000 characters")]
)
def test_bad_texts_are_refused_by_the_call(text, message):
    clip = late()
    with pytest.raises(InvalidInputError, match=message):
        tracker(ScriptedSentences(RED, BLUE)).track(clip, [said(clip, text=text)])


def test_a_text_without_a_model_names_the_command():
    clip = late()
    alone = SentenceTracker(None, Sam2Tracker(ColourSegmenter()))
    with pytest.raises(WeightsMissingError, match="peanut models add"):
        alone.track(clip, [said(clip)])


def test_clicks_without_a_tracker_for_them_are_refused():
    clip = late()
    click = PointPrompt(frame_index=0, x_px=12, y_px=32)
    for text in ("", TEXT):
        with pytest.raises(InvalidInputError, match="reads texts alone"):
            tracker(ScriptedSentences(RED, BLUE), clicks=False).track(
                clip, [said(clip, click, text=text)]
            )
