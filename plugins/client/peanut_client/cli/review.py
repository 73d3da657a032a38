"""`peanut review`: the page in the browser."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from peanut_client.cli import options
from peanut_client.cli.app import app
from peanut_client.cli.clips import Reading, check_clip, create_edit, parse_rate
from peanut_client.cli.failures import CliError, UsageError
from peanut_client.cli.output import Output
from peanut_client.cli.prompts import parse_range
from peanut_client.cli.session import open_client
from peanut_client.client import PeanutClient
from peanut_client.config import load_settings
from peanut_client.connection import read_review_address


@app.command()
def review(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="EDIT|CLIP",
            help="Id of an edit, or a clip to make one from. Default: the list of all edits.",
            show_default=False,
        ),
    ] = None,
    frames: options.Range = None,
    rate: options.Rate = None,
    colourspace: options.Colourspace = "",
    deinterlace: options.Deinterlace = False,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the address; it works once.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """See the masks in the browser, correct them, approve, render."""
    output = Output(as_json=as_json)
    reading = Reading(rate=parse_rate(rate), colourspace=colourspace, deinterlace=deinterlace)
    with open_client(output) as client:
        edit_id = _edit_id(client, what, frames, reading)
        address = read_review_address(load_settings(), edit_id)
    if not address:
        raise CliError(
            "ReviewUnavailableError",
            "this daemon has no review page: restart it with `peanut stop`, or update it",
        )
    output.document({"address": address, "edit_id": edit_id})
    output.line(address)
    if not no_browser and not webbrowser.open(address):
        output.warning("no browser could be started: open the address yourself; it works once")


def _edit_id(client: PeanutClient, what: str | None, frames: str | None, reading: Reading) -> str:
    wanted = parse_range(frames)
    if what is None:
        if wanted is not None:
            raise UsageError("--range needs a CLIP: give the file to make an edit from")
        return ""
    clip = Path(what).expanduser()
    # What looks like a path is one, so that a mistyped one is not looked for among the edits.
    if clip.suffix or clip.exists() or clip.name != what:
        check_clip(clip, wanted)
        return create_edit(client, clip, wanted, reading).id
    if wanted is not None:
        raise UsageError(f"--range does not go with the edit {what}: it has its own range")
    return client.get_edit(what).id
