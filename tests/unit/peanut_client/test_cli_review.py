from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.fake_daemon import FakeDaemon, FakeService
from typer.testing import Result

Run = Callable[..., Result]
ADDRESS = "http://127.0.0.1:4711/enter?ticket=once"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    addresses: list[str] = []

    def open_page(address: str) -> bool:
        addresses.append(address)
        return True

    monkeypatch.setattr("webbrowser.open", open_page)
    return addresses


@pytest.fixture
def page(daemon: FakeDaemon) -> None:
    file = daemon.data_dir / "daemon.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"review_address": ADDRESS}))


@pytest.mark.usefixtures("page")
def test_opens_the_list_of_edits(run: Run, opened: list[str]) -> None:
    result = run("review")
    assert result.exit_code == 0, result.output
    assert opened == [ADDRESS]
    assert result.stdout.strip() == ADDRESS


@pytest.mark.usefixtures("page")
def test_a_clip_becomes_an_edit(
    run: Run, service: FakeService, clip: Path, opened: list[str]
) -> None:
    document = json.loads(run("review", clip, "--range", "2:5", "--json").stdout)
    edit = service.edits[document["edit_id"]]
    assert (edit.clip.path, edit.range.start_frame, edit.range.end_frame) == (str(clip), 2, 5)
    assert opened == [f"{ADDRESS}&edit={edit.id}"]
    again = run("review", edit.id, "--no-browser")
    assert again.stdout.strip() == f"{ADDRESS}&edit={edit.id}"
    assert len(opened) == 1


@pytest.mark.usefixtures("page")
def test_refusals(run: Run, opened: list[str]) -> None:
    assert run("review", "nosuch").exit_code != 0
    assert "--range needs a CLIP" in run("review", "--range", "1:2").stderr
    assert "--range does not go with the edit" in run("review", "nosuch", "--range", "1:2").stderr
    assert opened == []


@pytest.mark.usefixtures("daemon")
def test_a_daemon_without_page(run: Run, opened: list[str]) -> None:
    result = run("review")
    assert result.exit_code != 0
    assert "has no review page" in result.stderr
    assert opened == []


@pytest.mark.usefixtures("page")
def test_no_browser_here(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webbrowser.open", lambda _: False)
    result = run("review")
    assert result.exit_code == 0
    assert "open the address yourself" in result.stderr
