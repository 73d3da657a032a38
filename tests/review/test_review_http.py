"""Who is let in, and what is answered, without a browser."""

import http.client
import json
import socket
from urllib.parse import urlsplit

import pytest
from support.browser import review_address

from peanut_client import frame_range


class Visitor:
    """Plain HTTP with a cookie jar of one."""

    def __init__(self, daemon) -> None:
        self._daemon = daemon
        self.cookie = ""

    @property
    def host(self) -> str:
        return urlsplit(review_address(self._daemon.data_dir)).netloc

    def enter(self) -> "Visitor":
        address = urlsplit(review_address(self._daemon.data_dir))
        response, _ = self.ask("GET", f"{address.path}?{address.query}")
        assert response.status == 303
        self.cookie = response.headers["Set-Cookie"].split(";")[0]
        self.cookie_says = response.headers["Set-Cookie"]
        return self

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection(self.host, timeout=30)
        given = {"Host": self.host, "Cookie": self.cookie, "Origin": f"http://{self.host}"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = None if body is None else json.dumps(body)
        connection.request(
            method, path, data, {name: value for name, value in given.items() if value}
        )
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response, content

    def refusal(self, method, path, body=None, **headers):
        response, content = self.ask(method, path, body, **headers)
        return response.status, json.loads(content)["reason"]


@pytest.fixture(scope="module")
def visitor(daemon):
    return Visitor(daemon).enter()


def test_cookie_is_for_this_page_alone(visitor):
    for word in ("HttpOnly", "SameSite=Strict", "Path=/"):
        assert word in visitor.cookie_says


def test_without_cookie_nothing_is_told(daemon, edit):
    stranger = Visitor(daemon)
    for method, path in (
        ("GET", "/api/edits"),
        ("GET", f"/api/edits/{edit.id}"),
        ("GET", f"/api/edits/{edit.id}/frames/0"),
        ("POST", f"/api/edits/{edit.id}/approve"),
        ("GET", f"/api/edits/{edit.id}/feed"),
        ("GET", "/api/no/such/path"),
    ):
        assert stranger.refusal(method, path) == (401, "UnauthenticatedError")
    stranger.cookie = "peanut-review=1; peanut-review-00000000=guess"
    assert stranger.refusal("GET", "/api/edits") == (401, "UnauthenticatedError")


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1.evil.example:80", "[::1]"]
)
def test_other_names_of_this_machine_are_refused(visitor, host):
    """A name of another site that is pointed at 127.0.0.1 (DNS rebinding)."""
    assert visitor.refusal("GET", "/api/edits", Host=host) == (403, "ForeignRequestError")
    response, _ = visitor.ask("GET", "/static/app.js", Host=host)
    assert response.status == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1", ""])
def test_other_origins_change_nothing(visitor, edit, origin):
    path = f"/api/edits/{edit.id}/targets/1"
    assert visitor.refusal("POST", path, {"name": "x"}, Origin=origin) == (
        403,
        "ForeignRequestError",
    )
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec_WebSocket_Version": "13"}
    assert visitor.refusal(
        "GET",
        f"/api/edits/{edit.id}/feed",
        Origin=origin,
        Sec_WebSocket_Key="AAAAAAAAAAAAAAAAAAAAAA==",
        **upgrade,
    ) == (403, "ForeignRequestError")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/..%2fserver.py",
        "/static/%2e%2e/%2e%2e/server.py",
        "/static//etc/passwd",
        "/static/no-such.js",
        "/../daemon.json",
    ],
)
def test_only_files_of_the_page_are_served(visitor, path):
    response, content = visitor.ask("GET", path)
    assert response.status in (400, 404)
    assert b"import" not in content


def test_every_answer_forbids_what_the_page_does_not_need(visitor):
    for path in ("/", "/static/app.js", "/api/edits", "/static/no-such.js"):
        response, _ = visitor.ask("GET", path)
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_names_nothing_from_elsewhere(visitor):
    _, page = visitor.ask("GET", "/edits/0")
    assert b"http://" not in page
    assert b"https://" not in page


def test_listens_on_this_machine_only(daemon):
    port = urlsplit(review_address(daemon.data_dir)).port
    addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), port)}
    for address in addresses - {"127.0.0.1", "::1"}:
        with socket.socket() as probe:
            probe.settimeout(2)
            assert probe.connect_ex((address, port)) != 0


@pytest.mark.parametrize(
    ("path", "body", "status", "reason"),
    [
        ("targets/1/prompts", {"prompt": {"kind": "point", "frame": 99, "x": 1, "y": 1}}, 400,
         "FrameRangeError"),
        ("targets/1/prompts", {"prompt": {"kind": "point", "frame": 0, "x": 999, "y": 1}}, 400,
         "PromptError"),
        ("targets/1/prompts", {"prompt": {"kind": "spell", "frame": 0}}, 400, "PromptError"),
        ("targets/1/prompts", {"prompt": {"kind": "point", "frame": True}}, 400,
         "InvalidRequestError"),
        ("targets/1/prompts", {"prompt": {"kind": "mask", "frame": 0, "png": "%"}}, 400,
         "PromptError"),
        ("targets/1/prompts", {"prompt": {"kind": "mask", "frame": 0, "png": "AAAA"}}, 400,
         "MaskSizeError"),
        ("targets/1/prompts", [], 400, "InvalidRequestError"),
        ("targets/9/undo", {"frame": 0}, 404, "EditNotFoundError"),
        ("approve", {"grow": 0, "feather": 0}, 409, "NotApprovedError"),
        ("renders", {"deliverable": "gift", "codec": "ffv1", "path": "/x.mkv"}, 400,
         "InvalidRequestError"),
        ("renders", {"deliverable": "full", "codec": "ffv1", "path": "/x.mkv"}, 409,
         "NotApprovedError"),
        ("jobs/none/cancel", {}, 404, "JobNotFoundError"),
    ],
)  # fmt: skip
def test_refusals_have_the_daemons_reasons(visitor, edit, path, body, status, reason):
    assert visitor.refusal("POST", f"/api/edits/{edit.id}/{path}", body) == (status, reason)


def test_no_such_edit(visitor):
    assert visitor.refusal("GET", "/api/edits/none") == (404, "EditNotFoundError")
    assert visitor.refusal("GET", "/api/edits/none/frames/0") == (404, "EditNotFoundError")


def test_a_frame_outside_the_range_is_refused(visitor, daemon, clip):
    with daemon.client() as client:
        edit = client.create_edit(str(clip), frame_range(2, 5))
    response, content = visitor.ask("GET", f"/api/edits/{edit.id}/frames/2")
    assert (response.status, content[:2]) == (200, b"\xff\xd8")
    assert visitor.refusal("GET", f"/api/edits/{edit.id}/frames/1") == (400, "FrameRangeError")


def test_list_of_edits(visitor, edit):
    _, content = visitor.ask("GET", "/api/edits")
    assert edit.id in [listed["id"] for listed in json.loads(content)["edits"]]
