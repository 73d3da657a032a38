"""The OFX plugin under `peanut plugins`: build, install, uninstall, status."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from peanut_client import plugins_ofx
from peanut_client.cli.app import version
from peanut_client.cli.failures import CliError
from peanut_client.cli.output import Output

HOSTS = "Resolve, Nuke, Natron and other OpenFX hosts"


def build_folder() -> Path:
    """Where builds go when nobody says; a second build there is quick."""
    return Path(platformdirs.user_cache_dir("peanut", appauthor=False)) / "ofx"


def build(output: Output, folder: Path | None) -> None:
    """Build the plugin from a checkout."""
    bundle = plugins_ofx.build(folder or build_folder())
    binary = plugins_ofx.binary_in(bundle)
    output.document({"host": "ofx", "bundle": str(bundle), "bytes": binary.stat().st_size})
    output.line(f"built {bundle}", style="green")


def install(output: Output, folder: Path | None) -> None:
    """Build the plugin if need be, and copy it to where hosts look."""
    bundle = plugins_ofx.build(build_folder())
    target = _target(folder)
    with _rights(target):
        files = plugins_ofx.install(bundle, target, version())
    output.document({"host": "ofx", "folder": str(target), "files": files})
    output.line(f"installed in {target}", style="green")
    if target.absolute() not in [found.absolute() for found in plugins_ofx.search_folders()]:
        output.line(f"hosts look there only with OFX_PLUGIN_PATH={target}")
    output.line(f"restart the host; the effect is PEANUT > PEANUT Object Removal in {HOSTS}")


def uninstall(output: Output, folder: Path | None) -> None:
    """Take the plugin out again."""
    target = _target(folder)
    with _rights(target):
        removed = plugins_ofx.uninstall(target)
    output.document({"host": "ofx", "removed": removed, "kept": []})
    output.line(f"removed {len(removed)} files" if removed else "nothing was installed")


def status(folder: Path | None) -> list[plugins_ofx.OfxState]:
    """What lies in the folders in which hosts look, or in the one that is named."""
    return plugins_ofx.status(version(), None if folder is None else [folder])


def _target(folder: Path | None) -> Path:
    return folder or plugins_ofx.search_folders()[0]


@contextmanager
def _rights(folder: Path) -> Iterator[None]:
    """Turn a refusal of the file system into advice."""
    try:
        yield
    except OSError as error:
        needs = "run it as an administrator, or " if os.name == "nt" else "run it with sudo, or "
        raise CliError(
            "OutputNotWritableError",
            f"{error.filename or folder} cannot be written: {error.strerror or error}",
            hint=f"{needs}choose another folder with --folder and set OFX_PLUGIN_PATH to it",
        ) from error
