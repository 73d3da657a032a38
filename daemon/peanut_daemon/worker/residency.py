"""Which models stay loaded in a worker. Pure: clock and loaders are given, nothing is imported.

A model is kept for a while after its last use, since the next click or window mostly wants the
same one. It goes when that time is over, or earlier when another needs its room: the one that was
used longest ago first, and never one that the task in hand uses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """A loaded model.

    Attributes:
        key: name, weights and settings: what makes it another model than the next.
        name: as its card says.
        device: where it is loaded.
        size_bytes: its weights; 0 for a method without any.
        used_at_s: when it was last asked for, or the task that used it ended, by the clock.
        needs: keys of the models that it uses; they stay as long as it does.
    """

    key: str
    name: str
    device: str
    size_bytes: int
    used_at_s: float
    needs: tuple[str, ...] = ()


class Residency:
    """The loaded models of one worker.

    Args:
        keep_alive_s: how long a model stays after its last use; 0: it goes with the task that used
            it; negative: it stays until its room is needed.
        room_bytes: how much the models of a device may have together, by its name. A single model
            that is larger is loaded nevertheless: whether it fits is admission's question.
        clock: seconds.
    """

    def __init__(
        self,
        *,
        keep_alive_s: float,
        room_bytes: Callable[[str], int],
        clock: Callable[[], float],
    ) -> None:
        self._keep_alive_s = keep_alive_s
        self._room_bytes = room_bytes
        self._clock = clock
        self._residents: dict[str, Resident] = {}
        self._models: dict[str, Any] = {}
        self._in_use: set[str] = set()

    def get(
        self,
        key: str,
        load: Callable[[], T],
        *,
        name: str,
        device: str,
        size_bytes: int = 0,
        needs: Sequence[str] = (),
    ) -> T:
        """Return a model, loading it if it is not there; it is in use until `end_of_task`."""
        if key not in self._models:
            self._make_room(device, size_bytes)
            self._models[key] = load()
            self._residents[key] = Resident(
                key=key,
                name=name,
                device=device,
                size_bytes=size_bytes,
                used_at_s=self._clock(),
                needs=tuple(needs),
            )
        self._touch(key)
        model: T = self._models[key]
        return model

    def end_of_task(self) -> None:
        """Nothing is in use any more; the time that each model stays starts now."""
        for key in self._in_use & self._residents.keys():
            self._residents[key] = replace(self._residents[key], used_at_s=self._clock())
        self._in_use.clear()

    def evict_expired(self) -> tuple[Resident, ...]:
        """Drop the models whose time is over; return them."""
        if self._keep_alive_s < 0:
            return ()
        oldest = self._clock() - self._keep_alive_s
        return self._evict([r for r in self._idle() if r.used_at_s <= oldest])

    def evict_idle(self) -> tuple[Resident, ...]:
        """Drop every model that the task in hand does not use; return them."""
        return self._evict(self._idle())

    def next_expiry_s(self) -> float | None:
        """Seconds until the next model's time is over; None if none is idle or they may stay."""
        idle = self._idle()
        if self._keep_alive_s < 0 or not idle:
            return None
        return max(0.0, idle[0].used_at_s + self._keep_alive_s - self._clock())

    def residents(self) -> tuple[Resident, ...]:
        """All loaded models, the one used longest ago first."""
        return tuple(sorted(self._residents.values(), key=lambda r: r.used_at_s))

    def _touch(self, key: str) -> None:
        resident = self._residents[key]
        self._residents[key] = replace(resident, used_at_s=self._clock())
        self._in_use.add(key)
        for needed in resident.needs:
            if needed in self._residents:
                self._touch(needed)

    def _idle(self) -> list[Resident]:
        return [r for r in self.residents() if r.key not in self._in_use]

    def _make_room(self, device: str, size_bytes: int) -> None:
        room = self._room_bytes(device) - size_bytes
        for resident in self._idle():
            taken = sum(r.size_bytes for r in self._residents.values() if r.device == device)
            if taken <= room:
                return
            if resident.device == device and resident.size_bytes:
                self._evict([resident])

    def _evict(self, residents: Sequence[Resident]) -> tuple[Resident, ...]:
        """Drop models, and those that need them: these would keep their weights in memory."""
        gone: dict[str, Resident] = {}
        keys = {resident.key for resident in residents}
        while keys:
            gone |= {key: self._residents.pop(key) for key in keys}
            for key in keys:
                del self._models[key]
            keys = {r.key for r in self._residents.values() if gone.keys() & set(r.needs)}
        return tuple(gone.values())
