"""A queue in which clients take turns. Pure."""

from __future__ import annotations

from collections import deque

from peanut_daemon.errors import QueueFullError


class FairQueue:
    """Waiting work of several clients.

    Clients take turns, one item each, in the order in which they came; the items of one client
    keep theirs. An item may be held, while it has nothing to do; then the next one of its client
    has the turn.

    The queue is bounded, and no client can fill it: the last quarter of the places is for clients
    who have nothing in it yet.

    Args:
        limit: items, held ones included.
        noun: what the items are, for messages.
    """

    def __init__(self, *, limit: int, noun: str) -> None:
        self._limit = limit
        self._noun = noun
        # The order of the keys is that of the turns.
        self._clients: dict[str, deque[str]] = {}
        self._held: set[str] = set()

    def __len__(self) -> int:
        return sum(map(len, self._clients.values()))

    def __contains__(self, item: str) -> bool:
        return any(item in items for items in self._clients.values())

    @property
    def has_ready(self) -> bool:
        """Whether an item could have a turn."""
        return any(item not in self._held for items in self._clients.values() for item in items)

    def check_room(self, client: str) -> None:
        """Raise QueueFullError where a further item of that client would not be taken."""
        own, all_together = len(self._clients.get(client, ())), len(self)
        if all_together >= self._limit:
            raise QueueFullError(
                f"{all_together} {self._noun} wait or run already, the limit is {self._limit}: "
                "retry when one has ended, or cancel one"
            )
        if own and all_together >= self._limit - self._limit // 4:
            raise QueueFullError(
                f"{all_together} {self._noun} wait or run already, {own} of them yours; the last "
                f"{self._limit // 4} of {self._limit} places are kept for others: retry when one "
                "has ended, or cancel one"
            )

    def add(self, item: str, client: str, *, first: bool = False) -> None:
        """Append an item to those of its client, or put it before them."""
        items = self._clients.setdefault(client, deque())
        if first:
            items.appendleft(item)
        else:
            items.append(item)

    def next(self) -> str | None:
        """Choose who has the turn, and hold that item; None if nobody wants it."""
        for client, items in self._clients.items():
            for item in items:
                if item not in self._held:
                    self._held.add(item)
                    self._clients[client] = self._clients.pop(client)
                    return item
        return None

    def release(self, item: str) -> None:
        """An item has something to do again."""
        self._held.discard(item)

    def remove(self, item: str) -> None:
        """Forget an item; harmless if it is unknown."""
        self._held.discard(item)
        for client, items in self._clients.items():
            if item in items:
                items.remove(item)
                if not items:
                    del self._clients[client]
                return
