"""The confusion check: drifting to a similar object, and what else changes a target's looks."""

from dataclasses import replace

import numpy as np
import pytest
from support import p_mask_stub
from support.p_mask_stub import BLUE, BROWN, RED, ColourSegmenter, ScriptedClip, looks_of

from peanut_models.errors import InvalidInputError
from peanut_models.flow.dis import DisFlow
from peanut_models.p_mask.confusion import ConfusionCheck, Verdict, carry, iou
from peanut_models.p_mask.predictor import Sam2Tracker
from peanut_models.p_mask.settings import ConfusionSettings, TrackSettings
from peanut_models.stages import PointPrompt
from peanut_models.tracking import TargetPrompts

MEET = 15
START = PointPrompt(frame_index=0, x_px=16, y_px=24)


def crossing(length=32):
    """A red and a brown square pass each other; for one frame the brown one hides the red one."""
    return ScriptedClip(
        length, {RED: lambda t: (10 + 2 * t, 18), BROWN: lambda t: (70 - 2 * t, 18)}
    )


def tracked(clip, settings, click=START, **options):
    wanted = TargetPrompts(target_id="a", frames=clip.frame_range, prompts=[click])
    tracker = Sam2Tracker(ColourSegmenter(), TrackSettings(confusion=settings, **options))
    return {e.tracked.frame_index: e for e in tracker.track(clip, [wanted])}


def right(clip, found):
    return [k for k, e in found.items() if np.array_equal(e.tracked.mask, clip.truth(RED, k))]


def test_the_plain_tracker_switches_at_a_crossing_and_the_check_does_not():
    clip = crossing()
    plain = tracked(clip, ConfusionSettings(enabled=False))
    checked = tracked(clip, ConfusionSettings())
    assert right(clip, plain) == list(range(MEET))
    # On the frame where the target is hidden, no mask is right but an empty one.
    assert set(right(clip, checked)) >= set(range(32)) - {MEET}
    doubt = checked[MEET].doubt
    assert "another object?" in doubt and "similarity 0.8" in doubt
    assert checked[MEET].tracked.confidence < plain[MEET].tracked.confidence
    assert not any("another object" in e.doubt for k, e in checked.items() if k != MEET)


@pytest.mark.parametrize("speed", [1, 3])
@pytest.mark.parametrize("colour", [BROWN, (195, 105, 30)], ids=["brown", "orange"])
def test_slow_and_fast_crossings_of_like_and_very_like_objects(speed, colour, monkeypatch):
    monkeypatch.setattr(p_mask_stub, "COLOURS", (RED, colour))
    clip = ScriptedClip(
        28,
        {
            RED: lambda t: (45 + speed * (t - MEET), 18),
            colour: lambda t: (45 - speed * (t - MEET), 18),
        },
    )
    start = PointPrompt(frame_index=0, x_px=50 - speed * MEET, y_px=24)
    plain = tracked(clip, ConfusionSettings(enabled=False), start)
    checked = tracked(clip, ConfusionSettings(), start)
    assert right(clip, plain)[-1] < MEET
    assert set(right(clip, checked)) >= set(range(28)) - {MEET}


def test_a_threshold_that_follows_the_target_tells_similar_objects_apart():
    clip = crossing()
    # The two have a cosine of 0.8, so a fixed threshold of 0.5 lets the wrong one through.
    fixed = tracked(clip, ConfusionSettings(warm_up=1000))
    assert right(clip, fixed) == list(range(MEET))


def check_after(frames, settings=None):
    """A check that has seen the red square for some frames."""
    clip = ScriptedClip(40, {RED: lambda t: (10 + t, 6), BROWN: lambda t: (20 + t, 30)})
    check = ConfusionCheck(settings or ConfusionSettings())
    for k in range(frames):
        image = clip.read(k)
        decided = check.decide(clip.truth(RED, k), lambda m, i=image: looks_of(i, m), lambda: None)
    return clip, check, decided


def test_a_wrong_mask_is_replaced_by_the_one_before_moved():
    clip, check, _ = check_after(8)
    before, now = clip.read(7), clip.read(8)
    decision = check.decide(
        clip.truth(BROWN, 8),
        lambda mask: looks_of(now, mask),
        lambda: carry(clip.truth(RED, 7), before, now, DisFlow("fast")),
    )
    assert decision.verdict is Verdict.CARRIED and not decision.remembered
    assert iou(decision.mask, clip.truth(RED, 8)) > 0.8
    assert decision.similarity < decision.threshold
    # What was not believed taught nothing.
    again = check.decide(clip.truth(BROWN, 8), lambda mask: looks_of(now, mask), lambda: None)
    assert again.similarity == pytest.approx(decision.similarity)
    assert again.verdict is Verdict.DISTRUSTED


