"""The root of the command line: one place where errors become a line and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from peanut_client.cli.failures import (
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    InterruptedByUserError,
    UsageError,
    with_hint,
)
from peanut_client.cli.output import Output
from peanut_client.errors import PeanutError

# In the order of the help: what people came for first.
COMMANDS = (
    *("demo", "remove", "mask", "review", "verify", "jobs", "edits", "models", "timeline"),
    "plugins",
    *("store", "status", "ps", "serve", "stop", "doctor", "host"),
)


class PeanutGroup(TyperGroup):
    """A command group whose errors all look the same, in text and in JSON."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the commands in the order of the help."""
        names = super().list_commands(ctx)
        return sorted(names, key=lambda name: COMMANDS.index(name) if name in COMMANDS else -1)

    def invoke(self, ctx: Any) -> Any:
        """Run a command; Ctrl-C that no command handled just stops it."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise InterruptedByUserError("stopped by Ctrl-C") from error

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command line and end the process with its exit code."""
        arguments = list(sys.argv[1:] if args is None else args)
        try:
            code = super().main(
                args=arguments,
                prog_name=prog_name,
                complete_var=complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )
        except typer.Abort:
            code = EXIT_INTERRUPTED
        except Exception as error:
            if type(error).__name__ == "NoArgsIsHelpError":
                sys.exit(EXIT_USAGE)  # the help is on the terminal already
            failure = with_hint(_expected(error, arguments))
            # The option itself may be what could not be parsed, so it is looked for by hand.
            Output(as_json="--json" in arguments).error(failure)
            code = failure.exit_code
        sys.exit(code if isinstance(code, int) else 0)


def _expected(error: Exception, arguments: list[str]) -> PeanutError:
    """The error in our own form; one that nobody expected goes on with its traceback."""
    if isinstance(error, PeanutError):
        return error
    if hasattr(error, "format_message"):  # typer's errors of parsing share no public class
        words = [word for word in arguments[:2] if not word.startswith("-")]
        message = error.format_message().strip().rstrip(".").replace("Value error, ", "")
        message = message[:1].lower() + message[1:]
        known = [word for word in words[:1] if word in COMMANDS]
        return UsageError(message, hint=f"see: {' '.join(['peanut', *known, '--help'])}")
    raise error


app = typer.Typer(
    name="peanut",
    cls=PeanutGroup,
    help="Removes objects from film clips: say what must go, get a clip that fits the timeline.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def version() -> str:
    """Version of the installed distribution."""
    try:
        return metadata.version("peanut")
    except metadata.PackageNotFoundError:
        return "unknown (not installed as a package)"


def _show_version(wanted: bool) -> None:
    if wanted:
        Output(as_json=False).line(f"peanut {version()}")
        raise typer.Exit


@app.callback()
def _root(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and end."
        ),
    ] = False,
) -> None:
    pass
