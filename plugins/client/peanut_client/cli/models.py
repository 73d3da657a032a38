"""`peanut models`: what the stages can run on, under which licence, and the weights they need."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from peanut.v1 import models_pb2
from peanut_client.cli import options
from peanut_client.cli.app import PeanutGroup, app
from peanut_client.cli.documents import enum_word, message_document
from peanut_client.cli.failures import UsageError
from peanut_client.cli.output import Output
from peanut_client.cli.session import open_client
from peanut_client.cli.weights import change_store, pull_into_store

models = typer.Typer(cls=PeanutGroup, help="Models and their licences.", no_args_is_help=True)
app.add_typer(models, name="models")

Name = Annotated[str, typer.Argument(metavar="MODEL", help="A name from `peanut models list`.")]
AcceptLicence = Annotated[
    bool,
    typer.Option("--accept-licence", help="Say yes to a licence that restricts commercial use."),
]
TrustAnew = Annotated[
    bool,
    typer.Option(
        "--trust-anew", help="Take files that differ from those of the first time, knowingly."
    ),
]

_COLOURS = {"yes": "green", "no": "red", "conditions": "yellow"}


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
            Text(commercial_word(model), style=_COLOURS[commercial_word(model)]),
            "yes" if model.installed else "no",
            model.description,
        )
        for model in found
    ]
    output.table(("model", "stage", "licence", "commercial", "installed", "how"), rows)


@models.command()
def info(model: Name, as_json: options.Json = False) -> None:
    """Show all that is known of a model: licence, terms, paper, files, addresses, hashes."""
    output = Output(as_json=as_json)
    card = _card(model, output)
    output.document({"model": message_document(card)})
    output.line(card.name)
    output.facts((name, value) for name, value in _facts(card) if value)
    for file in card.files:
        output.line(f"  {file.name}")
        output.facts((f"  {name}", value) for name, value in _file_facts(file) if value)


@models.command()
def pull(
    name: Annotated[
        str, typer.Argument(metavar="MODEL|PROFILE", help="A model, or a profile: all it lacks.")
    ],
    source: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="FOLDER|URL",
            help="A folder with some of the files by name, or a mirror with all of them.",
        ),
    ] = "",
    accept_licence: AcceptLicence = False,
    trust_anew: TrustAnew = False,
    as_json: options.Json = False,
) -> None:
    """Fetch, check and keep the weights of a model or of a whole profile; goes on after a cut."""
    output = Output(as_json=as_json)
    arguments = [name, *(("--from", source) if source else ())]
    arguments += ["--accept-licence"] if accept_licence else []
    arguments += ["--trust-anew"] if trust_anew else []
    answer = pull_into_store(arguments, output)
    output.document(answer)
    for found in answer["models"]:
        output.line(f"{found['model']} is ready ({found['bytes'] / 1e6:.1f} MB)", style="green")
    if not answer["models"]:
        output.line(f"{name} needs no weights", style="green")


@models.command()
def add(
    model: Name,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file (or folder) as published.")
    ],
    accept_licence: AcceptLicence = False,
    trust_anew: TrustAnew = False,
    as_json: options.Json = False,
) -> None:
    """Check a published file of weights and keep it for the daemon."""
    output = Output(as_json=as_json)
    if not file.exists():
        raise UsageError(f"{file} does not exist: give the path of what was downloaded")
    card = _card(model, output)
    if not card.commercial_use and not accept_licence:
        raise UsageError(
            f"{model} is under {card.licence} (commercial use: {commercial_word(card)}). "
            f"{card.terms}".strip(),
            hint="if your use is allowed, add --accept-licence",
        )
    anew = ["--trust-anew"] if trust_anew else []
    answer = change_store("add", model, str(file.absolute()), *anew)
    output.document(answer)
    output.line(f"{model} is ready ({answer['bytes'] / 1e6:.1f} MB)", style="green")


@models.command()
def remove(model: Name, as_json: options.Json = False) -> None:
    """Delete the weights of a model from this machine."""
    output = Output(as_json=as_json)
    answer = change_store("remove", model)
    output.document(answer)
    output.line(f"{model} removed" if answer["removed"] else f"{model} was not installed")


@models.command()
def verify(model: Name, as_json: options.Json = False) -> None:
    """Check that the stored weights of a model are what was added."""
    output = Output(as_json=as_json)
    answer = change_store("verify", model)
    output.document(answer)
    output.line(f"{model} is intact", style="green")


def commercial_word(model: models_pb2.Model) -> str:
    """`yes`, `no` or `conditions`; older daemons only know the first two."""
    if model.commercial == models_pb2.COMMERCIAL_UNSPECIFIED:
        return "yes" if model.commercial_use else "no"
    return enum_word(models_pb2.Commercial.DESCRIPTOR, model.commercial)


def _card(name: str, output: Output) -> models_pb2.Model:
    with open_client(output) as client:
        card = next((m for m in client.list_models() if m.name == name), None)
    if card is None:
        raise UsageError(f"no model is called {name!r}", hint="see: peanut models list")
    return card


def _facts(card: models_pb2.Model) -> list[tuple[str, str]]:
    """What people want to know of a model; empty where there is nothing to say."""
    stage = enum_word(models_pb2.ModelStage.DESCRIPTOR, card.stage)
    if card.weights_sha256:
        here = f"yes, as SHA-256 {card.weights_sha256}"
    elif card.files:
        yes = "" if card.commercial_use else " --accept-licence"
        here = f"no; get it with: peanut models pull {card.name}{yes}"
        if not all(file.url for file in card.files):
            here = f"no; fetch it in a browser, then: peanut models add {card.name} FILE{yes}"
    else:
        here = "yes, ships with the package"
    return [
        ("stage", stage + (", as a part of others" if card.auxiliary else "")),
        ("does", card.description),
        ("good for", card.good_for),
        ("licence", card.licence),
        ("commercial use", commercial_word(card)),
        ("terms", card.terms),
        ("paper", card.paper),
        ("profiles", ", ".join(card.profiles)),
        ("requires", ", ".join(card.requires)),
        ("on this machine", here),
        ("offered", card.origin),
    ]


def _file_facts(file: models_pb2.ModelFile) -> list[tuple[str, str]]:
    """What people want to know of a published file."""
    published = file.sha256
    if published and len(published) < 64:
        published += "... (the publisher gives no more)"
    return [
        ("address", file.url or "none that a program could fetch"),
        ("size", f"{file.size_bytes / 1e6:.1f} MB" if file.size_bytes else "not published"),
        ("SHA-256", published or "not published: the first one that comes is recorded"),
        ("at first pull", file.recorded_sha256),
    ]
