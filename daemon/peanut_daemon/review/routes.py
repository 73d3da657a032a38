"""Paths to calls. Errors are answered as JSON with the same reasons and messages as over gRPC."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import grpc
from aiohttp import web

from peanut_daemon.deliverable import Codec, Deliverable
from peanut_daemon.edits.model import Edit, check_shape
from peanut_daemon.edits.store import EditStore
from peanut_daemon.errors import InvalidRequestError, JobNotFoundError, JobStateError
from peanut_daemon.jobs.dispatcher import Dispatcher
from peanut_daemon.jobs.model import Job, JobState
from peanut_daemon.jobs.renders import Renders
from peanut_daemon.jobs.store import JobStore
from peanut_daemon.review.feed import HEARTBEAT_S, Feed
from peanut_daemon.review.frames import Frames
from peanut_daemon.review.requests import Fields, prompt_of
from peanut_daemon.review.session import ReviewSession, ReviewSessions
from peanut_daemon.review.state import job_json
from peanut_daemon.status import Refusal, refusal_of
from peanut_models.errors import FrameRangeError
from peanut_models.ranges import FrameRange

_C = grpc.StatusCode
HTTP_STATUS = {
    _C.INVALID_ARGUMENT: 400,
    _C.OUT_OF_RANGE: 400,
    _C.UNAUTHENTICATED: 401,
    _C.PERMISSION_DENIED: 403,
    _C.NOT_FOUND: 404,
    _C.RESOURCE_EXHAUSTED: 429,
    _C.INTERNAL: 500,
    _C.UNAVAILABLE: 503,
}
"""Everything else is 409: the state of things does not allow it."""

# Pictures are named by content, so the browser need never ask for one twice.
FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}
NOT_KEPT = {"Cache-Control": "no-store"}

# A report carries its own styles and pictures, and nothing that runs.
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"

Choice = TypeVar("Choice", Deliverable, Codec)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def refusal_response(refusal: Refusal) -> web.Response:
    """An error as the page reads it."""
    return web.json_response(
        {
            "reason": refusal.reason,
            "message": refusal.message,
            "retryable": refusal.status.retryable,
        },
        status=_http_status(refusal),
        headers=NOT_KEPT,
    )


def _http_status(refusal: Refusal) -> int:
    return HTTP_STATUS.get(refusal.status.code, 409)


@web.middleware
async def errors_answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error in the form that the page shows."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception as error:
        # The border between the daemon and the browser, as the interceptor's is for gRPC.
        refusal = refusal_of(error)
        if request.path.startswith("/api/"):
            return refusal_response(refusal)
        text = f"PEANUT: {refusal.message}\n"
        return web.Response(text=text, status=_http_status(refusal), headers=NOT_KEPT)


class Routes:
    """All that the page asks for, but the page itself."""

    def __init__(
        self,
        *,
        sessions: ReviewSessions,
        edits: EditStore,
        jobs: JobStore,
        renders: Renders,
        dispatcher: Dispatcher,
        frames: Frames,
    ) -> None:
        self._sessions = sessions
        self._edits = edits
        self._jobs = jobs
        self._renders = renders
        self._dispatcher = dispatcher
        self._frames = frames
        self._sockets: set[web.WebSocketResponse] = set()

    def table(self) -> list[web.RouteDef]:
        """Every path."""
        edit, target = "/api/edits/{edit}", "/api/edits/{edit}/targets/{target}"
        job = "/api/edits/{edit}/jobs/{job}"
        return [
            web.get("/api/edits", self._list),
            web.get(edit, self._get),
            web.get(f"{edit}/feed", self._feed),
            web.get(f"{edit}/frames/{{frame:\\d+}}", self._frame),
            web.get(f"{edit}/matte/{{frame:\\d+}}", self._matte),
            web.post(f"{target}/prompts", self._say),
            web.post(f"{target}/clear", self._clear),
            web.post(f"{target}/undo", self._undo),
            web.post(target, self._set_target),
            web.delete(target, self._remove_target),
            web.post(f"{edit}/track", self._track),
            web.post(f"{edit}/stop", self._stop),
            web.post(f"{edit}/approve", self._approve),
            web.post(f"{edit}/renders", self._render),
            web.get(f"{job}/frames/{{frame:\\d+}}", self._result),
            web.get(f"{job}/report", self._report_page),
            web.get(f"{job}/report.json", self._report),
            web.get(f"{job}/sheet", self._sheet),
            web.post(f"{job}/cancel", self._cancel),
            web.post(f"{job}/resume", self._resume),
        ]

    async def close(self) -> None:
        """Tell the pages that the daemon goes."""
        for socket in tuple(self._sockets):
            await socket.close(code=1001, message=b"the daemon stops")

    # Looking.

    async def _list(self, request: web.Request) -> web.Response:
        return web.json_response({"edits": self._sessions.listed()}, headers=NOT_KEPT)

    async def _get(self, request: web.Request) -> web.Response:
        return web.json_response(self._session(request).state(), headers=NOT_KEPT)

    async def _feed(self, request: web.Request) -> web.WebSocketResponse:
        session = self._session(request)
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, compress=False)
        await socket.prepare(request)
        self._sockets.add(socket)
        try:
            await Feed(socket, session, self._edits).run()
        finally:
            self._sockets.discard(socket)
        return socket

    async def _frame(self, request: web.Request) -> web.Response:
        edit, frame_index = self._edit_and_frame(request)
        clip = edit.clip
        picture = await self._frames.jpeg(
            clip.path,
            f"{clip.fingerprint}/{clip.colourspace}/{clip.deinterlace}",
            frame_index,
            colourspace=clip.colourspace,
            deinterlace=clip.deinterlace,
        )
        return web.Response(body=picture, content_type="image/jpeg", headers=FOR_EVER)

    async def _matte(self, request: web.Request) -> web.Response:
        edit, frame_index = self._edit_and_frame(request)
        frames = FrameRange(frame_index, frame_index + 1)
        masks = self._edits.counted_masks(edit, frames)
        sizes = {f"{name}_px": _number(request, name) for name in ("grow", "feather", "refine")}
        picture = await self._frames.matte(
            edit.clip, frame_index, masks.get(frame_index, ()), check_shape(sizes)
        )
        return web.Response(body=picture, content_type="image/png", headers=NOT_KEPT)

    async def _result(self, request: web.Request) -> web.Response:
        edit, frame_index = self._edit_and_frame(request)
        job = self._job(request)
        if job.state is not JobState.SUCCEEDED:
            raise JobStateError(
                f"job {job.id} is {job.state.value}: its result is there once it has succeeded"
            )
        path, number = job.settings.output_path, frame_index - edit.frame_range.start
        if job.settings.deliverable is Deliverable.PATCH:
            picture = await self._frames.patch(path, number)
            return web.Response(body=picture, content_type="image/png", headers=FOR_EVER)
        version = f"{job.id}/{job.finished_at}"
        picture = await self._frames.jpeg(path, version, number)
        return web.Response(body=picture, content_type="image/jpeg", headers=FOR_EVER)

    async def _report_page(self, request: web.Request) -> web.StreamResponse:
        response = _file(self._job(request).outputs.report_page, "text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = REPORT_POLICY
        return response

    async def _report(self, request: web.Request) -> web.StreamResponse:
        return _file(self._job(request).outputs.report, "application/json")

    async def _sheet(self, request: web.Request) -> web.StreamResponse:
        return _file(self._job(request).outputs.contact_sheet, "image/png")

    # Prompts.

    async def _say(self, request: web.Request) -> web.Response:
        fields = await Fields.of(request)
        prompt = prompt_of(fields.fields("prompt"))
        await self._session(request).say(
            _target(request), fields.text("name", ""), prompt, prompt.frame_index
        )
        return _done()

    async def _clear(self, request: web.Request) -> web.Response:
        fields = await Fields.of(request)
        await self._session(request).clear(_target(request), fields.whole("frame"))
        return _done()

    async def _undo(self, request: web.Request) -> web.Response:
        fields = await Fields.of(request)
        await self._session(request).undo(
            _target(request), fields.whole("frame"), redo=fields.flag("redo", False)
        )
        return _done()

    async def _set_target(self, request: web.Request) -> web.Response:
        fields = await Fields.of(request)
        await self._session(request).set_target(
            _target(request),
            name=fields.text("name") if fields.has("name") else None,
            enabled=fields.flag("enabled") if fields.has("enabled") else None,
        )
        return _done()

    async def _remove_target(self, request: web.Request) -> web.Response:
        await self._session(request).remove(_target(request))
        return _done()

    async def _track(self, request: web.Request) -> web.Response:
        fields = await Fields.of(request)
        await self._session(request).track(fields.whole("frame") if fields.has("frame") else None)
        return _done()

    async def _stop(self, request: web.Request) -> web.Response:
        await self._session(request).stop()
        return _done()

    # Matte and renders.

    async def _approve(self, request: web.Request) -> web.Response:
        fields = await Fields.of(request)
        edit_id = self._session(request).edit_id
        approval = self._edits.approve(
            edit_id, fields.whole("grow"), fields.whole("feather"), fields.whole("refine", 0)
        )
        return web.json_response({"hash": approval.matte_hash}, headers=NOT_KEPT)

    async def _render(self, request: web.Request) -> web.Response:
        fields = await Fields.of(request)
        job = self._renders.start(
            edit_id=self._session(request).edit_id,
            deliverable=_named(Deliverable, fields.text("deliverable")),
            codec=_named(Codec, fields.text("codec")),
            output_path=Path(fields.text("path")),
            overwrite=fields.flag("overwrite", False),
            profile_name=fields.text("profile", "embedded"),
        )
        return web.json_response(job_json(job, self._dispatcher.progress(job)), headers=NOT_KEPT)

    async def _cancel(self, request: web.Request) -> web.Response:
        self._dispatcher.cancel(self._job(request).id)
        return _done()

    async def _resume(self, request: web.Request) -> web.Response:
        self._renders.resume(self._job(request).id)
        return _done()

    def _session(self, request: web.Request) -> ReviewSession:
        return self._sessions.of(request.match_info["edit"])

    def _edit_and_frame(self, request: web.Request) -> tuple[Edit, int]:
        edit = self._edits.get(request.match_info["edit"])
        frame_index = int(request.match_info["frame"])
        if frame_index not in edit.frame_range:
            raise FrameRangeError(
                f"frame {frame_index} is outside the edit's range {edit.frame_range}: "
                "ask for frames of the edit"
            )
        return edit, frame_index

    def _job(self, request: web.Request) -> Job:
        job = self._jobs.get(request.match_info["job"])
        if job.edit_id != request.match_info["edit"]:
            raise JobNotFoundError(
                f"job {job.id} renders edit {job.edit_id}: ask for it in that edit"
            )
        return job


def _done() -> web.Response:
    # The page is told what has changed over its feed, and so is every other page.
    return web.json_response({}, headers=NOT_KEPT)


def _target(request: web.Request) -> str:
    return request.match_info["target"]


def _number(request: web.Request, name: str) -> int:
    text = request.query.get(name, "0")
    if not text.isdecimal() or int(text) > 256:
        raise InvalidRequestError(f"{name} is {text[:20]!r}: it must be 0 to 256 source pixels")
    return int(text)


def _named(kind: type[Choice], text: str) -> Choice:
    try:
        return kind(text)
    except ValueError as error:
        raise InvalidRequestError(
            f"{kind.__name__.lower()} {text[:20]!r} is unknown: choose one of {', '.join(kind)}"
        ) from error


def _file(path: Path, content_type: str) -> web.StreamResponse:
    if not path.is_file():
        raise JobStateError(
            f"{path.name} is not there: it is written when the job has succeeded, and somebody "
            "may have moved it since"
        )
    return web.FileResponse(path, headers={"Content-Type": content_type, **NOT_KEPT})
