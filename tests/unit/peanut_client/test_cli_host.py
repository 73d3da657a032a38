"""The pipe that plugins talk through: JSON lines in, JSON lines out."""

from __future__ import annotations

import io
import json
import queue
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.fake_daemon import FakeDaemon, FakeService

from peanut.v1 import edits_pb2
from peanut_client.cli.hosting import page as page_module
from peanut_client.cli.hosting import serve

CLIP = "/clips/a.mov"
POINT = {"kind": "point", "frame": 2, "xy_px": [30, 20], "positive": True}


class Plugin:
    """The host's end of the pipe."""

    def __init__(self, *, open_page: Callable[[str], object] = lambda url: None) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._out = io.StringIO()
        self._count = 0
        self._thread = threading.Thread(
            target=serve,
            args=(iter(self._lines.get, None), self._out),
            kwargs={"version": "9.9", "open_page": open_page},
            daemon=True,
        )
        self._thread.start()

    def send(self, op: str, **fields: Any) -> int:
        self._count += 1
        self._lines.put(json.dumps({"id": self._count, "op": op, **fields}))
        return self._count

    def raw(self, line: str) -> None:
        self._lines.put(line)

    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._out.getvalue().splitlines()]

    def answer(self, number: Any) -> dict[str, Any]:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            for message in self.messages():
                if message["id"] == number and "event" not in message:
                    return message
            time.sleep(0.01)
        raise AssertionError(f"no answer to {number}: {self.messages()}")

    def events(self, number: int) -> list[dict[str, Any]]:
        return [m for m in self.messages() if m["id"] == number and "event" in m]

    def call(self, op: str, **fields: Any) -> dict[str, Any]:
        return self.answer(self.send(op, **fields))

    def hang_up(self) -> None:
        self._lines.put(None)
        self._thread.join(timeout=20)
        assert not self._thread.is_alive()


@pytest.fixture
def plugin(data_dir: Path) -> Iterator[Plugin]:
    one = Plugin()
    assert one.call("hello", protocol=1, host="davinci")["done"]["version"] == "9.9"
    yield one
    one.hang_up()


class OtioService(FakeService):
    """Takes the path of a clip out of OTIO requests."""

    def CreateEdit(self, request: Any, context: Any) -> edits_pb2.CreateEditResponse:  # noqa: N802
        if request.WhichOneof("source") == "otio":
            source = edits_pb2.ClipRange(path=json.loads(request.otio)["path"])
            request = edits_pb2.CreateEditRequest(clip_range=source)
        return super().CreateEdit(request, context)


@pytest.fixture
def daemon(data_dir: Path) -> Iterator[FakeDaemon]:
    with FakeDaemon(data_dir, service=OtioService(data_dir, "secret")) as running:
        yield running


def request_of(tmp_path: Path, **more: Any) -> dict[str, Any]:
    fields = {"otio": {"path": str(tmp_path / "a.mov")}, "frames": [0, 10], "prompts": [POINT]}
    return fields | {"ticket": {"project_id": "p1"}} | more


def test_a_removal_from_request_to_finished_job(
    plugin: Plugin, service: FakeService, tmp_path: Path
) -> None:
    number = plugin.send("start", **request_of(tmp_path, deliver="patch", grow=7))
    done = plugin.answer(number)["done"]
    assert [e["event"] for e in plugin.events(number)][:2] == ["edit", "tracking"]
    (render,) = service.named("StartRender")
    assert render.output_path == done["output"]
    assert Path(done["output"]).parent == tmp_path / "PEANUT"
    assert done["output"].endswith(".mov")
    (approved,) = service.named("ApproveMasks")
    assert approved.grow_px == 7
    watched = plugin.send("watch", job_id=done["job_id"])
    assert plugin.answer(watched)["done"]["job"]["state"] == "succeeded"
    assert {e["state"] for e in plugin.events(watched)} >= {"running", "succeeded"}


def test_tickets_outlive_the_plugin(plugin: Plugin, service: FakeService, tmp_path: Path) -> None:
    job_id = plugin.call("start", **request_of(tmp_path))["done"]["job_id"]
    plugin.call("note", key="end_frame 20.3.2", value="inclusive")
    later = Plugin()
    hello = later.call("hello", protocol=1)["done"]
    assert hello["notes"] == {"end_frame 20.3.2": "inclusive"}
    (ticket,) = later.call("tickets")["done"]["tickets"]
    assert (ticket["job_id"], ticket["project_id"]) == (job_id, "p1")
    assert ticket["job"]["state"] == "queued"
    placed = {"item_id": "i1"}
    assert later.call("settle", job_id=job_id, placed=placed)["done"]["ticket"]["placed"] == placed
    assert later.call("forget", job_id=job_id)["done"] == {"forgotten": True}
    assert later.call("tickets")["done"] == {"tickets": []}
    later.hang_up()


