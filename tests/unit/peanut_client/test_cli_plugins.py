from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
from typer.testing import Result

from peanut_client import davinci
from peanut_client.davinci import DavinciInstall, Scope, fusion_folder

Run = Callable[..., Result]

MENU = {
    "PEANUT Remove Object.py",
    "PEANUT Collect.py",
    "PEANUT Undo Last Result.py",
    "PEANUT Check.py",
    "PEANUT Files.lua",
}


@pytest.fixture
def fusion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders that stand for this machine's."""
    monkeypatch.setattr(
        davinci,
        "fusion_folder",
        lambda scope, *_: tmp_path / ("mine" if scope is Scope.USER else "all") / "Fusion",
    )
    return tmp_path / "mine" / "Fusion"


@pytest.mark.parametrize(
    ("platform", "scope", "folder"),
    [
        ("linux", Scope.USER, "/home/me/.local/share/DaVinciResolve/Fusion"),
        ("linux", Scope.ALL_USERS, "/opt/resolve/Fusion"),
        (
            "darwin",
            Scope.USER,
            "/home/me/Library/Application Support/Blackmagic Design/DaVinci Resolve/Fusion",
        ),
        (
            "darwin",
            Scope.ALL_USERS,
            "/Library/Application Support/Blackmagic Design/DaVinci Resolve/Fusion",
        ),
        ("win32", Scope.USER, "/data/roaming/Blackmagic Design/DaVinci Resolve/Support/Fusion"),
        ("win32", Scope.ALL_USERS, "/data/all/Blackmagic Design/DaVinci Resolve/Fusion"),
    ],
)
def test_folders_of_every_system(platform: str, scope: Scope, folder: str) -> None:
    environment = {"APPDATA": "/data/roaming", "PROGRAMDATA": "/data/all"}
    found = fusion_folder(scope, platform, environment, Path("/home/me"))
    assert PurePosixPath(found.as_posix()) == PurePosixPath(folder)


def test_install_status_uninstall(run: Run, fusion: Path) -> None:
    assert (
        json.loads(run("plugins", "status", "davinci", "--json").stdout)["installs"][0]["state"]
        == "missing"
    )
    result = run("plugins", "install", "davinci", "--json")
    assert result.exit_code == 0, result.stderr
    scripts = fusion / "Scripts" / "Utility"
    assert {p.name for p in scripts.iterdir()} == MENU
    record = json.loads((fusion / "PEANUT" / "install.json").read_text())
    assert record["command"]
    text = (scripts / "PEANUT Collect.py").read_text()
    assert f'"{(fusion / "PEANUT").as_posix()}"' in text
    states = json.loads(run("plugins", "status", "davinci", "--json").stdout)["installs"]
    assert [s["state"] for s in states] == ["current", "missing"]

    removed = json.loads(run("plugins", "uninstall", "davinci", "--json").stdout)
    assert removed["kept"] == []
    assert list(scripts.iterdir()) == []
    assert not (fusion / "PEANUT").exists()
    assert "nothing was installed" in run("plugins", "uninstall", "davinci").stdout


def test_changed_files_are_seen_and_kept(run: Run, fusion: Path) -> None:
    run("plugins", "install", "davinci")
    mine = fusion / "Scripts" / "Utility" / "PEANUT Check.py"
    mine.write_text("print('mine')")
    (fusion / "Scripts" / "Utility" / "another.py").write_text("")
    state = json.loads(run("plugins", "status", "davinci", "--json").stdout)["installs"][0]
    assert (state["state"], state["wrong_files"]) == ("damaged", [str(mine)])
    result = run("plugins", "uninstall", "davinci")
    assert "stays" in result.stderr
    assert sorted(p.name for p in mine.parent.iterdir()) == ["PEANUT Check.py", "another.py"]


def test_a_newer_version_replaces_an_older_one(fusion: Path) -> None:
    place = DavinciInstall.of(Scope.USER)
    place.install(["peanut"], "0.0.9")
    stale = place.scripts / "PEANUT Old.py"
    stale.write_text("")
    record = json.loads(place.record.read_text())
    record["files"][str(stale)] = ""
    place.record.write_text(json.dumps(record))
    assert place.state("0.1.0").word == "damaged"
    place.install(["peanut"], "0.1.0")
    assert not stale.exists()
    assert place.state("0.1.0").word == "current"
    assert place.state("0.2.0").word == "older"


def test_a_folder_that_cannot_be_written_gives_advice(run: Run, fusion: Path) -> None:
    fusion.parent.mkdir(parents=True)
    fusion.write_text("a file where the folder should be")
    result = run("plugins", "install", "davinci")
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr
    assert "hint: " in result.stderr


def test_the_installed_menu_script_runs_without_peanut_in_reach(fusion: Path) -> None:
    DavinciInstall.of(Scope.USER).install(["peanut"], "0.1.0")
    script = fusion / "Scripts" / "Utility" / "PEANUT Remove Object.py"
    # -I -S: no site-packages, so nothing but the standard library and what was installed.
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(script)], capture_output=True, text=True, check=True
    )
    assert "no DaVinci Resolve answers" in done.stdout
