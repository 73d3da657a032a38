"""The masks of targets, from the worker into the journal and on to whoever watches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, replace
from enum import Enum

from peanut_daemon.deliverable import ChosenModel
from peanut_daemon.edits.corrections import Run, runs, text_of
from peanut_daemon.edits.limits import check_target
from peanut_daemon.edits.model import Edit, MaskFrame, Prompt, Target, check_prompts
from peanut_daemon.edits.store import EditStore
from peanut_daemon.errors import raise_reported
from peanut_daemon.jobs.admission import Machine, admit_tracking
from peanut_daemon.jobs.dispatcher import Dispatcher
from peanut_daemon.jobs.estimate import estimate_tracking
from peanut_daemon.worker.messages import Failed, FramesSettled, MaskReady, TrackedTarget, TrackTask
from peanut_models.errors import WeightsMissingError
from peanut_models.ranges import FrameRange
from peanut_models.zoo import CARDS, ModelCard, ModelStore, Stage, chosen
from peanut_models.zoo.store import command_for


class Direction(Enum):
    """Which way a target is tracked from its prompts."""

    BOTH = "both"
    FORWARD = "forward"
    BACKWARD = "backward"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRequest:
    """All that the user says about one target of an edit.

    `goes_on`: it was interrupted by another request of the same stream, not by the world.
    """

    edit_id: str
    target: Target
    playhead: int | None = None
    model: str = ""
    direction: Direction = Direction.BOTH
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class Tracked:
    """One stored mask, and how many of the target's frames have theirs now."""

    mask: MaskFrame
    frames_done: int
    frames_total: int


Key = tuple[str, str]


class Tracking:
    """Tracks the targets that wait together in one pass; a newer request replaces an older.

    Args:
        edits: where prompts and masks are stored.
        dispatcher: who has the worker.
        models: what is installed.
        model: the P-MASK to use unless a request names another.
        working_long_side_px: size of the pictures it works on.
        machine: what there is, asked before each pass.
    """

    def __init__(
        self,
        edits: EditStore,
        dispatcher: Dispatcher,
        *,
        models: ModelStore,
        model: str,
        working_long_side_px: int,
        machine: Callable[[], Machine],
    ) -> None:
        self._edits = edits
        self._dispatcher = dispatcher
        self._models = models
        self._model = model
        self._working_long_side_px = working_long_side_px
        self._machine = machine

    def store(self, request: TrackRequest) -> Target:
        """Check what is said of a target and write it down; `run` with the same finds the masks.

        Raises:
            InvalidRequestError, FrameRangeError: as `check_prompts`.
            WeightsMissingError: a text, and a model that does not understand it.
        """
        edit = self._edits.get(request.edit_id)
        self._check(edit, request)
        return self._edits.targets.revise(edit.id, request.target, edit.frame_range)

    async def run(self, requests: AsyncIterator[TrackRequest]) -> AsyncGenerator[Tracked, None]:
        """Yield masks as they are stored, until the requests end and the last target is done."""
        waiting: dict[Key, TrackRequest] = {}
        arrived = asyncio.Event()
        reader = asyncio.create_task(_collect(requests, waiting, arrived))
        try:
            while True:
                if waiting:
                    batch = _take(waiting)
                    async with aclosing(self._track(list(batch.values()))) as masks:
                        async for tracked in masks:
                            yield tracked
                            if waiting.keys() & batch.keys():
                                # The others of the batch go on with what is left of theirs.
                                for key in batch.keys() - waiting.keys():
                                    waiting[key] = replace(batch[key], goes_on=True)
                                break
                            if arrived.is_set() and waiting:
                                # A target that was added meanwhile joins the pass.
                                for key, request in batch.items():
                                    waiting[key] = replace(request, goes_on=True)
                                break
                elif reader.done():
                    reader.result()
                    return
                else:
                    await arrived.wait()
                arrived.clear()
        finally:
            reader.cancel()

    async def _track(self, batch: list[TrackRequest]) -> AsyncGenerator[Tracked, None]:
        edit = self._edits.get(batch[0].edit_id)
        card = self._card(batch[0])
        for request in batch:
            self._check(edit, request)
        self._admit(edit, card, targets=len(batch))
        weights = self._models.require(card).blob_sha256 if card.weights else ""
        plans: list[TrackedTarget] = []
        left: dict[str, set[int]] = {}
        for request in batch:
            target = self._edits.targets.revise(edit.id, request.target, edit.frame_range)
            pending = self._edits.targets.pending(edit.id, target.id)
            left[target.id] = set(pending)
            if not pending:
                for mask in self._edits.targets.masks(edit.id, edit.frame_range, target.id):
                    yield Tracked(mask, len(edit.frame_range), len(edit.frame_range))
                continue
            changed = pending | self._edits.targets.begun(edit.id, target.id)
            # Cut off by a crash or by the client, what was begun is done again: a pass from the
            # middle may end in other masks than one that was not disturbed.
            wanted = pending if request.goes_on else changed
            for run in runs(edit.frame_range, target.prompts, wanted):
                cut = _towards(run, target, request.direction)
                if cut is not None:
                    plans.append(self._planned(edit, target, cut, changed))
        if not plans:
            return
        task = TrackTask(
            clip=edit.clip,
            targets=tuple(plans),
            playhead=next((r.playhead for r in batch if r.playhead is not None), None),
            tracker=ChosenModel(card.name, weights),
            working_long_side_px=self._working_long_side_px,
        )
        total = len(edit.frame_range)
        async with aclosing(self._dispatcher.interactive(task)) as events:
            async for event in events:
                if isinstance(event, MaskReady):
                    self._edits.targets.put_mask(edit.id, event.mask)
                    missing = left[event.mask.target_id]
                    missing.discard(event.mask.frame_index)
                    yield Tracked(event.mask, total - len(missing), total)
                elif isinstance(event, FramesSettled):
                    self._edits.targets.settle(edit.id, event.target_id, event.frames)
                    left[event.target_id].difference_update(event.frames)
                    for mask in self._edits.targets.masks(edit.id, event.frames, event.target_id):
                        yield Tracked(mask, total - len(left[event.target_id]), total)
                elif isinstance(event, Failed):
                    raise_reported(event.reason, event.message, expected=event.expected)

    def _check(self, edit: Edit, request: TrackRequest) -> None:
        check_target(edit, request.target)
        check_prompts(edit, request.target.prompts)
        _check_text(self._card(request), request.target)

    def _card(self, request: TrackRequest) -> ModelCard:
        return chosen("embedded", Stage.P_MASK, request.model or self._model)

    def _admit(self, edit: Edit, card: ModelCard, *, targets: int) -> None:
        machine = self._machine()
        needs = estimate_tracking(
            edit.clip,
            len(edit.frame_range),
            targets,
            model=card.name,
            device=machine.device,
            working_long_side_px=self._working_long_side_px,
        )
        admit_tracking(needs, machine)

    def _planned(
        self, edit: Edit, target: Target, run: Run, changed: frozenset[int]
    ) -> TrackedTarget:
        """What the worker needs: what was said in the run, and the masks that are there."""
        masks = {
            mask.frame_index: mask.png
            for mask in self._edits.targets.masks(edit.id, run.frames, target.id)
        }
        corrected = any(k not in changed for k in edit.frame_range)
        before = self._edits.targets.before(edit.id, target.id, run.frames) if corrected else {}
        return TrackedTarget(
            target_id=target.id,
            frames=run.frames,
            prompts=tuple(_said_in(run, target.prompts)),
            text=text_of(target.prompts),
            held={k: masks[k] for k in run.held},
            before=before,
        )


