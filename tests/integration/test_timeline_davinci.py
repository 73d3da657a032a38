"""The plugin's own scripts against a real `peanut host`, a real daemon and real files.

Only Resolve itself is a stand-in.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import opentimelineio as otio
import pytest
from support.daemon import point, succeeded, track
from support.fake_resolve.fake import FakeResolve, Item, Media
from support.scenes import make_square_clip, square_centre, square_mask
from support.timelines import clip as otio_clip
from support.timelines import gap, timeline

from peanut_client.edits_program import run_edits_program
from peanut_daemon.media import ClipReader, probe
from peanut_davinci import flows
from peanut_davinci.panel import Console
from peanut_davinci.pipe import Peanut

COMMAND = [sys.executable, "-c", "from peanut_client.cli import main; main()"]
CASES = {
    "25": (Fraction(25), "01:00:00:00", 90000),
    "29.97 drop": (Fraction(30000, 1001), "01:00:00;00", 107892),
}


class Ui(Console):
    """Clicks on the middle of the square."""

    def ask(self, shot: Any, peanut: Any) -> dict[str, Any]:
        click = {"kind": "point", "frame": shot.first, "positive": True}
        return {"prompts": [{**click, "xy_px": list(square_centre(shot.first))}]}


@pytest.fixture
def peanut(daemon: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Peanut]:
    monkeypatch.setenv("PEANUT_DATA_DIR", str(daemon.data_dir))
    pipe = Peanut(COMMAND)
    yield pipe
    pipe.close()
    pipe._process.wait(timeout=20)
    pipe._process.stdout.close()
    pipe._notes.close()


def media_at(path: str) -> Media | None:
    """What Resolve would see in a real file."""
    if not Path(path).is_file():
        return None
    info = probe(Path(path))
    label = info.start_timecode.label if info.start_timecode else "00:00:00:00"
    return Media(path=path, rate=info.rate.fraction, frames=info.frame_count, start_tc=label)


@pytest.mark.parametrize("case", CASES)
def test_from_the_timeline_and_back(peanut: Peanut, tmp_path: Path, case: str) -> None:
    rate, label, start = CASES[case]
    path = make_square_clip(tmp_path / "shot.mov", rate=rate, timecode=label)
    app = FakeResolve(
        (21, 0, 4), rate=rate, start=start, label=label, drop_frame=";" in label, inclusive=True
    )
    app.probe = media_at
    media = media_at(str(path))
    assert media is not None
    item = app.timeline.put(
        1,
        Item(app.timeline, app.add_media(media), start=start + 50, length=10, source_first=6),
    )
    app.timeline.selection = [item]
    said: list[str] = []
    resolve, project = flows.opened(app.names())
    placed = flows.remove_object(resolve, project, Ui(said.append), peanut)
    assert len(placed) == 1, said
    (result,) = app.timeline.tracks[1].items
    assert (result.start, result.length, result.source_first) == (start + 50, 10, 0)
    deliverable = Path(result.pool_item.media.path)
    assert deliverable.parent == tmp_path / "PEANUT"
    made, source = probe(deliverable), probe(path)
    assert made.frame_count == 10
    assert made.start_timecode == source.start_timecode + 6
    with ClipReader(path) as before, ClipReader(deliverable) as after:
        for k in range(10):
            middle = [round(v) for v in square_centre(6 + k)]
            old, new = (
                reader.read(index).to_rgb()[middle[1], middle[0]].astype(int)
                for reader, index in ((before, 6 + k), (after, k))
            )
            assert abs(old - new).max() > 40  # the square is red, the ground is not

    later = Peanut(COMMAND)
    assert later.notes == {"end_frame 21.0.4": "inclusive"}
    assert flows.undo_result(resolve, project, Ui(said.append), later) is not None
    assert [len(track.items) for track in app.timeline.tracks] == [1]
    later.close()
    later._process.wait(timeout=20)
    later._process.stdout.close()
    later._notes.close()


def test_the_way_by_files_on_a_whole_timeline(daemon: Any, client: Any, tmp_path: Path) -> None:
    """extract, render, apply: what an editor without a plugin does."""
    rate = Fraction(24000, 1001)
    path = make_square_clip(tmp_path / "shot.mov", rate=rate, timecode="01:00:00:00")
    shown = otio_clip(path, rate=rate, start=86400, frames=24, first=4, length=12, name="wanted")
    made = timeline(rate, 86400, ("Video 1", "Video", [gap(9, rate), shown]))
    cut = tmp_path / "cut.otio"
    otio.adapters.write_to_file(made, str(cut))
    answer = run_edits_program("extract", str(cut), str(tmp_path / "request.otio"))
    assert answer["frames"] == [4, 16]
    edit = client.create_edit_from_otio((tmp_path / "request.otio").read_text())
    assert (edit.range.start_frame, edit.range.end_frame) == (4, 16)
    track(client, edit.id, point(*square_centre(4), 4))
    client.approve_masks(edit.id)
    job = client.start_render(edit.id, str(tmp_path / "clean.mkv"))
    outputs = succeeded(client, job.id).outputs
    for suffix in ("otio", "xml"):
        target = tmp_path / f"new.{suffix}"
        report = run_edits_program("apply", str(cut), str(target), outputs.otio)
        assert report["placed"] == [
            {"item": "0/1", "result": outputs.otio, "name": "wanted", "place": [9, 21]}
        ]
    back = otio.adapters.read_from_file(str(tmp_path / "new.otio"))
    (new,) = back.tracks[1].find_clips()
    assert new.source_range == shown.source_range
    assert new.media_reference.target_url == outputs.deliverable


def test_the_page_shows_frames_and_masks_and_takes_corrections(
    peanut: Peanut, tmp_path: Path
) -> None:
    path = make_square_clip(tmp_path / "shot.mov", timecode="01:00:00:00")
    app = FakeResolve((20, 3, 2), studio=False, rate=Fraction(25), start=90000)
    app.probe = media_at
    media = media_at(str(path))
    assert media is not None
    item = app.timeline.put(
        1, Item(app.timeline, app.add_media(media), start=90010, length=6, source_first=3)
    )
    app.timeline.playhead = item.start
    said: list[str] = []
    problems: list[BaseException] = []

    class Visitor(Console):
        """Follows the first address that the script says, in a thread, as a browser would."""

        visited = False

        def say(self, text: str) -> None:
            super().say(text)
            if "http://" in text and not self.visited:
                self.visited = True
                url = text[text.index("http://") :]
                threading.Thread(target=self._visit, args=(url,), daemon=True).start()

        def _visit(self, url: str) -> None:
            try:
                still = picture_at(f"{url}still?frame=3")
                assert still.shape == (48, 64, 3)
                click = {"kind": "point", "frame": 3, "positive": True}
                prompts = [{**click, "xy_px": list(square_centre(3))}]
                post(f"{url}answer", {"prompts": prompts})
                wait_for_phase(url, "check")
                for frame in (3, 8):
                    mask = picture_at(f"{url}mask?frame={frame}")[..., 0] > 127
                    assert mask[square_mask_of(frame, mask)].mean() > 0.7
                prompts.append({**click, "positive": False, "xy_px": [2, 2]})
                post(f"{url}answer", {"prompts": prompts})
                wait_for_phase(url, "check")
                post(f"{url}answer", {"approve": True})
            except BaseException as error:
                problems.append(error)
                post(f"{url}cancel", {})

    original = Peanut.begin

    def begin(self: Peanut, op: str, on_event: Any = None, **fields: Any) -> int:
        more = {"open": False} if op == "prompt" else {}
        return int(original(self, op, on_event, **fields, **more))

    peanut.begin = begin.__get__(peanut)
    resolve, project = flows.opened(app.names())
    placed = flows.remove_object(resolve, project, Visitor(said.append), peanut)
    assert problems == []
    assert len(placed) == 1, said
    (result,) = app.timeline.tracks[1].items
    assert (result.start, result.length) == (90010, 6)


def picture_at(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return cv2.imdecode(np.frombuffer(answer.read(), np.uint8), cv2.IMREAD_COLOR)


def post(url: str, body: Any) -> None:
    request = urllib.request.Request(url, data=json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()


def wait_for_phase(url: str, phase: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        with urllib.request.urlopen(f"{url}state", timeout=60) as answer:
            state = json.loads(answer.read())
        if state["phase"] == phase:
            return
        assert state["phase"] != "end", state
        assert time.monotonic() < deadline
        time.sleep(0.02)


def square_mask_of(frame: int, like: Any) -> Any:
    """The true mask at the size of another."""
    true = square_mask(frame).astype(np.uint8)
    return cv2.resize(true, like.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