def test_a_mask_is_not_carried_for_ever():
    clip, check, _ = check_after(8, ConfusionSettings(most_carried=3))
    verdicts = []
    for k in range(8, 14):
        image = clip.read(k)
        decision = check.decide(
            clip.truth(BROWN, k), lambda m, i=image: looks_of(i, m), lambda k=k: clip.truth(RED, k)
        )
        assert not decision.remembered
        verdicts.append(decision.verdict.value)
    # And what is not believed does not become right by moving on.
    assert verdicts == ["carried"] * 3 + ["distrusted"] * 3
    image = clip.read(14)
    back = check.decide(clip.truth(RED, 14), lambda m: looks_of(image, m), lambda: None)
    assert back.verdict is Verdict.BELIEVED


def test_an_object_that_was_distrusted_does_not_become_the_target_by_moving_on():
    clip, check, _ = check_after(8)
    image, mask = clip.read(8), clip.truth(BROWN, 8)
    for moved in (None, mask, mask):
        decision = check.decide(mask, lambda m: looks_of(image, m), lambda moved=moved: moved)
        assert decision.verdict is Verdict.DISTRUSTED


def test_a_target_that_changes_its_looks_in_place_is_believed():
    clip, check, _ = check_after(8)
    image, mask = clip.read(8), clip.truth(RED, 8)
    image[mask] = BLUE
    decision = check.decide(mask, lambda m: looks_of(image, m), lambda: clip.truth(RED, 7))
    assert decision.verdict is Verdict.CHANGED and decision.remembered
    assert np.array_equal(decision.mask, mask)
    # And it is known from then on.
    assert check.similarity(looks_of(image, mask)) > check.threshold()


def test_the_threshold_starts_fixed_and_follows_the_spread():
    _, check, decided = check_after(2)
    assert check.threshold() == 0.5 and decided.verdict is Verdict.BELIEVED
    _, check, _ = check_after(8)
    assert 0.9 < check.threshold() < 0.96
    _, loose, _ = check_after(8, ConfusionSettings(deviations=100))
    assert loose.threshold() == 0.5


def test_nothing_is_learnt_from_a_mask_that_the_tracker_does_not_trust():
    clip = crossing()
    image = clip.read(0)
    check = ConfusionCheck(ConfusionSettings())

    def decide(colour, sure):
        return check.decide(
            clip.truth(colour, 0), lambda m: looks_of(image, m), lambda: None, sure=sure
        )

    assert decide(BROWN, False).verdict is Verdict.UNSEEN
    assert decide(RED, True).verdict is Verdict.UNSEEN
    assert decide(RED, True).similarity == pytest.approx(1.0, abs=1e-5)


def test_no_object_is_no_confusion():
    check = ConfusionCheck(ConfusionSettings(), [np.array([1, 0, 0], np.float32)])
    empty = np.zeros((4, 4), np.bool_)
    decision = check.decide(empty, lambda m: pytest.fail("nothing to describe"), lambda: None)
    assert decision.verdict is Verdict.UNSEEN and decision.remembered


def test_sudden_growth_and_a_low_score_are_said():
    class Unsure(ColourSegmenter):
        def follow(self, features, recalled):
            return [replace(one, quality=0.3) for one in super().follow(features, recalled)]

    clip = ScriptedClip(4, {RED: lambda t: (10, 6), BROWN: lambda t: (10, 9) if t < 2 else None})
    click = PointPrompt(frame_index=0, x_px=12, y_px=7)
    wanted = TargetPrompts(target_id="a", frames=clip.frame_range, prompts=[click])
    found = {e.tracked.frame_index: e for e in Sam2Tracker(Unsure()).track(clip, [wanted])}
    assert found[0].doubt == ""
    assert "low score: 0.30" in found[1].doubt
    assert "suddenly 4.0 times as large" in found[2].doubt
    assert "suddenly" not in found[3].doubt


@pytest.mark.parametrize("options", [{"base": 1.5}, {"warm_up": 0}, {"prototypes": 0}])
def test_settings_outside_their_range_are_refused(options):
    with pytest.raises(InvalidInputError, match=next(iter(options))):
        ConfusionSettings(**options)
