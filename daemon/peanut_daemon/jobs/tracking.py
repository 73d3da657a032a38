"""The masks of a target, from the worker into the journal and on to whoever watches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from peanut_daemon.edits.model import Edit, MaskFrame, Target, check_prompts
from peanut_daemon.edits.store import EditStore
from peanut_daemon.errors import raise_reported
from peanut_daemon.jobs.dispatcher import Dispatcher
from peanut_daemon.worker.messages import Failed, MaskReady, TrackTask


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRequest:
    """All that the user says about one target of an edit."""

    edit_id: str
    target: Target


@dataclass(frozen=True, slots=True)
class Tracked:
    """One stored mask, and how many of the target's frames have one now."""

    mask: MaskFrame
    frames_done: int
    frames_total: int


class Tracking:
    """Tracks targets one after the other; a newer request for the same target replaces an older.

    Args:
        edits: where prompts and masks are stored.
        dispatcher: who has the worker.
        profile: whose P-MASK is used.
        working_long_side_px: size of the pictures it works on.
    """

    def __init__(
        self,
        edits: EditStore,
        dispatcher: Dispatcher,
        *,
        profile: str,
        working_long_side_px: int,
    ) -> None:
        self._edits = edits
        self._dispatcher = dispatcher
        self._profile = profile
        self._working_long_side_px = working_long_side_px

    async def run(self, requests: AsyncIterator[TrackRequest]) -> AsyncGenerator[Tracked, None]:
        """Yield masks as they are stored, until the requests end and the last target is done."""
        waiting: dict[tuple[str, str], TrackRequest] = {}
        arrived = asyncio.Event()
        reader = asyncio.create_task(_collect(requests, waiting, arrived))
        try:
            while True:
                if waiting:
                    request = waiting.pop(next(iter(waiting)))
                    replaced = (request.edit_id, request.target.id)
                    async with aclosing(self._track(request)) as masks:
                        async for tracked in masks:
                            yield tracked
                            if replaced in waiting:
                                break
                elif reader.done():
                    reader.result()
                    return
                else:
                    await arrived.wait()
                    arrived.clear()
        finally:
            reader.cancel()

    async def _track(self, request: TrackRequest) -> AsyncGenerator[Tracked, None]:
        edit = self._edits.get(request.edit_id)
        check_prompts(edit, request.target.prompts)
        self._edits.set_prompts(edit.id, request.target)
        frames_seen: set[int] = set()
        async with aclosing(
            self._dispatcher.interactive(self._task(edit, request.target))
        ) as events:
            async for event in events:
                if isinstance(event, MaskReady):
                    self._edits.put_mask(edit.id, event.mask)
                    frames_seen.add(event.mask.frame_index)
                    yield Tracked(event.mask, len(frames_seen), len(edit.frame_range))
                elif isinstance(event, Failed):
                    raise_reported(event.reason, event.message, expected=event.expected)

    def _task(self, edit: Edit, target: Target) -> TrackTask:
        return TrackTask(
            clip=edit.clip,
            frame_range=edit.frame_range,
            target_id=target.id,
            prompts=target.prompts,
            profile=self._profile,
            working_long_side_px=self._working_long_side_px,
        )


async def _collect(
    requests: AsyncIterator[TrackRequest],
    waiting: dict[tuple[str, str], TrackRequest],
    arrived: asyncio.Event,
) -> None:
    try:
        async for request in requests:
            waiting[(request.edit_id, request.target.id)] = request
            arrived.set()
    finally:
        arrived.set()
