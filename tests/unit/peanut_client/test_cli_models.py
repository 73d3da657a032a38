"""`peanut models` and the profiles of `peanut doctor`, with the real cards and the real store."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.fake_daemon import FakeDaemon, FakeService
from support.http_server import FileServer
from typer.testing import Result

from peanut.v1 import models_pb2, server_pb2
from peanut_client import launch as launch_module
from peanut_daemon.convert import from_card
from peanut_models.zoo import CARDS, PROFILES, ModelStore

Run = Callable[..., Result]

TOKENS = {
    "roberta-base/vocab.json": b'{"<s>": 0}',
    "roberta-base/merges.txt": b"#version: 0.2\n",
    "roberta-base/tokenizer.json": b"{}",
}
REDS4 = "basicvsr_plusplus_c64n7_8x1_600k_reds4_20210217-db622b2f.pth"


class RealCards(FakeService):
    """Answers from the registry and the store, as the daemon does."""

    def ListModels(self, request: Any, context: Any) -> models_pb2.ListModelsResponse:  # noqa: N802
        self._called("ListModels", request, context)
        store = ModelStore(self.data_dir / "models")
        return models_pb2.ListModelsResponse(models=[from_card(card, store) for card in CARDS])

    def GetServerInfo(self, request: Any, context: Any) -> server_pb2.GetServerInfoResponse:  # noqa: N802
        answer = super().GetServerInfo(request, context)
        del answer.profiles[:]
        answer.profiles.extend(
            server_pb2.Profile(name=profile.name, ready=profile.name == "embedded")
            for profile in PROFILES
        )
        return answer


@pytest.fixture
def daemon(data_dir: Path) -> Iterator[FakeDaemon]:
    with FakeDaemon(data_dir, service=RealCards(data_dir, "secret")) as running:
        yield running


@pytest.fixture
def mirror() -> Iterator[FileServer]:
    with FileServer(TOKENS) as server:
        yield server


def model_info(run: Run, name: str) -> Any:
    return json.loads(run("models", "info", name, "--json").stdout)["model"]


def error_of(result: Result) -> Any:
    return json.loads(result.stdout)["error"]


def test_a_model_is_pulled_shown_verified_and_removed(
    run: Run, daemon: FakeDaemon, mirror: FileServer
) -> None:
    result = run("models", "pull", "roberta/tokenizer", "--from", mirror.address, "--json")
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.stdout)["models"]
    assert found["source"] == mirror.url("roberta-base")
    events = [json.loads(line) for line in result.stderr.splitlines()]
    fetched = [e for e in events if e["event"] == "fetch"]
    assert {e["file"] for e in fetched} == {Path(name).name for name in TOKENS}
    assert fetched[-1]["done_bytes"] == fetched[-1]["total_bytes"] > 0

    shown = model_info(run, "roberta/tokenizer")
    assert shown["weights_sha256"] == found["blob_sha256"]
    assert all(file["recorded_sha256"] for file in shown["files"])
    assert run("models", "verify", "roberta/tokenizer").exit_code == 0
    assert "removed" in run("models", "remove", "roberta/tokenizer").stdout
    assert model_info(run, "roberta/tokenizer")["weights_sha256"] == ""

    mirror.files["roberta-base/vocab.json"], mirror.tag = b"{}", '"two"'
    again = run("models", "pull", "roberta/tokenizer", "--from", mirror.address, "--json")
    assert again.exit_code == 1
    assert error_of(again)["reason"] == "WrongHashError"
    assert "--trust-anew" in error_of(again)["message"]


def test_a_licence_is_asked_for_before_anything_is_fetched(run: Run, mirror: FileServer) -> None:
    result = run("models", "pull", "paper", "--from", mirror.address, "--json")
    assert result.exit_code == 2
    error = error_of(result)
    assert error["reason"] == "LicenceNotAcceptedError"
    for word in ("samwise/mevis", "e2fgvi_hq", "basicvsr_pp/reds4", "SPyNet", "--accept-licence"):
        assert word in error["message"]
    assert mirror.requests == []


def test_each_failure_has_its_own_reason(run: Run, mirror: FileServer) -> None:
    def reason(*words: str) -> str:
        result = run("models", "pull", *words, "--accept-licence", "--json")
        assert result.exit_code == 1
        return str(error_of(result)["reason"])

    reds4 = ("basicvsr_pp/reds4", "--from", mirror.address)
    assert reason(*reds4) == "SourceRefusedError"
    mirror.content_type = "text/html"
    mirror.files[REDS4] = b"<html>"
    assert reason(*reds4) == "SourceRefusedError"
    mirror.content_type = "application/octet-stream"
    mirror.files["sam2.1_hiera_tiny.pt"] = b"short"
    assert reason("sam2.1/tiny", "--from", mirror.address) == "WrongSizeError"
    assert reason("e2fgvi_hq") == "NoAddressError"
    assert reason("nothing") == "ModelNotFoundError"
    assert reason("e2fgvi_hq", "--from", "ftp://mirror.invalid") == "InvalidInputError"


def test_a_file_of_the_wrong_hash_is_refused_and_deleted(
    run: Run, data_dir: Path, mirror: FileServer
) -> None:
    mirror.files[REDS4] = b"something else"
    words = ("models", "pull", "basicvsr_pp/reds4", "--from", mirror.address, "--accept-licence")
    result = run(*words)
    assert result.exit_code == 1
    assert "db622b2f" in result.stderr
    assert list((data_dir / "models").rglob("*.pth")) == []


def test_the_embedded_profile_needs_nothing(run: Run) -> None:
    result = run("models", "pull", "embedded")
    assert result.exit_code == 0
    assert "needs no weights" in result.stdout


def test_info_says_all_that_matters_before_a_download(run: Run, daemon: FakeDaemon) -> None:
    text = run("models", "info", "basicvsr_pp/reds4").stdout
    for word in ("Apache-2.0", "no", "SPyNet", "Chan et al.", "paper", "download.openmmlab.com"):
        assert word in text
    assert "db622b2f..." in text
    assert "peanut models pull basicvsr_pp/reds4 --accept-licence" in text
    by_hand = run("models", "info", "e2fgvi_hq").stdout
    assert "Google Drive" in by_hand
    assert "peanut models add e2fgvi_hq" in by_hand
    assert "ships with the package" in run("models", "info", "embedded/masks").stdout
    assert run("models", "info", "nothing").exit_code == 2


def test_the_list_tells_conditions_from_yes_and_no(run: Run, daemon: FakeDaemon) -> None:
    lines = run("models", "list").stdout.splitlines()
    column = {line.split()[0]: line.split()[3] for line in lines[1:]}
    assert column["embedded/masks"] == "yes"
    assert column["raft/large"] == "conditions"
    assert column["e2fgvi"] == "no"


def test_doctor_names_what_each_profile_lacks_and_one_command(
    run: Run, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch_module, "DAEMON_MODULES", ("json",))
    document = json.loads(run("doctor", "--json").stdout)
    assert document["ok"] is True
    rows = {c["found"].split()[0]: c for c in document["checks"] if c["name"] == "profile"}
    assert rows["embedded"]["status"] == "ok"
    assert rows["commercial"]["status"] == rows["paper"]["status"] == "note"
    assert "sam2.1/base_plus, grounding/dino_tiny" in rows["commercial"]["found"]
    assert rows["commercial"]["advice"] == "peanut models pull commercial"
    advice = rows["paper"]["advice"]
    assert advice.startswith("peanut models pull paper --accept-licence --from FOLDER")
    assert "E2FGVI-HQ-CVPR22.pth" in advice
    assert "final_model_mevis.pth" in advice


def test_ctrl_c_keeps_what_came(data_dir: Path, mirror: FileServer) -> None:
    whole = bytes(range(256)) * 2000
    mirror.files[REDS4], mirror.pause_s, mirror.piece = whole, 0.05, 1000
    code = "from peanut_client.cli import main; main()"
    words = ("models", "pull", "basicvsr_pp/reds4", "--from", mirror.address, "--accept-licence")
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        env={**os.environ, "PEANUT_DATA_DIR": str(data_dir)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    part = data_dir / "models" / "partial" / "basicvsr_pp" / "reds4" / REDS4
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size > 3000):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to both programs
    _, complaints = process.communicate(timeout=30)
    assert process.returncode == 130, complaints
    assert "goes on from there" in complaints
    assert whole.startswith(part.read_bytes())