def _said_in(run: Run, prompts: Iterable[Prompt]) -> Iterable[Prompt]:
    return (p for p in prompts if p.frame_index in run.frames and p.frame_index not in run.held)


def _towards(run: Run, target: Target, direction: Direction) -> Run | None:
    """The part of a run on the wanted side of its prompts; None if there is none."""
    said = [p.frame_index for p in _said_in(run, target.prompts)] or [*run.held]
    if direction is Direction.BOTH or not said:
        return run
    if direction is Direction.FORWARD:
        frames = FrameRange(min(said), run.frames.end)
    else:
        frames = FrameRange(run.frames.start, max(said) + 1)
    return Run(frames=frames, held=frozenset(k for k in run.held if k in frames))


def _check_text(card: ModelCard, target: Target) -> None:
    """Refuse a sentence that the model does not understand, with the way to one that does."""
    text = text_of(target.prompts)
    if text and not card.understands_text:
        able = [c for c in CARDS if c.understands_text and c.weights is not None]
        raise WeightsMissingError(
            f"the text {text[:40]!r} needs a model that understands it, and {card.name} does not: "
            f"use clicks, or choose {' or '.join(c.name for c in able)}; for the first, "
            f"{command_for(able[0])}"
        )


def _take(waiting: dict[Key, TrackRequest]) -> dict[Key, TrackRequest]:
    """All requests for the edit and model that have waited longest."""
    first_key, first = next(iter(waiting.items()))
    return {
        key: waiting.pop(key)
        for key, request in [*waiting.items()]
        if key[0] == first_key[0] and request.model == first.model
    }


async def _collect(
    requests: AsyncIterator[TrackRequest],
    waiting: dict[Key, TrackRequest],
    arrived: asyncio.Event,
) -> None:
    try:
        async for request in requests:
            waiting[(request.edit_id, request.target.id)] = request
            arrived.set()
    finally:
        arrived.set()
