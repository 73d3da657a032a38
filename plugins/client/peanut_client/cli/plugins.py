"""`peanut plugins`: put PEANUT into hosts, take it out again, see what is there."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from peanut_client.cli import ofx, options
from peanut_client.cli.app import PeanutGroup, app, version
from peanut_client.cli.failures import CliError, UsageError
from peanut_client.cli.output import Output
from peanut_client.davinci import DavinciInstall, Scope, StateOfInstall, peanut_command
from peanut_client.plugins_ofx import OfxState

plugins = typer.Typer(
    cls=PeanutGroup, help="PEANUT inside hosts: install, remove, status.", no_args_is_help=True
)
app.add_typer(plugins, name="plugins")


class Host(StrEnum):
    """What PEANUT can be put into."""

    DAVINCI = "davinci"
    OFX = "ofx"


HostName = Annotated[Host, typer.Argument(metavar="HOST", help="davinci or ofx")]
AllUsers = Annotated[
    bool, typer.Option("--all-users", help="For every user of this machine; needs its rights.")
]

Folder = Annotated[
    Path | None, typer.Option("--folder", help="ofx: another folder than the one hosts look in.")
]


@plugins.callback()
def _group() -> None:
    """PEANUT inside hosts."""


@plugins.command()
def install(
    host: HostName,
    all_users: AllUsers = False,
    folder: Folder = None,
    as_json: options.Json = False,
) -> None:
    """Put PEANUT's scripts into a host's menu, or the OFX plugin where hosts look for it."""
    output = Output(as_json=as_json)
    if host is Host.OFX:
        ofx.install(output, folder)
        return
    _only_ofx(folder)
    place = DavinciInstall.of(_scope(all_users))
    with _rights(place):
        files = place.install(peanut_command(), version())
    output.document({"host": host.value, "folder": str(place.scripts), "files": files})
    output.line(f"installed in {place.scripts}", style="green")
    output.line("restart DaVinci Resolve, then: Workspace > Scripts > PEANUT ...")
    output.line('run "PEANUT Check" there first: it says what your edition can do')


@plugins.command()
def uninstall(
    host: HostName,
    all_users: AllUsers = False,
    folder: Folder = None,
    as_json: options.Json = False,
) -> None:
    """Take PEANUT out of a host; scripts that were changed since stay, and are named."""
    output = Output(as_json=as_json)
    if host is Host.OFX:
        ofx.uninstall(output, folder)
        return
    _only_ofx(folder)
    place = DavinciInstall.of(_scope(all_users))
    with _rights(place):
        removed, kept = place.uninstall()
    output.document({"host": host.value, "removed": removed, "kept": kept})
    output.line(f"removed {len(removed)} files" if removed else "nothing was installed")
    for path in kept:
        output.warning(f"{path} was changed by somebody and stays: delete it by hand")


@plugins.command()
def status(host: HostName, folder: Folder = None, as_json: options.Json = False) -> None:
    """Say where PEANUT is installed in a host, and whether it is whole and current."""
    output = Output(as_json=as_json)
    if host is Host.OFX:
        found = ofx.status(folder)
        output.document({"host": host.value, "installs": [state.document() for state in found]})
        table = [(_styled(state), state.found, str(state.folder)) for state in found]
        output.table(("state", "version", "folder"), table)
        return
    _only_ofx(folder)
    states = [DavinciInstall.of(scope).state(version()) for scope in Scope]
    output.document({"host": host.value, "installs": [state.document() for state in states]})
    rows = [(state.scope, _styled(state), state.found, str(state.folder)) for state in states]
    output.table(("for", "state", "version", "folder"), rows)


@plugins.command()
def build(host: HostName, folder: Folder = None, as_json: options.Json = False) -> None:
    """Build the OFX plugin from the sources of a checkout; needs a C compiler and CMake."""
    if host is not Host.OFX:
        raise UsageError(f"{host.value} has nothing to build: run `peanut plugins install {host}`")
    ofx.build(Output(as_json=as_json), folder)


def _only_ofx(folder: Path | None) -> None:
    if folder is not None:
        raise UsageError("--folder is for ofx: the other hosts have fixed places")


def _styled(state: StateOfInstall | OfxState) -> Text:
    style = {"current": "green", "missing": ""}.get(state.word, "yellow")
    return Text(state.word, style=style)


def _scope(all_users: bool) -> Scope:
    return Scope.ALL_USERS if all_users else Scope.USER


class _rights:  # noqa: N801 - reads as a word of the `with` statement
    """Turns a refusal of the file system into advice."""

    def __init__(self, place: DavinciInstall) -> None:
        self._place = place

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise CliError(
                "OutputNotWritableError",
                f"{error.filename or self._place.scripts} cannot be written: "
                f"{error.strerror or error}",
                hint="install for this user only, without --all-users"
                if self._place.scope is Scope.ALL_USERS
                else "make the folder writable, and close DaVinci Resolve",
            ) from error
