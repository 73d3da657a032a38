"""What a page is told over its WebSocket.

Text messages are JSON: the edit's state, or an error of tracking. Binary messages are masks, one
record behind the other: the length of a JSON header (4 bytes, little endian), the header, the PNG.
All masks come first and then each one as it is stored, in one order, so what a page holds is what
the journal held at one moment.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Iterator
from contextlib import suppress

from aiohttp import web

from peanut_daemon.edits.changes import Change, EditChanged, MasksMoved, MaskStored
from peanut_daemon.edits.model import MaskFrame
from peanut_daemon.edits.store import EditStore
from peanut_daemon.errors import EditNotFoundError
from peanut_daemon.review.session import ReviewSession, Trouble
from peanut_daemon.review.state import Json

# Changes that come close together are told once; masks are told at once.
STATE_PAUSE_S = 0.05
# Of one message of many masks: small enough for a page to stay responsive.
RECORDS_PER_MESSAGE = 256
HEARTBEAT_S = 20.0


class Feed:
    """Tells one page what happens to an edit."""

    def __init__(self, socket: web.WebSocketResponse, session: ReviewSession, edits: EditStore):
        self._socket = socket
        self._session = session
        self._edits = edits
        self._queue: asyncio.Queue[MaskStored | MasksMoved | EditChanged | Trouble] = (
            asyncio.Queue()
        )
        self._state_is_due = False

    async def run(self) -> None:
        """Tell all there is, then all that changes, until the page is gone."""
        edit_id = self._session.edit_id
        silence = self._session.on_trouble(self._queue.put_nowait)
        with self._edits.changes.listening(edit_id, self._note):
            telling = asyncio.create_task(self._tell())
            # The page says nothing; reading notices its end.
            reading = asyncio.create_task(self._read())
            try:
                await asyncio.wait((telling, reading), return_when=asyncio.FIRST_COMPLETED)
            finally:
                silence()
                for task in (telling, reading):
                    task.cancel()
                await asyncio.wait((telling, reading))
        with suppress(ConnectionError):
            await self._socket.close()

    async def _read(self) -> None:
        async for _ in self._socket:
            pass

    def _note(self, change: Change) -> None:
        if not isinstance(change, EditChanged):
            self._queue.put_nowait(change)
        elif not self._state_is_due:
            self._state_is_due = True
            loop = asyncio.get_running_loop()
            loop.call_later(STATE_PAUSE_S, self._queue.put_nowait, change)

    async def _tell(self) -> None:
        with suppress(ConnectionError):
            await self._send_state()
            await self._send_masks("")
            while True:
                match await self._queue.get():
                    case MaskStored(_, mask):
                        await self._socket.send_bytes(_record(mask))
                    case MasksMoved(_, target_id):
                        await self._send_masks(target_id)
                    case EditChanged():
                        self._state_is_due = False
                        if not await self._send_state():
                            return
                    case Trouble(_, refusal):
                        await self._send(
                            {"kind": "error", "reason": refusal.reason, "message": refusal.message}
                        )

    async def _send_state(self) -> bool:
        """Send the state; False where the edit is no more."""
        try:
            state = self._session.state()
        except EditNotFoundError as error:
            await self._send({"kind": "gone", "message": str(error)})
            return False
        await self._send({"kind": "state", "edit": state})
        return True

    async def _send_masks(self, target_id: str) -> None:
        """Send the masks that hold now, of all targets or of one, in place of those it has."""
        try:
            frame_range = self._edits.get(self._session.edit_id).frame_range
        except EditNotFoundError:
            return  # The state says it.
        await self._send({"kind": "masks", "target": target_id})
        # Read in one go: what changes meanwhile is in the queue.
        masks = list(self._edits.masks(self._session.edit_id, frame_range, target_id))
        for start in range(0, len(masks), RECORDS_PER_MESSAGE):
            some = masks[start : start + RECORDS_PER_MESSAGE]
            await self._socket.send_bytes(b"".join(_records(some)))

    async def _send(self, message: Json) -> None:
        await self._socket.send_str(json.dumps(message))


def _records(masks: list[MaskFrame]) -> Iterator[bytes]:
    return (_record(mask) for mask in masks)


def _record(mask: MaskFrame) -> bytes:
    header = json.dumps(
        {
            "target": mask.target_id,
            "frame": mask.frame_index,
            "confidence": round(mask.confidence, 4),
            "doubt": mask.doubt,
            "bytes": len(mask.png),
        }
    ).encode()
    return struct.pack("<I", len(header)) + header + mask.png
