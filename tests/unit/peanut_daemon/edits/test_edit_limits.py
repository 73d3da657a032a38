"""How much one edit may hold."""

from types import SimpleNamespace

import pytest

from peanut_daemon.edits import limits
from peanut_daemon.edits.model import PaintedMask, Point, Target
from peanut_daemon.errors import InvalidRequestError, LimitExceededError

POINT = Point(frame_index=0, x_px=1, y_px=1, positive=True)


def edit(targets=0):
    found = tuple(Target(id=str(k), name="", prompts=()) for k in range(targets))
    return SimpleNamespace(id="e", targets=found)


def target(**changes):
    return Target(**{"id": "1", "name": "car", "prompts": (POINT,)} | changes)


def test_what_editors_do_is_taken():
    masks = tuple(PaintedMask(frame_index=k, png=b"") for k in range(5000))
    limits.check_target(edit(3), target(prompts=masks))
    limits.check_target(edit(limits.MAX_TARGETS), target(id="5"))


@pytest.mark.parametrize(
    ("targets", "changes", "message"),
    [
        (limits.MAX_TARGETS, {"id": "new"}, "the most that it may have"),
        (0, {"prompts": (POINT,) * (limits.MAX_CLICKS_PER_FRAME + 1)}, "prompts on frame 0"),
        (
            0,
            {"prompts": (PaintedMask(frame_index=0, png=b""),) * (limits.MAX_PROMPTS + 1)},
            f"{limits.MAX_PROMPTS} at most",
        ),
        (0, {"name": "n" * 201}, "name has 201 characters"),
        (0, {"id": "n" * 201}, "id has 201 characters"),
    ],
)
def test_more_is_refused(targets, changes, message):
    with pytest.raises(LimitExceededError, match=message):
        limits.check_target(edit(targets), target(**changes))


def test_a_target_needs_an_id():
    with pytest.raises(InvalidRequestError, match="has no id"):
        limits.check_target(edit(), target(id=" "))


def test_documents_and_numbers_of_edits():
    limits.check_document("x" * limits.MAX_OTIO_CHARACTERS)
    with pytest.raises(LimitExceededError, match="timeline extract"):
        limits.check_document("x" * (limits.MAX_OTIO_CHARACTERS + 1))
    limits.check_room(9, 10)
    with pytest.raises(LimitExceededError, match="max_edits"):
        limits.check_room(10, 10)
