"""How many calls a client may make: a bucket of tokens, and a count of calls in flight."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from peanut_daemon.errors import RateLimitedError

# Clients that are remembered; one that is forgotten only gets a full bucket again.
_KEPT = 1024


@dataclass(slots=True)
class _Client:
    tokens: float
    at_s: float
    in_flight: int = 0


class CallLimits:
    """Counts the calls of each client. Pure: the clock is given.

    Args:
        calls_per_s: tokens that a client gets.
        burst: tokens that it may have saved up; each call takes one.
        at_once: calls that it may have in flight, streams included.
        clock: seconds, never going back.
    """

    def __init__(
        self, *, calls_per_s: float, burst: int, at_once: int, clock: Callable[[], float]
    ) -> None:
        self._calls_per_s = calls_per_s
        self._burst = burst
        self._at_once = at_once
        self._clock = clock
        self._clients: OrderedDict[str, _Client] = OrderedDict()

    @contextmanager
    def call(self, name: str) -> Iterator[None]:
        """Hold one call of a client for as long as the block runs.

        Raises:
            RateLimitedError: it has made too many lately, or has too many in flight.
        """
        client = self._client(name)
        if client.in_flight >= self._at_once:
            raise RateLimitedError(
                f"client {name!r} has {client.in_flight} calls in flight, the most that it may "
                "have: end one, then try again",
                retry_after_s=1.0,
            )
        if client.tokens < 1:
            wait_s = (1 - client.tokens) / self._calls_per_s
            raise RateLimitedError(
                f"client {name!r} makes more than {self._calls_per_s:g} calls a second: try again "
                f"in {wait_s:.3f} s",
                retry_after_s=wait_s,
            )
        client.tokens -= 1
        client.in_flight += 1
        try:
            yield
        finally:
            client.in_flight -= 1

    def _client(self, name: str) -> _Client:
        now = self._clock()
        client = self._clients.get(name)
        if client is None:
            client = self._clients[name] = _Client(self._burst, now)
            self._forget_some()
        self._clients.move_to_end(name)
        gained = (now - client.at_s) * self._calls_per_s
        client.tokens, client.at_s = min(self._burst, client.tokens + gained), now
        return client

    def _forget_some(self) -> None:
        """Drop those that have not called for longest; never one with a call in flight."""
        if len(self._clients) > _KEPT:
            idle = (name for name, client in self._clients.items() if not client.in_flight)
            if (oldest := next(idle, None)) is not None:
                del self._clients[oldest]
