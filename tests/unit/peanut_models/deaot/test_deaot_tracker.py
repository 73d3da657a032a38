"""DeAOT's tracker: which frames follow from which masks, one pass for all, bounded memory.

The weights are noise, so what is asked is whether the right memories are used, not whether the
masks are good.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
import torch
from support import deaot
from support.p_mask_stub import BLUE, GREEN, RED, ScriptedClip

from peanut_models.deaot.config import PredictorConfig, network_size
from peanut_models.deaot.engine import Propagation, prepared
from peanut_models.deaot.predictor import DeaotTracker
from peanut_models.errors import InvalidInputError, WeightsMissingError
from peanut_models.ranges import FrameRange
from peanut_models.stages import BoxPrompt, MaskPrompt, PointPrompt, Prompt
from peanut_models.tracking import MaskTracker, Settled, TargetMask, TargetPrompts, held_mask

LENGTH = 8
SIZE = (48, 96)


@pytest.fixture
def clip() -> ScriptedClip:
    """Two squares that pass each other."""
    return ScriptedClip(
        LENGTH,
        {RED: lambda t: (4 + 3 * t, 6), BLUE: lambda t: (70 - 3 * t, 28), GREEN: lambda t: None},
    )


@pytest.fixture
def tracker() -> DeaotTracker:
    return DeaotTracker(deaot.seeded_network(), PredictorConfig(memory_gap=2, memory_frames=3))


def target(name: str, *prompts: Prompt, **more: object) -> TargetPrompts:
    return TargetPrompts(target_id=name, frames=FrameRange(0, LENGTH), prompts=prompts, **more)


def painted(clip: ScriptedClip, colour: tuple[int, int, int], frame: int) -> MaskPrompt:
    return MaskPrompt(frame_index=frame, mask=clip.truth(colour, frame))


def by_frame(events: Iterable[TargetMask | Settled], name: str) -> dict[int, np.ndarray]:
    """Masks of a target; each frame comes once."""
    found: dict[int, np.ndarray] = {}
    for event in events:
        if isinstance(event, TargetMask) and event.target_id == name:
            assert event.tracked.frame_index not in found
            assert 0 <= event.tracked.confidence <= 1
            found[event.tracked.frame_index] = event.tracked.mask
    return found


def by_engine(
    clip: ScriptedClip, frames: Iterable[int], given: dict[int, list[np.ndarray]]
) -> dict[int, np.ndarray]:
    """Labels of the engine itself, with the masks given on some frames: label 1 and up."""
    network = deaot.seeded_network()
    run = Propagation(network, PredictorConfig(memory_gap=2, memory_frames=3), 2)
    found: dict[int, np.ndarray] = {}
    with torch.inference_mode():
        for index in frames:
            frame = network.encode(prepared(clip.read(index), 1040))
            labels = torch.zeros(SIZE, dtype=torch.int64)
            if found:
                labels = run.step(frame, SIZE).labels
            for k, mask in enumerate(given.get(index, ())):
                labels[labels == k + 1] = 0
                labels[torch.from_numpy(mask)] = k + 1
            if index in given:
                run.refer(frame, labels, len(given[index]))
            else:
                run.remember(frame, labels)
            found[index] = labels.numpy()
    return found


def test_it_is_a_mask_tracker(tracker: DeaotTracker):
    assert isinstance(tracker, MaskTracker)


def test_two_targets_from_one_frame_are_what_the_engine_gives_both_ways(
    clip: ScriptedClip, tracker: DeaotTracker
):
    red, blue = painted(clip, RED, 3), painted(clip, BLUE, 3)
    clip.reads.clear()
    events = list(tracker.track(clip, [target("red", red), target("blue", blue)]))
    # The prompts, then each way once for both: no frame is encoded for each target.
    assert len(clip.reads) <= 4 + LENGTH + 2
    assert {e.tracked.frame_index for e in events[:2] if isinstance(e, TargetMask)} == {3}
    for way in (range(3, LENGTH), range(3, -1, -1)):
        truth = by_engine(clip, way, {3: [red.mask, blue.mask]})
        for label, name in ((1, "red"), (2, "blue")):
            found = by_frame(events, name)
            assert sorted(found) == list(range(LENGTH))
            for k in way:
                assert np.array_equal(found[k], truth[k] == label), (name, k)


def test_a_target_that_is_prompted_later_joins_the_pass(clip: ScriptedClip, tracker: DeaotTracker):
    events = list(
        tracker.track(
            clip, [target("red", painted(clip, RED, 0)), target("blue", painted(clip, BLUE, 4))]
        )
    )
    red, blue = by_frame(events, "red"), by_frame(events, "blue")
    assert sorted(red) == sorted(blue) == list(range(LENGTH))
    network = deaot.seeded_network()
    run = Propagation(network, PredictorConfig(memory_gap=2, memory_frames=3), 2)
    labels = torch.from_numpy(clip.truth(RED, 0).astype(np.int64))
    with torch.inference_mode():
        for k in range(LENGTH):
            frame = network.encode(prepared(clip.read(k), 1040))
            if k:
                labels = run.step(frame, SIZE).labels
                # Before its prompt there is no second target that could take a pixel.
                assert k > 4 or labels.max() <= 1
                assert np.array_equal(red[k], labels.numpy() == 1), k
            if k == 4:
                labels[torch.from_numpy(clip.truth(BLUE, 4))] = 2
            if k in (0, 4):
                run.refer(frame, labels, 1 if k == 0 else 2)
            else:
                run.remember(frame, labels)
            if k > 4:
                assert np.array_equal(blue[k], labels.numpy() == 2), k


def test_a_correction_starts_anew_at_its_frame_and_locked_frames_stay(
    clip: ScriptedClip, tracker: DeaotTracker
):
    first = by_frame(tracker.track(clip, [target("red", painted(clip, RED, 0))]), "red")
    corrected = target(
        "red",
        held_mask(0, first[0]),
        painted(clip, RED, 5),
        held=frozenset({0}),
        before=lambda k: first.get(k),
    )
    found = by_frame(tracker.track(clip, [corrected]), "red")
    assert 0 not in found
    assert np.array_equal(found[5], clip.truth(RED, 5))
    truth = by_engine(clip, range(5, LENGTH), {5: [clip.truth(RED, 5)]})
    for k in range(6, LENGTH):
        assert np.array_equal(found[k], truth[k] == 1), k
    assert set(found) == set(range(1, LENGTH))


def test_what_a_correction_leaves_as_it_was_is_settled(clip: ScriptedClip):
    long = ScriptedClip(12, clip.objects)
    tracker = DeaotTracker(deaot.seeded_network(), PredictorConfig())
    prompt = MaskPrompt(frame_index=0, mask=long.truth(RED, 0))
    anew = TargetPrompts(target_id="red", frames=FrameRange(0, 12), prompts=(prompt,))
    before = by_frame(tracker.track(long, [anew]), "red")
    again = TargetPrompts(
        target_id="red", frames=FrameRange(0, 12), prompts=(prompt,), before=before.get
    )
    events = list(tracker.track(long, [again]))
    assert isinstance(events[-1], Settled)
    assert events[-1].frames.end == 12
    assert len(events) + len(events[-1].frames) == 12 + 1


def test_a_negative_click_only_takes_away(clip: ScriptedClip, tracker: DeaotTracker):
    plain = by_frame(tracker.track(clip, [target("red", painted(clip, RED, 0))]), "red")
    index = next(k for k in range(1, LENGTH) if plain[k].sum() > 20)
    rows, columns = np.nonzero(plain[index])
    click = PointPrompt(
        frame_index=index, x_px=float(columns[0]), y_px=float(rows[0]), positive=False
    )
    said = target("red", painted(clip, RED, 0), click)
    found = by_frame(tracker.track(clip, [said]), "red")
    assert not (found[index] & ~plain[index]).any()
    assert not found[index][rows[0], columns[0]]


def test_a_box_is_segmented_on_its_frame(clip: ScriptedClip, tracker: DeaotTracker):
    truth = clip.truth(RED, 2)
    rows, columns = np.nonzero(truth)
    box = (columns[0] - 3.0, rows[0] - 3.0, columns[-1] + 4.0, rows[-1] + 4.0)
    said = target("red", BoxPrompt(frame_index=2, box_xyxy_px=box))
    found = by_frame(tracker.track(clip, [said]), "red")
    assert (found[2] & truth).sum() > 0.9 * (found[2] | truth).sum()


def test_more_targets_than_one_bank_knows_are_tracked_in_groups(
    clip: ScriptedClip, tracker: DeaotTracker
):
    targets = []
    for k in range(12):
        mask = np.zeros(SIZE, np.bool_)
        mask[4 + 20 * (k // 6) : 16 + 20 * (k // 6), 16 * (k % 6) : 16 * (k % 6) + 10] = True
        targets.append(target(str(k), MaskPrompt(frame_index=0, mask=mask)))
    events = list(tracker.track(clip, targets))
    masks = [by_frame(events, str(k)) for k in range(12)]
    for index in range(LENGTH):
        assert sum(mask[index].astype(int) for mask in masks).max() <= 1
    assert any(masks[11][k].any() for k in range(1, LENGTH))


def test_the_long_memory_is_bounded_and_what_was_given_stays():
    network, settings = deaot.seeded_network(), PredictorConfig(memory_gap=1, memory_frames=3)
    run, labels = Propagation(network, settings, 1), torch.zeros(17, 33, dtype=torch.int64)
    labels[4:9, 4:9] = 1
    sizes = []
    with torch.inference_mode():
        frame = network.encode(torch.zeros(1, 3, 17, 33))
        run.refer(frame, labels, 1)
        first = run._long[0]
        for _ in range(6):
            run.step(frame, (17, 33))
            run.remember(frame, labels)
            sizes.append(run.kept_frames)
    assert sizes == [2, 3, 3, 3, 3, 3]
    assert run._long[0] is first
    assert run.kept_tokens == 3 * 6


@pytest.mark.parametrize(
    ("said", "error", "complaint"),
    [
        ({"text": "the red one"}, WeightsMissingError, "the red one"),
        ({}, InvalidInputError, "no prompt that says where"),
        (
            {"prompts": [PointPrompt(frame_index=99, x_px=1, y_px=1)]},
            InvalidInputError,
            "outside the frames",
        ),
        (
            {"prompts": [PointPrompt(frame_index=0, x_px=500, y_px=1)]},
            InvalidInputError,
            "outside the 96x48",
        ),
    ],
)
def test_what_cannot_be_tracked_is_refused_by_the_call_itself(
    clip: ScriptedClip,
    tracker: DeaotTracker,
    said: dict[str, object],
    error: type[Exception],
    complaint: str,
):
    wanted = {"prompts": [], **said}
    with pytest.raises(error, match=complaint):
        tracker.track(clip, [TargetPrompts(target_id="a", frames=FrameRange(0, LENGTH), **wanted)])


def test_nothing_wanted_is_nothing_done(clip: ScriptedClip, tracker: DeaotTracker):
    assert list(tracker.track(clip, [])) == []
    assert not clip.reads


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"memory_gap": 0}, "memory_gap is 0"),
        ({"memory_frames": 0}, "memory_frames is 0"),
        ({"long_edge_px": 3}, "long_edge_px is 3"),
        ({"doubtful": 1.5}, "doubtful is"),
        ({"precision": "int8"}, "precision is 'int8'"),
    ],
)
def test_settings_refuse_nonsense(change: dict[str, object], complaint: str):
    with pytest.raises(InvalidInputError, match=complaint):
        PredictorConfig(**change)


def test_a_frame_of_a_few_pixels_still_has_a_token():
    assert network_size(5, 3000) == (17, 1041)
    with pytest.raises(InvalidInputError, match="resize it"):
        deaot.seeded_network().encode(torch.zeros(1, 3, 48, 96))
