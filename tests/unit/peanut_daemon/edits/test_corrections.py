"""Which frames a change of prompts reaches."""

from peanut_daemon.edits.corrections import affected, runs
from peanut_daemon.edits.model import Box, Point, Text
from peanut_models.ranges import FrameRange

RANGE = FrameRange(10, 50)


def click(frame, x=5.0, positive=True):
    return Point(frame_index=frame, x_px=x, y_px=5, positive=positive)


def box(frame):
    return Box(frame_index=frame, x0_px=1, y0_px=1, x1_px=9, y1_px=9)


def test_a_correction_after_the_only_prompt_reaches_everything_but_that_prompt():
    assert affected(RANGE, [click(10)], [click(10), click(30)]) == set(range(11, 50))


def test_a_correction_between_two_locked_frames_stays_between_them():
    locked = [click(10), click(20), click(40)]
    assert affected(RANGE, locked, [*locked, click(30)]) == set(range(21, 40))


def test_changing_a_prompt_reaches_the_locked_frames_around_it_and_no_farther():
    before = [click(10), click(20), click(30), click(40)]
    after = [click(10), click(20), click(30, x=9), click(40)]
    assert affected(RANGE, before, after) == set(range(21, 40))


def test_taking_a_prompt_away_reaches_as_far_as_giving_it():
    locked = [click(10), click(20), click(40)]
    assert affected(RANGE, [*locked, click(30)], locked) == set(range(21, 40))


def test_a_click_that_says_no_reaches_the_stretch_it_lies_in():
    locked = [click(10), click(20), click(40)]
    after = [*locked, click(25, positive=False)]
    assert affected(RANGE, locked, after) == set(range(21, 40))


def test_a_second_click_on_a_locked_frame_changes_that_frame():
    before = [click(10), click(30)]
    after = [click(10), click(30), click(30, x=8, positive=False)]
    assert affected(RANGE, before, after) == set(range(11, 50))
    assert 30 in affected(RANGE, before, after)


def test_the_same_prompts_reach_nothing():
    prompts = [click(10), box(30)]
    assert affected(RANGE, prompts, list(prompts)) == set()


def test_another_text_reaches_everything_but_what_was_locked():
    before = [Text(frame_index=10, text="a dog"), click(20)]
    after = [Text(frame_index=10, text="a cat"), click(20)]
    assert affected(RANGE, before, after) == set(RANGE) - {20}


def test_only_stretches_with_pending_frames_are_run_and_their_anchors_are_held():
    prompts = [click(10), click(20), click(30), click(40)]
    found = runs(RANGE, prompts, frozenset(range(21, 30)))
    assert [(run.frames, run.held) for run in found] == [(FrameRange(20, 31), {20, 30})]


def test_stretches_that_touch_are_one_run():
    prompts = [click(10), click(20), click(30), click(40)]
    found = runs(RANGE, prompts, frozenset(range(21, 40)))
    assert [(run.frames, run.held) for run in found] == [(FrameRange(20, 41), {20, 40})]


def test_a_new_target_is_one_run_with_nothing_held():
    found = runs(RANGE, [click(25)], frozenset(RANGE))
    assert [(run.frames, run.held) for run in found] == [(RANGE, frozenset())]
    one_frame = FrameRange(3, 4)
    assert runs(one_frame, [click(3)], frozenset({3}))[0].frames == one_frame


def test_nothing_pending_runs_nothing():
    assert runs(RANGE, [click(25)], frozenset()) == ()
