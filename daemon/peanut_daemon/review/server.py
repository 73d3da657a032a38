"""The page's own small server, in the daemon's loop, on 127.0.0.1 only."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from aiohttp import web

from peanut_daemon.edits.store import EditStore
from peanut_daemon.jobs.dispatcher import Dispatcher
from peanut_daemon.jobs.renders import Renders
from peanut_daemon.jobs.store import JobStore
from peanut_daemon.jobs.tracking import Tracking
from peanut_daemon.review.access import Access, Kept
from peanut_daemon.review.frames import Frames
from peanut_daemon.review.routes import Handler, Routes, errors_answered
from peanut_daemon.review.session import ReviewSessions

logger = logging.getLogger(__name__)

STATIC = resources.files("peanut_daemon.review") / "static"
CONTENT_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
# How long answers may take to end when the daemon stops.
GRACE_S = 1.0


class ReviewServer:
    """Serves the page while the daemon runs.

    Args:
        kept_file: port and secret over restarts.
        max_request_bytes: of one request; holds a painted mask.
        long_side_px: of the pictures.
        decode_timeout_s: what one of them may take.
        on_address: called with each new address that opens the page.
    """

    def __init__(
        self,
        *,
        kept_file: Path,
        max_request_bytes: int,
        long_side_px: int,
        decode_timeout_s: float,
        edits: EditStore,
        jobs: JobStore,
        tracking: Tracking,
        renders: Renders,
        dispatcher: Dispatcher,
        on_address: Callable[[], None],
    ) -> None:
        self._kept_file = kept_file
        self._max_request_bytes = max_request_bytes
        self._frames = Frames(long_side_px, decode_timeout_s)
        self._sessions = ReviewSessions(
            edits=edits,
            jobs=jobs,
            tracking=tracking,
            dispatcher=dispatcher,
            long_side_px=long_side_px,
        )
        self._routes = Routes(
            sessions=self._sessions,
            edits=edits,
            jobs=jobs,
            renders=renders,
            dispatcher=dispatcher,
            frames=self._frames,
        )
        self._on_address = on_address
        self._runner: web.AppRunner | None = None
        self._access: Access | None = None
        self._headers: dict[str, str] = {}

    @property
    def address(self) -> str:
        """Opens the page, once; empty while it is not served."""
        return self._access.address if self._access else ""

    async def start(self) -> None:
        """Serve, at the port of the last time where it is free."""
        kept = Kept.read(self._kept_file)
        app = web.Application(
            middlewares=[self._with_headers, errors_answered, self._guarded],
            client_max_size=self._max_request_bytes,
        )
        app.add_routes(self._routes.table())
        app.add_routes(
            [
                web.get("/enter", self._enter),
                web.get("/", _static("index.html")),
                web.get("/edits/{edit}", _static("review.html")),
                web.get("/static/{name}", _static()),
            ]
        )
        # Cancelled when the browser gives up on a frame: nobody waits for it any more.
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None)
        await runner.setup()
        port = await _listen(runner, kept.port)
        Kept(port=port, secret=kept.secret).write(self._kept_file)
        self._runner = runner
        self._access = Access(kept.secret, port, self._on_address)
        self._headers = _safe_headers(port)
        logger.info("review page on http://127.0.0.1:%d", port)

    async def stop(self) -> None:
        """Close everything; pages connect again when the daemon is back."""
        await self._sessions.close()
        await self._routes.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self._frames.close()

    async def _enter(self, request: web.Request) -> web.StreamResponse:
        assert self._access is not None
        return self._access.enter(request)

    @web.middleware
    async def _with_headers(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response: web.StreamResponse
        try:
            response = await handler(request)
        except web.HTTPException as error:
            response = error
        if not response.prepared:  # A WebSocket has said its headers already.
            for name, value in self._headers.items():
                response.headers.setdefault(name, value)
        return response

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        assert self._access is not None
        if request.path.startswith("/static/"):
            self._access.check_place(request)
        elif request.path != "/enter":
            self._access.check(request)
        return await handler(request)


def _safe_headers(port: int) -> dict[str, str]:
    """What a browser must know before it shows anything of ours: nothing from elsewhere."""
    return {
        "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
        f"img-src 'self' blob:; connect-src 'self' ws://127.0.0.1:{port} ws://localhost:{port}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


async def _listen(runner: web.AppRunner, wanted: int) -> int:
    """Listen at that port, or at any where it is taken; say at which."""
    for port in (wanted, 0):
        site = web.TCPSite(runner, "127.0.0.1", port, shutdown_timeout=GRACE_S, reuse_address=True)
        try:
            await site.start()
        except OSError as error:
            if port == 0:
                raise
            logger.warning("port %d of the review page is taken (%s)", port, error.strerror)
            await site.stop()
            continue
        break
    return int(runner.addresses[0][1])


def _static(fixed: str = "") -> Handler:
    files = {item.name: item for item in STATIC.iterdir() if item.is_file()}

    async def handler(request: web.Request) -> web.StreamResponse:
        name = fixed or request.match_info["name"]
        # Only names that the package has: nothing is looked up on the disk by what is asked.
        if name not in files:
            raise web.HTTPNotFound(text="nothing here\n")
        content_type = CONTENT_TYPES.get(Path(name).suffix, "application/octet-stream")
        return web.Response(
            body=files[name].read_bytes(),
            content_type=content_type,
            charset="utf-8",
            headers={"Cache-Control": "no-cache"},
        )

    return handler
