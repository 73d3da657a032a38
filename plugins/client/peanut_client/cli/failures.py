"""Errors of the command line: an exit code and a hint on top of what the client knows."""

from __future__ import annotations

from peanut_client.errors import PeanutError

EXIT_FAILED = 1
EXIT_USAGE = 2
# 128 + SIGINT, as shells report a program that Ctrl-C ended.
EXIT_INTERRUPTED = 130

# What the daemon cannot say because it knows no command line.
_HINTS = {
    "OutputExistsError": "add --overwrite to replace it",
    "JobNotFoundError": "list the jobs with: peanut jobs list",
    "ModelNotFoundError": "list the models with: peanut models list",
    "DaemonTimeoutError": "if it hangs, end its process; a new daemon goes on with its jobs",
    "UnauthenticatedError": "stop the daemon that was left behind, and try again",
    "VersionMismatchError": "restart the daemon with: peanut stop",
}


class CliError(PeanutError):
    """An error with a hint for the person at the terminal.

    Attributes:
        hint: what to type next; may be empty.
        exit_code: how the program ends.
    """

    exit_code = EXIT_FAILED

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        hint: str = "",
        retryable: bool = False,
        incident_id: str = "",
    ) -> None:
        super().__init__(reason, message, retryable=retryable, incident_id=incident_id)
        self.hint = hint


class UsageError(CliError):
    """The command line itself is wrong."""

    exit_code = EXIT_USAGE

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__("UsageError", message, hint=hint)


class InterruptedByUserError(CliError):
    """Ctrl-C."""

    exit_code = EXIT_INTERRUPTED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__("InterruptedByUserError", message, hint=hint)


def with_hint(error: PeanutError) -> CliError:
    """The error as the command line shows it."""
    if isinstance(error, CliError):
        return error
    hint = _HINTS.get(error.reason, "")
    if error.incident_id:
        hint = f"report it with the incident id {error.incident_id} and the daemon's log"
    return CliError(
        error.reason,
        error.message,
        hint=hint,
        retryable=error.retryable,
        incident_id=error.incident_id,
    )
