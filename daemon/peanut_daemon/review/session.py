"""What pages do to edits: prompts, undo, tracking. The same calls as the ones behind gRPC."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, replace

from peanut_daemon.edits.changes import EditChanged
from peanut_daemon.edits.model import PaintedMask, Prompt, Target, Text
from peanut_daemon.edits.store import EditStore
from peanut_daemon.errors import EditNotFoundError, PromptError, ShuttingDownError
from peanut_daemon.jobs.dispatcher import Dispatcher
from peanut_daemon.jobs.store import JobStore
from peanut_daemon.jobs.tracking import Tracking, TrackRequest
from peanut_daemon.review.state import Json, edit_json, job_json, listed_json
from peanut_daemon.status import Refusal, refusal_of
from peanut_models.matte import TargetKind

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Tracking that was started from a page has failed."""

    edit_id: str
    refusal: Refusal


class ReviewSession:
    """One edit while pages show it.

    Tracking belongs to the edit and not to a page: it goes on when the page is closed, and a page
    that is opened meanwhile sees its masks arrive.
    """

    def __init__(
        self,
        edit_id: str,
        *,
        edits: EditStore,
        jobs: JobStore,
        tracking: Tracking,
        dispatcher: Dispatcher,
        long_side_px: int,
    ) -> None:
        edits.get(edit_id)
        self.edit_id = edit_id
        self._edits = edits
        self._jobs = jobs
        self._tracking = tracking
        self._dispatcher = dispatcher
        self._long_side_px = long_side_px
        self._task: asyncio.Task[None] | None = None
        # One change at a time: a change waits until the tracking before it has let go.
        self._lock = asyncio.Lock()
        self._told: set[Callable[[Trouble], None]] = set()

    @property
    def busy(self) -> bool:
        """Whether masks are being computed."""
        return self._task is not None

    def state(self) -> Json:
        """All that a page shows."""
        edit = self._edits.get(self.edit_id)
        return edit_json(
            edit,
            pending={t.id: self._edits.targets.pending(edit.id, t.id) for t in edit.targets},
            jobs=[
                job_json(job, self._dispatcher.progress(job)) for job in self._jobs.of_edit(edit.id)
            ],
            tracking=self.busy,
            long_side_px=self._long_side_px,
        )

    def on_trouble(self, listener: Callable[[Trouble], None]) -> Callable[[], None]:
        """Call `listener` when tracking fails, until the function that is returned is called."""
        self._told.add(listener)
        return lambda: self._told.discard(listener)

    async def say(self, target_id: str, name: str, prompt: Prompt, playhead: int) -> None:
        """Add a prompt to a target, made if it is new, and find the masks that follow.

        A new sentence takes the place of the old one, a painted mask that of the frame's.

        Raises:
            InvalidRequestError, FrameRangeError, WeightsMissingError: as `Tracking.store`.
        """
        async with self._lock:
            await self._halt()
            old = self._find(target_id)
            if old is not None:
                _check_not_painted(old, prompt)
            kept = tuple(p for p in old.prompts if not _replaces(prompt, p)) if old else ()
            target = Target(
                id=target_id,
                name=name or (old.name if old else ""),
                prompts=(*kept, prompt),
                kind=old.kind if old else TargetKind.OBJECT,
            )
            try:
                self._store(target)
            finally:
                # Also after a refusal: what was on its way goes on.
                self._go(playhead)

    async def clear(self, target_id: str, frame_index: int) -> None:
        """Take back all that was said of a target on one frame.

        Raises:
            EditNotFoundError: no such target.
            PromptError: nothing that says where the target is would be left.
        """
        async with self._lock:
            await self._halt()
            target = self._existing(target_id)
            kept = tuple(
                p for p in target.prompts if p.frame_index != frame_index or isinstance(p, Text)
            )
            try:
                self._store(replace(target, prompts=kept))
            finally:
                self._go(frame_index)

    async def undo(self, target_id: str, playhead: int, *, redo: bool) -> None:
        """Go one change of a target back, or forth again; the first one back forgets the target.

        Raises:
            EditNotFoundError: no such target.
            NothingToUndoError: there is no such change any more.
        """
        async with self._lock:
            await self._halt()
            frame_range = self._edits.get(self.edit_id).frame_range
            try:
                if not redo and self._existing(target_id).last_revision == 0:
                    self._edits.targets.remove(self.edit_id, target_id)
                else:
                    steps = 1 if redo else -1
                    self._edits.targets.move(self.edit_id, target_id, steps, frame_range)
            finally:
                self._go(playhead)

    async def set_target(self, target_id: str, *, name: str | None, enabled: bool | None) -> None:
        """Rename a target, or let it count for the matte or not."""
        async with self._lock:
            target = self._existing(target_id)
            if name is not None:
                self._store(replace(target, name=name))
            if enabled is not None and enabled != target.enabled:
                self._edits.targets.enable(self.edit_id, target_id, enabled)

    async def remove(self, target_id: str) -> None:
        """Forget a target."""
        async with self._lock:
            await self._halt()
            self._existing(target_id)
            self._edits.targets.remove(self.edit_id, target_id)
            self._go(None)

    async def track(self, playhead: int | None) -> None:
        """Compute what is pending."""
        async with self._lock:
            await self._halt()
            self._go(playhead)

    async def stop(self) -> None:
        """Stop computing; what is there stays."""
        async with self._lock:
            await self._halt()
            self._edits.changes.tell(EditChanged(self.edit_id))

    async def close(self) -> None:
        """As `stop`, when the daemon ends."""
        await self._halt()

    def _store(self, target: Target) -> None:
        self._tracking.store(TrackRequest(edit_id=self.edit_id, target=target))

    def _find(self, target_id: str) -> Target | None:
        targets = self._edits.get(self.edit_id).targets
        return next((target for target in targets if target.id == target_id), None)

    def _existing(self, target_id: str) -> Target:
        target = self._find(target_id)
        if target is None:
            raise EditNotFoundError(
                f"edit {self.edit_id} has no target {target_id!r}: somebody may have removed it; "
                "reload the page"
            )
        return target

    async def _halt(self) -> None:
        """Let the tracking that runs end, so that no mask of it lands in a newer revision."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    def _go(self, playhead: int | None) -> None:
        edit = self._edits.get(self.edit_id)
        wanted = [
            TrackRequest(edit_id=edit.id, target=target, playhead=playhead)
            for target in edit.targets
            if self._edits.targets.pending(edit.id, target.id)
        ]
        if wanted:
            self._task = asyncio.create_task(self._follow(wanted))
        self._edits.changes.tell(EditChanged(self.edit_id))

    async def _follow(self, requests: Iterable[TrackRequest]) -> None:
        trouble: Exception | None = None
        try:
            # Whoever wants the masks is told by the journal.
            async with aclosing(self._tracking.run(_each(requests))) as masks:
                async for _ in masks:
                    pass
        except ShuttingDownError:
            logger.info("tracking of edit %s stops with the daemon", self.edit_id)
        except Exception as error:
            # Nobody awaits this task: whatever it is, the page has to say it.
            trouble = error
        self._task = None
        if trouble is not None:
            told = Trouble(self.edit_id, refusal_of(trouble))
            for listener in tuple(self._told):
                listener(told)
        self._edits.changes.tell(EditChanged(self.edit_id))


class ReviewSessions:
    """The sessions of all edits that pages have asked for."""

    def __init__(
        self,
        *,
        edits: EditStore,
        jobs: JobStore,
        tracking: Tracking,
        dispatcher: Dispatcher,
        long_side_px: int,
    ) -> None:
        self._edits = edits
        self._jobs = jobs
        self._tracking = tracking
        self._dispatcher = dispatcher
        self._long_side_px = long_side_px
        self._sessions: dict[str, ReviewSession] = {}

    def of(self, edit_id: str) -> ReviewSession:
        """The session of an edit, or raise EditNotFoundError."""
        if edit_id not in self._sessions:
            self._sessions[edit_id] = ReviewSession(
                edit_id,
                edits=self._edits,
                jobs=self._jobs,
                tracking=self._tracking,
                dispatcher=self._dispatcher,
                long_side_px=self._long_side_px,
            )
        return self._sessions[edit_id]

    def listed(self) -> list[Json]:
        """All edits, newest first."""
        return [listed_json(edit) for edit in self._edits.all()]

    async def close(self) -> None:
        """Let all tracking end."""
        for session in self._sessions.values():
            await session.close()


def _replaces(new: Prompt, old: Prompt) -> bool:
    if isinstance(new, Text):
        return isinstance(old, Text)
    # What is painted says where every pixel belongs: clicks on that frame are in it already.
    return (
        isinstance(new, PaintedMask)
        and old.frame_index == new.frame_index
        and not isinstance(old, Text)
    )


def _check_not_painted(target: Target, new: Prompt) -> None:
    if isinstance(new, PaintedMask | Text):
        return
    if any(isinstance(p, PaintedMask) and p.frame_index == new.frame_index for p in target.prompts):
        raise PromptError(
            f"frame {new.frame_index} of target {target.name or target.id!r} is painted, and a "
            "click would change nothing there: use brush and eraser, or clear the frame first"
        )


async def _each(requests: Iterable[TrackRequest]) -> AsyncIterator[TrackRequest]:
    for request in requests:
        yield request
