"""What a server answers to a request for a file: its bytes, a passing trouble, or a refusal."""

from __future__ import annotations

import http.client
import re
import ssl
import urllib.error
import urllib.request
from typing import IO, Any
from urllib.parse import urlsplit

from peanut_models.zoo.errors import SourceRefusedError

_PASSING = {408, 425, 429, 500, 502, 503, 504}
"""Statuses that the same request may get past later."""


class PassingError(Exception):
    """An attempt that failed in a way that the next one may not.

    Attributes:
        wait_s: what the server asked for; 0: nothing.
        start_over: what was kept of the file is of no use.
    """

    def __init__(self, message: str, *, wait_s: float = 0.0, start_over: bool = False) -> None:
        super().__init__(message)
        self.wait_s = wait_s
        self.start_over = start_over


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never out of encryption or off the web."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """The request that follows; the base class's parameters."""
        before, after = urlsplit(req.full_url).scheme, urlsplit(newurl).scheme
        if after != "https" and after != before:
            raise SourceRefusedError(
                f"{req.full_url} leads from {before} to {newurl}: an unencrypted address is not "
                "followed; give the file's own address with --from"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def opened(url: str, offset: int, same_as: str, timeout_s: float) -> Any:
    """The server's answer: the whole file, or its rest if it is still the same file."""
    headers = {"User-Agent": "peanut", "Accept-Encoding": "identity"}
    if offset:
        headers |= {"Range": f"bytes={offset}-", "If-Range": same_as}
    request = urllib.request.Request(url, headers=headers)
    opener = urllib.request.build_opener(Redirects)
    try:
        return opener.open(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(error, url) from error
    except urllib.error.URLError as error:
        cause = error.reason
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise SourceRefusedError(
                f"{url}: the certificate cannot be trusted ({cause.verify_message}); behind a "
                "proxy that opens connections, point SSL_CERT_FILE to its certificate"
            ) from error
        raise PassingError(reason(cause, timeout_s)) from error
    except (TimeoutError, ConnectionError, ssl.SSLError, http.client.HTTPException) as error:
        raise PassingError(reason(error, timeout_s)) from error


def _refusal(error: urllib.error.HTTPError, url: str) -> Exception:
    """What a status other than success means."""
    if error.code == 416:
        return PassingError("the file is shorter than what was kept of it", start_over=True)
    if error.code in _PASSING:
        asked = error.headers.get("Retry-After", "")
        return PassingError(
            f"{error.code} {error.reason}", wait_s=float(asked) if asked.isdigit() else 0.0
        )
    advice = {
        401: "it wants a sign-in: fetch it in a browser",
        403: "it may not be fetched like this: fetch it in a browser",
        404: "the publisher moved or withdrew it: try a mirror with --from",
        407: "the proxy wants a sign-in: put user and password into https_proxy",
        410: "the publisher withdrew it: try a mirror with --from",
    }.get(error.code, "try a mirror with --from")
    return SourceRefusedError(f"{url} answers {error.code} {error.reason}; {advice}")


def extent(answer: Any, offset: int, url: str) -> tuple[int, int]:
    """From which byte the answer starts, and how many the whole file has; 0: unknown."""
    kind = answer.headers.get_content_type()
    if kind == "text/html":
        raise SourceRefusedError(
            f"{url} gives a web page instead of the file: a sign-in page, or a network that wants "
            "one; open it in a browser"
        )
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise SourceRefusedError(f"{url} comes compressed, which nobody asked for; try a mirror")
    length = answer.headers.get("Content-Length", "")
    if answer.status != 206:
        return 0, int(length) if length.isdigit() else 0
    stated = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", answer.headers.get("Content-Range", ""))
    if not stated or int(stated[1]) != offset:
        raise SourceRefusedError(
            f"{url} answers a request for the bytes from {offset} with "
            f"{answer.headers.get('Content-Range')!r}; try a mirror with --from"
        )
    return offset, int(stated[2])


def validator(headers: http.client.HTTPMessage) -> str:
    """What tells this version of the file from another; a weak tag cannot vouch for bytes."""
    tag = headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "")


def reason(error: object, timeout_s: float) -> str:
    """What went wrong with a connection, in words."""
    if isinstance(error, TimeoutError):
        return f"nothing came for {timeout_s:g} s"
    return str(error) or type(error).__name__
