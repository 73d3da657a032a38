"""`peanut store`: the store of computed windows, and the journal that knows them."""

from __future__ import annotations

import json
import subprocess
from typing import Annotated

import typer

from peanut.v1 import store_pb2
from peanut_client.cli import options
from peanut_client.cli.app import PeanutGroup, app
from peanut_client.cli.documents import message_document
from peanut_client.cli.estimates import size_words
from peanut_client.cli.failures import CliError
from peanut_client.cli.output import Output
from peanut_client.cli.session import open_client
from peanut_client.config import load_settings
from peanut_client.launch import check_daemon_installed

store = typer.Typer(
    cls=PeanutGroup,
    help="What is kept for repeated and corrected renders: look at it, make room.",
    no_args_is_help=True,
)
app.add_typer(store, name="store")


@store.command()
def show(as_json: options.Json = False) -> None:
    """Show how large the store is, and how large it may become."""
    output = Output(as_json=as_json)
    with open_client(output) as client:
        found = client.get_store()
    output.document({"store": message_document(found)})
    _show(found, output)


@store.command()
def clean(
    everything: Annotated[
        bool, typer.Option("--all", help="Delete all that nothing needs, not only the surplus.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Delete leftovers and what is over the budget; what edits and jobs need stays."""
    output = Output(as_json=as_json)
    with open_client(output) as client:
        cleaned = client.clean_store(0 if everything else None)
    output.document(message_document(cleaned))
    windows = (
        "1 window" if cleaned.removed_artifacts == 1 else f"{cleaned.removed_artifacts} windows"
    )
    leftovers = (
        "1 leftover" if cleaned.removed_leftovers == 1 else f"{cleaned.removed_leftovers} leftovers"
    )
    output.line(f"{windows} and {leftovers} deleted, {size_words(cleaned.freed_bytes)} free again")
    _show(cleaned.store, output)


@store.command()
def rebuild(as_json: options.Json = False) -> None:
    """Put a damaged journal aside, and start a new one with all that can be read of it."""
    output = Output(as_json=as_json)
    settings = load_settings()
    check_daemon_installed()
    command = [*settings.daemon_command, "--data-dir", str(settings.data_dir), "--rebuild-journal"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().rpartition("\n")[2].removeprefix("peanutd: ")
        raise CliError("JournalError", said or f"it ended with exit code {done.returncode}")
    document = json.loads(done.stdout)
    output.document(document)
    rows = document["rows"]
    output.line(f"a new journal was made; the damaged one is kept as {document['kept']}")
    output.facts(
        [(table, f"{rows[table]} rows") for table in ("edits", "prompts", "masks", "jobs")]
    )


def _show(found: store_pb2.Store, output: Output) -> None:
    output.facts(
        [
            ("folder", found.folder),
            ("holds", f"{size_words(found.size_bytes)} in {found.artifacts} windows"),
            (
                "needed",
                f"{size_words(found.needed_bytes)} by edits and jobs; no cleaning takes that",
            ),
            ("budget", size_words(found.budget_bytes)),
            ("disk", f"{size_words(found.free_bytes)} free"),
        ]
    )
