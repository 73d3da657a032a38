"""`peanut timeline`: for hosts without a plugin: look, take a clip out, put the result back."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from peanut_client.cli import options
from peanut_client.cli.app import PeanutGroup, app
from peanut_client.cli.output import Output
from peanut_client.cli.outputs import check_output
from peanut_client.edits_program import run_edits_program

timeline = typer.Typer(
    cls=PeanutGroup,
    help="Timelines of hosts without a plugin: .otio, FCP7 XML, EDL, AAF, Kdenlive.",
    no_args_is_help=True,
)
app.add_typer(timeline, name="timeline")

File = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="A timeline: .otio, .xml, .edl, .aaf, .fcpxml, .kdenlive."),
]
Name = Annotated[
    str, typer.Option("--timeline", metavar="NAME", help="Where FILE has several timelines.")
]
TimelineRate = Annotated[
    str, typer.Option("--rate", metavar="FPS", help="Rate of an EDL, which does not say it.")
]


@timeline.callback()
def _group() -> None:
    """Timelines of hosts without a plugin."""


@timeline.command()
def inspect(file: File, rate: TimelineRate = "", as_json: options.Json = False) -> None:
    """List what is in a timeline, and what an object can be removed from."""
    output = Output(as_json=as_json)
    answer = run_edits_program("inspect", str(file.expanduser().absolute()), *_given(rate=rate))
    output.document(answer)
    for one in answer["timelines"]:
        num, den = one["rate"]
        start = one.get("start_timecode", "no start timecode")
        output.line(
            f"{one['name'] or file.name}: {num if den == 1 else f'{num}/{den}'} fps, {start}"
        )
        rows = [_row(track, item) for track in one["tracks"] for item in track["items"]]
        output.table(("item", "track", "kind", "name", "place", "can be worked on"), rows)


@timeline.command()
def extract(
    file: File,
    out: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT", help="The .otio request to write.")
    ],
    item: Annotated[
        str,
        typer.Option(metavar="ITEM", help="TRACK/ITEM as inspect lists it, or the clip's name."),
    ] = "",
    at: Annotated[
        str, typer.Option(metavar="TC", help="The topmost clip at a timecode or frame.")
    ] = "",
    name: Name = "",
    rate: TimelineRate = "",
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
) -> None:
    """Take one clip out of a timeline, as a request for `peanut remove`."""
    output = Output(as_json=as_json)
    out = check_output(out, overwrite=overwrite)
    arguments = _given(item=item, at=at, timeline=name, rate=rate)
    answer = run_edits_program(
        "extract",
        str(file.expanduser().absolute()),
        str(out),
        *arguments,
        *(["--overwrite"] if overwrite else []),
    )
    output.document(answer)
    start, end = answer["frames"]
    output.line(f"{answer['name']}: frames {start} to {end - 1} of {answer['media']}")
    output.line(f"next: {_remove_command(out, answer)}")
    back = " --in-place" if answer["in_place_only"] else ""
    output.line(f"then: peanut timeline apply {file} RESULT.otio -o NEW.otio{back}")


@timeline.command()
def apply(
    file: File,
    results: Annotated[
        list[Path],
        typer.Argument(
            metavar="RESULT", help="The .otio beside a deliverable; several may be given."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="OUT", help="The timeline to write: .otio or .xml."),
    ],
    in_place: Annotated[
        bool,
        typer.Option(
            "--in-place",
            help="Change the clips' media and lay nothing above them: keeps dissolves and speed.",
        ),
    ] = False,
    name: Name = "",
    rate: TimelineRate = "",
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
) -> None:
    """Put finished results into a timeline; everything else in it stays as it is."""
    output = Output(as_json=as_json)
    out = check_output(out, overwrite=overwrite)
    answer = run_edits_program(
        "apply",
        str(file.expanduser().absolute()),
        str(out),
        *[str(path.expanduser().absolute()) for path in results],
        *_given(timeline=name, rate=rate),
        *(["--in-place"] if in_place else []),
        *(["--overwrite"] if overwrite else []),
    )
    output.document(answer)
    for placed in answer["placed"]:
        start, end = placed["place"]
        output.line(f"{placed['name']}: frames {start} to {end} of the timeline")
    output.line(str(out), style="green")


def _given(**values: str) -> list[str]:
    return [word for name, value in values.items() if value for word in (f"--{name}", value)]


def _row(track: dict[str, Any], item: dict[str, Any]) -> tuple[str | Text, ...]:
    why = item.get("why_not")
    if why is None:
        able: str | Text = ""
    else:
        able = Text(why, style="yellow") if why else Text("yes", style="green")
    start, end = item.get("place", ("", ""))
    place = f"{start} to {end}" if "place" in item else ""
    return (item["path"], track["name"], item["kind"], item["name"], place, able)


def _remove_command(request: Path, answer: dict[str, Any]) -> str:
    """What to type next, with the prompts that the timeline's markers brought."""
    words = ["peanut", "remove", str(request)]
    for prompt in answer["prompts"]:
        words += prompt_words(prompt, answer["frames"][0])
    if len(words) == 3:
        words += ["--point", "X,Y@FRAME"]
    return shlex.join([*words, "-o", f"{request.stem}.clean.mov"])


def prompt_words(prompt: dict[str, Any], first_frame: int) -> list[str]:
    """A marker's prompt as options of `peanut remove`; nothing for one that it does not have.

    Args:
        prompt: `kind` "point" (`xy_px`, `positive`) or "box" (`box_xyxy_px`), and `frame`, counted
            from the first frame of the request.
        first_frame: of the request, counted from the head of the file.
    """
    at = f"@{first_frame + int(prompt.get('frame', 0))}"
    if prompt.get("kind") == "point" and len(prompt.get("xy_px", ())) == 2:
        option = "--point" if prompt.get("positive", True) else "--not-point"
        return [option, ",".join(f"{value:g}" for value in prompt["xy_px"]) + at]
    if prompt.get("kind") == "box" and len(prompt.get("box_xyxy_px", ())) == 4:
        return ["--box", ",".join(f"{value:g}" for value in prompt["box_xyxy_px"]) + at]
    return []
