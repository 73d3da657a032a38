"""Where PEANUT's scripts for DaVinci Resolve go, on every system.

    Fusion/Scripts/Utility/PEANUT *.py, *.lua   the menu: a few lines each
    Fusion/PEANUT/peanut_davinci/               what they import
    Fusion/PEANUT/install.json                  the command `peanut`, and a hash of every file

The modules lie beside `Scripts` and not in it, so that they do not show up in the menu; and not in
the user's home, which App Store builds cannot read.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from peanut_client.errors import PeanutError

_PACKAGE = "peanut_davinci"
_MENU_FOLDER = "menu"
_PLACE_OF_MODULES = "@PEANUT_FOLDER@"


class Scope(StrEnum):
    """Whose menu."""

    USER = "this user"
    ALL_USERS = "all users"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateOfInstall:
    """What is installed in one place."""

    scope: Scope
    folder: Path
    # missing, current, older (another version) or damaged (files missing or changed).
    word: str
    # Version that is there; empty if none.
    found: str
    # Files that are missing or changed.
    wrong: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "scope": self.scope.value,
            "folder": str(self.folder),
            "state": self.word,
            "version": self.found,
            "wrong_files": list(self.wrong),
        }


def fusion_folder(scope: Scope, platform: str, environment: Mapping[str, str], home: Path) -> Path:
    """Resolve's folder `Fusion`, in which `Scripts` lies.

    Args:
        scope: whose.
        platform: as `sys.platform`.
        environment: for `APPDATA` and `PROGRAMDATA` on Windows.
        home: of the user.
    """
    vendor = Path("Blackmagic Design") / "DaVinci Resolve"
    for_all = scope is Scope.ALL_USERS
    if platform == "darwin":
        library = Path("/Library") if for_all else home / "Library"
        return library / "Application Support" / vendor / "Fusion"
    if platform == "win32":
        if for_all:
            data = environment.get("PROGRAMDATA", r"C:\ProgramData")
            return Path(data) / vendor / "Fusion"
        data = environment.get("APPDATA") or str(home / "AppData" / "Roaming")
        return Path(data) / vendor / "Support" / "Fusion"
    if for_all:
        return Path("/opt/resolve/Fusion")
    return home / ".local" / "share" / "DaVinciResolve" / "Fusion"


def peanut_command() -> list[str]:
    """What a script inside Resolve starts to reach PEANUT."""
    script = shutil.which("peanut", path=str(Path(sys.executable).parent))
    if script:
        return [script]
    return [sys.executable, "-c", "from peanut_client.cli import main; main()"]


def package_folder() -> Path:
    """Where the scripts lie in this installation.

    Raises:
        PeanutError: they are not there.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise PeanutError(
            "PluginMissingError",
            "the scripts for DaVinci Resolve are not in this installation: reinstall with "
            "pip install --force-reinstall peanut",
        )
    return Path(spec.origin).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class DavinciInstall:
    """One place that the scripts can be installed in."""

    scope: Scope
    fusion: Path

    @classmethod
    def of(cls, scope: Scope) -> Self:
        """The place on this machine."""
        fusion = fusion_folder(scope, sys.platform, os.environ, Path.home())
        return cls(scope=scope, fusion=fusion)

    @property
    def scripts(self) -> Path:
        """The folder of the menu that all pages of Resolve have."""
        return self.fusion / "Scripts" / "Utility"

    @property
    def modules(self) -> Path:
        """The folder that the menu's scripts import from."""
        return self.fusion / "PEANUT"

    @property
    def record(self) -> Path:
        """What was installed."""
        return self.modules / "install.json"

    def install(self, command: Sequence[str], version: str) -> list[str]:
        """Write everything; an earlier installation is replaced.

        Raises:
            OSError: a folder cannot be written.
            PeanutError: this installation has no scripts.
        """
        contents = self._contents(package_folder())
        for stale in set(self._recorded()) - {str(path) for path in contents}:
            Path(stale).unlink(missing_ok=True)
        hashes = {}
        for path, data in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            hashes[str(path)] = hashlib.sha256(data).hexdigest()
        record = {"version": version, "command": list(command), "files": hashes}
        self.record.write_text(json.dumps(record, indent=1), encoding="utf-8")
        return sorted(hashes)

    def uninstall(self) -> tuple[list[str], list[str]]:
        """Delete what was installed; returns what went, and what somebody changed and stays.

        Raises:
            OSError: a file cannot be deleted.
        """
        removed, kept = [], []
        for name, digest in self._recorded().items():
            path = Path(name)
            if not path.exists():
                continue
            if _sha256(path) != digest:
                kept.append(name)
                continue
            path.unlink()
            removed.append(name)
        self.record.unlink(missing_ok=True)
        for folder in (self.modules / _PACKAGE, self.modules):
            for cache in folder.glob("__pycache__"):
                shutil.rmtree(cache, ignore_errors=True)
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        return sorted(removed), sorted(kept)

    def state(self, version: str) -> StateOfInstall:
        """What is there, compared with `version`."""
        recorded = self._recorded()
        found = str(self._read_record().get("version", ""))
        wrong = tuple(sorted(n for n, digest in recorded.items() if _sha256(Path(n)) != digest))
        if not recorded:
            word = "missing"
        elif wrong:
            word = "damaged"
        else:
            word = "current" if found == version else "older"
        return StateOfInstall(
            scope=self.scope, folder=self.scripts, word=word, found=found, wrong=wrong
        )

    def _contents(self, package: Path) -> dict[Path, bytes]:
        contents = {}
        for file in sorted(package.glob("*.py")):
            contents[self.modules / _PACKAGE / file.name] = file.read_bytes()
        for file in sorted((package / _MENU_FOLDER).iterdir()):
            if file.suffix in (".py", ".lua"):
                contents[self.scripts / file.name] = self._with_place(file)
        return contents

    def _with_place(self, file: Path) -> bytes:
        # A backslash starts an escape in both languages; both take slashes on Windows.
        place = self.modules.as_posix()
        return file.read_text(encoding="utf-8").replace(_PLACE_OF_MODULES, place).encode()

    def _read_record(self) -> dict[str, Any]:
        try:
            record: dict[str, Any] = json.loads(self.record.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return record

    def _recorded(self) -> dict[str, str]:
        files: dict[str, str] = self._read_record().get("files", {})
        return files


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
