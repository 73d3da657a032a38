"""`peanut models`: what the stages can run on, and under which licence."""

from __future__ import annotations

import typer
from rich.text import Text

from peanut.v1 import models_pb2
from peanut_client.cli import options
from peanut_client.cli.app import PeanutGroup, app
from peanut_client.cli.documents import enum_word, message_document
from peanut_client.cli.output import Output
from peanut_client.cli.session import open_client

models = typer.Typer(cls=PeanutGroup, help="Models and their licences.", no_args_is_help=True)
app.add_typer(models, name="models")


@models.callback()
def _group() -> None:
    """Models and their licences."""


@models.command("list")
def list_(as_json: options.Json = False) -> None:
    """List all models that the daemon knows."""
    output = Output(as_json=as_json)
    with open_client(output) as client:
        found = client.list_models()
    output.document({"models": [message_document(model) for model in found]})
    rows = [
        (
            model.name,
            enum_word(models_pb2.ModelStage.DESCRIPTOR, model.stage),
            model.licence,
            Text("yes", style="green") if model.commercial_use else Text("no", style="red"),
            "yes" if model.installed else "no",
            model.description,
        )
        for model in found
    ]
    output.table(("model", "stage", "licence", "commercial", "installed", "how"), rows)