def test_a_host_that_is_closed_while_tracking_still_gets_its_job(
    plugin: Plugin, service: FakeService, tmp_path: Path
) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def pause() -> None:
        reached.set()
        go_on.wait(10)

    service.on_fourth_mask = pause
    plugin.send("start", **request_of(tmp_path))
    assert reached.wait(10)
    threading.Timer(0.2, go_on.set).start()
    plugin.hang_up()
    assert len(service.named("StartRender")) == 1
    later = Plugin()
    later.call("hello", protocol=1)
    assert len(later.call("tickets")["done"]["tickets"]) == 1
    later.hang_up()


def test_cancelling_while_tracking_leaves_nothing(
    plugin: Plugin, service: FakeService, tmp_path: Path
) -> None:
    number: list[int] = []

    def cancel() -> None:
        plugin.call("cancel", of=number[0])

    service.on_fourth_mask = cancel
    number.append(plugin.send("start", **request_of(tmp_path)))
    assert plugin.answer(number[0])["error"]["reason"] == "CancelledByUserError"
    assert len(service.named("DeleteEdit")) == 1
    assert service.named("StartRender") == []


def test_cancelling_while_rendering_cancels_the_job(
    plugin: Plugin, service: FakeService, tmp_path: Path
) -> None:
    service.endless_jobs = True
    job_id = plugin.call("start", **request_of(tmp_path))["done"]["job_id"]
    number = plugin.send("watch", job_id=job_id)
    while len(plugin.events(number)) < 3:
        time.sleep(0.01)
    plugin.call("cancel", of=number)
    assert plugin.answer(number)["error"]["reason"] == "JobCancelledError"


def test_other_frames_than_the_timeline_shows_are_refused(
    plugin: Plugin, service: FakeService, tmp_path: Path
) -> None:
    answer = plugin.call("start", **request_of(tmp_path, frames=[0, 9]))
    assert answer["error"]["reason"] == "FrameMismatchError"
    assert len(service.named("DeleteEdit")) == 1


def test_no_output_is_written_twice_under_one_name(
    plugin: Plugin, service: FakeService, tmp_path: Path
) -> None:
    first = plugin.call("start", **request_of(tmp_path))["done"]["output"]
    Path(first).write_bytes(b"")
    second = plugin.call("start", **request_of(tmp_path))["done"]["output"]
    assert "_v001_" in first and "_v002_" in second


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nonsense", "not JSON"),
        ("[]", "needs `id` and `op`"),
        ('{"id": 7, "op": "dance"}', "is not known"),
        ('{"id": 7, "op": "start", "otio": 3, "prompts": []}', "must be a dict"),
        ('{"id": 7, "op": "hello", "protocol": 99}', "peanut plugins install davinci"),
        ('{"id": 7, "op": "settle", "job_id": "../x"}', "is no id"),
        ('{"id": 7, "op": "start", "prompts": [{"kind": "song", "frame": 1}]}', "no known kind"),
    ],
)
def test_lines_that_are_no_requests_are_answered(plugin: Plugin, line: str, words: str) -> None:
    plugin.raw(line)
    number = 7 if '"id": 7' in line else None
    assert words in plugin.answer(number)["error"]["message"]


# --- the page ---


def fetch(url: str, body: Any = None) -> tuple[int, bytes]:
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


