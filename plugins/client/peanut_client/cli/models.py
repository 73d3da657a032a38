"""`peanut models`: what the stages can run on, under which licence, and the weights they need."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from peanut.v1 import models_pb2
from peanut_client.cli import options
from peanut_client.cli.app import PeanutGroup, app
from peanut_client.cli.documents import enum_word, message_document
from peanut_client.cli.failures import CliError, UsageError
from peanut_client.cli.output import Output
from peanut_client.cli.session import open_client
from peanut_client.config import load_settings

models = typer.Typer(cls=PeanutGroup, help="Models and their licences.", no_args_is_help=True)
app.add_typer(models, name="models")

Name = Annotated[str, typer.Argument(metavar="MODEL", help="A name from `peanut models list`.")]


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


@models.command()
def add(
    model: Name,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file (or folder) as published.")
    ],
    accept_licence: Annotated[
        bool,
        typer.Option("--accept-licence", help="Say yes to a licence that forbids commercial use."),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Check a published file of weights and keep it for the daemon."""
    output = Output(as_json=as_json)
    if not file.exists():
        raise UsageError(f"{file} does not exist: give the path of what was downloaded")
    with open_client(output) as client:
        card = next((m for m in client.list_models() if m.name == model), None)
    if card is None:
        raise UsageError(f"no model is called {model!r}", hint="see: peanut models list")
    if not card.commercial_use and not accept_licence:
        raise UsageError(
            f"{model} is under {card.licence}, which forbids commercial use. {card.terms}".strip(),
            hint="if your use is allowed, add --accept-licence",
        )
    answer = _in_store("add", model, str(file.absolute()))
    output.document(answer)
    output.line(f"{model} is ready ({answer['bytes'] / 1e6:.1f} MB)", style="green")


@models.command()
def remove(model: Name, as_json: options.Json = False) -> None:
    """Delete the weights of a model from this machine."""
    output = Output(as_json=as_json)
    answer = _in_store("remove", model)
    output.document(answer)
    output.line(f"{model} removed" if answer["removed"] else f"{model} was not installed")


@models.command()
def verify(model: Name, as_json: options.Json = False) -> None:
    """Check that the stored weights of a model are what was added."""
    output = Output(as_json=as_json)
    answer = _in_store("verify", model)
    output.document(answer)
    output.line(f"{model} is intact", style="green")


def _in_store(action: str, model: str, *arguments: str) -> dict[str, Any]:
    """Have the store changed by the models' own program: checking weights needs torch."""
    store = load_settings().data_dir / "models"
    command = [sys.executable, "-m", "peanut_models.zoo", str(store), action, model, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        last = (done.stderr.strip() or "no output").splitlines()[-1]
        raise CliError("ModelStoreError", f"the store of weights failed: {last}") from error
    if "error" in answer:
        raise CliError(answer["error"]["reason"], answer["error"]["message"])
    return answer
