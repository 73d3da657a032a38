"""Who is told when an edit changes: pages that show it.

Told after the journal has it, on the journal's own thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from peanut_daemon.edits.model import MaskFrame


@dataclass(frozen=True, slots=True)
class MaskStored:
    """One mask is there."""

    edit_id: str
    mask: MaskFrame


@dataclass(frozen=True, slots=True)
class MasksMoved:
    """Other masks of a target hold now, all at once: somebody went back or forth in its history."""

    edit_id: str
    target_id: str


@dataclass(frozen=True, slots=True)
class EditChanged:
    """Prompts, frames that keep their masks, approval or jobs."""

    edit_id: str


Change = MaskStored | MasksMoved | EditChanged
Listener = Callable[[Change], None]


class Changes:
    """Hands changes on to the listeners of each edit."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Listener]] = {}

    @contextmanager
    def listening(self, edit_id: str, listener: Listener) -> Iterator[None]:
        """Have `listener` called at every change of an edit; it must not wait and not raise."""
        listeners = self._listeners.setdefault(edit_id, [])
        listeners.append(listener)
        try:
            yield
        finally:
            listeners.remove(listener)
            if not listeners:
                self._listeners.pop(edit_id, None)

    def tell(self, change: Change) -> None:
        """Call whoever listens to that edit."""
        for listener in tuple(self._listeners.get(change.edit_id, ())):
            listener(change)