@pytest.fixture
def stills(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    asked: list[tuple[str, ...]] = []

    def still(*arguments: str) -> dict[str, Any]:
        asked.append(arguments)
        Path(arguments[3]).write_bytes(b"jpeg")
        return {"width": 64, "height": 48}

    monkeypatch.setattr(page_module, "run_edits_program", still)
    return asked


def page_of(plugin: Plugin) -> tuple[int, str]:
    number = plugin.send("prompt", clip=CLIP, frames=[5, 9], title="</script> A001")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for event in plugin.events(number):
            return number, event["url"]
        time.sleep(0.01)
    raise AssertionError("no page")


def wait_for_phase(url: str, phase: str) -> None:
    deadline = time.monotonic() + 10
    while json.loads(fetch(f"{url}state")[1])["phase"] != phase:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_giving_up_on_the_mask_leaves_nothing(
    plugin: Plugin, stills: list[tuple[str, ...]], service: FakeService, tmp_path: Path
) -> None:
    page, url = page_of(plugin)
    fetch(f"{url}answer", {"prompts": [{**POINT, "frame": 6}]})
    plugin.answer(page)
    number = plugin.send("start", **request_of(tmp_path, page=page))
    wait_for_phase(url, "check")
    fetch(f"{url}cancel", {})
    assert plugin.answer(number)["error"]["reason"] == "CancelledByUserError"
    assert len(service.named("DeleteEdit")) == 1
    assert service.named("StartRender") == []


def test_a_page_that_was_lost_with_its_browser_is_given_up(
    plugin: Plugin, stills: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_module, "_LOST_AFTER_S", 0.2)
    monkeypatch.setattr(page_module, "_LOOK_EVERY_S", 0.05)
    number, _ = page_of(plugin)
    assert plugin.answer(number)["error"]["reason"] == "CancelledByUserError"


def test_a_sentence_reaches_the_model_that_was_asked_for(
    plugin: Plugin, service: FakeService, tmp_path: Path
) -> None:
    said = [{"kind": "text", "frame": 0, "text": "the red car"}]
    plugin.call("start", **request_of(tmp_path, prompts=said, p_mask="samwise"))
    (asked,) = service.named("TrackMasks")
    assert (asked.prompts[0].text.text, asked.p_mask) == ("the red car", "samwise")


def test_a_click_on_the_page_is_the_answer(
    data_dir: Path, stills: list[tuple[str, ...]], service: FakeService, tmp_path: Path
) -> None:
    opened: list[str] = []
    plugin = Plugin(open_page=opened.append)
    plugin.call("hello", protocol=1)
    number, url = page_of(plugin)
    assert opened == [url]
    code, html = fetch(url)
    assert code == 200
    assert b"<\\/script> A001" in html
    assert fetch(f"{url}still?frame=6") == (200, b"jpeg")
    assert stills[0][:3] == ("still", CLIP, "6")
    assert fetch(f"{url}answer", {"prompts": []})[0] == 400
    late = [{"kind": "point", "frame": 9, "xy_px": [1, 2], "positive": True}]
    assert b"outside [5, 9)" in fetch(f"{url}answer", {"prompts": late})[1]
    click = [{"kind": "point", "frame": 6, "xy_px": [1, 2], "positive": True}]
    assert fetch(f"{url}answer", {"prompts": click, "deliver": "patch"})[0] == 200
    assert b"nothing is asked" in fetch(f"{url}answer", {"prompts": click})[1]
    done = plugin.answer(number)["done"]
    assert done == {"prompts": click, "deliver": "patch", "take": False}
    started = plugin.send("start", **request_of(tmp_path, page=number))
    wait_for_phase(url, "check")
    code, mask = fetch(f"{url}mask?frame=6")
    assert (code, mask[:4]) == (200, b"\x89PNG")
    correction = [*click, {"kind": "point", "frame": 7, "xy_px": [9, 9], "positive": False}]
    assert fetch(f"{url}answer", {"prompts": correction})[0] == 200
    wait_for_phase(url, "check")
    assert fetch(f"{url}answer", {"approve": True})[0] == 200
    job = plugin.answer(started)["done"]
    assert [len(asked.prompts) for asked in service.named("TrackMasks")] == [1, 2]
    plugin.call("watch", job_id=job["job_id"], page=number)
    assert json.loads(fetch(f"{url}state")[1])["phase"] == "end"
    plugin.hang_up()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=5)


def test_the_page_cancels_the_job_too(
    plugin: Plugin, stills: list[tuple[str, ...]], service: FakeService, tmp_path: Path
) -> None:
    service.endless_jobs = True
    page, url = page_of(plugin)
    fetch(f"{url}answer", {"prompts": [{**POINT, "frame": 6}]})
    plugin.answer(page)
    job = plugin.call("start", **request_of(tmp_path, page=page, check=False))["done"]
    number = plugin.send("watch", job_id=job["job_id"], page=page)
    while len(plugin.events(number)) < 3:
        time.sleep(0.01)
    fetch(f"{url}cancel", {})
    assert plugin.answer(number)["error"]["reason"] == "JobCancelledError"
    assert "cancelled" in json.loads(fetch(f"{url}state")[1])["text"]


def test_strangers_get_nothing(plugin: Plugin, stills: list[tuple[str, ...]]) -> None:
    number, url = page_of(plugin)
    root = url.rsplit("/", 2)[0]
    for path in ("/", "/x/", "/x/still?frame=5", "/x/state"):
        assert fetch(root + path)[0] == 404
    assert fetch(f"{root}/x/answer", {"prompts": [POINT]})[0] == 404
    fetch(f"{url}cancel", {})
    assert plugin.answer(number)["error"]["reason"] == "CancelledByUserError"


def test_the_command_itself_speaks_lines(daemon: FakeDaemon) -> None:
    code = "from peanut_client.cli import main; main()"
    lines = '{"id": 1, "op": "hello", "protocol": 1}\n{"id": 2, "op": "tickets"}\n'
    done = subprocess.run(
        [sys.executable, "-c", code, "host"],
        input=lines,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert answers[0]["done"]["protocol"] == 1
    assert answers[1] == {"id": 2, "done": {"tickets": []}}


def test_what_a_browser_prints_stays_out_of_the_protocol(
    daemon: FakeDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.platform == "win32":
        pytest.skip("BROWSER is not looked at on Windows")
    browser = tmp_path / "browser"
    browser.write_text(f"#!/bin/sh\necho noise\necho $1 > {tmp_path}/opened\n")
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    process = subprocess.Popen(
        [sys.executable, "-c", "from peanut_client.cli import main; main()", "host"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    with process:
        request = {"id": 1, "op": "prompt", "clip": CLIP, "frames": [5, 9]}
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        event = json.loads(process.stdout.readline())
        while not (tmp_path / "opened").exists():
            time.sleep(0.01)
        fetch(f"{event['url']}cancel", {})
        assert json.loads(process.stdout.readline())["error"]["reason"] == "CancelledByUserError"
        process.stdin.close()
