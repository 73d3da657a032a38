"""The OFX plugin: building it from the sources of a checkout, and where hosts look for it.

PEANUT.ofx.bundle/Contents/ARCHITECTURE/PEANUT.ofx    what hosts load
PEANUT.ofx.bundle/Contents/Resources/install.json     version, and a hash of every file
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peanut_client.errors import PeanutError

BUNDLE = "PEANUT.ofx.bundle"
_BINARY = "PEANUT.ofx"
_MANIFEST = Path("Contents/Resources/install.json")
# A build takes seconds; one that hangs must not hang its caller.
_BUILD_TIMEOUT_S = 600


class OfxBuildError(PeanutError):
    """The plugin cannot be built here; the message has what is missing, or the compiler's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfxState:
    """What lies in one folder in which hosts look."""

    folder: Path
    # missing, current, older (another version or build) or damaged (files missing or changed).
    word: str
    # Version that is there; empty if none.
    found: str
    wrong: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "folder": str(self.folder),
            "state": self.word,
            "version": self.found,
            "wrong_files": list(self.wrong),
        }


def system_folder(system: str = sys.platform, environment: Mapping[str, str] | None = None) -> Path:
    """The folder in which every host of this machine looks.

    Args:
        system: as `sys.platform`.
        environment: for the place of programs on Windows; by default the process's own.
    """
    environment = os.environ if environment is None else environment
    if system == "darwin":
        return Path("/Library/OFX/Plugins")
    if system == "win32":
        common = environment.get("CommonProgramFiles", r"C:\Program Files\Common Files")
        return Path(common) / "OFX" / "Plugins"
    return Path("/usr/OFX/Plugins")


def search_folders(environment: Mapping[str, str] | None = None) -> list[Path]:
    """All folders in which hosts of this user look: `OFX_PLUGIN_PATH`, then the system's."""
    environment = os.environ if environment is None else environment
    named = environment.get("OFX_PLUGIN_PATH", "").split(os.pathsep)
    folders = [*(Path(name) for name in named if name), system_folder(environment=environment)]
    return list(dict.fromkeys(folders))


def architecture(system: str = sys.platform, machine: str = "") -> str:
    """The folder of this system's binaries inside a bundle."""
    machine = (machine or platform.machine()).lower()
    if system == "darwin":
        return "MacOS"
    if system == "win32":
        return "Win-arm64ec" if machine == "arm64" else "Win64"
    return "Linux-aarch64" if machine in ("aarch64", "arm64") else "Linux-x86-64"


def binary_in(bundle: Path) -> Path:
    """What hosts on this system load from a bundle."""
    return bundle / "Contents" / architecture() / _BINARY


def source_folder() -> Path | None:
    """The plugin's sources; None where this is no checkout."""
    folder = Path(__file__).resolve().parents[2] / "ofx_bridge"
    return folder if (folder / "CMakeLists.txt").is_file() else None


def generator(system: str = sys.platform) -> str:
    """CMake's name for what drives a build on this machine; empty if nothing is there.

    On Windows CMake's own choice is Microsoft's compiler, which lacks parts of C11.
    """
    known = [("make", "Unix Makefiles"), ("ninja", "Ninja")]
    if system == "win32":
        known = [("ninja", "Ninja"), ("mingw32-make", "MinGW Makefiles")]
    return next((name for program, name in known if shutil.which(program)), "")


def missing_tools(system: str = sys.platform) -> list[str]:
    """What a build needs and this machine lacks."""
    windows = system == "win32"
    compilers = [os.environ.get("CC", ""), *([] if windows else ["cc"]), "gcc", "clang"]
    missing = []
    if not any(shutil.which(name) for name in compilers if name):
        missing.append("GCC or Clang of MinGW-w64" if windows else "a C compiler")
    if not shutil.which("cmake"):
        missing.append("cmake")
    if not generator(system):
        missing.append("ninja or mingw32-make" if windows else "make or ninja")
    return missing


