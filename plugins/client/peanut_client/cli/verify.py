"""`peanut verify`: what a result changed besides what it had to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from peanut_client.cli import options
from peanut_client.cli.app import app
from peanut_client.cli.failures import CliError
from peanut_client.cli.output import Output
from peanut_client.cli.prompts import parse_range
from peanut_client.edits_program import run_program
from peanut_client.errors import PeanutError

EXIT_DIFFERS = 1
EXIT_NOT_COMPARED = 2
_STYLES = {"same": "green", "differs": "red", "not carried": "dim"}


class NotComparedError(CliError):
    """The files could not be compared, so nothing is known."""

    exit_code = EXIT_NOT_COMPARED


@app.command()
def verify(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="The clip as it was.")],
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="What was made of it.")],
    matte: Annotated[
        Path | None,
        typer.Option(
            metavar="CLIP",
            help="Where the result may differ: a gray clip or its image files. Default: the matte "
            "beside RESULT, if there is one, else nowhere.",
        ),
    ] = None,
    frames: options.Range = None,
    patch: Annotated[
        bool,
        typer.Option(
            "--patch",
            help="RESULT is a patch, to be laid over SOURCE. Default: if it alone has alpha.",
        ),
    ] = False,
    within: Annotated[
        float,
        typer.Option(
            metavar="CODES", min=0, help="Differences up to so many code values are none."
        ),
    ] = 0.0,
    rate: options.Rate = None,
    colourspace: options.Colourspace = "",
    deinterlace: options.Deinterlace = False,
    as_json: options.Json = False,
) -> None:
    """Prove what a result left alone: pixels outside the matte, time, tags, sound.

    Ends with 0 if all is proven, 1 if something differs, 2 if the files cannot be compared.
    """
    output = Output(as_json=as_json)
    wanted = parse_range(frames)
    arguments = [str(path.expanduser().absolute()) for path in (source, result)]
    if matte is not None:
        arguments += ["--matte", str(matte.expanduser().absolute())]
    if wanted is not None:
        arguments += ["--range", str(wanted.start_frame), str(wanted.end_frame)]
    for option, value in (("--rate", rate), ("--colourspace", colourspace)):
        arguments += [option, value] if value else []
    for option, given in (("--patch", patch), ("--deinterlace", deinterlace)):
        arguments += [option] if given else []
    try:
        proof = run_program("peanut_daemon.verify", *arguments, "--within", str(within))
    except PeanutError as error:
        raise NotComparedError(error.reason, error.message) from error
    output.document(proof)
    _show(proof, output)
    if not proof["proven"]:
        raise typer.Exit(EXIT_DIFFERS)


def _show(proof: dict[str, Any], output: Output) -> None:
    start, end = proof["range"]
    form, stored = proof["pixel_format"], proof["result_pixel_format"]
    output.line(f"frames {start} to {end - 1} of {proof['source']}", style="bold")
    laid = "laid over the source, " if proof["patch"] else ""
    output.line(f"{proof['result']} ({laid}{stored})")
    where = f"outside {proof['matte']}" if proof["matte"] else "everywhere"
    output.line(f"\ndifferences {where}, in code values of {form}")
    rows = [
        (
            one["channel"],
            _number(one["maximum"]),
            _number(one["mean"]),
            f"{one['differing']} of {one['samples']}",
            "" if one["worst_frame"] is None else str(one["worst_frame"]),
        )
        for one in proof["channels"]
    ]
    output.table(("channel", "largest", "mean", "samples that differ", "worst frame"), rows)
    output.line("")
    output.table(
        ("fact", "source", "result", ""),
        [
            (
                fact["name"],
                fact["expected"],
                fact["found"],
                Text(fact["verdict"], style=_STYLES[fact["verdict"]]),
            )
            for fact in proof["facts"]
        ],
    )
    output.line("")
    if proof["proven"]:
        output.line("proven: nothing else changed", style="green")
    else:
        output.line("differs", style="red")


def _number(value: float | None) -> str:
    """With what is needed of its digits; None is a value that is no number."""
    return "no number" if value is None else f"{value:.4f}".rstrip("0").rstrip(".")
