"""One target at a time: corrections, stretches, and where they die out."""

from dataclasses import replace

import numpy as np
import pytest

from peanut_models.errors import InvalidInputError, WeightsMissingError
from peanut_models.ranges import FrameRange
from peanut_models.stages import MaskPrompt, PointPrompt, TrackedMask
from peanut_models.tracking import (
    SETTLED_FRAMES,
    OneByOne,
    Settled,
    TargetPrompts,
    is_positive,
    parts_of,
    same,
)

RANGE = FrameRange(0, 40)


class Film:
    frame_range = RANGE

    def read(self, frame_index):
        return np.zeros((4, 6, 3), np.uint8)


def mask(value):
    return np.full((4, 6), value, bool)


class Spreading:
    """Stands in for a tracker: the mask of the first prompt, `reach` frames far; empty beyond."""

    def __init__(self, reach=100):
        self.reach = reach
        self.asked = []

    def track(self, frames, prompts):
        self.asked.append((frames.frame_range, tuple(p.frame_index for p in prompts)))
        painted = {p.frame_index: p.mask for p in prompts if isinstance(p, MaskPrompt)}
        start = min(k for k in painted if painted[k].any()) if painted else prompts[0].frame_index
        order = sorted(frames.frame_range, key=lambda k: abs(k - start))
        for k in order:
            on = mask(abs(k - start) <= self.reach)
            yield TrackedMask(frame_index=k, mask=painted.get(k, on), confidence=1.0)


def paint(frame, value=True):
    return MaskPrompt(frame_index=frame, mask=mask(value))


def target(frames, *prompts, **more):
    return TargetPrompts(target_id="t", frames=frames, prompts=prompts, **more)


def run(tracker, *targets, **how):
    events = list(OneByOne(tracker).track(Film(), targets, **how))
    frames = [e.tracked.frame_index for e in events if not isinstance(e, Settled)]
    return frames, [e.frames for e in events if isinstance(e, Settled)]


def test_a_new_target_is_tracked_as_one():
    tracker = Spreading()
    frames, settled = run(tracker, target(RANGE, paint(5), paint(20)))
    assert sorted(frames) == list(RANGE)
    assert settled == []
    assert tracker.asked == [(RANGE, (5, 20))]


def test_a_correction_runs_only_the_stretches_beside_it_and_yields_no_held_frame():
    old = {k: mask(False) for k in RANGE}
    tracker = Spreading()
    frames, _ = run(
        tracker,
        target(
            FrameRange(10, 31),
            paint(10, False),
            paint(20),
            paint(30, False),
            held=frozenset({10, 30}),
            before=old.get,
        ),
    )
    assert {part for part, _ in tracker.asked} == {FrameRange(10, 21), FrameRange(20, 31)}
    assert sorted(frames) == list(range(11, 30))


def test_a_correction_ends_where_it_changes_nothing_any_more():
    old = {k: mask(False) for k in RANGE}
    frames, settled = run(
        Spreading(reach=3),
        target(RANGE, paint(0, False), paint(20), held=frozenset({0}), before=old.get),
    )
    last = 20 + 3 + SETTLED_FRAMES
    assert max(frames) == last
    assert FrameRange(last + 1, 40) in settled
    assert min(frames) == 20 - 3 - SETTLED_FRAMES
    covered = set(frames) | {k for part in settled for k in part} | {0}
    assert covered == set(RANGE)


def test_between_two_corrected_frames_everything_is_computed():
    old = {k: mask(False) for k in RANGE}
    frames, settled = run(
        Spreading(reach=1), target(FrameRange(5, 36), paint(5), paint(35), before=old.get)
    )
    assert sorted(frames) == list(range(5, 36))
    assert settled == []


def test_what_is_nearest_the_playhead_comes_first():
    held = frozenset({10, 30})
    old = {k: mask(False) for k in RANGE}
    said = target(RANGE, paint(10), paint(20), paint(30), held=held, before=old.get)
    assert parts_of(said, 25)[0] == FrameRange(20, 31)
    assert parts_of(said, 2)[0] == FrameRange(0, 11)


def test_targets_have_their_own_runs():
    frames, _ = run(
        Spreading(), target(FrameRange(0, 5), paint(0)), target(FrameRange(30, 35), paint(33))
    )
    assert sorted(frames) == [0, 1, 2, 3, 4, 30, 31, 32, 33, 34]


def test_a_sentence_or_no_positive_prompt_is_refused_before_anything_is_computed():
    tracker = Spreading()
    with pytest.raises(WeightsMissingError, match="peanut models add"):
        run(tracker, target(RANGE, paint(1)), target(RANGE, text="a dog"))
    negative = PointPrompt(frame_index=3, x_px=1, y_px=1, positive=False)
    with pytest.raises(InvalidInputError, match="no prompt that says where it is"):
        run(tracker, target(RANGE, negative))
    assert tracker.asked == []


def test_masks_are_the_same_but_for_single_pixels_of_the_outline():
    big = np.zeros((100, 100), bool)
    big[10:90, 10:90] = True
    almost = big.copy()
    almost[10, 10:20] = False
    assert same(big, almost)
    almost[10:12] = False
    assert not same(big, almost)
    assert same(mask(False), mask(False))
    assert not same(mask(True), mask(False))
    assert not same(big, mask(True))


class Clicked(Spreading):
    """Takes away what lies at and beyond a frame with a negative click."""

    def track(self, frames, prompts):
        off = [p.frame_index for p in prompts if not is_positive(p)]
        for tracked in super().track(frames, [p for p in prompts if is_positive(p)]):
            gone = any(0 < k <= tracked.frame_index for k in off)
            yield replace(tracked, mask=tracked.mask & ~gone)


def test_a_correction_does_not_die_out_before_a_click_that_is_still_to_come():
    old = {k: mask(True) for k in RANGE}
    off = PointPrompt(frame_index=32, x_px=1, y_px=1, positive=False)
    # The corrected frame changes nothing by itself; the click behind it does.
    frames, settled = run(
        Clicked(), target(RANGE, paint(0), paint(10), off, held=frozenset({0}), before=old.get)
    )
    assert set(range(11, 40)) <= set(frames)
    assert all(part.end <= 10 for part in settled)