def build(
    folder: Path, *, source: Path | None = None, options: Mapping[str, bool] | None = None
) -> Path:
    """Build the plugin.

    Args:
        folder: for the build; made if it is not there. A second build there is quick.
        source: the plugin's sources; by default those of this checkout.
        options: CMake options such as `PEANUT_SANITIZE`.

    Returns:
        The bundle, ready to be installed.

    Raises:
        OfxBuildError: no sources, no compiler or CMake, or they refuse.
    """
    source = source or source_folder()
    if source is None:
        raise OfxBuildError(
            "OfxSourcesMissingError",
            "this installation has no sources of the OFX plugin: get a checkout of PEANUT and run "
            "`peanut plugins build ofx` there",
        )
    if missing := missing_tools():
        raise OfxBuildError(
            "OfxToolsMissingError",
            f"{' and '.join(missing)} cannot be found, which building the OFX plugin needs: "
            "install it and try again",
        )
    flags = [f"-D{name}={'ON' if on else 'OFF'}" for name, on in (options or {}).items()]
    python = f"-DPython3_EXECUTABLE={sys.executable}"
    _run(["cmake", "-S", str(source), "-B", str(folder), "-G", generator(), python, *flags])
    _run(["cmake", "--build", str(folder), "--config", "Release", "--parallel", "2"])
    bundle = folder / BUNDLE
    if not binary_in(bundle).is_file():
        raise OfxBuildError("OfxBuildError", f"the build left no {binary_in(bundle)}: clean it")
    return bundle


def install(bundle: Path, folder: Path, version: str) -> list[str]:
    """Copy a bundle to where hosts look, in one step.

    Args:
        bundle: as `build` returns it.
        folder: one of `search_folders`, or any other that a host is told of.
        version: of PEANUT, for `status`.

    Returns:
        The files, relative to `folder`.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Names beginning with @ are passed over by hosts that look right now.
    fresh, target = folder / f"@{BUNDLE}.new", folder / BUNDLE
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(bundle, fresh)
    hashes = _hashes(fresh)
    manifest = {"version": version, "files": hashes}
    (fresh / _MANIFEST).parent.mkdir(parents=True, exist_ok=True)
    (fresh / _MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    # A host may have the old binary mapped: it is moved aside, never written over.
    old = folder / f"@{BUNDLE}.old"
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    return [f"{BUNDLE}/{name}" for name in (*hashes, _MANIFEST.as_posix())]


def uninstall(folder: Path) -> list[str]:
    """Remove the bundle; returns its files, none where it was not there.

    Raises:
        OSError: the folder cannot be written.
    """
    target = folder / BUNDLE
    if not target.is_dir():
        return []
    names = [f"{BUNDLE}/{name}" for name in _hashes(target)]
    gone = folder / f"@{BUNDLE}.old"
    shutil.rmtree(gone, ignore_errors=True)
    target.rename(gone)
    shutil.rmtree(gone)
    return names


def status(version: str, folders: Sequence[Path] | None = None) -> list[OfxState]:
    """What lies in each folder in which hosts look.

    Args:
        version: of this PEANUT.
        folders: by default those of this user.
    """
    return [_state(folder, version) for folder in folders or search_folders()]


def _state(folder: Path, version: str) -> OfxState:
    bundle = folder / BUNDLE
    if not bundle.is_dir():
        return OfxState(folder=folder, word="missing", found="")
    try:
        manifest = json.loads((bundle / _MANIFEST).read_text(encoding="utf-8"))
        found, wanted = str(manifest["version"]), dict(manifest["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return OfxState(folder=folder, word="damaged", found="", wrong=(str(_MANIFEST),))
    there = _hashes(bundle)
    there.pop(_MANIFEST.as_posix(), None)
    wrong = sorted(
        name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name)
    )
    word = "damaged" if wrong else "current" if found == version else "older"
    return OfxState(folder=folder, word=word, found=found, wrong=tuple(wrong))


def _hashes(bundle: Path) -> dict[str, str]:
    files = sorted(path for path in bundle.rglob("*") if path.is_file())
    return {
        path.relative_to(bundle).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_BUILD_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise OfxBuildError(
            "OfxBuildError", f"{command[0]} did not end within {_BUILD_TIMEOUT_S} s: try again"
        ) from error
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).strip().splitlines()
        raise OfxBuildError(
            "OfxBuildError", "the OFX plugin cannot be built:\n" + "\n".join(lines[-20:])
        )
