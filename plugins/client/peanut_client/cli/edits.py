"""`peanut edits`: what was said about clips, with its masks."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated

import typer

from peanut.v1 import edits_pb2
from peanut_client.cli import options
from peanut_client.cli.app import PeanutGroup, app
from peanut_client.cli.documents import message_document
from peanut_client.cli.output import Output
from peanut_client.cli.session import open_client

edits = typer.Typer(
    cls=PeanutGroup,
    help="Edits: list them, delete one that is done with.",
    no_args_is_help=True,
)
app.add_typer(edits, name="edits")


@edits.command("list")
def list_(as_json: options.Json = False) -> None:
    """List all edits, newest first."""
    output = Output(as_json=as_json)
    with open_client(output) as client:
        found = client.list_edits()
    output.document({"edits": [message_document(edit) for edit in found]})
    if not found:
        output.line("no edits yet")
        return
    rows = [
        (
            edit.id,
            f"{edit.range.start_frame}:{edit.range.end_frame}",
            str(len(edit.targets)),
            "approved" if edit.HasField("approval") else "open",
            _made(edit),
            edit.clip.path,
        )
        for edit in found
    ]
    output.table(("edit", "range", "targets", "matte", "made", "clip"), rows)


@edits.command()
def delete(
    edit_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the edit.")],
    as_json: options.Json = False,
) -> None:
    """Delete an edit with its prompts, masks and jobs; results stay."""
    output = Output(as_json=as_json)
    with open_client(output) as client:
        client.delete_edit(edit_id)
    output.document({"deleted": edit_id})
    output.line(f"edit {edit_id} is deleted with its masks and jobs; results stay")


def _made(edit: edits_pb2.Edit) -> str:
    """When, in the user's own time zone."""
    moment = edit.created_at.ToDatetime(tzinfo=UTC).astimezone()
    return f"{moment:%Y-%m-%d %H:%M:%S}"
