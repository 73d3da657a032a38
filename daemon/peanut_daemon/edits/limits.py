"""How much one edit may hold: far beyond any editor's work, against programs that never stop."""

from __future__ import annotations

from peanut_daemon.edits.model import Edit, PaintedMask, Target
from peanut_daemon.errors import InvalidRequestError, LimitExceededError

MAX_TARGETS = 64
# A painted mask on each frame of ten minutes; clicks are a few.
MAX_PROMPTS = 20_000
# What one mask of a target is found from.
MAX_CLICKS_PER_FRAME = 1000
MAX_NAME_CHARACTERS = 200
MAX_OTIO_CHARACTERS = 32 * 2**20
# Of one render; each is probed first.
MAX_DONORS = 64


def check_target(edit: Edit, target: Target) -> None:
    """Refuse more than an edit may hold.

    Raises:
        InvalidRequestError: the target has no id.
        LimitExceededError: too many targets or prompts, or too long a name.
    """
    if not target.id.strip():
        raise InvalidRequestError("the target has no id: give one, such as '1'")
    for what, text in (("id", target.id), ("name", target.name)):
        if len(text) > MAX_NAME_CHARACTERS:
            raise LimitExceededError(
                f"the target's {what} has {len(text)} characters: {MAX_NAME_CHARACTERS} at most"
            )
    known = {known.id for known in edit.targets}
    if target.id not in known and len(known) >= MAX_TARGETS:
        raise LimitExceededError(
            f"edit {edit.id} has {len(known)} targets, the most that it may have: make another "
            "edit of the same clip, or give one target's prompts to another"
        )
    if len(target.prompts) > MAX_PROMPTS:
        raise LimitExceededError(
            f"target {target.id!r} has {len(target.prompts)} prompts: {MAX_PROMPTS} at most"
        )
    clicks: dict[int, int] = {}
    for prompt in target.prompts:
        if not isinstance(prompt, PaintedMask):
            clicks[prompt.frame_index] = clicks.get(prompt.frame_index, 0) + 1
    for frame_index, count in clicks.items():
        if count > MAX_CLICKS_PER_FRAME:
            raise LimitExceededError(
                f"target {target.id!r} has {count} prompts on frame {frame_index}: "
                f"{MAX_CLICKS_PER_FRAME} at most; paint a mask instead"
            )


def check_document(otio: str) -> None:
    """Refuse a document that is too long to be a timeline.

    Raises:
        LimitExceededError: it is.
    """
    if len(otio) > MAX_OTIO_CHARACTERS:
        raise LimitExceededError(
            f"the timeline has {len(otio)} characters: {MAX_OTIO_CHARACTERS} at most; send the one "
            "clip that it is about (`peanut timeline extract` takes it out)"
        )


def check_room(count: int, most: int) -> None:
    """Refuse another edit where so many are kept.

    Raises:
        LimitExceededError: as many as there may be.
    """
    if count >= most:
        raise LimitExceededError(
            f"{count} edits are kept, the most that this daemon keeps (max_edits): delete some"
        )
