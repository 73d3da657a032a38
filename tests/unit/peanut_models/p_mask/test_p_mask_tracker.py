"""Tracking on scripted clips: what is computed, in which order, and what corrections reach."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.p_mask_stub import (
    BLUE,
    BROWN,
    COLOURS,
    GREEN,
    RED,
    SIDE,
    YELLOW,
    ColourSegmenter,
    ScriptedClip,
)

from peanut_models.errors import InvalidInputError, WeightsMissingError
from peanut_models.p_mask.predictor import Sam2Tracker
from peanut_models.p_mask.settings import ConfusionSettings, TrackSettings
from peanut_models.ranges import FrameRange
from peanut_models.stages import BoxPrompt, MaskPrompt, PointPrompt
from peanut_models.tracking import (
    MaskTracker,
    Settled,
    TargetMask,
    TargetPrompts,
    held_mask,
)

PLAIN = TrackSettings(confusion=ConfusionSettings(enabled=False))


def still(x, y):
    return lambda _: (x, y)


def rows_of_squares(length, colours=COLOURS):
    """Squares that drift to the right, one above the other in two columns."""
    return ScriptedClip(
        length,
        {
            c: (lambda t, k=k: (2 + 40 * (k // 3) + t * 30 // max(length, 1), 2 + 15 * (k % 3)))
            for k, c in enumerate(colours)
        },
    )


def on(clip, colour, frame, **options):
    rows, columns = np.nonzero(clip.truth(colour, frame))
    middle = len(rows) // 2
    return PointPrompt(
        frame_index=frame, x_px=float(columns[middle]), y_px=float(rows[middle]), **options
    )


def target(name, clip, *prompts, frames=None, **options):
    frames = frames or clip.frame_range
    return TargetPrompts(target_id=name, frames=frames, prompts=list(prompts), **options)


def run(clip, *targets, playhead=None):
    tracker = Sam2Tracker(ColourSegmenter(), PLAIN)
    events = list(tracker.track(clip, targets, playhead=playhead))
    return tracker, events


def masks(events, name="a"):
    found = {}
    for event in events:
        if isinstance(event, TargetMask) and event.target_id == name:
            assert event.tracked.frame_index not in found
            found[event.tracked.frame_index] = event.tracked.mask
    return found


def order(events):
    return [e.tracked.frame_index for e in events if isinstance(e, TargetMask)]


def test_a_click_gives_every_frame_of_the_run():
    clip = rows_of_squares(20)
    tracker, events = run(clip, target("a", clip, on(clip, RED, 0)))
    found = masks(events)
    assert sorted(found) == list(range(20))
    for k, mask in found.items():
        assert np.array_equal(mask, clip.truth(RED, k))
    assert all(0 <= e.tracked.confidence <= 1 and not e.doubt for e in events)
    assert isinstance(tracker, MaskTracker)


@pytest.mark.parametrize("anchor", [0, 8, 19], ids=["forward", "both", "backward"])
def test_prompted_frames_come_first_then_outwards(anchor):
    clip = rows_of_squares(20)
    _, events = run(clip, target("a", clip, on(clip, RED, anchor)))
    found = order(events)
    assert found[0] == anchor
    assert sorted(found) == list(range(20))
    # Each side leaves the anchor without a gap.
    assert [k for k in found if k > anchor] == list(range(anchor + 1, 20))
    assert [k for k in found if k < anchor] == list(range(anchor - 1, -1, -1))


def test_the_playhead_s_side_comes_before_the_rest():
    clip = rows_of_squares(60)
    prompts = on(clip, RED, 0), on(clip, RED, 30)
    _, events = run(clip, target("a", clip, *prompts), playhead=50)
    found = order(events)
    assert set(found[:2]) == {0, 30}
    assert found[2:31] == list(range(31, 60))
    _, events = run(clip, target("a", clip, *prompts), playhead=10)
    assert order(events)[2:31] == list(range(1, 30))


def test_both_directions_take_turns():
    clip = rows_of_squares(60)
    _, events = run(clip, target("a", clip, on(clip, RED, 30)), playhead=30)
    found = order(events)
    # Neither direction gets farther ahead than one turn.
    for shown in range(1, 40, 8):
        reached = [abs(k - 30) for k in found[:shown]]
        assert max(reached) <= shown // 2 + PLAIN.turn_frames


def test_a_box_and_a_painted_mask_say_it_too():
    clip = rows_of_squares(6)
    rows, columns = np.nonzero(clip.truth(BLUE, 0))
    box = float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
    painted = clip.truth(GREEN, 3)
    painted[0, 95] = True
    _, events = run(
        clip,
        target("a", clip, BoxPrompt(frame_index=0, box_xyxy_px=box)),
        target("b", clip, MaskPrompt(frame_index=3, mask=painted)),
    )
    assert np.array_equal(masks(events)[5], clip.truth(BLUE, 5))
    # Pixel for pixel on its own frame.
    assert np.array_equal(masks(events, "b")[3], painted)
    assert np.array_equal(masks(events, "b")[0], clip.truth(GREEN, 0))


def test_all_targets_share_each_frame_s_features():
    clip = rows_of_squares(30)
    targets = [
        target(name, clip, on(clip, colour, 0))
        for name, colour in zip("abcde", COLOURS, strict=True)
    ]
    tracker, events = run(clip, *targets)
    assert tracker.counts.frames_encoded == 30
    assert tracker.counts.frames_decoded == 150
    for name, colour in zip("abcde", COLOURS, strict=True):
        assert np.array_equal(masks(events, name)[29], clip.truth(colour, 29))


def test_all_targets_on_a_frame_are_followed_and_remembered_in_one_pass():
    clip, passes = rows_of_squares(12), []

    class Passes(ColourSegmenter):
        def follow(self, features, recalled):
            passes.append(("follow", len(recalled)))
            return super().follow(features, recalled)

        def remember(self, features, seen, *, prompted):
            passes.append(("prompted" if prompted else "remember", len(seen)))
            return super().remember(features, seen, prompted=prompted)

    # The third joins from its own anchor on.
    targets = [target(c, clip, on(clip, k, 0)) for c, k in (("a", RED), ("b", BLUE))]
    targets.append(target("c", clip, on(clip, GREEN, 5), frames=FrameRange(5, 12)))
    list(Sam2Tracker(Passes(), PLAIN).track(clip, targets))
    assert passes[:3] == [("prompted", 1)] * 3
    assert passes[3:13] == [("follow", 2), ("remember", 2)] * 5
    assert passes[13:] == [("follow", 3), ("remember", 3)] * 6


def test_targets_with_other_anchors_join_the_same_sweep():
    clip = rows_of_squares(30)
    tracker, events = run(
        clip, target("a", clip, on(clip, RED, 0)), target("b", clip, on(clip, BLUE, 10))
    )
    # Once forward for both, and frames 0 to 9 once more backward for the second; its anchor is
    # looked at before the sweep gets there.
    assert tracker.counts.frames_encoded <= 30 + 10 + 1
    assert sorted(masks(events, "b")) == list(range(30))


def test_a_target_is_added_without_computing_the_others():
    clip = rows_of_squares(12)
    _, first = run(clip, target("a", clip, on(clip, RED, 0)))
    tracker, second = run(clip, target("b", clip, on(clip, YELLOW, 4)))
    assert {e.target_id for e in second} == {"b"}
    assert tracker.counts.frames_decoded == 12
    assert sorted(masks(first)) == sorted(masks(second, "b"))


def test_nothing_grows_with_the_clip():
    counts = []
    for length in (100, 2000):
        clip = rows_of_squares(length, (RED,))
        tracker = Sam2Tracker(ColourSegmenter(), TrackSettings())
        seen = 0
        for event in tracker.track(clip, [target("a", clip, on(clip, RED, 0))]):
            seen += isinstance(event, TargetMask)
        assert seen == length
        counts.append((tracker.counts.most_memories, tracker.counts.most_cached))
    assert counts[0] == counts[1]
    assert counts[0][0] <= 16 and counts[0][1] <= TrackSettings().cached_frames


def test_frames_are_read_only_when_they_are_needed():
    clip = rows_of_squares(50)
    events = Sam2Tracker(ColourSegmenter(), PLAIN).track(
        clip, [target("a", clip, on(clip, RED, 0))]
    )
    clip.reads.clear()
    next(events)
    next(events)
    assert max(clip.reads, default=0) <= 1
    events.close()


# A correction ------------------------------------------------------------------------------------

JUMP, CORRECTED, LOCKED = 20, 25, 10


def jumping(length=40):
    """At `JUMP` the target is elsewhere, and something else is where it would have been."""
    return ScriptedClip(
        length,
        {
            RED: lambda t: (4 + t, 4) if t < JUMP else (82, 34),
            BLUE: lambda t: None if t < JUMP else (4 + t, 4),
        },
    )


def test_one_correction_repairs_what_follows_the_mistake():
    clip = jumping()
    _, events = run(clip, target("a", clip, on(clip, RED, 0)))
    before = masks(events)
    wrong = [k for k in range(40) if not np.array_equal(before[k], clip.truth(RED, k))]
    assert wrong == list(range(JUMP, 40))

    frames, kept = FrameRange(LOCKED, 40), before[LOCKED].copy()
    corrected = target(
        "a",
        clip,
        held_mask(LOCKED, before[LOCKED]),
        on(clip, RED, CORRECTED),
        frames=frames,
        held=frozenset({LOCKED}),
        before=before.get,
    )
    clip.reads.clear()
    tracker, events = run(clip, corrected, playhead=CORRECTED)
    after = masks(events)
    assert order(events)[0] == CORRECTED
    # Before the lock nothing is looked at, and the lock is not touched.
    assert min(clip.reads) >= LOCKED and LOCKED not in after
    assert np.array_equal(before[LOCKED], kept)
    merged = {**before, **after}
    for k in range(40):
        assert np.array_equal(merged[k], clip.truth(RED, k)), k
    # Backwards it ends where it changes nothing any more.
    settled = [e.frames for e in events if isinstance(e, Settled)]
    assert settled == [FrameRange(LOCKED, 12)]
    assert not {k for frames in settled for k in frames} & set(after)
    assert tracker.counts.frames_decoded == len(after) + 1


def test_a_correction_ends_at_the_next_locked_frame():
    clip = jumping()
    _, events = run(clip, target("a", clip, on(clip, RED, 0)))
    before = masks(events)
    corrected = target(
        "a",
        clip,
        held_mask(LOCKED, before[LOCKED]),
        on(clip, RED, CORRECTED),
        held_mask(30, clip.truth(RED, 30)),
        frames=FrameRange(LOCKED, 31),
        held=frozenset({LOCKED, 30}),
        before=before.get,
    )
    clip.reads.clear()
    _, events = run(clip, corrected)
    assert max(masks(events)) == 29 and max(clip.reads) == 30
    for k in range(JUMP, 30):
        assert np.array_equal(masks(events)[k], clip.truth(RED, k))


def test_a_correction_does_not_die_out_before_a_click_that_is_still_to_come():
    clip = jumping()
    _, events = run(clip, target("a", clip, on(clip, RED, 0)))
    before = masks(events)
    corrected = target(
        "a",
        clip,
        held_mask(0, before[0]),
        on(clip, RED, CORRECTED),
        PointPrompt(frame_index=3, x_px=90, y_px=40, positive=False),
        held=frozenset({0}),
        before=before.get,
    )
    _, events = run(clip, corrected)
    assert 3 in masks(events)
    assert [e.frames for e in events if isinstance(e, Settled)] == [FrameRange(0, 3)]


def test_negative_clicks_refine_what_tracking_brings():
    clip = jumping()
    off = on(clip, BLUE, JUMP, positive=False)
    _, events = run(clip, target("a", clip, on(clip, RED, 0), off))
    for k, mask in masks(events).items():
        assert np.array_equal(mask, clip.truth(RED, k)), k
    assert order(events)[0] == 0


def test_points_correct_an_earlier_mask_only_where_one_confirms_it():
    clip, asked = rows_of_squares(10), []

    class Asked(ColourSegmenter):
        def prompted(self, features, clicks):
            asked.append(clicks.earlier)
            return super().prompted(features, clicks)

    earlier = clip.truth(RED, 4) | clip.truth(BROWN, 4)
    for colour in (RED, BLUE):
        again = target("a", clip, on(clip, colour, 4), before={4: earlier}.get)
        list(Sam2Tracker(Asked(), PLAIN).track(clip, [again]))
    assert np.array_equal(asked[0], earlier) and asked[1] is None


def test_a_run_between_two_locked_frames_may_show_nothing():
    clip = ScriptedClip(12, {RED: lambda t: (4, 4) if t < 6 else None})
    empty = np.zeros_like(clip.truth(RED, 0))
    _, events = run(
        clip, target("a", clip, on(clip, RED, 0), MaskPrompt(frame_index=8, mask=empty))
    )
    found = masks(events)
    assert found[5].any() and not found[7].any() and not found[11].any()
    lost = [e for e in events if "lost" in e.doubt]
    assert [e.tracked.frame_index for e in lost] == [6]
    assert lost[0].tracked.confidence == 0


@st.composite
def drawn_targets(draw):
    """Up to three targets with runs, anchors, locks and earlier masks of their own."""
    targets = []
    for k in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, 20))
        frames = FrameRange(start, draw(st.integers(start + 1, 24)))
        anchors = draw(st.sets(st.sampled_from(list(frames)), min_size=1, max_size=4))
        held = {a for a in anchors if draw(st.booleans())}
        targets.append((COLOURS[k], frames, sorted(anchors), held, draw(st.booleans())))
    return targets


@settings(max_examples=40, deadline=None, derandomize=True)
@given(drawn=drawn_targets(), playhead=st.none() | st.integers(0, 23))
def test_every_frame_of_every_run_is_given_once_or_settled(drawn, playhead):
    clip = rows_of_squares(24)
    truth = {c: {k: clip.truth(c, k) for k in range(24)} for c in COLOURS}
    targets = [
        target(
            str(n),
            clip,
            *(
                held_mask(k, truth[colour][k]) if k in held else on(clip, colour, k)
                for k in anchors
            ),
            frames=frames,
            held=frozenset(held),
            **({"before": truth[colour].get} if corrected else {}),
        )
        for n, (colour, frames, anchors, held, corrected) in enumerate(drawn)
    ]
    clip.reads.clear()
    _, events = run(clip, *targets, playhead=playhead)
    wanted = {k for wanted in targets for k in wanted.frames}
    assert set(clip.reads) <= wanted
    for n, (colour, frames, _, held, _) in enumerate(drawn):
        found = masks(events, str(n))
        settled = {
            k for e in events if isinstance(e, Settled) and e.target_id == str(n) for k in e.frames
        }
        assert set(found) | settled | held == set(frames)
        assert not set(found) & (settled | held)
        assert all(np.array_equal(mask, truth[colour][k]) for k, mask in found.items())


# What is refused ---------------------------------------------------------------------------------


def test_no_targets_give_nothing():
    clip = rows_of_squares(5)
    _, events = run(clip)
    assert events == [] and clip.reads == []


def test_a_text_names_the_command_that_helps():
    clip = rows_of_squares(5)
    for prompts in ((), (on(clip, RED, 0),)):
        with pytest.raises(WeightsMissingError, match="peanut models add"):
            Sam2Tracker(ColourSegmenter()).track(
                clip, [target("a", clip, *prompts, text="the red square")]
            )


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        ([], "no prompt that says where it is"),
        ([PointPrompt(frame_index=0, x_px=3, y_px=3, positive=False)], "no prompt that says"),
        ([PointPrompt(frame_index=7, x_px=3, y_px=3)], "outside the frames"),
        ([PointPrompt(frame_index=0, x_px=300, y_px=3)], "outside the 96x48 picture"),
        ([PointPrompt(frame_index=0, x_px=float("nan"), y_px=3)], "outside the 96x48 picture"),
        (
            [
                PointPrompt(frame_index=0, x_px=3, y_px=3),
                PointPrompt(frame_index=0, x_px=3, y_px=3, positive=False),
            ],
            "on target 'a' and off it",
        ),
        ([BoxPrompt(frame_index=0, box_xyxy_px=(5, 5, 5, 9))], "is empty"),
        ([MaskPrompt(frame_index=0, mask=np.ones((3, 3), np.bool_))], "working image's shape"),
        ([MaskPrompt(frame_index=0, mask=np.zeros((48, 96), np.bool_))], "are empty"),
    ],
)
def test_bad_prompts_are_refused_by_the_call(prompts, message):
    clip = rows_of_squares(5)
    with pytest.raises(InvalidInputError, match=message):
        Sam2Tracker(ColourSegmenter()).track(clip, [target("a", clip, *prompts)])


def test_frames_that_cannot_be_read_are_refused():
    clip = rows_of_squares(5)
    wanted = target("a", clip, on(clip, RED, 0), frames=FrameRange(0, 9))
    with pytest.raises(InvalidInputError, match=r"only \[0, 5\) can be read"):
        Sam2Tracker(ColourSegmenter()).track(clip, [wanted])


def test_a_click_on_nothing_is_said():
    clip = ScriptedClip(3, {RED: still(4, 4)})
    _, events = run(clip, target("a", clip, PointPrompt(frame_index=0, x_px=90, y_px=40)))
    assert "nothing is found at this prompt" in events[0].doubt
    assert not events[0].tracked.mask.any() and SIDE


@pytest.mark.parametrize(
    "options",
    [
        {"threshold": 0.2},
        {"threshold": float("nan")},
        {"memory_frames": 7},
        {"memory_frames": 0},
        {"cached_frames": 1},
        {"turn_frames": 0},
        {"prompted_memories": 0},
        {"sudden_growth": 0.5},
        {"doubtful_score": 1.5},
    ],
)
def test_settings_outside_their_range_are_refused(options):
    with pytest.raises(InvalidInputError, match=next(iter(options))):
        TrackSettings(**options)
