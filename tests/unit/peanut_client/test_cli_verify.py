"""`peanut verify`: its exit code is the answer, its table and its JSON are the reasons."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.clips import FFV1, make_clip
from support.fake_daemon import FakeService
from typer.testing import Result

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "source.mkv", **FFV1, frames=5)


def test_a_copy_ends_with_0_and_a_table(run: Run, source: Path) -> None:
    done = run("verify", source, source)
    assert done.exit_code == 0
    assert "proven: nothing else changed" in done.stdout
    assert "timecode" in done.stdout and "in code values of yuv420p" in done.stdout


def test_a_difference_ends_with_1_and_says_where(run: Run, source: Path) -> None:
    other = make_clip(source.with_name("other.mp4"), frames=5)
    done = run("verify", source, other, "--json")
    assert done.exit_code == 1
    proof = json.loads(done.stdout)
    assert proof["schema"] == "peanut.proof/1"
    assert not proof["proven"] and proof["channels"][0]["maximum"] > 0


@pytest.mark.parametrize("kind", ["missing", "part"])
def test_what_cannot_be_compared_ends_with_2(
    run: Run, source: Path, tmp_path: Path, kind: str
) -> None:
    other = tmp_path / "other.mkv"
    if kind == "part":
        make_clip(other, **FFV1, frames=2)
    done = run("verify", source, other, "--json")
    assert done.exit_code == 2
    error = json.loads(done.stdout)["error"]
    wanted = {
        "missing": "MediaNotFoundError",
        "part": "InvalidRequestError",
    }
    assert error["reason"] == wanted[kind]


def test_what_is_different_but_small_can_be_allowed(run: Run, source: Path, tmp_path: Path) -> None:
    part = make_clip(tmp_path / "part.mkv", **FFV1, frames=2)
    assert run("verify", source, part, "--range", "2:4", "--within", "255").exit_code == 0


def test_a_render_may_go_without_proof(
    run: Run, service: FakeService, clip: Path, tmp_path: Path
) -> None:
    words = ("remove", clip, "--point", "3,4", "--overwrite", "-o")
    assert run(*words, tmp_path / "a.mkv").exit_code == 0
    assert run(*words, tmp_path / "b.mkv", "--no-proof").exit_code == 0
    assert [request.no_proof for request in service.named("StartRender")] == [False, True]
