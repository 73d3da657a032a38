"""Masks that are corrected, undone, tracked together and asked for in words, through the daemon."""

import cv2
import numpy as np
import pytest
from support.daemon import painted, point
from support.scenes import square_centre, square_mask

from peanut.v1 import edits_pb2, masks_pb2
from peanut_client import PeanutError, frame_range
from peanut_daemon.media import mask_from_png


def square_png(frame):
    return cv2.imencode(".png", square_mask(frame).astype(np.uint8) * 255)[1].tobytes()


def target(*prompts, name="1"):
    return edits_pb2.Target(id=name, prompts=prompts)


def tracked(client, edit, *targets, **how):
    """The frames for which a mask came, by target, in the order in which they came."""
    frames = {}
    for response in client.track_masks(edit.id, targets, **how):
        if response.HasField("mask"):
            frames.setdefault(response.mask.target_id, []).append(response.mask.frame_index)
    return frames


def pngs(client, edit, name="1"):
    return {mask.frame_index: mask.png for mask in client.fetch_masks(edit.id, name)}


@pytest.fixture
def edit(client, clip):
    return client.create_edit(str(clip), frame_range(0, 16))


def test_a_correction_reaches_the_next_locked_frames_and_nothing_else(client, edit):
    said = [point(*square_centre(0), 0), painted(square_png(8), 8)]
    tracked(client, edit, target(*said))
    before = pngs(client, edit)
    again = tracked(client, edit, target(*said, painted(square_png(12), 12)))
    assert set(again["1"]) == set(range(9, 16))
    after = pngs(client, edit)
    assert all(after[k] == before[k] for k in range(9))  # bit by bit
    assert (mask_from_png(after[12]) == square_mask(12)).all()


def test_a_correction_that_changes_nothing_dies_out(client, edit):
    tracked(client, edit, target(painted(square_png(0), 0)))
    before = pngs(client, edit)
    shown = mask_from_png(before[2])
    same = cv2.imencode(".png", shown.astype(np.uint8) * 255)[1].tobytes()
    tracked(client, edit, target(painted(square_png(0), 0), painted(same, 2)))
    after = pngs(client, edit)
    # The frames beyond are the same masks, not ones that were computed again.
    assert after[15] == before[15]
    assert client.get_edit(edit.id).targets[0].mask_frames == 16


def test_undo_and_redo_through_the_daemon(client, edit):
    tracked(client, edit, target(point(*square_centre(0), 0)))
    before = pngs(client, edit)
    tracked(client, edit, target(point(*square_centre(0), 0), painted(square_png(9), 9)))
    after = pngs(client, edit)
    undone = client.undo_prompts(edit.id, "1")
    assert (undone.revision, undone.last_revision, len(undone.prompts)) == (0, 1, 1)
    assert pngs(client, edit) == before
    assert client.undo_prompts(edit.id, "1", redo=True).revision == 1
    assert pngs(client, edit) == after
    with pytest.raises(PeanutError, match="nothing to redo"):
        client.undo_prompts(edit.id, "1", redo=True)


def test_the_same_prompts_again_send_the_masks_without_tracking(client, edit):
    said = target(point(*square_centre(0), 0))
    tracked(client, edit, said)
    before = pngs(client, edit)
    assert tracked(client, edit, said) == {"1": list(range(16))}
    assert pngs(client, edit) == before


def test_several_targets_are_tracked_in_one_call(client, edit):
    everywhere = [painted(square_png(k), k) for k in range(16)]
    frames = tracked(
        client, edit, target(point(*square_centre(0), 0)), target(*everywhere, name="2")
    )
    assert {name: sorted(found) for name, found in frames.items()} == {
        "1": list(range(16)),
        "2": list(range(16)),
    }
    assert [t.mask_frames for t in client.get_edit(edit.id).targets] == [16, 16]


def test_forward_only_leaves_the_earlier_frames_missing(client, edit):
    said = target(point(*square_centre(6), 6))
    frames = tracked(client, edit, said, direction=masks_pb2.TRACK_DIRECTION_FORWARD)
    assert sorted(frames["1"]) == list(range(6, 16))
    assert client.get_edit(edit.id).targets[0].mask_frames == 10
    with pytest.raises(PeanutError, match="masks on 10 of 16 frames"):
        client.approve_masks(edit.id, grow_px=0, feather_px=0)
    frames = tracked(client, edit, said)
    assert client.get_edit(edit.id).targets[0].mask_frames == 16


def test_a_sentence_needs_a_model_and_the_error_names_the_command(client, edit):
    words = edits_pb2.Prompt(text=edits_pb2.TextPrompt(text="the red square"))
    with pytest.raises(PeanutError, match="peanut models add samwise/mevis") as caught:
        tracked(client, edit, target(words))
    assert caught.value.reason == "WeightsMissingError"
    with pytest.raises(PeanutError, match="peanut models pull") as caught:
        tracked(client, edit, target(words), p_mask="samwise/mevis")
    assert caught.value.reason == "WeightsMissingError"


@pytest.mark.parametrize(
    ("text", "complaint"), [("", "empty"), ("  ", "empty"), ("x" * 10_000, "10000 characters")]
)
def test_a_text_that_cannot_be_meant_is_refused(client, edit, text, complaint):
    words = edits_pb2.Prompt(text=edits_pb2.TextPrompt(text=text))
    with pytest.raises(PeanutError, match=complaint) as caught:
        tracked(client, edit, target(words))
    assert caught.value.reason == "PromptError"


def test_clicks_that_contradict_each_other_are_refused(client, edit):
    x, y = square_centre(0)
    negative = edits_pb2.PointPrompt(x_px=x, y_px=y, negative=True)
    no = edits_pb2.Prompt(frame_index=0, point=negative)
    with pytest.raises(PeanutError, match="take one of the two back") as caught:
        tracked(client, edit, target(point(x, y, 0), no))
    assert caught.value.reason == "PromptError"


def test_an_unknown_tracker_is_refused(client, edit):
    with pytest.raises(PeanutError, match="no model is called 'nothing'"):
        tracked(client, edit, target(point(*square_centre(0), 0)), p_mask="nothing")
