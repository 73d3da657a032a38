"""Who may ask: whoever opened an address with a ticket, from a page of ours.

The ticket in the address works once; it is exchanged for a cookie that scripts cannot read and that
other sites' requests do not carry. Host and Origin are checked as well, so that a name of another
site that is pointed at this machine gets nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from aiohttp import web

from peanut_daemon.errors import ForeignRequestError, UnauthenticatedError
from peanut_daemon.media.atomic import write_private

COOKIE_DAYS = 30
SAFE_METHODS = ("GET", "HEAD")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a restart must not change, or open pages would be lost.

    Attributes:
        port: on 127.0.0.1; 0 where none was ever taken.
        secret: what the cookie is made from.
    """

    port: int
    secret: str

    @classmethod
    def read(cls, path: Path) -> Kept:
        """What the last daemon wrote; anew where it is missing or damaged."""
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            port, secret = int(fields["port"]), str(fields["secret"])
        except (OSError, ValueError, KeyError, TypeError):
            port, secret = 0, ""
        if len(secret) < 32 or not 0 <= port < 65536:
            return cls(port=0, secret=secrets.token_urlsafe(32))
        return cls(port=port, secret=secret)

    def write(self, path: Path) -> None:
        """Keep it, readable by this user alone."""
        write_private(path, json.dumps(asdict(self)))


class Access:
    """Checks every request.

    Args:
        secret: what the cookie is made from.
        port: where the page is served.
        on_ticket: called when the ticket was used and another one holds.
    """

    def __init__(self, secret: str, port: int, on_ticket: Callable[[], None]) -> None:
        self._cookie = hmac.new(secret.encode(), b"review/1", hashlib.sha256).hexdigest()
        # Cookies know no ports: two daemons of one user must not take each other's away.
        self._name = f"peanut-review-{hashlib.sha256(secret.encode()).hexdigest()[:8]}"
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._port = port
        self._on_ticket = on_ticket
        self._ticket = secrets.token_urlsafe(24)

    @property
    def address(self) -> str:
        """Opens the page once; then another one is given out."""
        return f"http://127.0.0.1:{self._port}/enter?ticket={self._ticket}"

    def check(self, request: web.Request) -> None:
        """Refuse a request that is not from a page of ours.

        Raises:
            ForeignRequestError: another Host or Origin.
            UnauthenticatedError: no cookie or a wrong one.
        """
        self.check_place(request)
        if not self._has_cookie(request):
            raise UnauthenticatedError(
                "this browser was not let in yet: open the address that `peanut review` prints"
            )

    def check_place(self, request: web.Request) -> None:
        """Refuse a request by another name, or from a page of another site."""
        if request.host not in self._hosts:
            raise ForeignRequestError(
                f"host {request.host[:80]!r} is not this daemon's: open "
                f"http://127.0.0.1:{self._port}"
            )
        origin = request.headers.get("Origin")
        upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
        if origin is None and request.method in SAFE_METHODS and not upgrade:
            return
        if origin != f"http://{request.host}":
            raise ForeignRequestError(
                f"origin {str(origin)[:80]!r} is not this page's: nothing is done for other sites"
            )

    def enter(self, request: web.Request) -> web.Response:
        """Exchange the ticket for the cookie, and lead on to the page.

        Raises:
            UnauthenticatedError: the ticket was used or is wrong, and there is no cookie either.
        """
        self.check_place(request)
        edit_id = request.query.get("edit", "")
        place = f"/edits/{edit_id}" if edit_id.isalnum() else "/"
        response = web.Response(status=303, headers={"Location": place})
        given = request.query.get("ticket", "")
        if hmac.compare_digest(given.encode(), self._ticket.encode()):
            self._ticket = secrets.token_urlsafe(24)
            self._on_ticket()
            response.set_cookie(
                self._name,
                self._cookie,
                max_age=COOKIE_DAYS * 86400,
                path="/",
                httponly=True,
                samesite="Strict",
            )
        elif not self._has_cookie(request):
            raise UnauthenticatedError(
                "this address was used already, or is of another daemon: each one opens the page "
                "once; `peanut review` prints a new one"
            )
        return response

    def _has_cookie(self, request: web.Request) -> bool:
        given = request.cookies.get(self._name, "")
        return hmac.compare_digest(given.encode(), self._cookie.encode())
