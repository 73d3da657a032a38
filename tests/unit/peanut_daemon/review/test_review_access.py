import json

from aiohttp.test_utils import make_mocked_request

from peanut_daemon.review.access import Access, Kept
from peanut_daemon.review.state import _ranges


def test_port_and_secret_outlive_a_restart(tmp_path):
    first = Kept.read(tmp_path / "review.json")
    assert first.port == 0
    Kept(port=4711, secret=first.secret).write(tmp_path / "review.json")
    assert Kept.read(tmp_path / "review.json") == Kept(port=4711, secret=first.secret)
    assert (tmp_path / "review.json").stat().st_mode & 0o077 == 0


def test_what_was_kept_is_made_anew_where_it_is_damaged(tmp_path):
    for content in ("", "{", "[]", '{"port": 1, "secret": "short"}', '{"port": 70000}'):
        (tmp_path / "review.json").write_text(content)
        kept = Kept.read(tmp_path / "review.json")
        assert kept.port == 0
        assert len(kept.secret) >= 32


def test_each_secret_has_its_own_cookie():
    """Cookies know no ports: two daemons must not take each other's away."""
    names = set()
    for secret in ("a" * 40, "b" * 40):
        access = Access(secret, 80, lambda: None)
        path = access.address.removeprefix("http://127.0.0.1:80")
        request = make_mocked_request("GET", path, headers={"Host": "127.0.0.1:80"})
        names |= set(access.enter(request).cookies)
    assert len(names) == 2


def test_frames_as_ranges():
    assert json.dumps(_ranges({7, 1, 2, 3, 8})) == "[[1, 4], [7, 9]]"
    assert _ranges(()) == []
