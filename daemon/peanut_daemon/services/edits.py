"""EditService."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peanut.v1 import edits_pb2, edits_pb2_grpc
from peanut_daemon import convert
from peanut_daemon.edits import limits
from peanut_daemon.edits.model import checked_range
from peanut_daemon.edits.request import clip_and_range, edit_clip_at
from peanut_daemon.edits.store import EditStore
from peanut_daemon.errors import InvalidRequestError, JobStateError
from peanut_daemon.guard.apart import Apart
from peanut_daemon.guard.roots import Roots
from peanut_daemon.jobs.store import JobStore


class EditService(edits_pb2_grpc.EditServiceServicer):
    """Edits: create, get, list, delete."""

    def __init__(
        self, edits: EditStore, jobs: JobStore, apart: Apart, roots: Roots, *, max_edits: int
    ) -> None:
        self._edits = edits
        self._jobs = jobs
        self._apart = apart
        self._roots = roots
        self._max_edits = max_edits

    async def CreateEdit(  # noqa: N802
        self, request: edits_pb2.CreateEditRequest, context: Any
    ) -> edits_pb2.CreateEditResponse:
        """Probe the file, store the edit."""
        limits.check_room(self._edits.count(), self._max_edits)
        limits.check_document(request.otio)
        reading = convert.to_reading(request)
        match request.WhichOneof("source"):
            case "clip_range":
                wanted = None
                if request.clip_range.HasField("range"):
                    wanted = convert.to_range(request.clip_range.range)
                path = Path(request.clip_range.path)
                clip = await self._apart.call(str(path), edit_clip_at, path, self._roots, reading)
            case "otio":
                clip, wanted = await self._apart.call(
                    "the timeline", clip_and_range, request.otio, self._roots, reading
                )
            case _:
                raise InvalidRequestError(
                    "the request names no source: set clip_range (a path) or otio (a document)"
                )
        edit = self._edits.create(clip, checked_range(clip, wanted), request.otio)
        return edits_pb2.CreateEditResponse(edit=convert.from_edit(edit))

    async def GetEdit(  # noqa: N802
        self, request: edits_pb2.GetEditRequest, context: Any
    ) -> edits_pb2.GetEditResponse:
        """Return one edit."""
        edit = self._edits.get(request.edit_id)
        return edits_pb2.GetEditResponse(edit=convert.from_edit(edit))

    async def ListEdits(  # noqa: N802
        self, request: edits_pb2.ListEditsRequest, context: Any
    ) -> edits_pb2.ListEditsResponse:
        """Return all edits."""
        edits = [convert.from_edit(edit) for edit in self._edits.all()]
        return edits_pb2.ListEditsResponse(edits=edits)

    async def DeleteEdit(  # noqa: N802
        self, request: edits_pb2.DeleteEditRequest, context: Any
    ) -> edits_pb2.DeleteEditResponse:
        """Delete an edit that no job needs."""
        for job in self._jobs.of_edit(request.edit_id):
            if not job.state.ended:
                raise JobStateError(
                    f"job {job.id} of edit {request.edit_id} is {job.state.value}: cancel it first"
                )
        self._edits.delete(request.edit_id)
        return edits_pb2.DeleteEditResponse()
