"""MaskService."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

from peanut.v1 import masks_pb2, masks_pb2_grpc
from peanut_daemon import convert
from peanut_daemon.edits.edge_sheet import edge_sheet
from peanut_daemon.edits.limits import MAX_TARGETS
from peanut_daemon.edits.model import Target
from peanut_daemon.edits.store import EditStore
from peanut_daemon.errors import EditNotFoundError, InvalidRequestError, LimitExceededError
from peanut_daemon.guard.apart import Apart
from peanut_daemon.jobs.tracking import Direction, Tracking, TrackRequest
from peanut_models.errors import FrameRangeError

DIRECTIONS = {
    masks_pb2.TRACK_DIRECTION_FORWARD: Direction.FORWARD,
    masks_pb2.TRACK_DIRECTION_BACKWARD: Direction.BACKWARD,
}


class MaskService(masks_pb2_grpc.MaskServiceServicer):
    """Masks: track, undo, fetch, approve."""

    def __init__(self, edits: EditStore, tracking: Tracking, apart: Apart) -> None:
        self._edits = edits
        self._tracking = tracking
        self._apart = apart

    async def TrackMasks(  # noqa: N802
        self, request_iterator: AsyncIterator[masks_pb2.TrackMasksRequest], context: Any
    ) -> AsyncIterator[masks_pb2.TrackMasksResponse]:
        """Stream masks as they are stored."""
        async with aclosing(self._tracking.run(_requests(request_iterator))) as results:
            async for tracked in results:
                mask = convert.from_mask(tracked.mask)
                yield masks_pb2.TrackMasksResponse(mask=mask)
                progress = masks_pb2.TrackProgress(
                    target_id=tracked.mask.target_id,
                    frames_done=tracked.frames_done,
                    frames_total=tracked.frames_total,
                )
                yield masks_pb2.TrackMasksResponse(progress=progress)

    async def UndoPrompts(  # noqa: N802
        self, request: masks_pb2.UndoPromptsRequest, context: Any
    ) -> masks_pb2.UndoPromptsResponse:
        """Go one revision back, or forth again."""
        edit = self._edits.get(request.edit_id)
        target = self._edits.targets.move(
            edit.id, request.target_id, 1 if request.redo else -1, edit.frame_range
        )
        return masks_pb2.UndoPromptsResponse(target=convert.from_target(target))

    async def FetchMasks(  # noqa: N802
        self, request: masks_pb2.FetchMasksRequest, context: Any
    ) -> AsyncIterator[masks_pb2.FetchMasksResponse]:
        """Stream stored masks."""
        edit = self._edits.get(request.edit_id)
        wanted = convert.to_range(request.range) if request.HasField("range") else edit.frame_range
        if not edit.frame_range.covers(wanted):
            raise FrameRangeError(
                f"frame range {wanted} is outside the edit's range {edit.frame_range}: "
                "ask for frames of the edit"
            )
        if request.target_id and request.target_id not in {t.id for t in edit.targets}:
            raise EditNotFoundError(
                f"edit {edit.id} has no target {request.target_id!r}: "
                f"it has {[t.id for t in edit.targets]}"
            )
        for mask in self._edits.masks(edit.id, wanted, request.target_id):
            yield masks_pb2.FetchMasksResponse(mask=convert.from_mask(mask))

    async def ApproveMasks(  # noqa: N802
        self, request: masks_pb2.ApproveMasksRequest, context: Any
    ) -> masks_pb2.ApproveMasksResponse:
        """Freeze the matte."""
        shape = convert.to_matte_shape(request)
        approval = self._edits.approve(request.edit_id, **asdict(shape))
        return masks_pb2.ApproveMasksResponse(approval=convert.from_approval(approval))

    async def DrawMatteEdge(  # noqa: N802
        self, request: masks_pb2.DrawMatteEdgeRequest, context: Any
    ) -> masks_pb2.DrawMatteEdgeResponse:
        """Draw the edge of a matte before it is approved."""
        edit = self._edits.get(request.matte.edit_id)
        frames = self._edits.frames_to_show(edit, tuple(request.frame_indices))
        shape = convert.to_matte_shape(request.matte)
        path = str(edit.clip.path)
        png = await self._apart.call(path, edge_sheet, edit.clip, frames, shape)
        return masks_pb2.DrawMatteEdgeResponse(png=png)


async def _requests(
    messages: AsyncIterator[masks_pb2.TrackMasksRequest],
) -> AsyncIterator[TrackRequest]:
    named: set[tuple[str, str]] = set()
    async for message in messages:
        if not message.target_id:
            raise InvalidRequestError("a tracking request names no target: set target_id")
        named.add((message.edit_id, message.target_id))
        if len(named) > MAX_TARGETS:
            raise LimitExceededError(
                f"the stream names more than {MAX_TARGETS} targets: open another for the others"
            )
        yield TrackRequest(
            edit_id=message.edit_id,
            playhead=message.playhead_frame if message.HasField("playhead_frame") else None,
            model=message.p_mask,
            direction=DIRECTIONS.get(message.direction, Direction.BOTH),
            target=Target(
                id=message.target_id,
                name=message.name,
                prompts=tuple(convert.to_prompt(prompt) for prompt in message.prompts),
                kind=convert.to_target_kind(message.kind),
            ),
        )
