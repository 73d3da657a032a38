"""One file over HTTP: resumed, bounded, and refused with a reason."""

import hashlib
import random
import shutil
import urllib.request
from collections import namedtuple
from dataclasses import replace
from http.client import HTTPMessage

import pytest
from support.http_server import FileServer

from peanut_models.zoo import download as download_module
from peanut_models.zoo.answers import Redirects
from peanut_models.zoo.download import DownloadSettings, download
from peanut_models.zoo.errors import (
    SourceRefusedError,
    SourceUnreachableError,
    StoreFullError,
    WrongSizeError,
)

DATA = random.Random(7).randbytes(300_000)
QUICK = DownloadSettings(
    attempts=3, first_wait_s=0.0, timeout_s=20.0, chunk_bytes=20_000, spare_bytes=0
)
IMPATIENT = replace(QUICK, attempts=2, timeout_s=0.5)


@pytest.fixture
def server():
    with FileServer({"a.pth": DATA}) as running:
        yield running


@pytest.fixture
def part(tmp_path):
    return tmp_path / "a.pth"


def test_the_file_arrives_whole_and_progress_is_told(server, part):
    told = []
    download(server.url("a.pth"), part, settings=QUICK, report=lambda *at: told.append(at))
    assert part.read_bytes() == DATA
    assert told[0] == (0, len(DATA))
    assert told[-1] == (len(DATA), len(DATA))
    assert told == sorted(told)


def test_a_cut_is_resumed_where_it_was(server, part):
    server.cut_after, server.cuts_left = 100_000, 2
    download(server.url("a.pth"), part, settings=QUICK)
    assert part.read_bytes() == DATA
    assert server.asked("range") == [None, "bytes=100000-", "bytes=200000-"]
    assert server.asked("if-range")[1:] == ['"one"'] * 2


def test_a_later_call_goes_on_with_what_an_earlier_one_left(server, part):
    server.cut_after, server.cuts_left = 50_000, 3
    with pytest.raises(SourceUnreachableError, match="150000 bytes are kept"):
        download(server.url("a.pth"), part, settings=QUICK)
    download(server.url("a.pth"), part, settings=QUICK)
    assert part.read_bytes() == DATA
    assert server.asked("range")[-1] == "bytes=150000-"
    download(server.url("a.pth"), part, settings=QUICK)  # it is all here
    assert len(server.requests) == 4


def test_a_file_that_changed_meanwhile_is_fetched_anew(server, part):
    server.cut_after, server.cuts_left = 100_000, 1
    with pytest.raises(SourceUnreachableError):
        download(server.url("a.pth"), part, settings=DownloadSettings(attempts=1, spare_bytes=0))
    newer = DATA[::-1]
    server.files["a.pth"], server.tag = newer, '"two"'
    download(server.url("a.pth"), part, settings=QUICK)
    assert part.read_bytes() == newer


@pytest.mark.parametrize("tag", [None, 'W/"weak"'])
def test_without_a_strong_tag_nothing_is_pieced_together(server, part, tag):
    server.tag, server.cut_after, server.cuts_left = tag, 100_000, 1
    download(server.url("a.pth"), part, settings=QUICK)
    assert part.read_bytes() == DATA
    assert server.asked("range") == [None, None]


def test_a_server_without_ranges_sends_all_of_it_again(server, part):
    server.ranges, server.cut_after, server.cuts_left = False, 100_000, 1
    download(server.url("a.pth"), part, settings=QUICK)
    assert part.read_bytes() == DATA


def test_a_part_that_is_longer_than_the_file_is_dropped(server, part):
    server.cut_after, server.cuts_left = 100_000, 1
    with pytest.raises(SourceUnreachableError):
        download(server.url("a.pth"), part, settings=DownloadSettings(attempts=1, spare_bytes=0))
    server.files["a.pth"] = DATA[:60_000]
    download(server.url("a.pth"), part, settings=QUICK)
    assert part.read_bytes() == DATA[:60_000]


@pytest.mark.parametrize("code", [408, 429, 500, 503])
def test_passing_trouble_is_waited_out(server, part, code):
    server.statuses, server.retry_after = [code, code], "7"
    waits = []
    download(server.url("a.pth"), part, settings=QUICK, sleep=waits.append)
    assert part.read_bytes() == DATA
    assert waits == [7.0, 7.0]


def test_waits_double_and_are_bounded(server, part):
    server.statuses = [503] * 9
    waits, told = [], []
    settings = DownloadSettings(attempts=5, first_wait_s=1.0, longest_wait_s=3.0)
    with pytest.raises(SourceUnreachableError, match="503"):
        download(
            server.url("a.pth"),
            part,
            settings=settings,
            sleep=waits.append,
            waiting=lambda *said: told.append(said),
        )
    assert waits == [1.0, 2.0, 3.0, 3.0]
    assert told[1] == ("503 Service Unavailable", 2.0)


@pytest.mark.parametrize(
    ("code", "advice"), [(404, "--from"), (403, "browser"), (407, "https_proxy"), (410, "--from")]
)
def test_a_refusal_is_told_at_once_with_advice(server, part, code, advice):
    server.statuses = [code]
    with pytest.raises(SourceRefusedError, match=f"{code}.*{advice}"):
        download(server.url("a.pth"), part, settings=QUICK)
    assert len(server.requests) == 1


def test_a_web_page_is_not_taken_for_the_file(server, part):
    server.content_type = "text/html; charset=utf-8"
    with pytest.raises(SourceRefusedError, match="web page"):
        download(server.url("a.pth"), part, settings=QUICK)
    assert not part.exists()


def test_another_size_is_refused_before_a_byte_is_fetched(server, part):
    with pytest.raises(WrongSizeError, match=r"300000 bytes.*300001"):
        download(server.url("a.pth"), part, size_bytes=300_001, settings=QUICK)
    assert not part.exists()


def test_more_than_was_published_is_refused_where_no_length_is_stated(server, part):
    server.stated_length = False
    with pytest.raises(WrongSizeError, match=r"gave 300000 bytes.*299999"):
        download(server.url("a.pth"), part, size_bytes=299_999, settings=QUICK)
    assert not part.exists()


def test_a_silent_server_is_given_up(server, part):
    server.pause_s = 1.0
    with pytest.raises(SourceUnreachableError, match=r"nothing came for 0\.5 s"):
        download(server.url("a.pth"), part, settings=IMPATIENT)


def test_a_trickle_is_given_up_and_what_came_is_kept(server, part):
    server.pause_s, server.piece = 0.03, 10
    with pytest.raises(SourceUnreachableError, match=r"only \d+ bytes came"):
        download(server.url("a.pth"), part, settings=IMPATIENT)
    kept = part.read_bytes()
    assert 0 < len(kept) < 1000
    assert DATA.startswith(kept)


def test_a_server_that_is_not_there(server, part, tmp_path):
    with FileServer({}) as gone:
        url = gone.url("a.pth")
    with pytest.raises(SourceUnreachableError, match="3 times in a row"):
        download(url, part, settings=QUICK)


def test_too_little_room_is_said_before_the_download(server, part, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(0, 0, 400_000))
    with pytest.raises(StoreFullError, match="PEANUT_DATA_DIR"):
        download(server.url("a.pth"), part, settings=QUICK)  # twice the file is needed
    assert not part.exists()
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(0, 0, 600_000))
    download(server.url("a.pth"), part, settings=QUICK)
    assert part.read_bytes() == DATA


def test_a_disk_that_fills_up_keeps_what_came(server, part, monkeypatch):
    write = download_module._write

    def full(file, chunk):
        if file.tell() >= 100_000:
            raise OSError(28, "No space left on device")
        write(file, chunk)

    monkeypatch.setattr(download_module, "_write", full)
    with pytest.raises(StoreFullError, match="disk is full"):
        download(server.url("a.pth"), part, settings=QUICK)
    assert DATA.startswith(part.read_bytes())
    monkeypatch.setattr(download_module, "_write", write)
    download(server.url("a.pth"), part, settings=QUICK)
    assert hashlib.sha256(part.read_bytes()).digest() == hashlib.sha256(DATA).digest()
    assert server.asked("range")[1] is not None


def test_redirects_are_followed_within_the_same_scheme_only(server, part):
    server.redirects = {"old": server.url("a.pth"), "away": "ftp://publisher.invalid/a.pth"}
    download(server.url("old"), part, settings=QUICK)
    assert part.read_bytes() == DATA
    with pytest.raises(SourceRefusedError, match="not followed"):
        download(server.url("away"), part.with_name("b"), settings=QUICK)


def test_a_redirect_out_of_encryption_is_refused():
    request = urllib.request.Request("https://publisher.invalid/a.pth")
    away = "http://publisher.invalid/a.pth"
    with pytest.raises(SourceRefusedError, match="unencrypted"):
        Redirects().redirect_request(request, None, 302, "", HTTPMessage(), away)


def test_the_environments_proxy_is_asked(server, part, monkeypatch):
    monkeypatch.setenv("http_proxy", server.address)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    download("http://publisher.invalid/a.pth", part, settings=QUICK)
    assert part.read_bytes() == DATA
    assert server.requests[0][0] == "http://publisher.invalid/a.pth"


def test_a_connection_that_brought_much_counts_the_attempts_anew(server, part):
    server.cut_after, server.cuts_left = 60_000, 4
    settings = DownloadSettings(attempts=2, first_wait_s=0.0, progress_bytes=50_000, spare_bytes=0)
    download(server.url("a.pth"), part, settings=settings)
    assert part.read_bytes() == DATA
    assert len(server.requests) == 5
